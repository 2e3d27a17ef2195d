//! The provider's side of a handshake: what is sent, and how it is known when it comes.

use serde_json::Value;
use url::form_urlencoded;

use super::text::{Hole, Text};
use crate::headers::{Headers, check_line};
use crate::provider::compile::{ProfileError, fault};
use crate::provider::file::handshake::QuestionFile;
use crate::provider::pattern::Pattern;
use crate::provider::profile::Place;

/// A longer body is an event, not a question.
pub(super) const LONGEST: usize = 16 * 1024;

/// A request that may be a question.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// `POST` and the like.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// As they came.
    pub headers: &'a Headers,
    /// The raw bytes.
    pub body: &'a [u8],
}

/// What a question says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// What the answer is to carry; empty when the question has nothing of the kind.
    pub token: String,
    /// What the provider was told to say, so that its receiver knows it.
    pub verify: Option<String>,
}

/// A question, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// `POST` and the like.
    pub method: String,
    /// Parameters for the URL.
    pub query: Vec<(String, String)>,
    /// Beside those of the signature and the body.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    method: String,
    query: Vec<(String, Text)>,
    headers: Vec<(String, Text)>,
    body: Body,
    without: Vec<Place>,
    more: Option<Value>,
    more_headers: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
enum Body {
    Any,
    Empty,
    Json(Pattern),
}

const HOLES: [&str; 3] = ["token", "verify", "any"];

impl Question {
    pub(super) fn of(file: &QuestionFile, key: &str) -> Result<Self, ProfileError> {
        let key = format!("{key}.request");
        let texts = |table: &str, of: &indexmap::IndexMap<String, String>| {
            let text = |(name, text): (&String, &String)| {
                let text = Text::of_question(text).or_else(|what| fault(&format!("{key}.{table}.{name}"), what))?;
                Ok((name.clone(), text))
            };
            of.iter().map(text).collect::<Result<Vec<_>, ProfileError>>()
        };
        for (name, value) in file.headers.iter().chain(&file.more_headers) {
            check_line(name, value).or_else(|what| fault(&format!("{key}.headers.{name}"), what))?;
        }
        let body = match file.body.as_deref() {
            None => Body::Any,
            Some("") => Body::Empty,
            Some(text) => Body::Json(Pattern::parse(text, &HOLES).or_else(|what| fault(&format!("{key}.body"), what))?),
        };
        let more = file.more.as_deref().map(serde_json::from_str).transpose();
        let place = |place: &String| Place::parse(place).or_else(|what| fault(&format!("{key}.without"), what));
        Ok(Self {
            method: file.method.clone().unwrap_or_else(|| "POST".to_owned()),
            query: texts("query", &file.query)?,
            headers: texts("headers", &file.headers)?,
            body,
            without: file.without.iter().map(place).collect::<Result<_, _>>()?,
            more: more.or_else(|error| fault(&format!("{key}.more"), format!("it is not JSON: {error}")))?,
            more_headers: file.more_headers.clone().into_iter().collect(),
        })
    }

    pub(super) fn has(&self, wanted: &Hole) -> bool {
        let name = match wanted {
            Hole::Token => "token",
            _ => "verify",
        };
        self.texts().any(|text| text.hole() == Some(wanted))
            || matches!(&self.body, Body::Json(pattern) if pattern.place_of(name).is_some())
    }

    /// The more conditions a question has, the more it says to fit all of them.
    pub(super) fn weight(&self) -> usize {
        let body = match &self.body {
            Body::Any => 0,
            Body::Empty => 1,
            Body::Json(pattern) => pattern.size(),
        };
        self.query.len() + self.headers.len() + self.without.len() + body
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        self.query.iter().chain(&self.headers).map(|(_, text)| text)
    }

    /// What the request says, when it is this question.
    pub(super) fn read(&self, asking: &Asking<'_>) -> Option<Asked> {
        if asking.method != self.method || asking.body.len() > LONGEST {
            return None;
        }
        let mut asked = Asked::default();
        for (name, text) in &self.headers {
            asked.take(text, asking.headers.get_text(name)?)?;
        }
        if !self.query.is_empty() {
            let query = asking.target.split_once('?')?.1;
            let given: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            for (name, text) in &self.query {
                asked.take(text, &given.iter().find(|(have, _)| have == name)?.1)?;
            }
        }
        self.read_body(asking, &mut asked)?;
        let header = |place: &Place| matches!(place, Place::Header(name) if asking.headers.contains(name));
        (!self.without.iter().any(header)).then_some(asked)
    }

    fn read_body(&self, asking: &Asking<'_>, asked: &mut Asked) -> Option<()> {
        let pattern = match &self.body {
            Body::Any => return Some(()),
            Body::Empty => return asking.body.is_empty().then_some(()),
            Body::Json(pattern) => pattern,
        };
        let body: Value = serde_json::from_slice(asking.body).ok()?;
        if !pattern.fits(&body) {
            return None;
        }
        let text = |path: &str| crate::json::get(&body, path)?.as_str().filter(|text| !text.is_empty());
        if let Some(path) = pattern.place_of("token") {
            text(&path)?.clone_into(&mut asked.token);
        }
        if let Some(path) = pattern.place_of("verify") {
            asked.verify = Some(text(&path)?.to_owned());
        }
        let there = |place: &Place| matches!(place, Place::Body(path) if crate::json::get(&body, path).is_some());
        (!self.without.iter().any(there)).then_some(())
    }

    /// The question with that token.
    pub(super) fn written(&self, token: &str, verify: &str) -> Written {
        self.filled(|hole| {
            let text = match hole {
                Hole::Token => token,
                Hole::Verify => verify,
                _ => "any",
            };
            text.to_owned()
        })
    }

    /// The question with its placeholders.
    pub(super) fn unfilled(&self) -> Written {
        self.filled(ToString::to_string)
    }

    /// Places that a question does not have.
    pub(super) fn without(&self) -> &[Place] {
        &self.without
    }

    fn filled(&self, with: impl Fn(&Hole) -> String) -> Written {
        let fill = |text: &Text| match text.hole() {
            Some(hole) => with(hole),
            None => text.fixed().unwrap_or_default().to_owned(),
        };
        let fill_all = |texts: &[(String, Text)]| -> Vec<(String, String)> {
            texts.iter().map(|(name, text)| (name.clone(), fill(text))).collect()
        };
        let body = match &self.body {
            Body::Json(pattern) => Some(pattern.fill(|name| Hole::parse(name).map(|hole| Value::from(with(&hole))))),
            Body::Any | Body::Empty => None,
        };
        let body = match (body, &self.more) {
            (Some(Value::Object(mut fields)), Some(Value::Object(more))) => {
                fields.extend(more.clone());
                Some(Value::Object(fields))
            }
            (body, _) => body,
        };
        let mut headers = fill_all(&self.headers);
        headers.extend(self.more_headers.clone());
        Written {
            method: self.method.clone(),
            query: fill_all(&self.query),
            headers,
            body,
        }
    }
}

impl Asked {
    /// Takes what stands in the place of a text; `None` when it does not fit.
    fn take(&mut self, text: &Text, value: &str) -> Option<()> {
        let value = Some(value).filter(|value| !value.is_empty())?;
        match text.hole() {
            Some(Hole::Token) => value.clone_into(&mut self.token),
            Some(Hole::Verify) => self.verify = Some(value.to_owned()),
            Some(_) => {}
            None => return (text.fixed() == Some(value)).then_some(()),
        }
        Some(())
    }
}
