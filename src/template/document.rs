//! JSON documents whose texts are templates: the bodies of API calls and handshakes. The same document is used to write a body
//! and to find its parts in a received one.

use std::convert::Infallible;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{Name, Template, TemplateError};

/// A JSON document with placeholders in its texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Document<P = super::Placeholder> {
    /// Without placeholders.
    Fixed(Value),
    /// With some.
    Text(Template<P>),
    /// An array.
    List(Vec<Self>),
    /// An object, in its order.
    Object(Vec<(String, Self)>),
}

impl<P> Document<P> {
    /// Compiles a document whose placeholders `read` knows.
    pub fn compile(value: Value, read: &impl Fn(&str) -> Option<P>) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => match Template::parse_with(&text, read)? {
                template if template.is_constant() => Self::Fixed(Value::from(template.render(|_| None))),
                template => Self::Text(template),
            },
            Value::Array(items) => {
                let items = items.into_iter().map(|item| Self::compile(item, read));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let field = |(name, field)| Ok((name, Self::compile(field, read)?));
                Self::Object(fields.into_iter().map(field).collect::<Result<_, _>>()?)
            }
            other => Self::Fixed(other),
        })
    }

    /// The document with every placeholder filled in; one that is a whole text keeps the type of its value.
    pub fn try_fill<E>(&self, value: &mut impl FnMut(&P) -> Result<Value, E>) -> Result<Value, E> {
        match self {
            Self::Fixed(fixed) => Ok(fixed.clone()),
            Self::Text(template) => template.try_value(value),
            Self::List(items) => items.iter().map(|item| item.try_fill(value)).collect(),
            Self::Object(fields) => {
                let field = |(name, field): &(String, Self)| Ok((name.clone(), field.try_fill(value)?));
                fields.iter().map(field).collect()
            }
        }
    }

    /// The same where every placeholder has a value.
    pub fn value(&self, value: &mut impl FnMut(&P) -> Value) -> Value {
        match self.try_fill(&mut |placeholder| Ok::<_, Infallible>(value(placeholder))) {
            Ok(value) => value,
        }
    }

    /// Whether another document has the same fixed parts and a value for every placeholder. Additional fields are ignored.
    pub fn fits(&self, document: &Value) -> bool {
        match (self, document) {
            (Self::Fixed(wanted), has) => wanted == has,
            (Self::Text(template), has) => template.single().is_some() || has.is_string(),
            (Self::List(wanted), Value::Array(has)) => {
                wanted.len() == has.len() && wanted.iter().zip(has).all(|(item, value)| item.fits(value))
            }
            (Self::Object(wanted), Value::Object(has)) => wanted
                .iter()
                .all(|(name, field)| has.get(name).is_some_and(|value| field.fits(value))),
            _ => false,
        }
    }

    /// The text, when it is one and not JSON.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(template) => Some(&template.text),
            Self::Fixed(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// How many values it has, placeholders among them.
    pub fn size(&self) -> usize {
        match self {
            Self::Fixed(_) | Self::Text(_) => 1,
            Self::List(items) => items.iter().map(Self::size).sum::<usize>().max(1),
            Self::Object(fields) => fields.iter().map(|(_, field)| field.size()).sum(),
        }
    }

    /// Every placeholder, in order.
    pub fn placeholders(&self) -> Vec<&P> {
        self.templates().into_iter().flat_map(Template::placeholders).collect()
    }

    /// Every text with placeholders, in order.
    pub fn templates(&self) -> Vec<&Template<P>> {
        let mut found = Vec::new();
        self.walk(&mut Vec::new(), &mut |template, _| found.push(template));
        found
    }

    /// The placeholder, when the document is that and nothing else.
    pub fn single(&self) -> Option<&P> {
        match self {
            Self::Text(template) => template.single(),
            _ => None,
        }
    }

    /// The dotted path of the text that is that placeholder and nothing else; the last one, if there are several.
    pub fn path_of(&self, is: impl Fn(&P) -> bool) -> Option<String> {
        let mut path = None;
        self.walk(&mut Vec::new(), &mut |template, at| {
            if template.single().is_some_and(&is) {
                path = Some(at.join("."));
            }
        });
        path
    }

    fn walk<'a>(&'a self, path: &mut Vec<String>, found: &mut impl FnMut(&'a Template<P>, &[String])) {
        let mut below = |name: String, part: &'a Self| {
            path.push(name);
            part.walk(path, found);
            path.pop();
        };
        match self {
            Self::Fixed(_) => {}
            Self::Text(template) => found(template, path),
            Self::List(items) => items
                .iter()
                .enumerate()
                .for_each(|(number, item)| below(number.to_string(), item)),
            Self::Object(fields) => fields.iter().for_each(|(name, field)| below(name.clone(), field)),
        }
    }
}

impl Document<String> {
    /// The document with every placeholder filled in by its name; null where `value` returns none.
    pub fn fill(&self, value: impl Fn(&str) -> Option<Value>) -> Value {
        self.value(&mut |name| value(name).unwrap_or_default())
    }

    /// A document that the program itself writes down.
    pub fn builtin(value: Value) -> Self {
        Self::compile(value, &String::read).unwrap_or_default()
    }

    /// The dotted path of a placeholder.
    pub fn place_of(&self, name: &str) -> Option<String> {
        self.path_of(|have| have == name)
    }

    /// Refuses placeholders that are not among `known`. The error is a clause.
    pub fn check(&self, known: &[&str]) -> Result<(), String> {
        let mut placeholders = self.placeholders().into_iter();
        match placeholders.find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("unknown placeholder `${{{name}}}`")),
            None => Ok(()),
        }
    }
}

impl<P> Default for Document<P> {
    fn default() -> Self {
        Self::Fixed(Value::Null)
    }
}

/// As JSON, with the placeholders as they are written.
impl<P> Serialize for Document<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(value) => value.serialize(serializer),
            Self::Text(template) => template.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, field)?;
                }
                map.end()
            }
        }
    }
}

/// From JSON text.
impl<'de, P: Name> Deserialize<'de> for Document<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::compile(json(deserializer)?, &P::read).map_err(de::Error::custom)
    }
}

/// Reads a text that is JSON.
pub fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(|error| de::Error::custom(format_args!("it is not JSON: {error}")))
}

/// Reads the body of a request or of an answer, as a provider file states it: JSON where the text begins with `{` or `[`.
pub fn body<'de, P: Name, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Document<P>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = if text.trim_start().starts_with(['{', '[']) {
        json(de::value::StringDeserializer::new(text))?
    } else {
        Value::String(text)
    };
    Document::compile(value, &P::read).map(Some).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Document<String> {
        Document::compile(value, &String::read).unwrap()
    }

    #[test]
    fn a_document_is_filled_and_its_placeholders_are_found_again() {
        let document = document(json!({"error": {"code": "${code}", "list": [1, "${status}"], "fixed": "code"}}));
        let filled = document.fill(|name| (name == "code").then(|| json!("LIMIT")));
        assert_eq!(
            filled,
            json!({"error": {"code": "LIMIT", "list": [1, null], "fixed": "code"}})
        );
        assert_eq!(document.place_of("code").as_deref(), Some("error.code"));
        assert_eq!(document.place_of("status").as_deref(), Some("error.list.1"));
        assert_eq!(document.place_of("message"), None);
        assert_eq!(document.check(&["code"]), Err("unknown placeholder `${status}`".into()));
        assert_eq!(document.check(&["code", "status"]), Ok(()));
    }

    #[test]
    fn a_placeholder_alone_keeps_its_type_and_is_text_within_text() {
        let document = document(json!(["${n}", "n is ${n}", "$${n}"]));
        assert_eq!(document.fill(|_| Some(json!(7))), json!([7, "n is 7", "${n}"]));
        assert!(document.fits(&json!([true, "any", "${n}"])));
        assert!(!document.fits(&json!([true, 7, "${n}"])));
    }
}
