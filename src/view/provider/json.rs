//! A profile for scripts: one object that leaves nothing out.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::provider::policy::{Codes, Exhaustion, RetryOn, Schedule};
use crate::provider::{DurationText, Param, Profile};
use crate::signature::{Freshness, Scheme, SignatureLocation};
use crate::template::Template;

/// The fields of `hook.profile/1`. Durations are in milliseconds.
pub(super) fn profile(profile: &Profile, origin: &str) -> Value {
    json!({
        "name": profile.name,
        "variant": profile.variant,
        "title": profile.title,
        "docs": profile.docs,
        "origin": origin,
        "assumed": profile.assumed,
        "notes": profile.notes,
        "signature": signature(&profile.scheme),
        "secret_form": profile.secret.form,
        "sends_also": profile.sends_also,
        "headers": templates(&profile.headers),
        "envelope": templates(&profile.envelope.json),
        "message": { "id": profile.message.id, "metadata": profile.message.metadata },
        "params": params(profile),
        "delivery": delivery(profile),
        "retry": retry(&profile.policy.schedule),
        "test_mode": {
            "headers": templates(&profile.test_mode.headers),
            "retry": profile.test_policy.as_ref().map(|policy| retry(&policy.schedule)),
        },
        "endpoint": profile.endpoint,
        "handshakes": profile.handshakes,
        "api": super::api::json(profile),
        "detect": profile.detect,
        "read": profile.read,
        "dedupe": profile.dedupe,
        "workflow_context": profile.workflow.context.as_ref().map(|text| {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }),
        "inbound": profile.inbound,
        "naming": Some(&profile.naming).filter(|naming| !naming.is_any()),
        "test_event": profile.test_event,
        "events": profile.events.iter().map(|(name, event)| json!({
            "event": name,
            "summary": event.summary,
            "grouping": event.grouping,
            "aliases": event.aliases,
            "assumed": event.assumed,
        })).collect::<Vec<_>>(),
        "variants": profile.variants.iter().map(|(name, variant)| json!({
            "name": name,
            "summary": variant.summary,
            "assumed": profile.assumed_in_variant(name),
        })).collect::<Vec<_>>(),
    })
}

fn signature(scheme: &Scheme) -> Value {
    let own = match scheme {
        Scheme::Hmac(scheme) => json!({
            "algorithm": scheme.algorithm,
            "key": scheme.key,
            "key_prefix": scheme.key_prefix,
            "also_accept": scheme.also_accept.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Scheme::Hash(scheme) => json!({ "algorithm": scheme.algorithm }),
        Scheme::Asymmetric(scheme) => json!({
            "public_form": scheme.public_form,
            "private_prefix": scheme.private_prefix,
            "public_prefix": scheme.public_prefix,
        }),
        Scheme::Token(scheme) => json!({ "value": scheme.value }),
        Scheme::Unsigned => Value::Null,
    };
    let location = scheme.carrier().zip(scheme.content());
    let location = location.map_or(Value::Null, |(carrier, content)| self::carrier(carrier, content));
    let age = match scheme {
        Scheme::Hmac(_) | Scheme::Asymmetric(_) => age(scheme.freshness()),
        Scheme::Hash(_) | Scheme::Token(_) | Scheme::Unsigned => Value::Null,
    };
    let head = json!({ "kind": scheme.kind(), "header": scheme.place() });
    let parts = [head, own, location, age];
    let fields = parts.iter().filter_map(Value::as_object).flatten();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn carrier(carrier: &SignatureLocation, content: &Template) -> Value {
    json!({
        "more_headers": carrier.more_headers,
        "each": carrier.each,
        "also_read": carrier.also_read,
        "strict": carrier.strict,
        "exact": carrier.exact,
        "url_forms": carrier.url_forms,
        "time_at": carrier.time_at.as_ref().map(|(path, _)| path),
        "signed_headers": carrier.signed_headers,
        "body_hash": carrier.body_hash,
        "content": content,
        "value": carrier.value,
        "pairs": carrier.pairs,
        "list": carrier.list,
        "encoding": carrier.encoding,
        "timestamp_header": carrier.time_header.as_ref().map(|(name, _)| name),
        "id_header": carrier.id_header,
    })
}

fn age(freshness: Freshness) -> Value {
    json!({
        "tolerance_ms": freshness.tolerance.map(DurationText),
        "advised_tolerance_ms": freshness.advised.map(DurationText),
        "clock": if freshness.past_only { "past" } else { "both" },
    })
}

fn params(profile: &Profile) -> Value {
    let param = |(name, param): (&String, &Param)| {
        let default = param.default.as_ref().and_then(|text| param.value(text).ok());
        let value = json!({ "type": param.kind, "default": default, "summary": param.summary });
        (name.clone(), value)
    };
    profile.params.iter().map(param).collect()
}

fn delivery(profile: &Profile) -> Value {
    json!({
        "method": profile.delivery.method,
        "content_type": profile.delivery.content_type,
        "timeout_ms": DurationText(profile.policy.timeout),
        "success": profile.policy.success.to_string(),
        "user_agent": profile.delivery.user_agent,
    })
}

fn retry(schedule: &Schedule) -> Value {
    let (then, after) = match schedule.then {
        Exhaustion::Fail | Exhaustion::Unstated => ("fail", None),
        Exhaustion::DisableEndpoint { after } => ("disable-endpoint", Some(after)),
        Exhaustion::DisableAfter(_) => ("disable-endpoint", None),
    };
    let disable_after = match schedule.then {
        Exhaustion::DisableAfter(time) => Some(DurationText(time)),
        _ => None,
    };
    let (retry_on, errors, kinds) = match &schedule.retry_on {
        RetryOn::EveryFailure => (None, true, &[][..]),
        RetryOn::Only { codes, errors, kinds } => (Some(codes.to_string()), *errors, kinds.as_slice()),
    };
    let codes = |codes: &Codes| (!codes.is_empty()).then(|| codes.to_string());
    let offsets = schedule.offsets();
    json!({
        "attempts": offsets.len(),
        "plan": schedule.describe(),
        "delays_ms": schedule.delays.iter().copied().map(DurationText).collect::<Vec<_>>(),
        "from": schedule.from,
        "jitter": schedule.jitter.unwrap_or_default(),
        "offsets_ms": offsets.iter().copied().map(DurationText).collect::<Vec<_>>(),
        "span_ms": offsets.last().copied().map(DurationText),
        "retry_on": retry_on,
        "retry_errors": errors,
        "retry_error_kinds": kinds,
        "overload": schedule.overload.as_ref().map(|overload| json!({
            "delay_ms": DurationText(overload.delay),
            "on": overload.on.names(),
        })),
        "honour_retry_after": codes(&schedule.honour_retry_after),
        "stop_on": codes(&schedule.stop_on),
        "stop_on_header": schedule.stop_on_header.as_ref().map(|(name, value)| format!("{name}: {value}")),
        "disable_on": codes(&schedule.disable_on),
        "then": then,
        "disable_after_deliveries": after,
        "disable_after_ms": disable_after,
        "notify": schedule.notify,
        "instead": schedule.instead,
    })
}

fn templates<T: Serialize>(list: &IndexMap<String, T>) -> Value {
    list.iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}
