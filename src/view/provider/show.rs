//! A profile for people.

use super::sheet::Sheet;
use crate::clock::human_duration;
use crate::provider::policy::{Exhaustion, RetryOn, RunFrom};
use crate::provider::{Https, Profile, RequestField};
use crate::signature::{Asymmetric, AsymmetricKind, Freshness, Hmac, KeyForm, Scheme, SignatureLocation};
use crate::view::style::Style;

/// The sheet of one profile.
pub(super) fn lines(profile: &Profile, origin: &str, style: Style) -> Vec<String> {
    let mut sheet = Sheet::new(profile, style);
    let label = style.name(&profile.label());
    sheet.line(format!(
        "{}  {label}  {}",
        style.strong(&profile.title),
        style.dim(origin)
    ));
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
    variants(&mut sheet, profile);
    if !profile.notes.is_empty() {
        sheet.heading("Notes");
        profile.notes.iter().for_each(|note| sheet.point(note));
    }
    sheet.heading("Events");
    events(&mut sheet, profile);
    sheet.finish()
}

fn signature(sheet: &mut Sheet<'_>, profile: &Profile) {
    sheet.heading("Signature");
    match &profile.scheme {
        Scheme::Hmac(scheme) => hmac(sheet, scheme),
        Scheme::Asymmetric(scheme) => asymmetric(sheet, scheme),
        Scheme::Hash(scheme) => {
            sheet.row(
                "scheme",
                "a plain hash with the secret in it: weak",
                &["signature.hash.algorithm"],
            );
            carrier(
                sheet,
                "signature.hash",
                &scheme.signed.carrier,
                &scheme.signed.content.to_string(),
            );
        }
        Scheme::Token(scheme) => {
            sheet.row("scheme", "a header that equals the secret; it covers no body", &[]);
            sheet.row("header", &scheme.header, &["signature.token.header"]);
            sheet.row("value", &scheme.value.to_string(), &["signature.token.value"]);
        }
        Scheme::Unsigned => sheet.row("scheme", "nothing is signed: a request is never called verified", &[]),
    }
    if matches!(profile.scheme, Scheme::Hmac(_) | Scheme::Hash(_) | Scheme::Token(_)) {
        sheet.row("secret", &profile.secret.form.to_string(), &["secret.form"]);
    }
}

fn hmac(sheet: &mut Sheet<'_>, scheme: &Hmac) {
    let algorithm = format!("HMAC-{}", scheme.algorithm.name().to_uppercase());
    sheet.row("scheme", &algorithm, &["signature.hmac.algorithm"]);
    carrier(
        sheet,
        "signature.hmac",
        &scheme.signed.carrier,
        &scheme.signed.content.to_string(),
    );
    sheet.list("also taken", &scheme.also_accept, "; ", "signature.hmac.also-accept");
    let form = match scheme.key {
        KeyForm::Utf8 => "the secret's text",
        KeyForm::Hex => "the secret, decoded from hex",
        KeyForm::Base64 => "the secret, decoded from base64",
        KeyForm::PrefixedBase64 => "the secret, decoded from base64 where it has its prefix",
    };
    let prefix = scheme.key_prefix.as_ref();
    let prefix = prefix.map_or_else(String::new, |prefix| format!(", without the prefix `{prefix}`"));
    sheet.row("key", &format!("{form}{prefix}"), &["signature.hmac.key"]);
    age(sheet, "signature.hmac", scheme.signed.freshness);
}

fn asymmetric(sheet: &mut Sheet<'_>, scheme: &Asymmetric) {
    let table = format!("signature.{}", scheme.kind.name());
    let name = match scheme.kind {
        AsymmetricKind::Ed25519 => "Ed25519",
        AsymmetricKind::Ecdsa => "ECDSA on P-256 with SHA-256",
        AsymmetricKind::Rsa => "RSA PKCS#1 v1.5 with SHA-256",
    };
    let keys = "the private key signs, the public key verifies";
    sheet.row("scheme", &format!("{name}: {keys}"), &[]);
    carrier(
        sheet,
        &table,
        &scheme.signed.carrier,
        &scheme.signed.content.to_string(),
    );
    let prefixes = [&scheme.private_prefix, &scheme.public_prefix];
    let written: Vec<String> = prefixes
        .into_iter()
        .flatten()
        .map(|prefix| format!("`{prefix}`"))
        .collect();
    if !written.is_empty() {
        sheet.row(
            "keys",
            &format!("base64 behind {}; PEM is read too", written.join(" and ")),
            &[],
        );
    }
    age(sheet, &table, scheme.signed.freshness);
}

fn carrier(sheet: &mut Sheet<'_>, table: &str, carrier: &SignatureLocation, content: &str) {
    let key = |name: &str| format!("{table}.{name}");
    sheet.row("header", &carrier.places(), &[&key("header")]);
    let in_body = |path: &String| format!("body:{path}");
    sheet.optional(
        "signed by item",
        carrier.each.as_ref().map(in_body),
        &key("carrier.each"),
    );
    sheet.row("content", content, &[&key("content")]);
    let signed_at = carrier.time_at.as_ref().map(|(path, _)| in_body(path));
    sheet.optional("signed at", signed_at, &key("time-at"));
    sheet.row("value", &carrier.value.to_string(), &[&key("value")]);
    if let Some(separator) = &carrier.pairs {
        let text = format!("`key=value` separated by `{separator}`, in any order, each repeatable");
        sheet.row("grammar", &text, &[&key("pairs")]);
    }
    if let Some(separator) = &carrier.list {
        let separator = if separator == " " {
            "blanks".into()
        } else {
            format!("`{separator}`")
        };
        let text = format!("several values separated by {separator}, any of which may match");
        sheet.row("grammar", &text, &[&key("list")]);
    }
    let exact = if carrier.exact { ", exactly as it is signed" } else { "" };
    sheet.row("encoding", &format!("{}{exact}", carrier.encoding), &[&key("encoding")]);
}

fn age(sheet: &mut Sheet<'_>, table: &str, freshness: Freshness) {
    let key = |name: &str| format!("{table}.{name}");
    if let Some(tolerance) = freshness.tolerance {
        let ahead = if freshness.past_only {
            "in the past"
        } else {
            "either way"
        };
        let text = format!("{} {ahead}", human_duration(tolerance));
        sheet.row("tolerance", &text, &[&key("tolerance"), &key("clock")]);
    }
    if let Some(advised) = freshness.advised {
        let text = format!("{} advised: a warning only", human_duration(advised));
        sheet.row("tolerance", &text, &[&key("advised-tolerance")]);
    }
    if freshness.tolerance.or(freshness.advised).is_none() {
        sheet.row("tolerance", "none: an old request is as good as a new one", &[]);
    }
}

fn message(sheet: &mut Sheet<'_>, profile: &Profile) {
    if !profile.headers.is_empty() {
        sheet.heading("Other headers");
        for (name, value) in &profile.headers {
            sheet.header(name, &value.to_string(), &format!("headers.{name}"));
        }
    }
    sheet.heading("Body");
    for (name, value) in &profile.envelope.json {
        let text = match name.as_str() {
            "..." => "the fields of ${data}".to_owned(),
            _ => value.to_string(),
        };
        sheet.row(name, &text, &[&format!("envelope.json.{name}")]);
    }
    sheet.optional("${id}", profile.message.id.as_ref(), "message.id");
    let metadata = profile
        .message
        .metadata
        .as_ref()
        .map(|path| format!("goes to body:{path}"));
    sheet.optional("--metadata", metadata, "message.metadata");
    for (name, param) in &profile.params {
        let default = param.default.as_ref();
        let default = default.map_or_else(|| "required".into(), |default| format!("default {default}"));
        let text = format!("{name}: {} ({default})", param.summary);
        sheet.row("--param", &text, &[&format!("params.{name}")]);
    }
}

fn delivery(sheet: &mut Sheet<'_>, profile: &Profile) {
    let (policy, schedule) = (&profile.policy, &profile.policy.schedule);
    sheet.heading("Delivery");
    let request = format!("{} {}", profile.delivery.method, profile.delivery.content_type);
    sheet.row("request", &request, &["delivery.method", "delivery.content-type"]);
    sheet.optional(
        "user agent",
        profile.delivery.user_agent.as_ref(),
        "delivery.user-agent",
    );
    sheet.row("timeout", &human_duration(policy.timeout), &["delivery.timeout"]);
    sheet.row("success", &policy.success.to_string(), &["delivery.success"]);
    let delays: &[&str] = if schedule.delays.is_empty() {
        &["retry.none"]
    } else {
        &["retry.schedule.delays", "retry.schedule.jitter"]
    };
    let delays = if schedule.jitter > 0.0 { delays } else { &delays[..1] };
    sheet.row("plan", &schedule.describe(), delays);
    if schedule.delays.is_empty() {
        if let Some(instead) = &schedule.instead {
            sheet.row("afterwards", &format!("the provider {instead}"), &[]);
        }
    } else {
        moments(sheet, profile);
    }
    exceptions(sheet, profile);
}

fn moments(sheet: &mut Sheet<'_>, profile: &Profile) {
    let schedule = &profile.policy.schedule;
    let from = match schedule.from {
        RunFrom::Previous => "the previous attempt",
        RunFrom::First => "the first attempt",
    };
    sheet.row("counted from", from, &["retry.schedule.from"]);
    let offsets = schedule.offsets();
    let moments: Vec<String> = offsets
        .iter()
        .skip(1)
        .map(|at| format!("+{}", human_duration(*at)))
        .collect();
    sheet.row("moments", &format!("at once, {}", moments.join(", ")), &[]);
    let span = offsets.last().copied().unwrap_or_default();
    sheet.row("in all", &human_duration(span), &[]);
    match schedule.then {
        Exhaustion::Fail => sheet.row(
            "afterwards",
            "the delivery has failed, no more",
            &["retry.schedule.then"],
        ),
        Exhaustion::DisableEndpoint { after } => {
            sheet.row("afterwards", "the endpoint is disabled", &["retry.schedule.then"]);
            let text = match after {
                1 => "by 1 failed delivery".to_owned(),
                several => format!("by {several} failed deliveries in a row"),
            };
            sheet.row("disabled", &text, &["retry.schedule.disable-after-deliveries"]);
        }
    }
    let notify = schedule.notify.as_ref().map(|notify| format!("by {notify}"));
    sheet.optional("notice", notify, "retry.schedule.notify");
}

/// Answers that change the plan.
fn exceptions(sheet: &mut Sheet<'_>, profile: &Profile) {
    let schedule = &profile.policy.schedule;
    if let RetryOn::Only { codes, errors } = &schedule.retry_on {
        let mut on = Vec::new();
        on.extend((!codes.is_empty()).then(|| codes.to_string()));
        on.extend(errors.then(|| "no answer at all".to_owned()));
        sheet.row("retried on", &on.join(", "), &["retry.schedule.retry-on"]);
    }
    let rows = [
        (
            "retry-after",
            "is honoured on",
            "honour-retry-after",
            &schedule.honour_retry_after,
        ),
        ("ended at once", "by", "stop-on", &schedule.stop_on),
        ("disabled", "at once by", "disable-on", &schedule.disable_on),
    ];
    for (name, verb, key, codes) in rows {
        if !codes.is_empty() {
            sheet.row(name, &format!("{verb} {codes}"), &[&format!("retry.schedule.{key}")]);
        }
    }
    if let Some((name, value)) = &schedule.stop_on_header {
        let what = format!("by the answer's header `{name}: {value}`");
        sheet.row("ended at once", &what, &["retry.schedule.stop-on-header"]);
    }
}

fn endpoint(sheet: &mut Sheet<'_>, profile: &Profile) {
    let rules = &profile.endpoint;
    sheet.heading("Endpoint");
    let https = match rules.https {
        Https::Any => "as you like",
        stated => stated.name(),
    };
    sheet.row("https", https, &["endpoint.https"]);
    sheet.list("ports", &rules.ports, ", ", "endpoint.ports");
    if rules.public {
        sheet.row("host", "must be reachable from the internet", &["endpoint.public"]);
    }
    if rules.unique_url {
        sheet.row("URL", "may be registered once only", &["endpoint.unique-url"]);
    }
    let plans: Vec<String> = rules
        .plans
        .iter()
        .map(|(name, limit)| format!("{name} {limit}"))
        .collect();
    sheet.list("plans", &plans, ", ", "endpoint.plans");
    let all = rules.all_events.as_ref().map(|all| format!("`{all}`"));
    sheet.optional("all events", all, "endpoint.all-events");
}

fn receiving(sheet: &mut Sheet<'_>, profile: &Profile) {
    let places = |places: &[RequestField], between: &str| {
        let texts: Vec<String> = places.iter().map(ToString::to_string).collect();
        texts.join(between)
    };
    sheet.heading("Receiving");
    let (any, all) = (&profile.detect.any_of, &profile.detect.all_of);
    if !any.is_empty() || !all.is_empty() {
        let both = [places(any, " or "), places(all, " and ")];
        let both: Vec<String> = both.into_iter().filter(|text| !text.is_empty()).collect();
        sheet.row("recognised by", &both.join(", and "), &["detect"]);
    }
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
        sheet.row("triggers", &takes, &["inbound.methods", "inbound.identity"]);
    }
}

fn variants(sheet: &mut Sheet<'_>, profile: &Profile) {
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

fn events(sheet: &mut Sheet<'_>, profile: &Profile) {
    let assumed = profile.events.values().filter(|event| event.assumed).count();
    let mark = match assumed {
        0 => String::new(),
        all if all == profile.events.len() => "(assumed: their data)".into(),
        some => format!("(assumed: the data of {some})"),
    };
    let label = profile.label();
    sheet.put(
        "catalogue",
        &format!("{}: `hook providers events {label}`", profile.events.len()),
        &mark,
    );
    if !profile.naming.is_any() {
        sheet.row("of your own", &profile.naming.describe(), &["naming"]);
    }
    sheet.optional("test", profile.test_event.as_ref(), "test-event");
}
