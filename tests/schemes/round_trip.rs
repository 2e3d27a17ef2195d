//! Signing, then verifying, with random bodies, for every provider and every variant that signs.

use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::id::{Id, IdKind};
use hook::internals::message::{Message, Mode};
use hook::internals::provider::compose::{ComposeOptions, Composer};
use hook::internals::provider::{Profile, Registry, RequestTarget};
use hook::internals::random::Random;
use hook::internals::secret::Secret;
use hook::internals::signature::{Received, Scheme, SignError, Signer, Verdict, Verifier};
use hook::internals::verification::Verification;

const TARGET: RequestTarget<'_> = RequestTarget {
    method: "POST",
    url: "https://shop.example.com/hooks?x=1",
    retries: 0,
    retry_reason: None,
};

fn now() -> Timestamp {
    Timestamp::from_unix(1_893_553_445)
}

/// A profile with keys on both sides.
struct Pair {
    profile: std::sync::Arc<Profile>,
    signer: Signer,
    verifier: Verifier,
}

fn pairs() -> Vec<Pair> {
    let registry = Registry::default();
    let profiles = registry
        .names()
        .into_iter()
        .flat_map(|name| registry.ranked(&name).expect("profiles"));
    let signing = profiles.filter(|profile| !matches!(profile.scheme, Scheme::Unsigned));
    signing
        .map(|profile| {
            let (sign, verify) = match &profile.scheme {
                Scheme::Asymmetric(scheme) => {
                    let pair = scheme.kind.generate().expect("a pair");
                    let public = scheme.public_text(&Secret::new(pair.public)).expect("its public half");
                    (scheme.private_text(&pair.private).expect("its private half"), public)
                }
                _ => {
                    let secret = Secret::new(profile.secret.form.fresh(&Random::os()));
                    (secret.clone(), secret)
                }
            };
            Pair {
                signer: profile.scheme.signer(&[sign]).expect("a signer"),
                verifier: profile.scheme.verifier(&[verify]).expect("a verifier"),
                profile,
            }
        })
        .collect()
}

impl Pair {
    fn label(&self) -> String {
        self.profile.label()
    }

    fn verify(&self, headers: &Headers, body: &[u8], target: RequestTarget<'_>) -> Verdict {
        self.verifier.verify(&Received {
            method: target.method,
            url: Some(target.url),
            headers,
            body,
            now: now(),
        })
    }

    /// Whether the body's every byte is signed, by itself or by what is read from it.
    fn signs_body(&self) -> bool {
        let content = self
            .profile
            .scheme
            .content()
            .map(ToString::to_string)
            .unwrap_or_default();
        content.contains("${body}")
    }
}

/// A body that any of them may get: JSON with what their clocks read, or for those that sign it any bytes.
fn body(random: &Random, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn message(pair: &Pair, body: Vec<u8>) -> Message {
    Message {
        id: Id::new(IdKind::Message, now(), &Random::os()),
        wire_id: "msg_1".into(),
        event: "thing.created".into(),
        time: now(),
        mode: Mode::Test,
        content_type: pair.profile.delivery.content_type.clone(),
        body: body.into(),
    }
}

#[test]
fn what_is_signed_verifies_whatever_the_body_and_no_flipped_bit_does() {
    let random = Random::seeded(7);
    for pair in pairs().iter().filter(|pair| pair.signs_body()) {
        let timed = pair
            .profile
            .scheme
            .carrier()
            .is_some_and(|carrier| carrier.time_at.is_some());
        for length in [0_usize, 1, 17, 1024] {
            let text = match length {
                _ if timed => {
                    format!(r#"{{"webhookTimestamp":1893553445000,"timestamp":"2030-01-02T03:04:05Z","n":{length}}}"#)
                        .into_bytes()
                }
                length => body(&random, length),
            };
            let message = message(pair, text);
            let (headers, signed) = pair
                .profile
                .request(&message, Some(&pair.signer), now(), TARGET)
                .expect("a signature");
            let verdict = pair.verify(&headers, &signed, TARGET);
            assert!(verdict.is_verified(), "{} {length}: {verdict:?}", pair.label());
            let bits = signed.len() * 8;
            for bit in (0..bits).step_by(bits / 40 + 1) {
                let mut changed = signed.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                let verdict = pair.verify(&headers, &changed, TARGET);
                assert!(!verdict.is_verified(), "{} {length}, bit {bit}", pair.label());
            }
        }
    }
}

#[test]
fn every_event_of_every_catalogue_is_signed_as_its_receiver_wants_it() {
    for pair in pairs() {
        for event in pair.profile.events.keys().take(12) {
            let wishes = ComposeOptions {
                event: event.clone(),
                ..ComposeOptions::default()
            };
            let composer = Composer::new(&pair.profile, wishes).expect("a sample");
            let id = Id::new(IdKind::Message, now(), &Random::os());
            let message = composer.compose(id, now(), &Random::os()).expect("a message");
            let (headers, signed) = match pair.profile.request(&message, Some(&pair.signer), now(), TARGET) {
                Ok(signed) => signed,
                Err(error) => {
                    // An event that only another variant of the provider signs.
                    assert!(
                        matches!(error, SignError::NoPlace(_)),
                        "{} {event}: {error}",
                        pair.label()
                    );
                    assert_eq!(pair.profile.scheme.header(), None, "{} {event}", pair.label());
                    continue;
                }
            };
            let verdict = pair.verify(&headers, &signed, TARGET);
            assert!(verdict.is_accepted(), "{} {event}: {verdict:?}", pair.label());
        }
    }
}

#[test]
fn url_and_method_count_where_they_are_signed() {
    for pair in pairs().iter().filter(|pair| pair.profile.scheme.signs_target()) {
        let kind = pair.profile.delivery.content_type.clone();
        let body: &[u8] = if kind.contains("form") { b"A=1&B=2" } else { b"{}" };
        let message = message(pair, body.to_vec());
        let (headers, signed) = pair
            .profile
            .request(&message, Some(&pair.signer), now(), TARGET)
            .expect("a signature");
        assert!(pair.verify(&headers, &signed, TARGET).is_verified(), "{}", pair.label());
        let elsewhere = RequestTarget {
            url: "https://shop.example.com/hooks?x=2",
            ..TARGET
        };
        assert!(
            pair.verify(&headers, &signed, elsewhere).is_refused(),
            "{}",
            pair.label()
        );
        let put = RequestTarget {
            method: "PUT",
            ..TARGET
        };
        let content = pair
            .profile
            .scheme
            .content()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert_eq!(
            pair.verify(&headers, &signed, put).is_refused(),
            content.contains("${method}"),
            "{}",
            pair.label()
        );
        let unknown = pair.verifier.verify(&Received {
            method: "POST",
            url: None,
            headers: &headers,
            body: &signed,
            now: now(),
        });
        assert_eq!(unknown.reason(), Some("url-unknown"), "{}", pair.label());
    }
}

#[test]
fn every_event_comes_back_under_its_own_name_and_with_the_id_that_was_recorded() {
    let (registry, random) = (Registry::default(), Random::seeded(11));
    let listener = Verification::new(&registry, &[], None).expect("a listener");
    let mut wrong = Vec::new();
    let pairs = pairs();
    for pair in pairs.iter().filter(|pair| pair.profile.variant.is_none()) {
        for event in pair.profile.events.keys() {
            let options = ComposeOptions {
                event: event.clone(),
                ..ComposeOptions::default()
            };
            let composer = Composer::new(&pair.profile, options).expect("a composer");
            let id = Id::new(IdKind::Message, now(), &random);
            let message = composer.compose(id, now(), &random).expect("a message");
            // Some events are signed by a variant only, since the others have no place for a signature in them.
            let of_provider = |other: &&Pair| other.profile.name == pair.profile.name;
            let signing = std::iter::once(pair).chain(pairs.iter().filter(of_provider));
            let mut signed = signing.filter_map(|pair| {
                let signed = pair.profile.request(&message, Some(&pair.signer), now(), TARGET);
                Some((pair, signed.ok()?))
            });
            let carries = |(pair, (headers, body)): &(&Pair, (Headers, bytes::Bytes))| {
                pair.profile.scheme.is_carried(headers, body)
            };
            let (_, (headers, body)) = signed.find(carries).expect("a signature somewhere");
            let received = Received {
                method: TARGET.method,
                url: Some(TARGET.url),
                headers: &headers,
                body: &body,
                now: now(),
            };
            let found = listener.check(&received);
            // Two providers may share a scheme and tie, but say the same about the event.
            let labels = || found.label.iter().chain(&found.ties);
            let is_found = labels().any(|label| label.split('@').next() == Some(pair.profile.name.as_str()));
            let sent_id = Some(message.wire_id).filter(|id| !id.is_empty());
            if !is_found || found.facts.event.as_ref() != Some(event) || found.facts.id != sent_id {
                let (label, labels) = (pair.label(), labels().collect::<Vec<_>>());
                wrong.push(format!(
                    "{label} {event}: {labels:?} {:?}, sent {sent_id:?}",
                    found.facts
                ));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const SLACK: &str = "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%221.2%22%7D";

/// Content type, header of the signature, body; provider, event, id.
type Written = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, Option<&'static str>, Option<&'static str>),
);

/// Events as senders write them in other ways than their samples.
const WRITTEN: &[Written] = &[
    (
        JSON,
        "x-hub-signature-256",
        r#"{"object":"page","entry":[{"id":"PAGE","messaging":[{"message":{"mid":"m_1","text":"hi"}}]}]}"#,
        ("meta", Some("messages"), Some("m_1")),
    ),
    (
        JSON,
        "x-hub-signature-256",
        r#"{"object":"page","entry":[{"id":"PAGE","messaging":[{"read":{"watermark":1}}]}]}"#,
        ("meta", Some("message_reads"), None),
    ),
    (
        FORM,
        "x-slack-signature",
        SLACK,
        ("slack", Some("block_actions"), Some("1.2")),
    ),
    (
        FORM,
        "stripe-signature",
        r#"{"id":"evt_1","type":"customer.created"}"#,
        ("stripe", Some("customer.created"), Some("evt_1")),
    ),
    (
        JSON,
        "stripe-signature",
        "\u{feff}{\"id\":\"evt_1\",\"type\":\"customer.created\"}",
        ("stripe", Some("customer.created"), Some("evt_1")),
    ),
    (
        FORM,
        "x-other",
        "recipient=a%40example.com&timestamp=1893553445&token=t&signature=00&Message-Id=m1",
        ("mailgun", Some("inbound"), Some("m1")),
    ),
    (
        "multipart/form-data; boundary=b",
        "x-other",
        MULTIPART,
        ("mailgun", Some("inbound"), Some("m1")),
    ),
    (
        JSON,
        "x-hub-signature-256",
        r#"{"object":"page","entry":[{"messaging":[{"message":{"mid":"m1","is_echo":true}}]}]}"#,
        ("meta", Some("message_echoes"), Some("m1")),
    ),
    (
        JSON,
        "x-hub-signature-256",
        r#"{"object":"page","entry":[{"messaging":[{"pass_thread_control":{"new_owner_app_id":1}}]}]}"#,
        ("meta", Some("messaging_handovers"), None),
    ),
    (
        JSON,
        "x-hub-signature-256",
        r#"{"object":"user","entry":[{"id":"1","time":1,"changed_fields":["email"]}]}"#,
        ("meta", Some("email"), None),
    ),
    // What an event of that shape is signed with counts more than its shape.
    (
        "application/cloudevents+json",
        "webhook-signature",
        r#"{"specversion":"1.0","type":"com.example.made","source":"/a","id":"1"}"#,
        ("standard-webhooks", Some("com.example.made"), None),
    ),
    (
        "application/cloudevents+json",
        "x-other",
        r#"{"specversion":"1.0","type":"com.example.made","source":"/a","id":"1"}"#,
        ("cloudevents", Some("com.example.made"), Some("1")),
    ),
    (
        JSON,
        "webhook-signature",
        r#"{"type":"order.created","data":{}}"#,
        ("standard-webhooks", Some("order.created"), None),
    ),
];

#[test]
fn what_senders_write_in_other_ways_is_recognised_and_read() {
    let listener = Verification::new(&Registry::default(), &[], None).expect("a listener");
    for (kind, header, body, wanted) in WRITTEN.iter().copied() {
        let headers: Headers = [("content-type", kind), (header, "v1,00")].into_iter().collect();
        let found = listener.check(&Received {
            method: "POST",
            url: Some(TARGET.url),
            headers: &headers,
            body: body.as_bytes(),
            now: now(),
        });
        let label = found.label.as_deref().unwrap_or_default();
        let facts = (label, found.facts.event.as_deref(), found.facts.id.as_deref());
        assert_eq!(facts, wanted, "{body}");
        assert_eq!(found.ties, [], "{body}");
    }
}

/// An incoming mail with an attachment.
const MULTIPART: &str = "--b\r\nContent-Disposition: form-data; name=\"recipient\"\r\n\r\na@example.com\r\n\
    --b\r\nContent-Disposition: form-data; name=\"timestamp\"\r\n\r\n1893553445\r\n\
    --b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\ntok\r\n\
    --b\r\nContent-Disposition: form-data; name=\"signature\"\r\n\r\nSIGNED\r\n\
    --b\r\nContent-Disposition: form-data; name=\"Message-Id\"\r\n\r\nm1\r\n\
    --b\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"a.bin\"\r\n\r\n\u{0}\r\n--b--\r\n";

#[test]
fn an_incoming_mail_of_mailgun_is_verified_by_the_fields_of_its_form() {
    let secret = Secret::new("key");
    let profile = Registry::default().get("mailgun").expect("a profile");
    let (signer, verifier) = (
        profile.signer(std::slice::from_ref(&secret)),
        profile.scheme.verifier(&[secret]),
    );
    let body = b"recipient=a%40example.com&timestamp=1893553445&token=tok&signature=&subject=Hi".to_vec();
    let multipart: Headers = [("content-type", "multipart/form-data; boundary=b")]
        .into_iter()
        .collect();
    let message = Message {
        id: Id::new(IdKind::Message, now(), &Random::os()),
        wire_id: String::new(),
        event: "inbound".into(),
        time: now(),
        mode: Mode::Test,
        content_type: "application/x-www-form-urlencoded".into(),
        body: body.into(),
    };
    let (headers, body) = profile
        .request(&message, Some(&signer.expect("a signer")), now(), TARGET)
        .expect("a signature");
    let text = String::from_utf8(body.to_vec()).expect("a form");
    assert!(
        text.starts_with("recipient=a%40example.com&timestamp=1893553445&token=tok&signature="),
        "{text}"
    );
    assert!(text.ends_with("&subject=Hi"), "{text}");
    let verifier = verifier.expect("a verifier");
    let verdict = |body: &[u8]| {
        verifier.verify(&Received {
            method: "POST",
            url: Some(TARGET.url),
            headers: &headers,
            body,
            now: now(),
        })
    };
    assert!(verdict(&body).is_verified(), "{:?}", verdict(&body));
    assert!(!verdict(text.replace("token=tok", "token=tik").as_bytes()).is_verified());
    // `hook verify --body` need not name the type.
    let untyped = verifier.verify(&Received {
        method: "POST",
        url: Some(TARGET.url),
        headers: &Headers::new(),
        body: &body,
        now: now(),
    });
    assert!(untyped.is_verified(), "{untyped:?}");
    // With attachments it is a multipart form.
    let signature = text
        .split_once("signature=")
        .and_then(|(_, rest)| rest.split('&').next());
    let form = MULTIPART.replace("SIGNED", signature.expect("a signature"));
    let verdict = |body: &str| {
        verifier.verify(&Received {
            method: "POST",
            url: Some(TARGET.url),
            headers: &multipart,
            body: body.as_bytes(),
            now: now(),
        })
    };
    assert!(verdict(&form).is_verified(), "{:?}", verdict(&form));
    assert!(!verdict(&form.replace("tok", "tik")).is_verified());
}
