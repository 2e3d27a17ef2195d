//! Handshakes: a provider challenges a new endpoint before it sends events. Both sides use the same description.

mod answer;
mod challenge;
mod marks;
mod text;

use serde::{Deserialize, Serialize};

use super::fault::{ProfileError, check_scope, fault};
use super::policy::Codes;
use super::value::DurationText;
use crate::exchange::Answer;
use crate::glob::HostPattern;
use crate::headers::Headers;
use crate::secret::Secret;
use crate::template::{Scope, Template};
use crate::text::serialize_text;
use answer::ReplyTemplate;
pub use challenge::{ChallengeCandidate, ChallengeFields, ChallengeRequest, ChallengeTemplate};
pub(crate) use marks::ChallengeMarks;
pub use marks::is_bare;
pub use text::is_token;
use text::{ChallengePlaceholder, ReplyContext, Text};

/// A body as a profile states it.
type Body = crate::template::Document<ChallengePlaceholder>;

/// `[handshake]`, or `[handshakes.NAME]` where a provider has several kinds of challenges.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all(deserialize = "kebab-case"), default)]
pub struct Handshake {
    /// The `NAME` of `[handshakes.NAME]`.
    #[serde(skip_deserializing)]
    pub name: Option<String>,
    /// When the provider sends the challenge, a clause.
    pub summary: Option<String>,
    /// Whether the challenge is signed like an event: one whose signature does not match is refused.
    pub signed: bool,
    /// Whether the provider also sends a wrong signature, which must be refused with 401.
    pub probes_signature: bool,
    /// Form of a token, a template of `${new.*}`.
    #[serde(default = "usual_token")]
    pub token: Template,
    /// Whether the token is a secret: shown once, not recorded.
    pub secret: bool,
    /// A notice for the operator: a text with `${token}`.
    pub tell: Option<Text>,
    /// The token is a URL on such a host (`*` is one label); a request to it confirms the endpoint.
    pub confirm_host: Option<HostPattern>,
    /// How soon the answer must come.
    #[serde(rename(serialize = "within_ms"))]
    pub within: Option<DurationText>,
    /// The challenge.
    pub request: ChallengeTemplate,
    /// The answer that hook gives.
    #[serde(default = "ReplyTemplate::echo")]
    answer: ReplyTemplate,
    /// Other answers that the provider accepts.
    also_accept: Vec<ReplyTemplate>,
    /// Status codes that the provider accepts. Absent: the one of the answer.
    #[serde(serialize_with = "serialize_text")]
    success: Codes,
}

fn usual_token() -> Template {
    Template::builtin("${new.hex32}")
}

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The answer is made with the secret.
    #[error("its answer needs the secret")]
    Secret,
    /// The token could be the content of an event.
    #[error("its token could be an event, whose signature the answer would reveal")]
    Token,
    /// The answer is made with the secret, but no provider is named that it belongs to.
    #[error("its answer is made with the secret, and the provider is not named")]
    Unnamed,
    /// The answer repeats a header that the challenge does not have.
    #[error("a header is missing")]
    Header,
}

impl Handshake {
    /// Checks the keys against each other and sets the name.
    pub(super) fn check(mut self, name: Option<&str>) -> Result<Self, ProfileError> {
        let key = name.map_or_else(|| "handshake".to_owned(), |name| format!("handshakes.{name}"));
        let at = |last: &str| format!("{key}.{last}");
        self.request.check(&key)?;
        self.answer.check(&at("answer"))?;
        let others = self.also_accept.iter().map(|reply| reply.check(&at("also-accept")));
        others.collect::<Result<(), _>>()?;
        if self.answers().any(ReplyTemplate::needs_token) && !self.request.has(&ChallengePlaceholder::Token) {
            return fault(&at("request"), "it has no `${token}`, which the answer carries");
        }
        let told = self.tell.iter().flat_map(Text::placeholders);
        text::check(told, ChallengePlaceholder::answers).or_else(|what| fault(&at("tell"), what))?;
        check_scope(&at("token"), &self.token, Scope::Fresh)?;
        self.name = name.map(str::to_owned);
        if self.success.is_empty() {
            self.success = Codes::only(self.answer.status);
        }
        Ok(self)
    }

    /// All accepted answers; hook gives the first.
    fn answers(&self) -> impl Iterator<Item = &ReplyTemplate> {
        std::iter::once(&self.answer).chain(&self.also_accept)
    }

    /// Whether an answer needs the secret.
    pub fn needs_secret(&self) -> bool {
        self.answer.needs_secret()
    }

    /// The answer to a challenge.
    pub fn answer(
        &self,
        asked: &ChallengeFields,
        headers: &Headers,
        secret: Option<&Secret>,
    ) -> Result<Answer, Unanswerable> {
        let token = asked.token.as_str();
        let known = ReplyContext { token, headers, secret };
        self.answer.written(&known)
    }

    /// Why the provider would not accept an answer to that token, as a clause. `headers` are those of the challenge.
    pub fn misses(
        &self,
        answer: &Answer,
        token: &str,
        headers: &Headers,
        secret: Option<&Secret>,
    ) -> Result<Option<String>, Unanswerable> {
        if !self.success.contains(answer.status) {
            let what = format!("its status is {}, not {}", answer.status, self.success);
            return Ok(Some(what));
        }
        let known = ReplyContext { token, headers, secret };
        let mut first = None;
        for reply in self.answers() {
            match reply.misses(answer, &known)? {
                None => return Ok(None),
                Some(what) => first = first.or(Some(what)),
            }
        }
        Ok(first)
    }

    /// The notice for the operator about a challenge.
    pub fn told(&self, asked: &ChallengeFields, headers: &Headers) -> Option<String> {
        let (token, secret) = (asked.token.as_str(), None);
        let known = ReplyContext { token, headers, secret };
        let tell = self.tell.as_ref()?;
        tell.try_render(|placeholder| placeholder.filled(&known)).ok()
    }

    /// The URL that confirms the endpoint when opened, and whether it is https on a host of the provider.
    pub fn confirmation(&self, asked: &ChallengeFields) -> Option<(String, bool)> {
        let host = self.confirm_host.as_ref()?;
        Some((asked.token.clone(), is_plainly_on(&asked.token, host)))
    }
}

/// Whether a URL is https, on the usual port and without a user, on a host of that pattern.
fn is_plainly_on(url: &str, host: &HostPattern) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    // A user, a password or a port in the URL could disguise another host.
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_plain = url.scheme() == "https" && url.port().is_none() && !has_user;
    is_plain && url.host_str().is_some_and(|name| host.fits(name))
}

/// Whether an answer confirms: a success that carries the token, in its body or in a header.
pub fn echoes(answer: &Answer, token: &str) -> bool {
    let within = |text: &[u8]| text.windows(token.len().max(1)).any(|part| part == token.as_bytes());
    (200..300).contains(&answer.status)
        && (within(&answer.body) || answer.headers.iter().any(|(_, value)| within(value)))
}

#[cfg(test)]
mod tests;
