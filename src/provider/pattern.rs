//! JSON with holes: a document in which some values are `${name}`. The same text says how an answer is written and where a
//! part of it is found again.

use serde_json::Value;

/// A JSON document with holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Value);

impl Pattern {
    /// Reads JSON text whose holes are all among `known`. The error is a clause.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let mut holes = Vec::new();
        collect(&value, &mut Vec::new(), &mut |name, _| holes.push(name.to_owned()));
        match holes.iter().find(|hole| !known.contains(&hole.as_str())) {
            Some(hole) => Err(format!("unknown placeholder `${{{hole}}}`")),
            None => Ok(Self(value)),
        }
    }

    /// The document with every hole filled by `value`, whose type it keeps; null where there is none.
    pub fn fill(&self, value: impl Fn(&str) -> Option<Value>) -> Value {
        fill(&self.0, &value)
    }

    /// Whether the fixed parts are those of the document, and something stands in every hole; more fields make no difference.
    pub fn fits(&self, document: &Value) -> bool {
        fits(&self.0, document)
    }

    /// How many values it has, holes among them.
    pub fn size(&self) -> usize {
        size(&self.0)
    }

    /// The dotted path of a hole.
    pub fn place_of(&self, hole: &str) -> Option<String> {
        let mut place = None;
        collect(&self.0, &mut Vec::new(), &mut |name, path| {
            if name == hole {
                place = Some(path.join("."));
            }
        });
        place
    }
}

fn hole(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}')
}

fn fits(pattern: &Value, document: &Value) -> bool {
    match (pattern, document) {
        (Value::String(text), _) if hole(text).is_some() => true,
        (Value::Object(wanted), Value::Object(has)) => wanted
            .iter()
            .all(|(name, field)| has.get(name).is_some_and(|value| fits(field, value))),
        (Value::Array(wanted), Value::Array(has)) => {
            wanted.len() == has.len() && wanted.iter().zip(has).all(|(item, value)| fits(item, value))
        }
        (wanted, has) => wanted == has,
    }
}

fn size(pattern: &Value) -> usize {
    match pattern {
        Value::Array(items) => items.iter().map(size).sum::<usize>().max(1),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 1,
    }
}

fn fill(pattern: &Value, value: &impl Fn(&str) -> Option<Value>) -> Value {
    match pattern {
        Value::String(text) => match hole(text) {
            Some(name) => value(name).unwrap_or_default(),
            None => pattern.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, value)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), fill(field, value)))
            .collect(),
        _ => pattern.clone(),
    }
}

fn collect(pattern: &Value, path: &mut Vec<String>, found: &mut impl FnMut(&str, &[String])) {
    let mut inside = |key: String, item: &Value, path: &mut Vec<String>| {
        path.push(key);
        collect(item, path, found);
        path.pop();
    };
    match pattern {
        Value::String(text) => {
            if let Some(name) = hole(text) {
                found(name, path);
            }
        }
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(n, item)| inside(i32::to_string(&n), item, path)),
        Value::Object(fields) => fields.iter().for_each(|(name, item)| inside(name.clone(), item, path)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_is_filled_and_its_holes_are_found_again() {
        let text = r#"{"error":{"code":"${code}","list":[1,"${status}"],"fixed":"code"}}"#;
        let pattern = Pattern::parse(text, &["code", "status"]).unwrap();
        let filled = pattern.fill(|name| (name == "code").then(|| json!("LIMIT")));
        assert_eq!(
            filled,
            json!({"error": {"code": "LIMIT", "list": [1, null], "fixed": "code"}})
        );
        assert_eq!(pattern.place_of("code").as_deref(), Some("error.code"));
        assert_eq!(pattern.place_of("status").as_deref(), Some("error.list.1"));
        assert_eq!(pattern.place_of("message"), None);
    }

    #[test]
    fn a_pattern_with_a_strange_hole_or_that_is_no_json_is_refused() {
        assert_eq!(
            Pattern::parse(r#"["${who}"]"#, &["id"]),
            Err("unknown placeholder `${who}`".into())
        );
        assert!(Pattern::parse("{", &[]).unwrap_err().starts_with("it is not JSON: "));
    }
}
