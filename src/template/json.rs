//! JSON text whose strings are templates: numbers keep their digits, and objects their equal names.

use serde_json::Value;

use super::{Document, Part, Placeholder, Template, TemplateError};
use crate::json_text::{self, Piece};

/// A JSON text with placeholders in its strings.
#[derive(Debug, Clone)]
pub struct JsonTemplate(Vec<Part<Template>>);

impl JsonTemplate {
    /// Compiles a JSON text whose placeholders `read` knows. The blanks between its values are left out.
    pub fn compile(text: &str, read: impl Fn(&str) -> Option<Placeholder>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let invalid = |error: serde_json::Error| TemplateError {
            what: format!("it is not JSON: {error}"),
            position: error.column(),
            text: text.to_owned(),
        };
        for piece in json_text::pieces(text).map_err(invalid)? {
            match piece {
                Piece::Other(other) => fixed.push_str(&other),
                Piece::String(string) => match Template::parse_with(&string, &read)? {
                    template if template.is_constant() => {
                        fixed.push_str(&json_text::quoted(&template.render(|_| None).unwrap_or_default()));
                    }
                    template => {
                        parts.extend([Part::Text(std::mem::take(&mut fixed)), Part::Placeholder(template)]);
                    }
                },
            }
        }
        parts.push(Part::Text(fixed));
        Ok(Self(parts))
    }

    /// A JSON text in which `${` is plain text.
    pub fn fixed(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self(vec![Part::Text(json_text::compact(text)?)]))
    }

    /// Every placeholder, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        let templates = self.0.iter().filter_map(|part| match part {
            Part::Placeholder(template) => Some(template),
            Part::Text(_) => None,
        });
        templates.flat_map(Template::placeholders)
    }

    /// The JSON text with every placeholder filled in; one that is a whole string keeps the type of its value.
    pub fn value(&self, value: &mut impl FnMut(&Placeholder) -> Value) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(template) => template.value(value).to_string(),
        });
        parts.collect()
    }
}

impl<P> Document<P> {
    /// The document as JSON text, with every placeholder filled in by JSON text.
    pub fn json(&self, value: &mut impl FnMut(&P) -> String) -> String {
        match self {
            Self::Fixed(fixed) => fixed.to_string(),
            Self::Text(template) => match template.single() {
                Some(placeholder) => value(placeholder),
                None => {
                    let text = template.render(|placeholder| Some(json_text::bare(&value(placeholder))));
                    json_text::quoted(&text.unwrap_or_default())
                }
            },
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.json(value)).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(fields) => {
                let field = |(name, field): &(String, Self)| (name.clone(), field.json(value));
                json_text::object(&fields.iter().map(field).collect())
            }
        }
    }
}
