//! A profile's management API, for people and for scripts.

use serde_json::{Value, json};

use super::sheet::ProfileSheet;
use crate::clock::human_duration;
use crate::provider::Profile;
use crate::provider::api::{Api, Verb};

/// The section of the sheet; nothing without an API.
pub(super) fn section(sheet: &mut ProfileSheet<'_>, profile: &Profile) {
    let Some(api) = &profile.api else { return };
    sheet.heading("Management API");
    sheet.table("api");
    let base = api.base.as_ref().map_or("given by `--api-url`", |base| base.as_str());
    sheet.row("base", base, &["base"]);
    for (verb, call) in api.calls() {
        let text = format!("{} {}, answered with {}", call.method, call.path, call.status);
        sheet.row(verb.name(), text, &[verb.name()]);
    }
    for verb in [Verb::Get, Verb::Update] {
        if api.call(verb).is_none() {
            sheet.row(verb.name(), "not supported", &[]);
        }
    }
    sheet.list("fields", api.fields.values(), ", ", "fields");
    for (name, value) in &api.headers {
        sheet.row("header", format!("{name}: {value}"), &["headers"]);
    }
    sheet.row("key", &api.key, &["key"]);
    sheet.optional("test key", api.test_key.as_ref(), "test-key");
    let rate = api.rate.as_ref();
    let rate = rate.map(|rate| format!("{} calls in {}", rate.calls, human_duration(rate.per.0)));
    sheet.optional("rate", rate, "rate");
    for (scope, events) in &api.scopes {
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        sheet.row(
            "scope",
            format!("{scope}: {}", events.join(", ")),
            &[&format!("scopes.{scope}")],
        );
    }
}

/// The API as an object; null without one.
pub(super) fn json(profile: &Profile) -> Value {
    profile.api.as_ref().map_or(Value::Null, object)
}

fn object(api: &Api) -> Value {
    let calls = api.calls().map(|(verb, call)| {
        let told = json!({ "method": call.method, "path": call.path, "status": call.status });
        (verb.name().to_owned(), told)
    });
    json!({
        "base": api.base.as_ref().map(url::Url::as_str),
        "headers": api.headers,
        "calls": calls.collect::<serde_json::Map<_, _>>(),
        "fields": api.fields.values().collect::<Vec<_>>(),
        "key": api.key,
        "test_key": api.test_key,
        "rate": api.rate.as_ref().map(|rate| json!({ "calls": rate.calls, "per_ms": rate.per })),
        "scopes": api.scopes,
    })
}
