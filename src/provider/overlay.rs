//! Merges one file over another, as plain tables: a variant over its provider, a file over the one that it extends. A new key
//! is merged like those beside it, without a change here.

use serde_json::{Map, Value};

/// Tables that are merged entry by entry; all other keys are replaced whole.
const BY_ENTRY: [&str; 13] = [
    "message",
    "read",
    "delivery",
    "endpoint",
    "detect",
    "dedupe",
    "naming",
    "headers",
    "params",
    "events",
    "variants",
    "handshakes",
    "test-mode",
];

/// Tables with one table inside that names the kind: one of the same kind is merged key by key, another kind replaces it.
const BY_KIND: [&str; 2] = ["signature", "retry"];

/// Keys that describe the variant itself.
const OWN_OF_VARIANT: [&str; 3] = ["summary", "rank", "when"];

/// Keys that are never inherited.
const OWN_OF_FILE: [&str; 4] = ["format", "name", "extends", "inherit-events"];

/// Keys about the catalogue and the provider itself, which a file may leave out with `inherit-events = false`.
const OF_CATALOGUE: [&str; 4] = ["events", "test-event", "title", "docs"];

type JsonTable = Map<String, Value>;

/// The file with that variant's keys over its own. What it assumes is what the two assume together.
pub(super) fn with_variant(file: &Value, name: &str) -> Value {
    let mut merged = table(Some(file));
    let mut variant = table(merged.get("variants").and_then(|variants| variants.get(name)));
    variant.retain(|key, _| !OWN_OF_VARIANT.contains(&key.as_str()));
    // The variant states its own assumptions in the list of the whole file.
    let prefix = format!("variants.{name}.");
    let assumed = texts(&merged, "assumed");
    let own = assumed.iter().filter_map(|key| key.strip_prefix(&prefix));
    let own: Vec<String> = own.map(str::to_owned).collect();
    let stated = lay_over(&mut merged, variant);
    // What the variant states itself no longer rests on an assumption about the provider.
    let mut assumed = still_assumed(assumed, &stated);
    assumed.retain(|key| !key.starts_with("variants."));
    assumed.extend(own);
    merged.insert("assumed".to_owned(), assumed.into());
    if let Some(Value::Object(headers)) = merged.get_mut("headers") {
        // TOML has no null: an empty text in a variant removes the header.
        headers.retain(|_, value| value.as_str() != Some(""));
    }
    Value::Object(merged)
}

/// A file over the one that it extends.
pub(super) fn extending(file: &Value, base: &Value) -> Value {
    let (mut merged, mut own) = (table(Some(base)), table(Some(file)));
    for key in OWN_OF_FILE {
        merged.remove(key);
    }
    let (mut base_assumed, mut base_notes) = (texts(&merged, "assumed"), texts(&merged, "notes"));
    if own.get("inherit-events") == Some(&Value::Bool(false)) {
        merged.retain(|key, _| !OF_CATALOGUE.contains(&key.as_str()));
        base_assumed = still_assumed(base_assumed, &OF_CATALOGUE.map(str::to_owned));
        base_notes.clear();
    }
    let (own_assumed, own_notes) = (texts(&own, "assumed"), texts(&own, "notes"));
    own.remove("assumed");
    let stated = lay_over(&mut merged, own);
    let assumed = [still_assumed(base_assumed, &stated), own_assumed].concat();
    merged.insert("assumed".to_owned(), assumed.into());
    merged.insert("notes".to_owned(), [base_notes, own_notes].concat().into());
    Value::Object(merged)
}

/// `[retry]` as it is in test mode, where the file states one for it.
pub(super) fn test_mode_retry(file: &Value) -> Option<Value> {
    let own = file.get("test-mode")?.get("retry")?.clone();
    let mut merged = JsonTable::from_iter([("retry".to_owned(), file.get("retry").cloned().unwrap_or_default())]);
    lay_over(&mut merged, JsonTable::from_iter([("retry".to_owned(), own)]));
    merged.remove("retry")
}

/// Lays keys over others; the dotted keys that are stated so, or the tables around them where those are replaced whole.
fn lay_over(base: &mut JsonTable, own: JsonTable) -> Vec<String> {
    let mut stated = Vec::new();
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(base)), Value::Object(own)) if BY_ENTRY.contains(&key.as_str()) => {
                replace(base, own, &key, &mut stated);
            }
            (Some(Value::Object(base)), Value::Object(own))
                if BY_KIND.contains(&key.as_str()) && base.keys().eq(own.keys()) =>
            {
                for (kind, own) in own {
                    if let (Some(Value::Object(base)), Value::Object(own)) = (base.get_mut(&kind), own) {
                        replace(base, own, &format!("{key}.{kind}"), &mut stated);
                    }
                }
            }
            (_, value) => {
                match &value {
                    // Of a table that the other does not have, its entries are stated.
                    Value::Object(own) if BY_ENTRY.contains(&key.as_str()) => {
                        stated.extend(own.keys().map(|name| format!("{key}.{name}")));
                    }
                    _ => stated.push(key.clone()),
                }
                base.insert(key, value);
            }
        }
    }
    stated
}

fn replace(base: &mut JsonTable, own: JsonTable, key: &str, stated: &mut Vec<String>) {
    stated.extend(own.keys().map(|name| format!("{key}.{name}")));
    base.extend(own);
}

/// The assumptions that are left when some keys are stated elsewhere.
fn still_assumed(mut assumed: Vec<String>, stated: &[String]) -> Vec<String> {
    let within = |key: &str, table: &str| {
        key.strip_prefix(table)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    assumed.retain(|key| !stated.iter().any(|stated| within(key, stated)));
    assumed
}

fn table(value: Option<&Value>) -> JsonTable {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn texts(table: &JsonTable, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_the_same_kind_is_merged_key_by_key_and_one_of_another_kind_replaces() {
        let base = json!({
            "format": 1, "name": "base", "title": "Base", "notes": ["a"],
            "assumed": ["signature.hmac.header", "signature.hmac.key", "delivery", "retry.schedule.delays"],
            "signature": {"hmac": {"header": "X-A", "key": "hex"}},
            "retry": {"schedule": {"delays": ["1m"]}},
            "delivery": {"method": "PUT"},
        });
        let own = json!({
            "format": 1, "name": "own", "notes": ["b"], "assumed": ["docs"],
            "signature": {"hmac": {"header": "X-B"}},
            "retry": {"none": {}},
            "delivery": {"timeout": "1s"},
        });
        assert_eq!(
            extending(&own, &base),
            json!({
                "format": 1, "name": "own", "title": "Base", "notes": ["a", "b"],
                "assumed": ["signature.hmac.key", "delivery", "docs"],
                "signature": {"hmac": {"header": "X-B", "key": "hex"}},
                "retry": {"none": {}},
                "delivery": {"method": "PUT", "timeout": "1s"},
            })
        );
    }

    #[test]
    fn a_file_may_leave_out_the_events_of_the_one_that_it_extends() {
        let base = json!({
            "name": "base", "title": "Base", "docs": "https://a.example", "test-event": "a", "events": {"a": {}},
            "assumed": ["test-event", "delivery"], "notes": ["a"], "delivery": {"method": "PUT"},
        });
        let own = json!({"name": "own", "extends": "base", "inherit-events": false, "events": {"b": {}}});
        assert_eq!(
            extending(&own, &base),
            json!({"name": "own", "extends": "base", "inherit-events": false, "events": {"b": {}}, "notes": [],
                "assumed": ["delivery"], "delivery": {"method": "PUT"}})
        );
    }

    #[test]
    fn retries_in_test_mode_are_laid_over_the_others() {
        let file = json!({
            "retry": {"schedule": {"delays": ["1m"], "jitter": "10%"}},
            "test-mode": {"retry": {"schedule": {"delays": ["1s"]}}},
        });
        let wanted = json!({"schedule": {"delays": ["1s"], "jitter": "10%"}});
        assert_eq!(test_mode_retry(&file), Some(wanted));
        assert_eq!(test_mode_retry(&json!({"retry": {"none": {}}})), None);
    }

    #[test]
    fn a_variant_takes_a_header_away_with_an_empty_text_and_brings_its_own_assumptions() {
        let file = json!({
            "assumed": ["headers.X-A", "read.id", "variants.old.read.time", "variants.new.read"],
            "headers": {"X-A": "1", "X-B": "2"},
            "variants": {"old": {"summary": "s", "rank": 3, "headers": {"X-A": "", "X-C": "3"}}},
        });
        let merged = with_variant(&file, "old");
        assert_eq!(merged["headers"], json!({"X-B": "2", "X-C": "3"}));
        assert_eq!(merged["assumed"], json!(["read.id", "read.time"]));
        assert!(merged.get("summary").is_none() && merged["variants"]["old"]["rank"] == 3);
    }
}
