//! Workflow bodies: requests that a user of a provider shapes with merge tags, `{{contact.email}}`.

use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::near::near_names;
use crate::json::leaf_paths;
use crate::json_text::{self, Piece};

/// What rendering came upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagFault {
    /// The record has no such field.
    Unknown {
        /// As written.
        tag: String,
        /// Near fields.
        near: Vec<String>,
    },
    /// A tag begins and does not end.
    Unclosed {
        /// From where it begins.
        text: String,
    },
    /// A tag ends that lacks a brace at its beginning.
    Unopened {
        /// As written.
        text: String,
    },
    /// The field is there, but holds nothing.
    Empty {
        /// As written.
        tag: String,
    },
    /// The record has the field at its top, where the provider's own records have namespaces.
    Bare {
        /// As written.
        tag: String,
        /// Near fields of the provider's.
        near: Vec<String>,
    },
}

/// Characters of a tag without an end that are shown.
const SHOWN: usize = 40;

/// Fills merge tags from a record and collects what is wrong with them.
#[derive(Debug)]
pub struct Merge<'a> {
    context: &'a str,
    sample: Option<&'a Value>,
    /// In order of appearance.
    pub faults: Vec<TagFault>,
}

impl<'a> Merge<'a> {
    /// Tags are paths into that record, a JSON text.
    pub fn new(context: &'a str) -> Self {
        Self {
            context,
            sample: None,
            faults: Vec::new(),
        }
    }

    /// With the provider's sample record, by whose namespaces tags are judged.
    #[must_use]
    pub fn within(mut self, sample: Option<&'a Value>) -> Self {
        self.sample = sample;
        self
    }

    /// A URL with its tags filled in, percent-encoded so that a value stays in its place.
    pub fn url(&mut self, text: &str) -> String {
        self.fill(text, encoded)
    }

    /// A text with its tags filled in, as JSON. A text that is one tag keeps the field's type.
    pub fn text(&mut self, text: &str) -> String {
        if let Some(tag) = only_tag(text) {
            return self.field(tag);
        }
        json_text::quoted(&self.fill(text, str::to_owned))
    }

    fn fill(&mut self, text: &str, write: fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let end = rest[start..].find("}}").map(|end| start + end);
            let tag = end.map(|end| &rest[start + 2..end]);
            // A tag within a tag is one that was not closed.
            let (Some(end), Some(tag)) = (end, tag.filter(|tag| !tag.contains("{{"))) else {
                let text = rest[start..].chars().take(SHOWN).collect();
                self.faults.push(TagFault::Unclosed { text });
                filled.push_str(rest);
                return filled;
            };
            self.check_literal(&rest[..start]);
            filled.push_str(&rest[..start]);
            let value = self.field(tag.trim());
            if value != "null" {
                filled.push_str(&write(&json_text::bare(&value)));
            }
            rest = &rest[end + 2..];
        }
        self.check_literal(rest);
        filled.push_str(rest);
        filled
    }

    /// Looks for `{contact.email}}` in a text between tags. Braces around anything but a dotted path belong to the text.
    fn check_literal(&mut self, text: &str) {
        let ends = text.match_indices("}}").map(|(end, _)| &text[..end]);
        let unopened = ends
            .filter_map(|before| Some(before.rsplit_once('{')?.1))
            .find(|inner| {
                let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
                inner.contains('.') && inner.trim().split('.').all(is_name)
            });
        let fault = |inner: &str| TagFault::Unopened {
            text: format!("{{{inner}}}}}"),
        };
        self.faults.extend(unopened.map(fault));
    }

    /// A JSON text with the tags in all of its strings filled in.
    pub fn document(&mut self, document: &str) -> Result<String, serde_json::Error> {
        let pieces = json_text::pieces(document)?.into_iter();
        let filled = pieces.map(|piece| match piece {
            Piece::String(text) => self.text(&text),
            Piece::Other(other) => other,
        });
        Ok(filled.collect())
    }

    /// `name=template` pairs as an object.
    pub fn fields(&mut self, fields: &[(String, String)]) -> String {
        let fields = fields.iter().map(|(name, text)| (name.clone(), self.text(text)));
        json_text::object(&fields.collect::<IndexMap<_, _>>())
    }

    fn field(&mut self, tag: &str) -> String {
        let tag_in = |record: &Value| {
            let paths = leaf_paths(record);
            (tag.to_owned(), near_names(tag, paths.iter().map(String::as_str)))
        };
        let Some(value) = json_text::get(self.context, tag) else {
            let (tag, near) = tag_in(&serde_json::from_str(self.context).unwrap_or_default());
            self.faults.push(TagFault::Unknown { tag, near });
            // An unknown tag renders as nothing, so that all faults of a text are found at once.
            return "null".to_owned();
        };
        if matches!(value, "null" | "\"\"") {
            self.faults.push(TagFault::Empty { tag: tag.to_owned() });
        }
        if let Some(sample) = self.sample.filter(|_| !tag.contains('.')) {
            let (tag, near) = tag_in(sample);
            self.faults.push(TagFault::Bare { tag, near });
        }
        json_text::compact(value).unwrap_or_else(|_| value.to_owned())
    }
}

/// Letters, digits and `-._~` stay; the rest becomes `%XX`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn only_tag(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tags_keep_their_type_alone_and_are_text_within_text() {
        let context =
            r#"{"contact": {"email": "pat@example.com", "full_name": "Pat \"P\" Example", "age": 40.00, "note": ""}}"#;
        let mut merge = Merge::new(context);
        let fields = [
            ("age", "{{contact.age}}"),
            ("hello", "Hi {{ contact.full_name }}!"),
            ("plain", "x"),
        ];
        let fields: Vec<_> = fields.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        assert_eq!(
            merge.fields(&fields),
            r#"{"age":40.00,"hello":"Hi Pat \"P\" Example!","plain":"x"}"#
        );
        assert!(merge.faults.is_empty());
        for unclosed in ["{{contact.age", "{{contact.age}", "a {{contact.age} b {{contact.age}}"] {
            merge.text(unclosed);
            assert!(
                matches!(merge.faults.pop(), Some(TagFault::Unclosed { .. })),
                "{unclosed}"
            );
        }
        for unopened in [
            "{contact.age}}",
            "a { contact.age }} b",
            "{contact.age}} {{contact.age}}",
        ] {
            merge.text(unopened);
            assert!(
                matches!(merge.faults.pop(), Some(TagFault::Unopened { .. })),
                "{unopened}"
            );
        }
        for text in [
            "{\"a\":{\"b\":1}}",
            "{a{b}}",
            "{a{b:1.5}}",
            "}}",
            "{{contact.age}}}}",
            "{ a { b } }}",
        ] {
            merge.text(text);
            assert_eq!(merge.faults, [], "{text}");
        }
        merge.text("{{contact.note}}");
        merge.text("a {{email}}");
        assert_eq!(
            merge.faults,
            [
                TagFault::Empty {
                    tag: "contact.note".into()
                },
                TagFault::Unknown {
                    tag: "email".into(),
                    near: vec!["contact.email".into()]
                }
            ]
        );
    }

    #[test]
    fn a_tag_in_a_url_cannot_leave_its_place() {
        let context = r#"{"contact": {"id": "a/b?c&d é"}}"#;
        let mut merge = Merge::new(context);
        assert_eq!(
            merge.url("https://a.example/{{contact.id}}?x=1"),
            "https://a.example/a%2Fb%3Fc%26d%20%C3%A9?x=1"
        );
    }

    #[test]
    fn a_tag_without_namespace_is_noted_where_the_provider_has_them() {
        let (context, sample) = (r#"{"email": "pat@example.com"}"#, json!({"contact": {"email": ""}}));
        let mut merge = Merge::new(context);
        merge.text("{{email}}");
        assert!(merge.faults.is_empty());
        let mut merge = merge.within(Some(&sample));
        assert_eq!(merge.text("{{email}}"), "\"pat@example.com\"");
        let near = vec!["contact.email".to_owned()];
        assert_eq!(
            merge.faults,
            [TagFault::Bare {
                tag: "email".into(),
                near
            }]
        );
    }
}
