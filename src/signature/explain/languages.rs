//! Data as languages print it: what a sender signs that formats the data and not the JSON.

use super::context::SearchContext;
use super::documents::HINT;
use super::json::{self, JsonNode};
use super::json_style::Numbers;
use super::mistake::{Change, Rank, Sink, mistake};
use super::numbers::number;

/// How a language prints data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    /// `{'a': 1, 'b': None}`
    Python,
    /// `{"a"=>1, "b"=>nil}`
    Ruby,
    /// `{a=1, b=null}`
    Java,
    /// `map[a:1 b:<nil>]`
    Go,
}

/// The body's data as a language prints it.
pub(super) fn printed(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(node) = context.document() else { return false };
    [
        (Language::Python, "Python prints it (`str(data)`)"),
        (Language::Ruby, "Ruby prints it (`data.to_s`)"),
        (Language::Java, "Java prints it (`Map.toString()`)"),
        (Language::Go, "Go prints it (`%v` of a map)"),
    ]
    .into_iter()
    .any(|(language, how)| {
        let text = context.make(|| {
            let mut out = String::with_capacity(context.case.received.body.len() * 2);
            language.node(node, &mut out);
            out.into_bytes()
        });
        let said = format!("the sender signs the data as {how}, and not the JSON that it sends");
        text.is_some_and(|text| sink(Change::new(Rank::Rare, text, mistake("body-reserialised", said, HINT))))
    }) || {
        let text = context.make(|| {
            let mut out = String::with_capacity(context.case.received.body.len() * 2);
            serialized(node, &mut out);
            out.into_bytes()
        });
        let said = "the sender signs the data as PHP's `serialize` writes it, and not the JSON that it sends";
        text.is_some_and(|text| sink(Change::new(Rank::Rare, text, mistake("body-reserialised", said, HINT))))
    }
}

/// As PHP serializes what `json_decode` reads into arrays.
fn serialized(node: &JsonNode<'_>, out: &mut String) {
    match node {
        JsonNode::Word("null") => out.push_str("N;"),
        JsonNode::Word(word) => out.push_str(if *word == "true" { "b:1;" } else { "b:0;" }),
        JsonNode::Number(text) if text.contains(['.', 'e', 'E']) => {
            out.extend(["d:", &number(text, Numbers::JavaScript), ";"]);
        }
        JsonNode::Number(text) => out.extend(["i:", text, ";"]),
        JsonNode::Text(raw) => serialized_text(&json::text(raw), out),
        JsonNode::Array(items) => {
            out.extend(["a:", &items.len().to_string(), ":{"]);
            for (at, item) in items.iter().enumerate() {
                out.extend(["i:", &at.to_string(), ";"]);
                serialized(item, out);
            }
            out.push('}');
        }
        JsonNode::Object(members) => {
            out.extend(["a:", &members.len().to_string(), ":{"]);
            for (name, value) in members {
                let name = json::text(name);
                // PHP makes a number of a name that is one.
                if name.parse::<i64>().is_ok_and(|number| number.to_string() == name) {
                    out.extend(["i:", &name, ";"]);
                } else {
                    serialized_text(&name, out);
                }
                serialized(value, out);
            }
            out.push('}');
        }
    }
}

fn serialized_text(text: &str, out: &mut String) {
    out.extend(["s:", &text.len().to_string(), ":\"", text, "\";"]);
}

impl Language {
    fn node(self, node: &JsonNode<'_>, out: &mut String) {
        match node {
            JsonNode::Number(text) if self == Self::Java => out.push_str(text),
            JsonNode::Number(text) if self == Self::Go => out.push_str(&number(text, Numbers::JavaScript)),
            JsonNode::Number(text) => out.push_str(&number(text, Numbers::Python)),
            JsonNode::Word(word) => out.push_str(match (self, *word) {
                (Self::Python, "true") => "True",
                (Self::Python, "false") => "False",
                (Self::Python, "null") => "None",
                (Self::Ruby, "null") => "nil",
                (Self::Go, "null") => "<nil>",
                (_, word) => word,
            }),
            JsonNode::Text(raw) => self.text(&json::text(raw), out),
            JsonNode::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { self.separator() } else { "" });
                    self.node(item, out);
                }
                out.push(']');
            }
            JsonNode::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self == Self::Go {
                    members.sort_by_cached_key(|(name, _)| json::text(name));
                }
                out.push_str(if self == Self::Go { "map[" } else { "{" });
                for (at, (name, value)) in members.into_iter().enumerate() {
                    out.push_str(if at > 0 { self.separator() } else { "" });
                    self.text(&json::text(name), out);
                    out.push_str(match self {
                        Self::Python => ": ",
                        Self::Ruby => "=>",
                        Self::Java => "=",
                        Self::Go => ":",
                    });
                    self.node(value, out);
                }
                out.push(if self == Self::Go { ']' } else { '}' });
            }
        }
    }

    fn separator(self) -> &'static str {
        if self == Self::Go { " " } else { ", " }
    }

    fn text(self, text: &str, out: &mut String) {
        let quote = match self {
            Self::Java | Self::Go => return out.push_str(text),
            Self::Python if !text.contains('\'') || text.contains('"') => '\'',
            Self::Python | Self::Ruby => '"',
        };
        out.push(quote);
        for c in text.chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\\' => out.push_str("\\\\"),
                c if c == quote => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out.push(quote);
    }
}
