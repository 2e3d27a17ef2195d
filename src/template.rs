//! The one engine for `${name}`: text with placeholders, compiled once. Bodies are full of braces, hence the dollar. Of the
//! dollars right before a brace two stand for one, so that `$${` is a literal `${`, and `$$${name}` a `$` before a placeholder.
//! Each place has its own vocabulary of names, see [`Name`].

mod document;
mod json;
mod pieces;
mod placeholder;

use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

pub use document::{Document, body, json};
pub use json::JsonTemplate;
pub use placeholder::{Placeholder, Scope, TimeForm};

use crate::random::Random;

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq)]
pub struct Template<P = Placeholder> {
    text: String,
    parts: Vec<Part<P>>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<P = Placeholder> {
    /// Fixed text.
    Text(String),
    /// To be filled in.
    Placeholder(P),
}

/// A vocabulary: the names between `${` and `}`.
pub trait Name: Sized {
    /// The placeholder of a name; `None` when there is none.
    fn read(name: &str) -> Option<Self>;
}

/// Any name: the owner of the template checks them.
impl Name for String {
    fn read(name: &str) -> Option<Self> {
        Some(name.to_owned())
    }
}

/// Why a template does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at character {position} of `{text}`")]
pub struct TemplateError {
    /// The fact.
    pub what: String,
    /// Counted from 1.
    pub position: usize,
    /// The whole template.
    pub text: String,
}

impl<P> Default for Template<P> {
    fn default() -> Self {
        Self {
            text: String::new(),
            parts: Vec::new(),
        }
    }
}

impl<P> Template<P> {
    /// Compiles a template of the placeholders that `read` knows.
    pub fn parse_with(text: &str, read: impl Fn(&str) -> Option<P>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, opened) = rest.split_at(start);
            let text_before = before.trim_end_matches('$');
            let dollars = before.len() - text_before.len() + 1;
            // Two dollars before the brace stand for one; an odd one begins a placeholder.
            fixed.push_str(text_before);
            fixed.push_str(&before[text_before.len()..][..dollars / 2]);
            if dollars % 2 == 0 {
                fixed.push('{');
                rest = &opened[2..];
                continue;
            }
            let error = |what: String| TemplateError {
                what,
                position: text[..text.len() - opened.len()].chars().count() + 1,
                text: text.to_owned(),
            };
            let end = opened.find('}').ok_or_else(|| error("unclosed placeholder".into()))?;
            let name = &opened[2..end];
            let known = read(name).ok_or_else(|| {
                let why = placeholder::wrong_length(name).map_or_else(String::new, |why| format!(": {why}"));
                error(format!("unknown placeholder `${{{name}}}`{why}"))
            })?;
            if !fixed.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut fixed)));
            }
            parts.push(Part::Placeholder(known));
            rest = &opened[end + 1..];
        }
        fixed.push_str(rest);
        if !fixed.is_empty() {
            parts.push(Part::Text(fixed));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part<P>] {
        &self.parts
    }

    /// The placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &P> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// The placeholder, when the template is that and nothing else.
    pub fn single(&self) -> Option<&P> {
        match self.parts.as_slice() {
            [Part::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// The only placeholder with the fixed texts before and after it; `None` when there is none or several.
    pub fn around(&self) -> Option<(&str, &P, &str)> {
        match self.parts.as_slice() {
            [Part::Placeholder(only)] => Some(("", only, "")),
            [Part::Text(before), Part::Placeholder(only)] => Some((before, only, "")),
            [Part::Placeholder(only), Part::Text(after)] => Some(("", only, after)),
            [Part::Text(before), Part::Placeholder(only), Part::Text(after)] => Some((before, only, after)),
            _ => None,
        }
    }

    /// Whether the template has no placeholder.
    pub fn is_constant(&self) -> bool {
        self.placeholders().next().is_none()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Fills in every placeholder by `value`; `None` as soon as one has no value.
    pub fn render<'a>(&'a self, mut value: impl FnMut(&'a P) -> Option<String>) -> Option<String> {
        self.try_render(|placeholder| value(placeholder).ok_or(())).ok()
    }

    /// Like [`Template::render`], with the reason why a placeholder has no value.
    pub fn try_render<'a, E>(&'a self, mut value: impl FnMut(&'a P) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Placeholder(placeholder) => text.push_str(&value(placeholder)?),
            }
        }
        Ok(text)
    }

    /// The template as a value: one placeholder alone keeps its type, anything else is text.
    pub fn try_value<E>(&self, value: &mut impl FnMut(&P) -> Result<Value, E>) -> Result<Value, E> {
        match self.single() {
            Some(placeholder) => value(placeholder),
            None => self
                .try_render(|placeholder| value(placeholder).map(|value| text_of(&value)))
                .map(Value::String),
        }
    }

    /// The same where every placeholder has a value.
    pub fn value(&self, value: &mut impl FnMut(&P) -> Value) -> Value {
        match self.try_value(&mut |placeholder| Ok::<_, Infallible>(value(placeholder))) {
            Ok(value) => value,
        }
    }
}

impl Template {
    /// Compiles a template, refusing placeholders that its place does not know.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, TemplateError> {
        Self::parse_with(text, |name| scope.read(name))
    }

    /// A template that the program itself writes down.
    pub fn builtin(text: &'static str) -> Self {
        let template = Self::parse_with(text, Placeholder::read);
        debug_assert!(template.is_ok(), "{text}");
        template.unwrap_or_default()
    }

    /// Whether all placeholders are ones that a place knows.
    pub fn check(&self, scope: Scope) -> Result<(), TemplateError> {
        Self::parse(&self.text, scope).map(drop)
    }

    /// Renders a template of `${new.*}` placeholders only.
    pub fn fresh(&self, random: &Random) -> String {
        self.render(|placeholder| match placeholder {
            Placeholder::New(kind, _) => Some(text_of(&kind.value(random))),
            _ => None,
        })
        .unwrap_or_default()
    }
}

/// A scalar as bare text: strings without quotes.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<P> fmt::Display for Template<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<P> Serialize for Template<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, P: Name> Deserialize<'de> for Template<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_with(&String::deserialize(deserializer)?, P::read).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::placeholder::{EventTimeForm, NewKind};
    use super::*;
    use crate::clock::Precision;

    #[test]
    fn placeholders_are_compiled_and_rendered_in_place() {
        let template = Template::parse("t=${timestamp},v1=${signature}", Scope::SignatureValue).unwrap();
        let text = template.render(|p| {
            Some(if *p == Placeholder::Signature {
                "ab".into()
            } else {
                "12".into()
            })
        });
        assert_eq!(text.as_deref(), Some("t=12,v1=ab"));
        assert_eq!(template.to_string(), "t=${timestamp},v1=${signature}");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error_with_its_position() {
        let error = Template::parse("ä=${tiemstamp}", Scope::Content).unwrap_err();
        assert_eq!(
            (error.position, error.what.as_str()),
            (3, "unknown placeholder `${tiemstamp}`")
        );
        assert!(
            Template::parse("${body}", Scope::Message).is_err(),
            "a body cannot hold itself"
        );
        assert_eq!(
            Template::parse("a${event", Scope::Message).unwrap_err().what,
            "unclosed placeholder"
        );
    }

    #[test]
    fn fresh_identities_have_their_form_and_differ() {
        let template = Template::parse("evt_${new.hex24}", Scope::Fresh).unwrap();
        let (a, b) = (template.fresh(&Random::os()), template.fresh(&Random::os()));
        assert_eq!(a.len(), 28);
        assert_ne!(a, b);
        let number = NewKind::Int(5).value(&Random::os());
        assert!((10_000..100_000).contains(&number.as_i64().unwrap()));
    }

    #[test]
    fn digits_may_be_text_and_a_number_of_too_many_digits_says_so() {
        let filled = |text: &str| {
            let template = Template::parse(text, Scope::Fresh).unwrap();
            let Some(Placeholder::New(kind, _)) = template.single() else {
                panic!("{text}")
            };
            kind.value(&Random::os())
        };
        let digits = filled("${new.digits18}");
        let digits = digits.as_str().expect("text");
        assert!(digits.len() == 18 && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'));
        assert!(filled("${new.int3}").is_u64());
        let run = Random::os();
        let serials: std::collections::HashSet<_> = (0..900).map(|_| NewKind::Serial(3).value(&run).as_u64()).collect();
        assert_eq!(serials.len(), 900, "each number of three digits once");
        assert!(serials.iter().all(|number| (100..1000).contains(&number.unwrap())));
        let error = Template::parse("${new.int16}", Scope::Fresh).unwrap_err();
        assert!(
            error.what.contains("1 to 15") && error.what.contains("new.digitsN"),
            "{error}"
        );
    }

    #[test]
    fn a_moment_is_written_in_every_form_and_read_back() {
        let at = crate::clock::Timestamp::from_unix_us(1_893_553_445_250_000);
        for (form, text, number) in [
            ("unix_text", "1893553445", false),
            ("unix_fraction", "1893553445.25", true),
            ("datetime_us", "2030-01-02T03:04:05.250000", false),
            ("http", "Wed, 02 Jan 2030 03:04:05 GMT", false),
        ] {
            let template = Template::parse(&format!("${{time.{form}}}"), Scope::Message).unwrap();
            let Some(Placeholder::Time(form, 0)) = template.single() else {
                panic!("{form}")
            };
            let value = form.value(at);
            assert_eq!((text_of(&value).as_str(), value.is_number()), (text, number));
            let read = crate::clock::Timestamp::parse_any(text).expect(text);
            assert_eq!(read.unix(), at.unix(), "{text}");
        }
    }

    #[test]
    fn event_times_can_be_shifted() {
        let template = Template::parse("${time.rfc3339_ms+30m}", Scope::Message).unwrap();
        assert_eq!(
            template.single(),
            Some(&Placeholder::Time(
                EventTimeForm::Plain(TimeForm::Rfc3339(Precision::Millis)),
                1_800_000_000
            ))
        );
        assert!(Template::parse("${time.rfc3339+x}", Scope::Message).is_err());
    }

    #[test]
    fn a_literal_dollar_brace_is_written_with_two_dollars() {
        let template = Template::parse("a $${event} ${event}$${", Scope::Message).unwrap();
        let text = template.render(|_| Some("x".into()));
        assert_eq!(text.as_deref(), Some("a ${event} x${"));
        assert_eq!(template.placeholders().count(), 1);
        for (text, filled) in [
            ("$$${event}", "$x"),
            ("$$$${event}", "$${event}"),
            ("$$$$${event}$$", "$$x$$"),
            ("$5 $$ $} {$", "$5 $$ $} {$"),
        ] {
            let template = Template::parse(text, Scope::Message).unwrap();
            assert_eq!(template.render(|_| Some("x".into())).as_deref(), Some(filled), "{text}");
        }
    }

    /// Text as a template has it: dollars are doubled where a brace or a placeholder follows.
    fn escaped(text: &str, placeholder_follows: bool) -> String {
        let mut written = String::new();
        for (at, c) in text.char_indices() {
            let after = text[at..].trim_start_matches('$');
            let is_doubled = c == '$' && (after.starts_with('{') || after.is_empty() && placeholder_follows);
            written.push_str(if is_doubled { "$$" } else { "" });
            written.extend((!is_doubled).then_some(c));
        }
        written
    }

    proptest! {
        /// Whatever a text holds, escaped it is a template without placeholders that renders as the text.
        #[test]
        fn escaped_text_renders_as_itself(text in r"[a-z${}\\. ]{0,40}") {
            let template = Template::<String>::parse_with(&escaped(&text, false), String::read).unwrap();
            prop_assert!(template.is_constant());
            prop_assert_eq!(template.render(|_| None), Some(text));
        }

        /// Pieces come back in order, each placeholder filled once, and what is filled in is not looked at again.
        #[test]
        fn pieces_come_back_in_order(pieces in proptest::collection::vec(("[a-z ${]{0,6}", "[a-z.]{1,6}"), 0..6)) {
            let mut written = String::new();
            let mut wanted = String::new();
            for (fixed, name) in &pieces {
                written.extend([&escaped(fixed, true), "${", name, "}"]);
                wanted.extend([fixed, "<${", name, "}>"]);
            }
            let template = Template::<String>::parse_with(&written, String::read).unwrap();
            prop_assert_eq!(template.placeholders().count(), pieces.len());
            prop_assert_eq!(template.render(|name| Some(format!("<${{{name}}}>"))), Some(wanted));
            prop_assert_eq!(template.to_string(), written);
        }

        /// No text makes the parser panic, and an error points into the text.
        #[test]
        fn any_text_is_a_template_or_an_error_with_its_position(text in ".{0,60}") {
            if let Err(error) = Template::parse(&text, Scope::Message) {
                prop_assert!((1..=text.chars().count()).contains(&error.position));
            }
        }
    }
}
