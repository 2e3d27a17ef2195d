//! JSON values as TOML.

use serde_json::Value as Json;
use toml::Value;

/// JSON as TOML, which has no null: what is null is left out. serde would write a number as the map by which JSON keeps its
/// text.
pub(super) fn to_toml(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().filter_map(to_toml).collect()),
        Json::Object(fields) => {
            let fields = fields.iter();
            Value::Table(
                fields
                    .filter_map(|(name, json)| Some((name.clone(), to_toml(json)?)))
                    .collect(),
            )
        }
    })
}
