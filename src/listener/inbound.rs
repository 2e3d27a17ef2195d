//! Inbound triggers: unsigned requests at a secret path become records.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::form::{self, Field};
use crate::headers::Headers;
use crate::json::{leaf_paths, without_bom};
use crate::json_text::{compact, get, get_at, set, set_at};
use crate::provider::near_names;
use crate::signature::{RejectReason, same};

/// Fields of a request that are searched for a hint.
const LOOKED_THROUGH: usize = 500;

/// A trigger of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// The workflow's name.
    pub workflow: String,
    /// The only path that is taken: a secret, and not written out.
    #[serde(skip)]
    pub path: String,
    /// The methods that are taken.
    pub methods: Vec<String>,
    /// Fields of the record of which one must say something.
    pub identity: Vec<String>,
    /// Fields of the record, and where in the request they come from.
    pub map: Vec<(String, String)>,
}

/// A request to a trigger.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TriggerReading {
    /// The fields as they came; absent when they cannot be read.
    pub fields: Option<Value>,
    /// What the workflow gets.
    pub record: Option<Value>,
    /// The same as JSON text: its numbers are written as they came.
    pub record_text: Option<String>,
    /// Why it is not enrolled, as a clause.
    pub left_out: Option<String>,
    /// What may help against that.
    pub hint: Option<String>,
    /// Places of the map at which there was nothing.
    pub unmapped: Vec<String>,
}

impl TriggerReading {
    /// Whether it is a record.
    pub fn is_readable(&self) -> bool {
        self.fields.is_some()
    }
}

impl Inbound {
    /// Why a request is refused before it is read.
    pub fn gate(&self, method: &str, target: &str) -> Option<RejectReason> {
        let path = target.split('?').next().unwrap_or_default();
        // The path is a secret: compared in constant time.
        if !same(path.as_bytes(), self.path.as_bytes()) {
            return Some(RejectReason::Path);
        }
        let taken = self.methods.iter().any(|taken| taken == method);
        (!taken).then(|| RejectReason::Method {
            method: method.chars().take(20).collect(),
        })
    }

    /// The record of a request.
    pub fn read(&self, target: &str, headers: &Headers, body: &[u8]) -> TriggerReading {
        let text = match fields(target, headers, body) {
            Ok(text) => text,
            Err(why) => {
                return TriggerReading {
                    left_out: Some(why),
                    ..TriggerReading::default()
                };
            }
        };
        let (record_text, unmapped) = self.mapped(&text);
        let [fields, record] = [&text, &record_text].map(|text| serde_json::from_str(text).unwrap_or_default());
        let left_out = (!self.identifies(&record)).then(|| match self.identity.as_slice() {
            [one] => format!("it has no `{one}`"),
            several => format!("it has neither `{}`", several.join("` nor `")),
        });
        let hint = left_out.as_ref().and_then(|_| self.identity_hint(&fields));
        TriggerReading {
            fields: Some(fields),
            record: Some(record),
            record_text: Some(record_text),
            left_out,
            hint,
            unmapped,
        }
    }

    /// What came, with the map's fields set, and the places at which there was nothing.
    fn mapped(&self, fields: &str) -> (String, Vec<String>) {
        let (mut record, mut unmapped) = (fields.to_owned(), Vec::new());
        for (field, place) in &self.map {
            // A form may have a name with dots in it.
            let Some(value) = get_at(fields, &[place]).or_else(|| get(fields, place)) else {
                unmapped.push(place.clone());
                continue;
            };
            let set = set(&record, field, value).or_else(|| set_at(&record, &[field], value));
            record = set.unwrap_or(record);
        }
        (record, unmapped)
    }

    fn identifies(&self, record: &Value) -> bool {
        let says = |value: &Value| match value {
            Value::String(text) => !text.trim().is_empty(),
            value => value.is_number(),
        };
        self.identity.is_empty() || self.identity.iter().any(|name| record.get(name).is_some_and(says))
    }

    /// Where in the request an identity may be.
    fn identity_hint(&self, fields: &Value) -> Option<String> {
        let paths = leaf_paths(fields);
        self.identity.iter().find_map(|name| {
            let near = near_names(name, paths.iter().take(LOOKED_THROUGH).map(String::as_str));
            let place = near.iter().find(|place| *place != name)?;
            Some(format!("`--map {name}={place}`"))
        })
    }
}

/// The target of a request without its path: that of a trigger is a secret, and never sent on.
pub fn without_path(target: &str) -> String {
    match target.split_once('?') {
        Some((_, query)) => format!("/?{query}"),
        None => "/".to_owned(),
    }
}

/// The fields of a request, as JSON text: of its query, its form, or its JSON object. The error is a clause.
fn fields(target: &str, headers: &Headers, body: &[u8]) -> Result<String, String> {
    if body.is_empty() {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        return match pairs(form::fields("", query.as_bytes())) {
            fields if fields.is_empty() => Err("it has neither a body nor a query".into()),
            fields => Ok(Value::Object(fields).to_string()),
        };
    }
    // `curl -d` sends JSON under the name of a form, so that the name alone says nothing.
    let body = without_bom(body);
    let json = serde_json::from_slice(body);
    let kind = headers.get_text("content-type").unwrap_or_default();
    if form::is_form(kind) && !matches!(json, Ok(Value::Object(_) | Value::Array(_))) {
        return Ok(Value::Object(pairs(form::fields(kind, body))).to_string());
    }
    match json {
        Ok(fields @ Value::Object(_)) => {
            let text = std::str::from_utf8(body).ok().and_then(|text| compact(text).ok());
            Ok(text.unwrap_or_else(|| fields.to_string()))
        }
        Ok(Value::Array(_)) => Err("its body is a list, not one object".into()),
        Ok(_) => Err("its body is not an object".into()),
        Err(_) => Err("its body is neither JSON nor a form".into()),
    }
}

/// Names and texts; a name that comes twice has a list of them.
fn pairs<'a>(pairs: impl Iterator<Item = Field<'a>>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let value = Value::from(value);
        match fields.get_mut(&*name) {
            None => {
                fields.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trigger(map: &[(&str, &str)]) -> Inbound {
        let owned = |text: &&str| (*text).to_owned();
        Inbound {
            workflow: "w".into(),
            path: "/inbound/abc".into(),
            methods: ["POST", "GET"].iter().map(owned).collect(),
            identity: ["email", "phone"].iter().map(owned).collect(),
            map: map.iter().map(|(a, b)| (owned(a), owned(b))).collect(),
        }
    }

    fn read(map: &[(&str, &str)], target: &str, kind: &str, body: &str) -> TriggerReading {
        let headers = [("content-type", kind)].into_iter().collect();
        trigger(map).read(target, &headers, body.as_bytes())
    }

    #[test]
    fn only_the_path_and_the_methods_of_the_trigger_are_let_in() {
        let trigger = trigger(&[]);
        assert_eq!(trigger.gate("POST", "/inbound/abc?x=1"), None);
        assert_eq!(trigger.gate("GET", "/inbound/abc"), None);
        for target in [
            "/",
            "/inbound/ab",
            "/inbound/abcd",
            "/inbound/abc/",
            "?/inbound/abc",
            "",
        ] {
            assert_eq!(trigger.gate("POST", target), Some(RejectReason::Path), "{target}");
        }
        let method = "DELETE".to_owned();
        assert_eq!(
            trigger.gate("DELETE", "/inbound/abc"),
            Some(RejectReason::Method { method })
        );
    }

    #[test]
    fn json_forms_and_queries_become_records() {
        let json = read(&[], "/", "application/json", r#"{"email": "a@b.c", "n": 1}"#);
        assert_eq!(json.record, Some(json!({"email": "a@b.c", "n": 1})));
        assert_eq!(json.left_out, None);
        let numbers = r#"{"email":"a@b.c","n":10.00,"big":98765432109876543210987}"#;
        let numbers = read(&[("total", "n")], "/", "application/json", numbers).record_text;
        let expected = r#"{"email":"a@b.c","n":10.00,"big":98765432109876543210987,"total":10.00}"#;
        assert_eq!(numbers.as_deref(), Some(expected));
        let form = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        let form = read(&[], "/", form, "phone=%2B1+555&tag=a&tag=b");
        assert_eq!(form.record, Some(json!({"phone": "+1 555", "tag": ["a", "b"]})));
        let curl = "application/x-www-form-urlencoded";
        let curl = read(&[], "/", curl, r#"{"email": "a@b.c"}"#);
        assert_eq!(curl.record, Some(json!({"email": "a@b.c"})));
        let marked = read(&[], "/", "application/json", "\u{feff}{\"email\": \"a@b.c\"}");
        assert_eq!(marked.record, Some(json!({"email": "a@b.c"})));
        let part = "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b.c\r\n--x--\r\n";
        let multipart = read(&[], "/", "multipart/form-data; boundary=x", part);
        assert_eq!(multipart.record, Some(json!({"email": "a@b.c"})));
        let query = read(&[], "/x?email=a%40b.c&plan=pro", "", "");
        assert_eq!(query.record, Some(json!({"email": "a@b.c", "plan": "pro"})));
    }

    #[test]
    fn the_map_sets_fields_and_says_where_nothing_was() {
        let map = [("plan", "custom.plan"), ("email", "who.mail"), ("city", "a.b")];
        let body = r#"{"who": {"mail": "a@b.c"}, "custom": {"plan": "pro"}}"#;
        let received = read(&map, "/", "application/json", body);
        let record = received.record.unwrap();
        assert_eq!((&record["plan"], &record["email"]), (&json!("pro"), &json!("a@b.c")));
        assert_eq!((received.left_out, received.unmapped), (None, vec!["a.b".to_owned()]));
        let dotted = read(&[("plan", "custom.plan")], "/?custom.plan=pro", "", "");
        assert_eq!(dotted.record.unwrap()["plan"], "pro");
    }

    #[test]
    fn without_an_identity_nobody_is_enrolled() {
        let hint = Some("`--map email=who.email`".to_owned());
        for (body, helps) in [
            (r#"{"name": "x"}"#, None),
            (r#"{"email": " ", "phone": null}"#, None),
            (r#"{"email": true}"#, None),
            (r#"{"who": {"email": "a@b.c"}}"#, hint),
        ] {
            let received = read(&[], "/", "", body);
            assert_eq!(
                received.left_out.as_deref(),
                Some("it has neither `email` nor `phone`"),
                "{body}"
            );
            assert!(received.is_readable());
            assert_eq!(received.hint, helps, "{body}");
        }
        assert_eq!(read(&[], "/", "", r#"{"phone": 15550100001}"#).left_out, None);
    }

    #[test]
    fn a_request_that_is_not_a_record_says_why() {
        for (body, why) in [
            ("[]", "a list"),
            ("1", "not an object"),
            ("hello", "neither JSON nor a form"),
            ("", "neither a body nor a query"),
        ] {
            let received = read(&[], "/", "text/plain", body);
            assert!(received.left_out.as_ref().unwrap().contains(why), "{body}");
            assert!(!received.is_readable());
        }
    }
}
