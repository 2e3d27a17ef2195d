//! A profile for scripts: one object that leaves nothing out.

use serde_json::{Map, Value, json};

use super::show::assumed_in_variant;
use crate::provider::file::Limit;
use crate::provider::policy::{Exhaustion, RetryOn, RunFrom};
use crate::provider::{Case, Https, ParamType, Place, Profile, Tense};
use crate::signature::{Freshness, KeyForm, PublicForm, Scheme, SignatureLocation};
use crate::template::Template;

/// `{"schema":"hook.profile/1",...}`. Durations are in milliseconds.
pub(super) fn profile(profile: &Profile, origin: &str) -> Value {
    json!({
        "schema": "hook.profile/1",
        "name": profile.name,
        "variant": profile.variant,
        "title": profile.title,
        "docs": profile.docs,
        "origin": origin,
        "assumed": profile.assumed,
        "notes": profile.notes,
        "signature": signature(&profile.scheme),
        "secret_form": profile.secret_form.to_string(),
        "headers": templates(&profile.headers),
        "envelope": templates(&profile.envelope),
        "message": { "id": profile.id.as_ref().map(ToString::to_string), "metadata": profile.metadata },
        "params": params(profile),
        "delivery": delivery(profile),
        "retry": retry(profile),
        "endpoint": endpoint(profile),
        "handshakes": super::handshake::json(profile),
        "api": super::api::json(profile),
        "detect": { "any_of": places(&profile.detect.any_of), "all_of": places(&profile.detect.all_of) },
        "read": {
            "event": places(&profile.read.event),
            "id": places(&profile.read.id),
            "time": places(&profile.read.time),
        },
        "dedupe": {
            "keys": profile.dedupe.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "documented": profile.dedupe.documented,
            "caution": profile.dedupe.caution,
        },
        "workflow_context": profile.workflow_context.as_ref().map(|text| {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }),
        "inbound": profile.inbound.as_ref().map(|inbound| json!({
            "methods": inbound.methods,
            "identity": inbound.identity,
        })),
        "naming": (!profile.naming.is_any()).then(|| json!({
            "separator": profile.naming.separator,
            "case": if profile.naming.case == Case::Lower { "lower" } else { "any" },
            "tense": if profile.naming.tense == Tense::Past { "past" } else { "any" },
        })),
        "test_event": profile.test_event,
        "events": profile.events.iter().map(|(name, event)| json!({
            "event": name,
            "summary": event.summary,
            "grouping": event.grouping,
            "aliases": event.aliases,
            "assumed": event.assumed,
        })).collect::<Vec<_>>(),
        "variants": profile.variants.iter().map(|(name, summary)| json!({
            "name": name,
            "summary": summary,
            "assumed": assumed_in_variant(profile, name),
        })).collect::<Vec<_>>(),
    })
}

fn signature(scheme: &Scheme) -> Value {
    let mut value = json!({ "kind": scheme.kind(), "header": scheme.place() });
    let more = match scheme {
        Scheme::Hmac(scheme) => {
            let more = json!({
                "algorithm": scheme.algorithm.name(),
                "key": match scheme.key {
                    KeyForm::Utf8 => "utf8",
                    KeyForm::Hex => "hex",
                    KeyForm::Base64 => "base64",
                    KeyForm::PrefixedBase64 => "prefixed-base64",
                },
                "key_prefix": scheme.key_prefix,
                "also_accept": scheme.also_accept.iter().map(ToString::to_string).collect::<Vec<_>>(),
            });
            [more, carrier(&scheme.carrier, &scheme.content), age(scheme.freshness)]
        }
        Scheme::Hash(scheme) => {
            let more = json!({ "algorithm": scheme.algorithm.name() });
            [more, carrier(&scheme.carrier, &scheme.content), Value::Null]
        }
        Scheme::Asymmetric(scheme) => {
            let more = json!({
                "public_form": match scheme.public_form {
                    PublicForm::Pem => "pem",
                    PublicForm::Der => "der",
                    PublicForm::Hex => "hex",
                },
                "private_prefix": scheme.private_prefix,
                "public_prefix": scheme.public_prefix,
            });
            [more, carrier(&scheme.carrier, &scheme.content), age(scheme.freshness)]
        }
        Scheme::Token(scheme) => [json!({ "value": scheme.value.to_string() }), Value::Null, Value::Null],
        Scheme::Unsigned => [Value::Null, Value::Null, Value::Null],
    };
    if let Value::Object(all) = &mut value {
        let parts = more.into_iter().filter_map(|part| match part {
            Value::Object(keys) => Some(keys),
            _ => None,
        });
        parts.for_each(|keys| all.extend(keys));
    }
    value
}

fn carrier(carrier: &SignatureLocation, content: &Template) -> Value {
    json!({
        "more_headers": carrier.more_headers,
        "each": carrier.each,
        "also_read": carrier.also_read.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "strict": carrier.strict,
        "exact": carrier.exact,
        "url_forms": carrier.url_forms.iter().map(|form| form.name()).collect::<Vec<_>>(),
        "time_at": carrier.time_at.as_ref().map(|(path, _)| path),
        "signed_headers": carrier.signed_headers,
        "body_hash": carrier.body_hash,
        "content": content.to_string(),
        "value": carrier.value.to_string(),
        "pairs": carrier.pairs,
        "list": carrier.list,
        "encoding": carrier.encoding.to_string(),
        "timestamp_header": carrier.time_header.as_ref().map(|(name, _)| name),
        "id_header": carrier.id_header,
    })
}

fn age(freshness: Freshness) -> Value {
    let ms = |duration: Option<std::time::Duration>| duration.map(millis);
    json!({
        "tolerance_ms": ms(freshness.tolerance),
        "advised_tolerance_ms": ms(freshness.advised),
        "clock": if freshness.past_only { "past" } else { "both" },
    })
}

fn params(profile: &Profile) -> Value {
    let param = |(name, param): (&String, &crate::provider::Param)| {
        let kind = match param.kind {
            ParamType::String => "string",
            ParamType::Integer => "integer",
            ParamType::Number => "number",
            ParamType::Boolean => "boolean",
        };
        let default = param.default.as_ref().and_then(|text| param.value(text).ok());
        let value = json!({ "type": kind, "default": default, "summary": param.summary });
        (name.clone(), value)
    };
    Value::Object(profile.params.iter().map(param).collect::<Map<_, _>>())
}

fn delivery(profile: &Profile) -> Value {
    json!({
        "method": profile.method,
        "content_type": profile.content_type,
        "timeout_ms": millis(profile.policy.timeout),
        "success": profile.policy.success.to_string(),
        "user_agent": profile.user_agent,
    })
}

fn retry(profile: &Profile) -> Value {
    let schedule = &profile.policy.schedule;
    let (then, after) = match schedule.then {
        Exhaustion::Fail => ("fail", None),
        Exhaustion::DisableEndpoint { after } => ("disable-endpoint", Some(after)),
    };
    let (retry_on, errors) = match &schedule.retry_on {
        RetryOn::EveryFailure => (None, true),
        RetryOn::Only { codes, errors } => (Some(codes.to_string()), *errors),
    };
    let codes = |codes: &crate::provider::policy::Codes| (!codes.is_empty()).then(|| codes.to_string());
    let offsets = schedule.offsets();
    json!({
        "attempts": offsets.len(),
        "plan": schedule.describe(),
        "delays_ms": schedule.delays.iter().copied().map(millis).collect::<Vec<_>>(),
        "from": match schedule.from {
            RunFrom::Previous => "previous",
            RunFrom::First => "first",
        },
        "jitter": schedule.jitter,
        "offsets_ms": offsets.iter().copied().map(millis).collect::<Vec<_>>(),
        "span_ms": offsets.last().copied().map(millis),
        "retry_on": retry_on,
        "retry_errors": errors,
        "honour_retry_after": codes(&schedule.honour_retry_after),
        "stop_on": codes(&schedule.stop_on),
        "stop_on_header": schedule.stop_on_header.as_ref().map(|(name, value)| format!("{name}: {value}")),
        "disable_on": codes(&schedule.disable_on),
        "then": then,
        "disable_after_deliveries": after,
        "notify": schedule.notify,
        "instead": schedule.instead,
    })
}

fn endpoint(profile: &Profile) -> Value {
    let rules = &profile.endpoint;
    let plan = |(name, limit): (&String, &Limit)| {
        let limit = match limit {
            Limit::Count(count) => Value::from(*count),
            Limit::Unlimited => Value::from("unlimited"),
        };
        (name.clone(), limit)
    };
    json!({
        "https": match rules.https {
            Https::Required => "required",
            Https::Recommended => "recommended",
            Https::Any => "any",
        },
        "ports": rules.ports,
        "public": rules.public,
        "unique_url": rules.unique_url,
        "plans": rules.plans.iter().map(plan).collect::<Map<_, _>>(),
        "all_events": rules.all_events,
    })
}

fn templates(list: &[(String, Template)]) -> Value {
    let field = |(name, value): &(String, Template)| json!({ "name": name, "value": value.to_string() });
    Value::Array(list.iter().map(field).collect())
}

fn places(list: &[Place]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
