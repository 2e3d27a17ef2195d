//! The provider's side of a handshake: how a challenge is written, and how it is recognised.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use url::form_urlencoded;

use super::Body;
use super::text::{self, ChallengePlaceholder, Text, check_challenge};
use crate::headers::{Headers, check_line};
use crate::provider::fault::{ProfileError, fault};
use crate::provider::value::RequestField;
use crate::template::{body, json};

/// A longer body is an event, not a challenge.
pub(super) const LONGEST: usize = 16 * 1024;

/// A request that may be a challenge.
#[derive(Debug, Clone, Copy)]
pub struct ChallengeCandidate<'a> {
    /// `POST` and the like.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// The received headers.
    pub headers: &'a Headers,
    /// The raw bytes.
    pub body: &'a [u8],
}

/// The variable parts of a challenge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChallengeFields {
    /// The token that the answer repeats; empty when the challenge has none.
    pub token: String,
    /// The verify token, which proves to the receiver who sends the challenge.
    pub verify: Option<String>,
}

/// A challenge, ready to be sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChallengeRequest {
    /// `POST` and the like.
    pub method: String,
    /// Parameters for the URL.
    pub query: IndexMap<String, String>,
    /// Beside those of the signature and the body.
    pub headers: IndexMap<String, String>,
    /// The body, if there is one.
    pub body: Option<Value>,
    /// What tells an event from it.
    without: Vec<RequestField>,
}

/// `[handshake.request]`. Texts are fixed, or one of `${token}`, `${verify}` (what `--handshake-token` says) and `${any}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ChallengeTemplate {
    method: String,
    /// Parameters of the query that must be there.
    query: IndexMap<String, Text>,
    /// Headers that must be there.
    headers: IndexMap<String, Text>,
    /// JSON text, of which a challenge may have more; empty: there must be no body; absent: the body is ignored.
    #[serde(deserialize_with = "body")]
    body: Option<Body>,
    /// Fields that the challenge does not have.
    without: Vec<RequestField>,
    /// JSON text that the provider sends as well, and that a receiver ignores.
    #[serde(deserialize_with = "json")]
    more: Value,
    /// Headers that the provider sends as well.
    more_headers: IndexMap<String, String>,
}

impl Default for ChallengeTemplate {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            query: IndexMap::new(),
            headers: IndexMap::new(),
            body: None,
            without: Vec::new(),
            more: Value::Null,
            more_headers: IndexMap::new(),
        }
    }
}

impl ChallengeTemplate {
    pub(super) fn check(&self, key: &str) -> Result<(), ProfileError> {
        let key = format!("{key}.request");
        for (table, texts) in [("query", &self.query), ("headers", &self.headers)] {
            for (name, text) in texts {
                check_challenge(text).or_else(|what| fault(&format!("{key}.{table}.{name}"), what))?;
            }
        }
        let headers = self.headers.iter().map(|(name, text)| (name, text.to_string()));
        let more = self.more_headers.iter().map(|(name, value)| (name, value.clone()));
        for (name, value) in headers.chain(more) {
            check_line(name, &value).or_else(|what| fault(&format!("{key}.headers.{name}"), what))?;
        }
        let checked = match &self.body {
            Some(body) if body.text().is_some_and(|text| !text.is_empty()) => Err("it is not JSON".to_owned()),
            body => text::check(body.iter().flat_map(Body::placeholders), ChallengePlaceholder::asks),
        };
        checked.or_else(|what| fault(&format!("{key}.body"), what))
    }

    pub(super) fn has(&self, wanted: &ChallengePlaceholder) -> bool {
        let mut body = self.body.iter();
        body.any(|body| body.path_of(|placeholder| placeholder == wanted).is_some())
            || self.texts().any(|text| text.single() == Some(wanted))
    }

    /// The number of conditions: of several matching challenges the most specific one counts.
    pub fn weight(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Body::size);
        self.query.len() + self.headers.len() + self.without.len() + body
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        self.query.values().chain(self.headers.values())
    }

    /// Reads the variable parts; `None` when the request is not this challenge.
    pub fn read(&self, asking: &ChallengeCandidate<'_>) -> Option<ChallengeFields> {
        // A large body is not parsed: every unknown request is compared with every challenge.
        if asking.method != self.method || asking.body.len() > LONGEST {
            return None;
        }
        let mut asked = ChallengeFields::default();
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
        let header =
            |place: &RequestField| matches!(place, RequestField::Header(name) if asking.headers.contains(name));
        (!self.without.iter().any(header)).then_some(asked)
    }

    fn read_body(&self, asking: &ChallengeCandidate<'_>, asked: &mut ChallengeFields) -> Option<()> {
        let Some(document) = &self.body else { return Some(()) };
        if document.text().is_some() {
            return asking.body.is_empty().then_some(());
        }
        let body: Value = serde_json::from_slice(asking.body).ok()?;
        if !document.fits(&body) {
            return None;
        }
        let text = |path: &str| crate::json::get(&body, path)?.as_str().filter(|text| !text.is_empty());
        if let Some(path) = document.path_of(|placeholder| *placeholder == ChallengePlaceholder::Token) {
            text(&path)?.clone_into(&mut asked.token);
        }
        if let Some(path) = document.path_of(|placeholder| *placeholder == ChallengePlaceholder::Verify) {
            asked.verify = Some(text(&path)?.to_owned());
        }
        let there =
            |place: &RequestField| matches!(place, RequestField::Body(path) if crate::json::get(&body, path).is_some());
        (!self.without.iter().any(there)).then_some(())
    }

    /// The challenge with that token.
    pub fn written(&self, token: &str, verify: &str) -> ChallengeRequest {
        self.filled(|placeholder| {
            let text = match placeholder {
                ChallengePlaceholder::Token => token,
                ChallengePlaceholder::Verify => verify,
                _ => "any",
            };
            text.to_owned()
        })
    }

    fn filled(&self, with: impl Fn(&ChallengePlaceholder) -> String) -> ChallengeRequest {
        let fill = |text: &Text| text.render(|placeholder| Some(with(placeholder))).unwrap_or_default();
        let fill_all = |texts: &IndexMap<String, Text>| -> IndexMap<String, String> {
            texts.iter().map(|(name, text)| (name.clone(), fill(text))).collect()
        };
        let json = self.body.as_ref().filter(|body| body.text().is_none());
        let mut body = json.map(|json| json.value(&mut |placeholder| Value::from(with(placeholder))));
        if let (Some(Value::Object(fields)), Value::Object(more)) = (&mut body, &self.more) {
            fields.extend(more.clone());
        }
        let mut headers = fill_all(&self.headers);
        headers.extend(self.more_headers.clone());
        ChallengeRequest {
            method: self.method.clone(),
            query: fill_all(&self.query),
            headers,
            body,
            without: self.without.clone(),
        }
    }
}

/// With the placeholders as they are written.
impl Serialize for ChallengeTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.filled(ToString::to_string).serialize(serializer)
    }
}

impl ChallengeFields {
    /// Reads the value at the place of a text; `None` when it does not match.
    fn take(&mut self, text: &Text, value: &str) -> Option<()> {
        let value = Some(value).filter(|value| !value.is_empty())?;
        match text.single() {
            Some(ChallengePlaceholder::Token) => value.clone_into(&mut self.token),
            Some(ChallengePlaceholder::Verify) => self.verify = Some(value.to_owned()),
            Some(_) => {}
            None => return (text.render(|_| None).as_deref() == Some(value)).then_some(()),
        }
        Some(())
    }
}
