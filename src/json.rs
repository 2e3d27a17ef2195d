//! Reading single values of a JSON body in one pass, without building the document: `listen` does so for every request.
//! The body itself is never re-serialized.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::form::{self, Field};
use crate::json_text;

/// The value at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathValue {
    /// A string, or the text of a number or boolean.
    Text(String),
    /// An object or an array.
    Nested,
}

impl PathValue {
    /// The text, unless it is an object or an array.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nested => None,
        }
    }
}

/// A compiled set of dotted paths (`data.items.0.id`) that are looked up together.
#[derive(Debug, Clone, Default)]
pub struct JsonPaths {
    root: PathNode,
    count: usize,
}

#[derive(Debug, Clone, Default)]
struct PathNode {
    slot: Option<usize>,
    children: BTreeMap<String, PathNode>,
}

impl JsonPaths {
    /// Adds a path and returns its slot in the result of [`JsonPaths::read`]; the same path has one slot.
    pub fn add(&mut self, path: &str) -> usize {
        let keys = path.split('.');
        let node = keys.fold(&mut self.root, |node, key| {
            node.children.entry(key.to_owned()).or_default()
        });
        *node.slot.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// The slot of a path that was added.
    pub fn slot(&self, path: &str) -> Option<usize> {
        let mut keys = path.split('.');
        keys.try_fold(&self.root, |node, key| node.children.get(key))?.slot
    }

    /// The values at the paths, by slot; `None` for `null` and for a path that is not there. A body that is not JSON has
    /// none.
    pub fn read(&self, body: &[u8]) -> Vec<Option<PathValue>> {
        let mut found = vec![None; self.count];
        if self.count > 0 {
            fill(&self.root, without_bom(body), &mut found);
        }
        found
    }

    /// The same for a body of that type: the fields of a form are found by their names, and what is in the JSON text of a
    /// field below its name. The JSON of the field [`JSON_FIELD`] is read like a body.
    pub fn read_as(&self, content_type: Option<&str>, body: &[u8]) -> Vec<Option<PathValue>> {
        let body = without_bom(body);
        if !content_type.is_some_and(|kind| is_form_body(kind, body)) {
            return self.read(body);
        }
        let mut found = vec![None; self.count];
        for (name, value) in form::fields(content_type.unwrap_or_default(), body) {
            if name == JSON_FIELD {
                fill(&self.root, value.as_bytes(), &mut found);
            }
            let Some(node) = self.root.children.get(&*name) else {
                continue;
            };
            if !node.children.is_empty() {
                fill(node, value.as_bytes(), &mut found);
            }
            if let Some(slot) = node.slot {
                found[slot] = Some(PathValue::Text(value.into_owned()));
            }
        }
        found
    }
}

/// The form field in which some senders put the JSON that is the body otherwise.
const JSON_FIELD: &str = "payload";

/// Reads a JSON document into the slots of a node and its children.
fn fill(node: &PathNode, json: &[u8], found: &mut [Option<PathValue>]) {
    if opens_json(json) {
        let mut reader = serde_json::Deserializer::from_slice(json);
        // What was found before a syntax error counts: a diagnosis wants the event of a truncated body.
        let _ = JsonReader(node, found).deserialize(&mut reader);
    }
}

/// Whether bytes begin like an object or an array.
fn opens_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether bytes are a JSON object or array, whatever their content type says: `curl -d` calls everything a form.
fn is_json(bytes: &[u8]) -> bool {
    opens_json(bytes) && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// The bytes without a byte order mark, which is no part of a document.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads the value at a node into the slots of the node and its children.
struct JsonReader<'a>(&'a PathNode, &'a mut [Option<PathValue>]);

impl JsonReader<'_> {
    fn set(&mut self, value: PathValue) {
        if let Some(slot) = self.0.slot {
            self.1[slot] = Some(value);
        }
    }

    /// What no path leads below is read as its text, so that a number stays as it is written.
    fn set_text<E: de::Error>(mut self, json: &str) -> Result<(), E> {
        match json.as_bytes().first() {
            Some(b'{' | b'[') => self.set(PathValue::Nested),
            Some(b'n') | None => {}
            Some(_) => {
                let text = json_text::scalar(json).ok_or_else(|| E::custom("a string that is no text"))?;
                self.set(PathValue::Text(text.into_owned()));
            }
        }
        Ok(())
    }

    /// A scalar where another path leads below it, so that it could have been an object: only here may a number be written
    /// otherwise than in the body.
    #[expect(clippy::unnecessary_wraps, reason = "the visitor's methods return it as it is")]
    fn scalar<E>(mut self, value: &impl ToString) -> Result<(), E> {
        self.set(PathValue::Text(value.to_string()));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for JsonReader<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.children.is_empty() {
            return self.set_text(<&RawValue>::deserialize(deserializer)?.get());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonReader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(&value)
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(&value)
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(&value)
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(&value)
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(&value)
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.set(PathValue::Nested);
        for index in 0.. {
            let more = match self.0.children.get(&index.to_string()) {
                Some(node) => seq.next_element_seed(JsonReader(node, self.1))?.is_some(),
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.set(PathValue::Nested);
        while let Some(child) = map.next_key_seed(KeyLookup(self.0))? {
            match child {
                Some(node) => map.next_value_seed(JsonReader(node, self.1))?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// Finds the child of a key without copying the key.
struct KeyLookup<'a>(&'a PathNode);

impl<'de, 'a> DeserializeSeed<'de> for KeyLookup<'a> {
    type Value = Option<&'a PathNode>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for KeyLookup<'a> {
    type Value = Option<&'a PathNode>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.children.get(key))
    }
}

/// The document of a body, as [`JsonPaths::read_as`] reads it: JSON, the JSON in the field [`JSON_FIELD`] of a form, or the
/// fields of a form as texts.
pub fn document(content_type: &str, body: &[u8]) -> Result<Value, serde_json::Error> {
    document_by(|json| serde_json::from_slice(json), content_type, body)
}

/// The same with a text in the place of each number, as it is written.
pub fn document_of_texts(content_type: &str, body: &[u8]) -> Result<Value, serde_json::Error> {
    document_by(json_text::with_numbers_as_text, content_type, body)
}

/// The same with a text in the place of what cannot be represented: a number beyond the range of a double, and what is nested
/// more than 127 levels deep.
pub fn document_with_texts(content_type: &str, body: &[u8]) -> Result<Value, serde_json::Error> {
    document_by(json_text::with_the_rest_as_text, content_type, body)
}

/// Reads the JSON of a body.
type ReadJson = fn(&[u8]) -> Result<Value, serde_json::Error>;

fn document_by(read: ReadJson, content_type: &str, body: &[u8]) -> Result<Value, serde_json::Error> {
    let body = without_bom(body);
    let json = read(body);
    // A number or a text may as well be a form without values.
    if !form::is_form(content_type) || matches!(json, Ok(Value::Object(_) | Value::Array(_))) {
        return json;
    }
    if let Some(payload) = payload(read, form::fields(content_type, body)) {
        return Ok(payload);
    }
    let fields = form::fields(content_type, body);
    Ok(fields.map(|(name, value)| (name.into_owned(), value)).collect())
}

/// The document of a body of which no type is known, such as a file: JSON, or the JSON in a form.
pub fn document_of_any(body: &[u8]) -> Result<Value, serde_json::Error> {
    let read: ReadJson = |json| serde_json::from_slice(json);
    read(without_bom(body)).or_else(|error| payload(read, form::fields("", body)).ok_or(error))
}

/// The object or array in the field [`JSON_FIELD`] of a form.
fn payload<'a>(read: ReadJson, mut fields: impl Iterator<Item = Field<'a>>) -> Option<Value> {
    let (_, text) = fields.find(|(name, _)| name == JSON_FIELD)?;
    let value = read(text.as_bytes()).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// Whether a body of that type is a form indeed, and no JSON under the name of one.
pub fn is_form_body(content_type: &str, body: &[u8]) -> bool {
    form::is_form(content_type) && !is_json(without_bom(body))
}

/// The value at a dotted path of a document.
pub fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    document.pointer(&pointer(path))
}

/// The value at a dotted path, to be changed.
pub fn get_mut<'a>(document: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    document.pointer_mut(&pointer(path))
}

/// A dotted path as a JSON pointer (RFC 6901).
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('~', "~0").replace('/', "~1").replace('.', "/"))
}

/// Writes a value at a dotted path, creating the objects on the path. `false` when a value on the path is
/// neither an object nor an array with that item.
pub fn insert(document: &mut Value, path: &str, value: Value) -> bool {
    let mut at = document;
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        if at.is_null() {
            *at = Value::Object(serde_json::Map::new());
        }
        let next = match at {
            Value::Object(map) => map.entry(key).or_insert(Value::Null),
            Value::Array(items) => match key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => item,
                None => return false,
            },
            _ => return false,
        };
        if keys.peek().is_none() {
            *next = value;
            return true;
        }
        at = next;
    }
    false
}

/// The path of a key of the value at a path.
pub fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Every dotted path to a scalar: the candidates for a suggestion.
pub fn leaf_paths(document: &Value) -> Vec<String> {
    fn walk(value: &Value, prefix: &str, paths: &mut Vec<String>) {
        let at = |key: &str| below(prefix, key);
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &at(key), paths)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(i, value)| walk(value, &at(&i.to_string()), paths)),
            _ => paths.push(prefix.to_owned()),
        }
    }
    let mut paths = Vec::new();
    walk(document, "", &mut paths);
    paths
}

/// RFC 7386: objects merge key by key, `null` removes, everything else replaces.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge_patch(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_read_in_one_pass_with_scalars_as_text() {
        let mut paths = JsonPaths::default();
        let slots = ["event", "data.id", "data.items.1.n", "data.items", "none", "data.ok"].map(|p| paths.add(p));
        assert_eq!(paths.add("event"), slots[0]);
        let found =
            paths.read(br#" {"event":"a\u00e9","data":{"items":[{"n":1},{"n":2.5}],"id":12,"ok":true},"none":null}"#);
        let text = |i: usize| found[slots[i]].as_ref().and_then(PathValue::text);
        assert_eq!(
            [text(0), text(1), text(2), text(4), text(5)],
            [Some("aé"), Some("12"), Some("2.5"), None, Some("true")]
        );
        assert_eq!(found[slots[3]], Some(PathValue::Nested));
    }

    #[test]
    fn numbers_keep_their_text() {
        let mut paths = JsonPaths::default();
        let slots = ["a", "b", "c.0", "d", "e.x"].map(|path| paths.add(path));
        let body = br#"{"a":10.00,"b":123456789012345678901234567890,"c":[-1.50e+5],"d":7,"e":0,"e":{"x":1.10}"#;
        let found = paths.read(body);
        let texts = slots.map(|slot| found[slot].as_ref().and_then(PathValue::text));
        let expected = ["10.00", "123456789012345678901234567890", "-1.50e+5", "7", "1.10"];
        assert_eq!(texts, expected.map(Some), "also of a body that is cut off");
        let signed = document_of_texts("", br#"{"-1":["2", "\"3", 1.10 ,-0],"a":{"b":1e5}}"#).unwrap();
        assert_eq!(signed, json!({"-1": ["2", "\"3", "1.10", "-0"], "a": {"b": "1e5"}}));
        assert!(document_of_texts("", b"[01]").is_err());
    }

    #[test]
    fn a_cut_off_body_still_gives_what_came_before_and_a_text_body_nothing() {
        let mut paths = JsonPaths::default();
        let slot = paths.add("event");
        assert_eq!(
            paths.read(br#"{"event":"a","data":{"#)[slot],
            Some(PathValue::Text("a".into()))
        );
        assert_eq!(paths.read(b"event=a")[slot], None);
        assert_eq!(paths.read(b"")[slot], None);
    }

    #[test]
    fn json_is_read_under_every_name_that_senders_give_it() {
        const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
        let json = br#"{"event":"a","data":{"id":12}}"#;
        let in_field = |name: &str| {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("other", "1")
                .append_pair(name, std::str::from_utf8(json).unwrap());
            form.finish().into_bytes()
        };
        let mut paths = JsonPaths::default();
        let slots = ["event", "data.id", "mine.event", "other"].map(|path| paths.add(path));
        let with_mark = [b"\xef\xbb\xbf", &json[..]].concat();
        for (kind, body, wanted) in [
            (FORM, json.to_vec(), [Some("a"), Some("12"), None, None]),
            (
                "application/json",
                with_mark.clone(),
                [Some("a"), Some("12"), None, None],
            ),
            (FORM, with_mark, [Some("a"), Some("12"), None, None]),
            (FORM, in_field("payload"), [Some("a"), Some("12"), None, Some("1")]),
            (FORM, in_field("mine"), [None, None, Some("a"), Some("1")]),
            (
                FORM,
                b"event=b&data.id=1&other=%7B".to_vec(),
                [Some("b"), None, None, Some("{")],
            ),
        ] {
            let found = paths.read_as(Some(kind), &body);
            let texts = slots.map(|slot| found[slot].as_ref().and_then(PathValue::text));
            assert_eq!(texts, wanted, "{}", String::from_utf8_lossy(&body));
            let document = document(kind, &body).unwrap();
            assert_eq!(get(&document, "event").and_then(Value::as_str), wanted[0]);
        }
        assert_eq!(document_of_any(&in_field("payload")).unwrap()["event"], "a");
        assert!(document_of_any(b"event=b").is_err());
    }

    #[test]
    fn values_are_found_written_and_merged_by_path() {
        let mut document = json!({"a": {"b": [1, 2]}});
        assert_eq!(get(&document, "a.b.1"), Some(&json!(2)));
        assert!(insert(&mut document, "a.c.d", json!("x")));
        assert!(!insert(&mut document, "a.b.x", json!(0)));
        assert!(!insert(&mut document, "a.b.0.z", json!(0)));
        assert_eq!(document, json!({"a": {"b": [1, 2], "c": {"d": "x"}}}));
        merge_patch(&mut document, &json!({"a": {"b": null, "e": 1}}));
        assert_eq!(document, json!({"a": {"c": {"d": "x"}, "e": 1}}));
        assert_eq!(leaf_paths(&document), ["a.c.d", "a.e"]);
    }
}
