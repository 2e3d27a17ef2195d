//! What holds for every input: templates, JSON at a path, header lines, address ranges, filters of the ledger. A case that
//! fails is made as small as it still fails, and shown; every run draws new ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hook::internals::clock::{Precision, Timestamp, human_duration, parse_duration};
use hook::internals::headers::Headers;
use hook::internals::id::{Id, IdKind};
use hook::internals::random::Random;
use hook::internals::signature::{Received, Scheme, Signed, ToSign};
use hook::internals::store::{Access, NewCapture, Op, Query, SqliteStore, Store as _, VerdictNote};
use hook::internals::template::{Part, Scope, Template};
use hook::internals::transport::{AddressClass, AddressPolicy};
use hook::internals::{json, json_text};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// A key that a dotted path can name.
const KEY: &str = "[a-z]{1,3}";

/// Any document, keys as above.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((KEY, inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The text of any document: with blanks, escapes, equal names, and numbers that a parser would write otherwise.
fn document_text() -> impl Strategy<Value = String> {
    const SCALARS: [&str; 9] = [
        "10.00",
        "1e3",
        "-0",
        "-1E+5",
        "98765432109876543210987",
        "true",
        "null",
        r#""\u00e9\/""#,
        r#""a]}\"é""#,
    ];
    let blank = || proptest::sample::select(vec!["", "", " ", "\n\t"]);
    let scalar = proptest::sample::select(SCALARS.to_vec()).prop_map(String::from);
    scalar.prop_recursive(4, 32, 4, move |inner| {
        let item = (blank(), inner, blank()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let member = (blank(), KEY, blank(), item.clone())
            .prop_map(|(before, name, after, value)| format!("{before}\"{name}\"{after}:{value}"));
        prop_oneof![
            vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![KEY.prop_map(String::from), (0..3usize).prop_map(|n| n.to_string())],
        1..4,
    )
    .prop_map(|keys| keys.join("."))
}

proptest! {
    #[test]
    fn a_template_without_placeholders_is_its_text(text in "[^$]{0,40}") {
        let template = Template::parse(&text, Scope::Message).expect("no placeholder");
        prop_assert!(template.is_constant());
        prop_assert_eq!(template.render(|_| None), Some(text));
    }

    #[test]
    fn a_template_is_filled_where_its_placeholders_stand(
        pieces in vec(("[^$]{0,6}", "[a-z]{1,6}"), 0..5),
        values in vec("\\PC{0,6}", 5),
        end in "[^$]{0,6}",
    ) {
        let text: Vec<String> = pieces.iter().map(|(before, name)| format!("{before}${{param.{name}}}")).collect();
        let template = Template::parse(&(text.concat() + &end), Scope::Message).expect("known placeholders");
        let mut given = values.iter();
        let filled = template.render(|_| given.next().cloned());
        let wanted: Vec<String> = pieces.iter().zip(&values).map(|((before, _), value)| format!("{before}{value}")).collect();
        prop_assert_eq!(filled, Some(wanted.concat() + &end));
    }

    #[test]
    fn a_template_compiles_or_names_the_place_of_its_fault(text in "[a-z${}.:+ ]{0,24}") {
        match Template::parse(&text, Scope::Message) {
            Ok(template) => {
                let fixed: usize = template.parts().iter().map(|part| match part {
                    Part::Text(text) => text.len(),
                    Part::Placeholder(_) => 0,
                }).sum();
                prop_assert!(fixed <= text.len());
            }
            Err(error) => prop_assert!(text.chars().skip(error.position - 1).collect::<String>().starts_with('$')),
        }
    }

    #[test]
    fn what_is_written_at_a_path_is_found_there_and_nothing_else_changes(
        before in document(), path in path(), other in path(), value in document(),
    ) {
        let mut after = before.clone();
        let is_written = json::insert(&mut after, &path, value.clone());
        if is_written {
            prop_assert_eq!(json::get(&after, &path), Some(&value));
        }
        let is_apart = !format!("{path}.").starts_with(&format!("{other}.")) && !format!("{other}.").starts_with(&format!("{path}."));
        if is_apart && json::get(&before, &other).is_some_and(|found| !found.is_null()) {
            prop_assert_eq!(json::get(&before, &other), json::get(&after, &other));
        }
    }

    #[test]
    fn bytes_outside_of_a_value_that_is_set_stay_as_they_are(
        before in document_text(), path in path(), value in document_text(),
    ) {
        let document: Value = serde_json::from_str(&before).expect("JSON");
        let found = json_text::get(&before, &path);
        prop_assert_eq!(found.is_some(), json::get(&document, &path).is_some());
        let after = json_text::set(&before, &path, &value);
        prop_assert_eq!(after.is_some(), json::insert(&mut document.clone(), &path, Value::Null));
        let Some(after) = after else { return Ok(()) };
        prop_assert_eq!(json_text::get(&after, &path), Some(value.as_str()));
        match found {
            Some(old) => {
                let start = old.as_ptr() as usize - before.as_ptr() as usize;
                let wanted = [&before[..start], &value, &before[start + old.len()..]].concat();
                prop_assert_eq!(after, wanted);
            }
            // A member is added, or takes the place of a `null`: what was before and behind it is still there.
            None => {
                let same = before.bytes().zip(after.bytes()).take_while(|(old, new)| old == new).count();
                let end = before.bytes().rev().zip(after.bytes().rev()).take_while(|(old, new)| old == new).count();
                prop_assert!(same + end + "null".len() >= before.len(), "{} -> {}", before, after);
            }
        }
    }

    #[test]
    fn a_compact_document_has_the_same_values(text in document_text()) {
        let compact = json_text::compact(&text).expect("JSON");
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        prop_assert_eq!(value(&compact), value(&text));
        prop_assert_eq!(json_text::compact(&compact).expect("JSON"), compact);
    }

    #[test]
    fn a_merge_patch_applied_twice_changes_nothing_more(target in document(), patch in document()) {
        let mut once = target;
        json::merge_patch(&mut once, &patch);
        let mut twice = once.clone();
        json::merge_patch(&mut twice, &patch);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn every_leaf_path_leads_to_its_leaf_in_the_document_and_in_its_text(document in document()) {
        let mut paths = json::JsonPaths::default();
        // A key may come twice in the drawn list, a path once in the document.
        let leaves: Vec<String> = json::leaf_paths(&document).into_iter().filter(|path| !path.is_empty()).collect();
        let slots: Vec<usize> = leaves.iter().map(|path| paths.add(path)).collect();
        let found = paths.read(document.to_string().as_bytes());
        for (path, slot) in leaves.iter().zip(slots) {
            let leaf = json::get(&document, path).expect("the path of a leaf");
            let text = match leaf {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            prop_assert_eq!(found[slot].as_ref().and_then(json::PathValue::text), text.as_deref(), "{}", path);
        }
    }

    #[test]
    fn header_lines_read_back_from_their_block(lines in vec(("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", "[^\\n]{0,20}"), 0..8)) {
        let mut headers = Headers::new();
        for (name, value) in &lines {
            headers.append(name, value);
        }
        prop_assert_eq!(Headers::from_block(&headers.to_block()), headers.clone());
        prop_assert_eq!(headers.len(), lines.len());
        for (name, _) in &lines {
            let wanted = lines.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_bytes());
            prop_assert!(headers.all(name).eq(wanted));
        }
    }

    #[test]
    fn a_signature_is_found_among_others_and_with_unknown_fields(
        body in vec(any::<u8>(), 0..64),
        before in vec("[w-z][0-9]=[0-9a-f]{1,8}", 0..3),
        after in vec("[w-z][0-9]=[0-9a-f]{1,8}", 0..3),
        flip in any::<prop::sample::Index>(),
    ) {
        let profile = hook::internals::provider::Registry::default().ranked("stripe").expect("a built-in").swap_remove(0);
        let secret = hook::internals::secret::Secret::new("whsec_0123456789abcdef");
        let now = Timestamp::from_unix(1_893_553_445);
        let message = ToSign {
            id: "msg_1", event: "a.b", timestamp: now, body: &body, method: "POST", url: "https://a.example/",
            headers: &Headers::new(),
        };
        let signer = profile.scheme.signer(std::slice::from_ref(&secret)).expect("a signer");
        let Ok(Signed::Headers(lines)) = signer.sign(&message) else { panic!("signed in a header") };
        let (name, value) = &lines[0];
        let fields: Vec<&str> = before.iter().map(String::as_str).chain([value.as_str()]).chain(after.iter().map(String::as_str)).collect();
        let verdict = |value: &str| {
            let mut headers = Headers::new();
            headers.append(name, value);
            let received = Received { method: "POST", url: None, headers: &headers, body: &body, now };
            verifier(&profile.scheme, &secret).verify(&received)
        };
        prop_assert!(verdict(&fields.join(",")).is_verified(), "{}", fields.join(","));
        // Another digit of the signature is another signature.
        let digits = value.rfind('=').expect("a field") + 1;
        let at = digits + flip.index(value.len() - digits);
        let other = if &value[at..=at] == "0" { "1" } else { "0" };
        let changed = [&value[..at], other, &value[at + 1..]].concat();
        prop_assert!(!verdict(&changed).is_verified(), "{}", changed);
    }

    #[test]
    fn an_ipv4_address_has_its_class_in_every_form_of_ipv6(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        let class = AddressClass::of(IpAddr::V4(v4));
        for v6 in [v4.to_ipv6_mapped(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low), Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1)] {
            prop_assert_eq!(AddressClass::of(IpAddr::V6(v6)), class, "{} in {}", v4, v6);
        }
    }

    #[test]
    fn a_stricter_policy_reaches_nothing_that_the_looser_one_does_not(low in any::<u32>(), bits in any::<u128>(), v4 in any::<bool>()) {
        let address = if v4 { IpAddr::V4(Ipv4Addr::from_bits(low)) } else { IpAddr::V6(Ipv6Addr::from_bits(bits)) };
        let class = AddressClass::of(address);
        prop_assert!(AddressPolicy::Any.allows(class));
        for policy in [AddressPolicy::PublicAndPrivate, AddressPolicy::PublicAndLoopback, AddressPolicy::Public] {
            if class == AddressClass::Public {
                prop_assert!(policy.allows(class));
            }
            if matches!(class, AddressClass::Metadata | AddressClass::LinkLocal) {
                prop_assert!(!policy.allows(class));
            }
            if AddressPolicy::Public.allows(class) {
                prop_assert!(policy.allows(class));
            }
        }
    }

    #[test]
    fn a_moment_reads_back_from_what_is_written(us in -62_000_000_000_000_000i64..253_000_000_000_000_000) {
        let at = Timestamp::from_unix_us(us);
        prop_assert_eq!(Timestamp::parse(&at.rfc3339(Precision::Micros)), Some(at));
        let seconds = Timestamp::parse(&at.rfc3339(Precision::Seconds)).map(Timestamp::unix);
        prop_assert_eq!(seconds, Some(at.unix()));
    }

    #[test]
    fn a_duration_reads_back_within_what_two_units_can_say(ms in 0u64..3_000_000_000) {
        let duration = Duration::from_millis(ms);
        let read = parse_duration(&human_duration(duration).replace(' ', "")).expect("a duration");
        let apart = duration.abs_diff(read);
        prop_assert!(apart < Duration::from_secs(3600) && apart * 10 <= duration, "{:?} {:?}", duration, read);
    }
}

fn verifier(scheme: &Scheme, secret: &hook::internals::secret::Secret) -> hook::internals::signature::Verifier {
    scheme.verifier(std::slice::from_ref(secret)).expect("a verifier")
}

/// Whether a pattern fits, letter by letter.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([b'*', rest @ ..], _) => fits(rest, name) || (!name.is_empty() && fits(pattern, &name[1..])),
        ([a, rest @ ..], [b, name @ ..]) => a == b && fits(rest, name),
        (pattern, name) => pattern.is_empty() && name.is_empty(),
    }
}

/// Names of events, with everything that means something to SQLite's own patterns.
const EVENT: &str = "[ab.?\\[\\]]{1,4}";

#[derive(Debug, Clone)]
struct Asked {
    event: Option<String>,
    failed: bool,
    since: Option<i64>,
    after: Option<u64>,
    before: Option<u64>,
    oldest_first: bool,
    limit: usize,
    skip: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    let event = prop::option::of("[ab.?\\[\\]*]{1,4}");
    let numbers = (
        prop::option::of(0..30i64),
        prop::option::of(0..30u64),
        prop::option::of(0..30u64),
    );
    (event, any::<bool>(), numbers, any::<bool>(), 1..30usize, 0..4usize).prop_map(
        |(event, failed, (since, after, before), oldest_first, limit, skip)| Asked {
            event,
            failed,
            since,
            after,
            before,
            oldest_first,
            limit,
            skip,
        },
    )
}

/// A capture at that second.
fn capture(event: &str, is_refused: bool, second: i64) -> NewCapture {
    let at = Timestamp::from_unix(1_893_553_445 + second);
    NewCapture {
        id: Id::new(IdKind::Capture, at, &Random::os()),
        at,
        method: "POST".into(),
        target: "/".into(),
        headers: Headers::new(),
        body: "{}".into(),
        remote: "127.0.0.1:1".into(),
        provider: None,
        event: Some(event.into()),
        event_id: None,
        verdict: VerdictNote {
            name: if is_refused { "refused" } else { "unchecked" }.into(),
            reason: None,
            detail: None,
            secret: None,
        },
        status: 200,
        dedupe_key: None,
        workflow: None,
    }
}

/// The numbers that a query must find.
fn expected(recorded: &[(String, bool)], asked: &Asked) -> Vec<u64> {
    let matches = |(number, (event, is_refused)): &(u64, &(String, bool))| {
        asked
            .event
            .as_ref()
            .is_none_or(|pattern| fits(pattern.as_bytes(), event.as_bytes()))
            && (!asked.failed || *is_refused)
            && asked
                .since
                .is_none_or(|since| i64::try_from(*number).expect("small") >= since)
            && asked.after.is_none_or(|after| *number > after)
            && asked.before.is_none_or(|before| *number < before)
    };
    let mut found: Vec<u64> = (1..).zip(recorded).filter(matches).map(|(number, _)| number).collect();
    if !asked.oldest_first {
        found.reverse();
    }
    found.into_iter().skip(asked.skip).take(asked.limit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_ledger_finds_what_a_filter_in_words_of_rust_finds(
        recorded in vec((EVENT, any::<bool>()), 1..25), questions in vec(asked(), 40),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = SqliteStore::open(folder.path().join("ledger.db"), Access::ReadWrite).expect("a ledger");
        let ops: Vec<Op> = (1..).zip(&recorded)
            .map(|(second, (event, is_refused))| Op::Capture(Box::new(capture(event, *is_refused, second)))).collect();
        store.write(&ops).expect("recorded");
        for asked in questions {
            let query = Query {
                event: asked.event.clone(),
                failed: asked.failed,
                since: asked.since.map(|second| Timestamp::from_unix(1_893_553_445 + second)),
                page: hook::internals::store::QueryPage {
                    limit: asked.limit, after: asked.after, before: asked.before, oldest_first: asked.oldest_first, skip: asked.skip,
                },
                ..Query::default()
            };
            let found: Vec<u64> = store.list(&query).expect("an answer").iter().map(|summary| summary.number).collect();
            prop_assert_eq!(found, expected(&recorded, &asked), "{:?} of {:?}", asked, recorded);
        }
    }
}
