//! A profile for people.

use super::sheet::ProfileSheet;
use crate::clock::human_duration;
use crate::provider::file::EnvelopeField;
use crate::provider::policy::{Exhaustion, RunFrom};
use crate::provider::{Https, Profile};
use crate::signature::{Asymmetric, AsymmetricKind, Freshness, Hmac, KeyForm, Scheme, SignatureLocation};
use crate::template::{Document, Template};
use crate::view::style::Style;

/// How many moments of a schedule are listed, beside the last one.
const MOMENTS_SHOWN: usize = 16;

/// The sheet of one profile.
pub(super) fn lines(profile: &Profile, origin: &str, style: Style) -> Vec<String> {
    let mut sheet = ProfileSheet::new(profile, style);
    let (title, label) = (style.strong(&profile.title), style.name(&profile.label()));
    sheet.line(format!("{title}  {label}  {}", style.dim(origin)));
    if let Some(docs) = &profile.docs {
        sheet.line(docs.clone());
    }
    let own = profile.variant.as_ref().and_then(|name| profile.variants.get(name));
    if let Some(variant) = own {
        sheet.line(format!("Variant: {}", variant.summary));
    }
    signature(&mut sheet, profile);
    message(&mut sheet, profile);
    delivery(&mut sheet, profile);
    endpoint(&mut sheet, profile);
    super::handshake::section(&mut sheet, profile);
    super::api::section(&mut sheet, profile);
    receiving(&mut sheet, profile);
    variant_list(&mut sheet, profile);
    if !profile.notes.is_empty() {
        sheet.heading("Notes");
        profile.notes.iter().for_each(|note| sheet.point(note));
    }
    events(&mut sheet, profile);
    sheet.finish()
}

fn signature(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    sheet.heading("Signature");
    match &profile.scheme {
        Scheme::Hmac(scheme) => hmac(sheet, scheme),
        Scheme::Asymmetric(scheme) => asymmetric(sheet, scheme),
        Scheme::Hash(scheme) => {
            sheet.table("signature.hash");
            sheet.row("scheme", "a plain hash with the secret in it: weak", &["algorithm"]);
            location(sheet, &scheme.signed.carrier, &scheme.signed.content);
        }
        Scheme::Token(scheme) => {
            sheet.table("signature.token");
            sheet.row("scheme", "a header that equals the secret; it covers no body", &[]);
            sheet.row("header", &scheme.header, &["header"]);
            sheet.row("value", &scheme.value, &["value"]);
        }
        Scheme::Unsigned => sheet.row("scheme", "nothing is signed: a request is never called verified", &[]),
    }
    sheet.table("sends-also");
    for (variant, scheme) in profile.sends_also.iter().zip(&profile.beside) {
        let header = scheme.header().unwrap_or_default();
        sheet.row("sent beside", format!("`{header}` of the variant `{variant}`"), &[]);
    }
    if matches!(profile.scheme, Scheme::Hmac(_) | Scheme::Hash(_) | Scheme::Token(_)) {
        sheet.table("secret");
        sheet.row("secret", &profile.secret.form, &["form"]);
    }
}

fn hmac(sheet: &mut ProfileSheet<'_>, scheme: &Hmac) {
    sheet.table("signature.hmac");
    let algorithm = scheme.algorithm.name().to_uppercase();
    sheet.row("scheme", format!("HMAC-{algorithm}"), &["algorithm"]);
    location(sheet, &scheme.signed.carrier, &scheme.signed.content);
    sheet.list("also taken", &scheme.also_accept, "; ", "also-accept");
    let form = match scheme.key {
        KeyForm::Utf8 => "the secret's text",
        KeyForm::Hex => "the secret, decoded from hex",
        KeyForm::Base64 => "the secret, decoded from base64",
        KeyForm::PrefixedBase64 => "the secret, decoded from base64 where it has its prefix",
    };
    let prefix = scheme.key_prefix.as_ref();
    let prefix = prefix.map_or_else(String::new, |prefix| format!(", without the prefix `{prefix}`"));
    sheet.row("key", format!("{form}{prefix}"), &["key"]);
    age(sheet, scheme.signed.freshness);
}

fn asymmetric(sheet: &mut ProfileSheet<'_>, scheme: &Asymmetric) {
    sheet.table(&format!("signature.{}", scheme.kind.name()));
    let name = match scheme.kind {
        AsymmetricKind::Ed25519 => "Ed25519",
        AsymmetricKind::Ecdsa => "ECDSA on P-256 with SHA-256",
        AsymmetricKind::Rsa => "RSA PKCS#1 v1.5 with SHA-256",
    };
    let keys = "the private key signs, the public key verifies";
    sheet.row("scheme", format!("{name}: {keys}"), &[]);
    location(sheet, &scheme.signed.carrier, &scheme.signed.content);
    let prefixes = [&scheme.private_prefix, &scheme.public_prefix];
    let written: Vec<String> = prefixes.into_iter().flatten().map(|text| format!("`{text}`")).collect();
    if !written.is_empty() {
        let written = written.join(" and ");
        sheet.row("keys", format!("base64 behind {written}; PEM is read too"), &[]);
    }
    age(sheet, scheme.signed.freshness);
}

fn location(sheet: &mut ProfileSheet<'_>, location: &SignatureLocation, content: &Template) {
    let in_body = |path: &String| format!("body:{path}");
    sheet.row("header", location.places(), &["header"]);
    sheet.optional("signed by item", location.each.as_ref().map(in_body), "carrier.each");
    sheet.row("content", content, &["content"]);
    let signed_at = location.time_at.as_ref().map(|(path, _)| in_body(path));
    sheet.optional("signed at", signed_at, "time-at");
    sheet.row("value", &location.value, &["value"]);
    if let Some(separator) = &location.pairs {
        let text = format!("`key=value` separated by `{separator}`, in any order, each repeatable");
        sheet.row("grammar", text, &["pairs"]);
    }
    if let Some(separator) = &location.list {
        let separator = match separator.as_str() {
            " " => "spaces".to_owned(),
            separator => format!("`{separator}`"),
        };
        let text = format!("several values separated by {separator}, any of which may match");
        sheet.row("grammar", text, &["list"]);
    }
    let exact = if location.exact {
        ", exactly as it is signed"
    } else {
        ""
    };
    sheet.row("encoding", format!("{}{exact}", location.encoding), &["encoding"]);
}

fn age(sheet: &mut ProfileSheet<'_>, freshness: Freshness) {
    if let Some(tolerance) = freshness.tolerance {
        let ahead = if freshness.past_only {
            "in the past"
        } else {
            "either way"
        };
        let text = format!("{} {ahead}", human_duration(tolerance));
        sheet.row("tolerance", text, &["tolerance", "clock"]);
    }
    if let Some(advised) = freshness.advised {
        let text = format!("{} advised: a warning only", human_duration(advised));
        sheet.row("tolerance", text, &["advised-tolerance"]);
    }
    if freshness.tolerance.or(freshness.advised).is_none() {
        sheet.row("tolerance", "none: an old request is as good as a new one", &[]);
    }
}

fn message(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    if !profile.headers.is_empty() {
        sheet.heading("Other headers");
        sheet.table("headers");
        for (name, value) in &profile.headers {
            sheet.header(name, &value.to_string(), name);
        }
    }
    sheet.heading("Body");
    sheet.table("envelope.json");
    for (name, EnvelopeField(value)) in &profile.envelope.json {
        match (name.as_str(), value) {
            ("...", _) => sheet.row(name, "the fields of ${data}", &[name]),
            (_, Document::Text(template)) => sheet.row(name, template, &[name]),
            (_, value) => sheet.row(name, serde_json::to_string(value).unwrap_or_default(), &[name]),
        }
    }
    sheet.table("message");
    sheet.optional("${id}", profile.message.id.as_ref(), "id");
    let metadata = profile.message.metadata.as_ref();
    let metadata = metadata.map(|path| format!("goes to body:{path}"));
    sheet.optional("--metadata", metadata, "metadata");
    sheet.table("params");
    for (name, param) in &profile.params {
        let default = param.default.as_ref();
        let default = default.map_or_else(|| "required".into(), |default| format!("default {default}"));
        sheet.row("--param", format!("{name}: {} ({default})", param.summary), &[name]);
    }
}

fn delivery(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    let (policy, schedule) = (&profile.policy, &profile.policy.schedule);
    sheet.heading("Delivery");
    sheet.table("delivery");
    let request = format!("{} {}", profile.delivery.method, profile.delivery.content_type);
    sheet.row("request", request, &["method", "content-type"]);
    sheet.optional("user agent", profile.delivery.user_agent.as_ref(), "user-agent");
    sheet.row("timeout", human_duration(policy.timeout), &["timeout"]);
    sheet.row("success", &policy.success, &["success"]);
    if schedule.delays.is_empty() {
        sheet.table("retry");
        sheet.row("plan", schedule.describe(), &["none"]);
        if let Some(instead) = &schedule.instead {
            sheet.row("afterwards", format!("the provider {instead}"), &[]);
        }
        sheet.table("retry.schedule");
    } else {
        sheet.table("retry.schedule");
        let keys: &[&str] = if schedule.jitter.is_some_and(|jitter| jitter > 0.0) {
            &["delays", "jitter"]
        } else {
            &["delays"]
        };
        sheet.row("plan", schedule.describe(), keys);
        moments(sheet, profile);
    }
    exceptions(sheet, profile);
    if let Some(policy) = &profile.test_policy {
        sheet.table("test-mode.retry.schedule");
        sheet.row("in test mode", policy.schedule.describe(), &["delays"]);
    }
}

fn moments(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    let schedule = &profile.policy.schedule;
    let from = match schedule.from {
        RunFrom::Previous => "the previous attempt",
        RunFrom::First => "the first attempt",
    };
    sheet.row("counted from", from, &["from"]);
    let offsets = schedule.offsets();
    let later = offsets.iter().skip(1).map(|at| format!("+{}", human_duration(*at)));
    let later: Vec<String> = later.collect();
    let later = match later.as_slice() {
        [first @ .., last] if first.len() > MOMENTS_SHOWN => {
            format!("{}, ..., {last}", first[..MOMENTS_SHOWN].join(", "))
        }
        all => all.join(", "),
    };
    sheet.row("moments", format!("at once, {later}"), &[]);
    let span = offsets.last().copied().unwrap_or_default();
    sheet.row("in all", human_duration(span), &[]);
    match schedule.then {
        Exhaustion::Fail | Exhaustion::Unstated => {
            sheet.row("afterwards", "the delivery has failed, no more", &["then"]);
        }
        Exhaustion::DisableEndpoint { after } => {
            sheet.row("afterwards", "the endpoint is disabled", &["then"]);
            let text = match after {
                1 => "by 1 failed delivery".to_owned(),
                several => format!("by {several} failed deliveries in a row"),
            };
            sheet.row("disabled", text, &["disable-after-deliveries"]);
        }
        Exhaustion::DisableAfter(time) => {
            sheet.row("afterwards", "the endpoint is disabled", &["then"]);
            let text = format!("when nothing succeeded for {}", human_duration(time));
            sheet.row("disabled", text, &["disable-after"]);
        }
    }
    let notify = schedule.notify.as_ref().map(|notify| format!("by {notify}"));
    sheet.optional("notice", notify, "notify");
}

/// Answers that change the plan.
fn exceptions(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    let schedule = &profile.policy.schedule;
    sheet.list("retried on", schedule.retry_on.names(), ", ", "retry-on");
    let overload = schedule.overload.as_ref().map(|overload| {
        let (delay, on) = (human_duration(overload.delay), overload.on.names().join(", "));
        format!("at least {delay} after {on}")
    });
    sheet.optional("overload", overload, "overload-delay");
    let honoured = ("is honoured on", &schedule.honour_retry_after);
    let rows = [
        ("retry-after", honoured, "honour-retry-after"),
        ("ended at once", ("by", &schedule.stop_on), "stop-on"),
        ("disabled", ("at once by", &schedule.disable_on), "disable-on"),
    ];
    for (name, (verb, codes), key) in rows {
        let text = (!codes.is_empty()).then(|| format!("{verb} {codes}"));
        sheet.optional(name, text, key);
    }
    let header = schedule.stop_on_header.as_ref();
    let header = header.map(|(name, value)| format!("by the answer's header `{name}: {value}`"));
    sheet.optional("ended at once", header, "stop-on-header");
}

fn endpoint(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    let rules = &profile.endpoint;
    sheet.heading("Endpoint");
    sheet.table("endpoint");
    let https = match rules.https {
        Https::Any => "as you like",
        stated => stated.name(),
    };
    sheet.row("https", https, &["https"]);
    sheet.list("ports", &rules.ports, ", ", "ports");
    if rules.public {
        sheet.row("host", "must be reachable from the internet", &["public"]);
    }
    if rules.unique_url {
        sheet.row("URL", "may be registered once only", &["unique-url"]);
    }
    let plans = rules.plans.iter().map(|(name, limit)| format!("{name} {limit}"));
    sheet.list("plans", plans, ", ", "plans");
    let all = rules.all_events.as_ref().map(|all| format!("`{all}`"));
    sheet.optional("all events", all, "all-events");
}

fn receiving(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    sheet.heading("Receiving");
    let (any, all) = (&profile.detect.any_of, &profile.detect.all_of);
    let both = [(any, " or "), (all, " and ")].map(|(places, between)| {
        let texts: Vec<String> = places.iter().map(ToString::to_string).collect();
        texts.join(between)
    });
    let both = both.iter().filter(|text| !text.is_empty());
    sheet.list("recognised by", both, ", and ", "detect");
    let read = &profile.read;
    for (name, list) in [("event", &read.event), ("id", &read.id), ("time", &read.time)] {
        sheet.list(name, list, ", else ", &format!("read.{name}"));
    }
    let dedupe = &profile.dedupe;
    sheet.list("same event", &dedupe.keys, ", else ", "dedupe.key");
    sheet.optional("documented", dedupe.documented.as_ref(), "dedupe.documented");
    if let Some(caution) = &dedupe.caution {
        sheet.row("caution", caution, &[]);
    }
    if let Some(inbound) = &profile.inbound {
        let mut takes = inbound.methods.join(" or ");
        if !inbound.identity.is_empty() {
            takes = format!("{takes}, with {}", inbound.identity.join(" or "));
        }
        sheet.row("triggers", takes, &["inbound.methods", "inbound.identity"]);
    }
}

fn variant_list(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    if profile.variants.is_empty() || profile.variant.is_some() {
        return;
    }
    sheet.heading(&format!("Variants, as {}@NAME", profile.name));
    for (name, variant) in &profile.variants {
        let keys = profile.assumed_in_variant(name);
        let mark = match keys.as_slice() {
            [] => String::new(),
            keys => format!("(assumed: {})", keys.join(", ")),
        };
        sheet.put(name, &variant.summary, &mark);
    }
}

fn events(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    sheet.heading("Events");
    let (all, label) = (profile.events.len(), profile.label());
    let mark = match profile.events.values().filter(|event| event.assumed).count() {
        0 => String::new(),
        assumed if assumed == all => "(assumed: their data)".into(),
        some => format!("(assumed: the data of {some})"),
    };
    sheet.put("catalogue", &format!("{all}: `hook providers events {label}`"), &mark);
    if !profile.naming.is_any() {
        sheet.row("of your own", profile.naming.describe(), &["naming"]);
    }
    sheet.optional("test", profile.test_event.as_ref(), "test-event");
}
