//! The receiver's side of a handshake: what is answered, and whether an answer is one that the provider takes.

use bytes::Bytes;
use serde_json::Value;

use super::text::{Gap, Known, Text};
use crate::exchange::Answer;
use crate::headers::{Headers, check_line};
use crate::provider::compile::{ProfileError, fault};
use crate::provider::file::handshake::AnswerFile;

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    content_type: Option<String>,
    headers: Vec<(String, Text)>,
    /// Sent as well; the provider takes an answer without them.
    more_headers: Vec<(String, String)>,
    body: Body,
}

/// An answer as a profile says it, with its placeholders.
#[derive(Debug, Clone, PartialEq)]
pub struct Replied {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Vec<(String, String)>,
    /// Lines that are sent as well, and that the provider does not look for.
    pub more_headers: Vec<(String, String)>,
    /// A text or a document; absent: none is needed and any is taken.
    pub body: Option<Value>,
}

#[derive(Debug, Clone)]
enum Body {
    /// Nothing is answered, and anything is taken.
    Any,
    Text(Text),
    Json(Json),
}

/// A JSON document whose texts have holes.
#[derive(Debug, Clone)]
enum Json {
    Text(Text),
    Fixed(Value),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Reply {
    pub(super) fn of(file: &AnswerFile, key: &str) -> Result<Self, ProfileError> {
        let status = file.status.unwrap_or(200);
        if !(200..=599).contains(&status) {
            return fault(&format!("{key}.status"), "it is not from 200 to 599");
        }
        let header = |(name, value): (&String, &String)| {
            let key = format!("{key}.headers.{name}");
            check_line(name, value).or_else(|what| fault(&key, what))?;
            Ok((name.clone(), Text::of_answer(value).or_else(|what| fault(&key, what))?))
        };
        let more = |(name, value): (&String, &String)| {
            let key = format!("{key}.more-headers.{name}");
            check_line(name, value).or_else(|what| fault(&key, what))?;
            Ok((name.clone(), value.clone()))
        };
        let text = |text: &str| Text::of_answer(text).or_else(|what| fault(&format!("{key}.body"), what));
        let (body, usual) = match file.body.as_deref() {
            None => (Body::Any, None),
            Some("") => (Body::Text(text("")?), None),
            Some(body) if body.trim_start().starts_with(['{', '[']) => {
                let key = format!("{key}.body");
                let json: Value =
                    serde_json::from_str(body).or_else(|error| fault(&key, format!("it is not JSON: {error}")))?;
                let json = Json::of(&json).or_else(|what| fault(&key, what))?;
                (Body::Json(json), Some("application/json"))
            }
            Some(body) => (Body::Text(text(body)?), Some("text/plain")),
        };
        Ok(Self {
            status,
            content_type: file.content_type.clone().or(usual.map(str::to_owned)),
            headers: file.headers.iter().map(header).collect::<Result<_, ProfileError>>()?,
            more_headers: file
                .more_headers
                .iter()
                .map(more)
                .collect::<Result<_, ProfileError>>()?,
            body,
        })
    }

    pub(super) fn needs_token(&self) -> bool {
        self.any_text(&Text::needs_token)
    }

    pub(super) fn needs_secret(&self) -> bool {
        self.any_text(&Text::needs_secret)
    }

    fn any_text(&self, is: &impl Fn(&Text) -> bool) -> bool {
        let body = match &self.body {
            Body::Any => false,
            Body::Text(text) => is(text),
            Body::Json(json) => json.any_text(is),
        };
        body || self.headers.iter().any(|(_, text)| is(text))
    }

    /// The answer as it goes out.
    pub(super) fn written(&self, known: &Known<'_>) -> Result<Answer, Gap> {
        let mut answer = self.wanted(known)?;
        for (name, value) in &self.more_headers {
            answer.headers.append(name, value);
        }
        Ok(answer)
    }

    /// What the provider looks for.
    fn wanted(&self, known: &Known<'_>) -> Result<Answer, Gap> {
        let mut headers = Headers::new();
        if let Some(content_type) = &self.content_type {
            headers.append("content-type", content_type);
        }
        for (name, text) in &self.headers {
            match text.filled(known) {
                Ok(value) => headers.append(name, value),
                Err(Gap::Header) => {}
                Err(gap) => return Err(gap),
            }
        }
        let body = match &self.body {
            Body::Any => String::new(),
            Body::Text(text) => text.filled(known)?,
            Body::Json(json) => json.filled(known)?.to_string(),
        };
        Ok(Answer {
            status: self.status,
            headers,
            body: Bytes::from(body),
            truncated: false,
            whole: None,
        })
    }

    /// The answer with its placeholders.
    pub(super) fn unfilled(&self) -> Replied {
        let content_type = self
            .content_type
            .iter()
            .map(|kind| ("content-type".to_owned(), kind.clone()));
        let headers = self.headers.iter().map(|(name, text)| (name.clone(), text.to_string()));
        Replied {
            status: self.status,
            headers: content_type.chain(headers).collect(),
            more_headers: self.more_headers.clone(),
            body: match &self.body {
                Body::Any => None,
                Body::Text(text) => Some(Value::from(text.to_string())),
                Body::Json(json) => Some(json.unfilled()),
            },
        }
    }

    /// What an answer has to be and is not, as a clause; nothing when it is as it must be.
    pub(super) fn misses(&self, answer: &Answer, known: &Known<'_>) -> Result<Option<String>, Gap> {
        let wanted = self.wanted(known)?;
        for (name, value) in wanted.headers.iter() {
            let given = answer.headers.get_text(name);
            let value = String::from_utf8_lossy(value);
            if given.is_some_and(|given| same_value(name, given, &value)) {
                continue;
            }
            return Ok(Some(match given {
                Some(given) => format!("its header `{name}` is `{given}`, not `{value}`"),
                None => format!("it has no header `{name}: {value}`"),
            }));
        }
        let fits = match &self.body {
            Body::Any => true,
            Body::Text(_) => answer.body.trim_ascii_end() == wanted.body.trim_ascii_end(),
            Body::Json(json) => {
                let given: Option<Value> = serde_json::from_slice(&answer.body).ok();
                given == Some(json.filled(known)?)
            }
        };
        Ok((!fits).then(|| misses_body(&answer.body, &wanted.body)))
    }
}

fn misses_body(given: &[u8], wanted: &[u8]) -> String {
    let text = |bytes: &[u8]| match bytes {
        [] => "empty".to_owned(),
        bytes => {
            let text = String::from_utf8_lossy(bytes);
            let cut: String = text.trim_end().chars().take(200).collect();
            format!("`{cut}`")
        }
    };
    format!("its body is {}, not {}", text(given), text(wanted))
}

/// Parameters of a media type, such as a character set, make no difference.
fn same_value(name: &str, given: &str, wanted: &str) -> bool {
    if !name.eq_ignore_ascii_case("content-type") {
        return given == wanted;
    }
    let essence = |value: &str| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence(given) == essence(wanted)
}

impl Json {
    fn of(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Text::of_answer(text)?),
            Value::Array(items) => Self::Array(items.iter().map(Self::of).collect::<Result<_, _>>()?),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| Ok((name.clone(), Self::of(value)?));
                Self::Object(fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            _ => Self::Fixed(value.clone()),
        })
    }

    fn any_text(&self, is: &impl Fn(&Text) -> bool) -> bool {
        match self {
            Self::Text(text) => is(text),
            Self::Fixed(_) => false,
            Self::Array(items) => items.iter().any(|item| item.any_text(is)),
            Self::Object(fields) => fields.iter().any(|(_, field)| field.any_text(is)),
        }
    }

    fn unfilled(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.to_string()),
            Self::Fixed(value) => value.clone(),
            Self::Array(items) => items.iter().map(Self::unfilled).collect(),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), field.unfilled()))
                .collect(),
        }
    }

    fn filled(&self, known: &Known<'_>) -> Result<Value, Gap> {
        Ok(match self {
            Self::Text(text) => Value::from(text.filled(known)?),
            Self::Fixed(value) => value.clone(),
            Self::Array(items) => items
                .iter()
                .map(|item| item.filled(known))
                .collect::<Result<Value, Gap>>()?,
            Self::Object(fields) => {
                let field = |(name, field): &(String, Self)| Ok((name.clone(), field.filled(known)?));
                fields.iter().map(field).collect::<Result<Value, Gap>>()?
            }
        })
    }
}
