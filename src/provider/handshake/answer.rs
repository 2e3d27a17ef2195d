//! The receiver's side of a handshake: the answer, and whether the provider accepts an answer.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::text::{self, ChallengePlaceholder, ReplyContext, Text};
use super::{Body, Unanswerable};
use crate::exchange::Answer;
use crate::headers::check_line;
use crate::provider::causes::usual_status;
use crate::provider::fault::{ProfileError, fault};
use crate::template::{Name as _, body, text_of};

/// `[handshake.answer]`. Texts may hold `${token}`, `${hmac.hex}` and `${hmac.base64}` (HMAC-SHA256 of the token, keyed with
/// the secret) and `${header.NAME}` (of the challenge; a header that needs an absent one is left out).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ReplyTemplate {
    #[serde(default = "usual_status")]
    pub(super) status: u16,
    /// Default `application/json` for a body that is JSON, else `text/plain`.
    content_type: Option<String>,
    headers: IndexMap<String, Text>,
    /// Headers that are sent as well, but that the provider does not require.
    more_headers: IndexMap<String, String>,
    /// A text or JSON; empty: there must be none; absent: none is sent and any is accepted.
    #[serde(deserialize_with = "body")]
    body: Option<Body>,
}

/// An answer as the profile states it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ReplySummary {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: IndexMap<String, String>,
    /// Lines that are sent as well, but that the provider does not require.
    pub more_headers: IndexMap<String, String>,
    /// A text or a document; absent: any is accepted.
    pub body: Option<Value>,
}

impl ReplyTemplate {
    /// The token alone, as `{"token": ...}`.
    pub(super) fn echo() -> Self {
        let body = serde_json::json!({ "token": "${token}" });
        Self {
            status: usual_status(),
            body: Body::compile(body, &ChallengePlaceholder::read).ok(),
            ..Self::default()
        }
    }

    pub(super) fn check(&self, key: &str) -> Result<(), ProfileError> {
        if !(200..=599).contains(&self.status) {
            return fault(&format!("{key}.status"), "it is not from 200 to 599");
        }
        for (name, value) in &self.headers {
            let checked = check_line(name, &value.to_string());
            let checked = checked.and_then(|()| text::check(value.placeholders(), ChallengePlaceholder::answers));
            checked.or_else(|what| fault(&format!("{key}.headers.{name}"), what))?;
        }
        for (name, value) in &self.more_headers {
            check_line(name, value).or_else(|what| fault(&format!("{key}.more-headers.{name}"), what))?;
        }
        text::check(
            self.body.iter().flat_map(Body::placeholders),
            ChallengePlaceholder::answers,
        )
        .or_else(|what| fault(&format!("{key}.body"), what))
    }

    fn content_type(&self) -> Option<&str> {
        let usual = self.body.as_ref().and_then(|body| match body.text() {
            Some("") => None,
            Some(_) => Some("text/plain"),
            None => Some("application/json"),
        });
        self.content_type.as_deref().or(usual)
    }

    pub(super) fn needs_token(&self) -> bool {
        self.any(ChallengePlaceholder::needs_token)
    }

    pub(super) fn needs_secret(&self) -> bool {
        self.any(|placeholder| matches!(placeholder, ChallengePlaceholder::Hmac(_)))
    }

    fn any(&self, is: impl Fn(&ChallengePlaceholder) -> bool) -> bool {
        let headers = self.headers.values().flat_map(Text::placeholders);
        headers.chain(self.body.iter().flat_map(Body::placeholders)).any(is)
    }

    /// The answer as it is sent.
    pub(super) fn written(&self, known: &ReplyContext<'_>) -> Result<Answer, Unanswerable> {
        let reply = self.filled(|placeholder| placeholder.filled(known))?;
        let headers = reply.headers.iter().chain(&reply.more_headers);
        Ok(Answer {
            status: reply.status,
            headers: headers.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            body: reply.body.as_ref().map(text_of).unwrap_or_default().into(),
            ..Answer::default()
        })
    }

    fn filled(
        &self,
        with: impl Fn(&ChallengePlaceholder) -> Result<String, Unanswerable>,
    ) -> Result<ReplySummary, Unanswerable> {
        let content_type = self
            .content_type()
            .map(|value| ("content-type".to_owned(), value.to_owned()));
        let mut headers: IndexMap<_, _> = content_type.into_iter().collect();
        for (name, text) in &self.headers {
            match text.try_render(&with) {
                Ok(value) => {
                    headers.insert(name.clone(), value);
                }
                // A header that repeats an absent one of the challenge is left out.
                Err(Unanswerable::Header) => {}
                Err(why) => return Err(why),
            }
        }
        let mut with = |placeholder: &_| with(placeholder).map(Value::from);
        let body = self.body.as_ref().map(|body| body.try_fill(&mut with)).transpose()?;
        Ok(ReplySummary {
            status: self.status,
            headers,
            more_headers: self.more_headers.clone(),
            body,
        })
    }

    /// Why the provider would not accept an answer, as a clause.
    pub(super) fn misses(&self, answer: &Answer, known: &ReplyContext<'_>) -> Result<Option<String>, Unanswerable> {
        let wanted = self.filled(|placeholder| placeholder.filled(known))?;
        for (name, value) in &wanted.headers {
            // Header names are shown in lower case everywhere.
            let name = &name.to_ascii_lowercase();
            let given = answer.headers.get_text(name);
            if given.is_some_and(|given| same_value(name, given, value)) {
                continue;
            }
            return Ok(Some(match given {
                Some(given) => format!("its header `{name}` is `{given}`, not `{value}`"),
                None => format!("it has no header `{name}: {value}`"),
            }));
        }
        let Some(body) = wanted.body else { return Ok(None) };
        let fits = match &body {
            Value::String(text) => answer.body.trim_ascii_end() == text.trim_ascii_end().as_bytes(),
            json => serde_json::from_slice(&answer.body).is_ok_and(|given: Value| given == *json),
        };
        Ok((!fits).then(|| misses_body(&answer.body, text_of(&body).as_bytes())))
    }
}

/// With the placeholders as they are written.
impl Serialize for ReplyTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unfilled = self.filled(|placeholder| Ok(placeholder.to_string()));
        unfilled.ok().serialize(serializer)
    }
}

fn misses_body(given: &[u8], wanted: &[u8]) -> String {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let cut: String = text.trim_end().chars().take(200).collect();
        if bytes.is_empty() {
            "empty".to_owned()
        } else {
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
