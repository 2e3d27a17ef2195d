//! Templates with `${name}` placeholders, compiled once. Bodies are full of braces, hence the dollar.

mod pieces;

use std::fmt;

use base64::Engine as _;
use serde_json::Value;

use crate::clock::{Precision, Timestamp, parse_duration};
use crate::random::Random;

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// To be filled in.
    Placeholder(Placeholder),
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Placeholder {
    /// `${event}`: the event's type.
    Event,
    /// `${id}`: the message's id on the wire.
    Id,
    /// `${data}`: the event's data, in an envelope.
    Data,
    /// `${body}`: the raw body, in what is signed.
    Body,
    /// `${body-sha256}`: hex digest of the raw body, in a dedupe key.
    BodySha256,
    /// `${signature}`: the encoded signature, in its header's value.
    Signature,
    /// `${secret}`: the secret's text, in a token header's value.
    Secret,
    /// `${mode}`: `test` or `live`.
    Mode,
    /// `${attempt}`, `${retries}`: which attempt of its delivery a request is, counted from this number.
    Attempt(u32),
    /// `${retry}`: how many attempts went before it, or nothing on the first one.
    Retry,
    /// `${timestamp}`, `${timestamp.ms}`, `${timestamp.rfc3339}`: when it was signed.
    Timestamp(TimeForm),
    /// `${time.FORM}`, `${time.FORM+30m}`: when the event happened, shifted by microseconds.
    Time(TimeForm, i64),
    /// `${param.NAME}`: a parameter.
    Param(String),
    /// `${new.KIND}`, `${new.KIND:LABEL}`: a fresh identity; the same label repeats it within one message.
    New(NewKind, Option<String>),
    /// `${body.PATH}`: a scalar of the received body.
    BodyPath(String),
    /// `${body.PATH?}`: the same, or nothing.
    OptionalBodyPath(String),
    /// `${header.NAME}`: a header of the request.
    Header(String),
    /// `${method}`: the request's method.
    Method,
    /// `${url}`: the whole URL that the request goes to.
    Url,
    /// `${form}`: names and values of a form's fields, sorted, each value once.
    Form,
    /// `${signed-headers}`: names of the headers that are signed too, separated by blanks.
    SignedHeaders,
    /// `${signed-values}`: the values of those headers, separated by dots.
    SignedValues,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// Whole seconds since the epoch, a number.
    Unix,
    /// Milliseconds since the epoch, a number.
    UnixMs,
    /// RFC 3339 in UTC.
    Rfc3339(Precision),
}

/// Kinds of fresh identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// A version 4 uuid.
    Uuid,
    /// That many hex digits.
    Hex(usize),
    /// That many letters and digits.
    Alnum(usize),
    /// A whole number of that many digits.
    Int(usize),
    /// That many random bytes in base64.
    Base64(usize),
}

/// Which placeholders a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Envelopes, samples and bodies.
    Message,
    /// Headers beside the signature.
    Header,
    /// What is signed.
    Content,
    /// What is hashed together with the secret.
    Hashed,
    /// The value of the signature's header.
    SignatureValue,
    /// The value of a token's header.
    TokenValue,
    /// Fresh identities only: ids and secrets.
    Fresh,
    /// What a receiver knows: dedupe keys.
    Received,
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

impl TimeForm {
    /// The moment in this form; numbers stay numbers.
    pub fn value(self, at: Timestamp) -> Value {
        match self {
            Self::Unix => Value::from(at.unix()),
            Self::UnixMs => Value::from(at.unix_ms()),
            Self::Rfc3339(precision) => Value::from(at.rfc3339(precision)),
        }
    }

    /// The moment in this form as text.
    pub fn text(self, at: Timestamp) -> String {
        match self {
            Self::Unix => at.unix().to_string(),
            Self::UnixMs => at.unix_ms().to_string(),
            Self::Rfc3339(precision) => at.rfc3339(precision),
        }
    }

    /// Reads a moment that was written in this form.
    pub fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Unix => text.trim().parse().ok().map(Timestamp::from_unix),
            Self::UnixMs => text.trim().parse().ok().map(Timestamp::from_unix_ms),
            Self::Rfc3339(_) => Timestamp::parse(text),
        }
    }
}

const HEX: &[u8] = b"0123456789abcdef";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &[u8] = b"0123456789";

impl NewKind {
    /// A fresh one; whole numbers stay numbers.
    pub fn value(self, random: &Random) -> Value {
        match self {
            Self::Uuid => Value::from(random.uuid_v4().to_string()),
            Self::Hex(n) => Value::from(random.text(HEX, n)),
            Self::Alnum(n) => Value::from(random.text(ALNUM, n)),
            // The first digit is never 0, so that the number has all its digits.
            Self::Int(n) => {
                let text = random.text(&DIGITS[1..], 1) + &random.text(DIGITS, n.saturating_sub(1));
                Value::from(text.parse::<i64>().unwrap_or(1))
            }
            Self::Base64(n) => {
                let mut bytes = vec![0; n];
                random.fill(&mut bytes);
                Value::from(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
        }
    }
}

impl Template {
    /// Compiles a template, refusing placeholders that its place does not know.
    pub fn parse(text: &str, scope: Scope) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let position = text[..text.len() - rest.len() + start].chars().count() + 1;
            let error = |what: String| TemplateError {
                what,
                position,
                text: text.to_owned(),
            };
            let end = rest[start..]
                .find('}')
                .ok_or_else(|| error("unclosed placeholder".into()))?
                + start;
            let name = &rest[start + 2..end];
            let placeholder = Placeholder::parse(name)
                .filter(|placeholder| placeholder.fits(scope))
                .ok_or_else(|| error(format!("unknown placeholder `${{{name}}}`")))?;
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            parts.push(Part::Placeholder(placeholder));
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// The placeholder, when the template is that and nothing else.
    pub fn single(&self) -> Option<&Placeholder> {
        match self.parts.as_slice() {
            [Part::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// Whether the template has no placeholder.
    pub fn is_constant(&self) -> bool {
        self.placeholders().next().is_none()
    }

    /// Fills in every placeholder with what `value` gives; `None` as soon as one has no value.
    pub fn render<'a>(&'a self, mut value: impl FnMut(&'a Placeholder) -> Option<String>) -> Option<String> {
        let mut text = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Placeholder(placeholder) => text.push_str(&value(placeholder)?),
            }
        }
        Some(text)
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

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "event" => Self::Event,
            "id" => Self::Id,
            "data" => Self::Data,
            "body" => Self::Body,
            "body-sha256" => Self::BodySha256,
            "signature" => Self::Signature,
            "secret" => Self::Secret,
            "mode" => Self::Mode,
            "attempt" => Self::Attempt(1),
            "retries" => Self::Attempt(0),
            "retry" => Self::Retry,
            "method" => Self::Method,
            "url" => Self::Url,
            "form" => Self::Form,
            "signed-headers" => Self::SignedHeaders,
            "signed-values" => Self::SignedValues,
            "timestamp" => Self::Timestamp(TimeForm::Unix),
            "timestamp.ms" => Self::Timestamp(TimeForm::UnixMs),
            "timestamp.rfc3339" => Self::Timestamp(TimeForm::Rfc3339(Precision::Seconds)),
            _ => {
                let (head, tail) = name.split_once('.').filter(|(_, tail)| !tail.is_empty())?;
                match head {
                    "param" => Self::Param(tail.to_owned()),
                    "body" => match tail.strip_suffix('?') {
                        Some(path) => Self::OptionalBodyPath(path.to_owned()),
                        None => Self::BodyPath(tail.to_owned()),
                    },
                    "header" => Self::Header(tail.to_ascii_lowercase()),
                    "time" => Self::parse_time(tail)?,
                    "new" => Self::parse_new(tail)?,
                    _ => return None,
                }
            }
        })
    }

    fn parse_time(tail: &str) -> Option<Self> {
        let (form, shift) = match tail.find(['+', '-']) {
            Some(at) => {
                let by = i64::try_from(parse_duration(&tail[at + 1..]).ok()?.as_micros()).ok()?;
                (&tail[..at], if tail[at..].starts_with('-') { -by } else { by })
            }
            None => (tail, 0),
        };
        let form = match form {
            "unix" => TimeForm::Unix,
            "unix_ms" => TimeForm::UnixMs,
            "rfc3339" => TimeForm::Rfc3339(Precision::Seconds),
            "rfc3339_ms" => TimeForm::Rfc3339(Precision::Millis),
            "rfc3339_us" => TimeForm::Rfc3339(Precision::Micros),
            _ => return None,
        };
        Some(Self::Time(form, shift))
    }

    fn parse_new(tail: &str) -> Option<Self> {
        let (kind, label) = tail
            .split_once(':')
            .map_or((tail, None), |(kind, label)| (kind, Some(label.to_owned())));
        let count = |prefix: &str, most: usize| {
            kind.strip_prefix(prefix)?
                .parse::<usize>()
                .ok()
                .filter(|n| (1..=most).contains(n))
        };
        let kind = if kind == "uuid" {
            NewKind::Uuid
        } else if let Some(n) = count("hex", 256) {
            NewKind::Hex(n)
        } else if let Some(n) = count("alnum", 256) {
            NewKind::Alnum(n)
        } else if let Some(n) = count("int", 15) {
            NewKind::Int(n)
        } else {
            NewKind::Base64(count("base64_", 256)?)
        };
        Some(Self::New(kind, label))
    }

    fn fits(&self, scope: Scope) -> bool {
        let signed = matches!(scope, Scope::Content | Scope::Hashed);
        match self {
            Self::New(..) => matches!(scope, Scope::Message | Scope::Fresh),
            Self::Event | Self::Id => {
                signed
                    || matches!(
                        scope,
                        Scope::Message | Scope::Header | Scope::SignatureValue | Scope::Received
                    )
            }
            Self::Time(..) | Self::Mode => matches!(scope, Scope::Message | Scope::Header),
            Self::Attempt(_) | Self::Retry => scope == Scope::Header,
            Self::Data | Self::Param(_) => scope == Scope::Message,
            Self::Body | Self::Method | Self::Url | Self::Form | Self::SignedValues | Self::OptionalBodyPath(_) => {
                signed
            }
            Self::SignedHeaders => signed || scope == Scope::SignatureValue,
            Self::Timestamp(_) => signed || matches!(scope, Scope::Header | Scope::SignatureValue),
            Self::Signature => scope == Scope::SignatureValue,
            Self::Secret => matches!(scope, Scope::TokenValue | Scope::Hashed),
            Self::BodyPath(_) | Self::Header(_) => signed || scope == Scope::Received,
            Self::BodySha256 => scope == Scope::Received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn event_times_can_be_shifted() {
        let template = Template::parse("${time.rfc3339_ms+30m}", Scope::Message).unwrap();
        assert_eq!(
            template.single(),
            Some(&Placeholder::Time(TimeForm::Rfc3339(Precision::Millis), 1_800_000_000))
        );
        assert!(Template::parse("${time.rfc3339+x}", Scope::Message).is_err());
    }
}
