//! Handshakes: a provider asks whether an endpoint is wanted where it is. Both sides go by the same pattern.

mod answer;
mod marks;
mod question;
mod text;

use std::time::Duration;

use serde_json::Value;

use super::compile::{ProfileError, duration, fault, template};
use super::file::handshake::{AnswerFile, HandshakeFile};
use super::policy::Codes;
use super::profile::Place;
use crate::exchange::Answer;
use crate::headers::Headers;
use crate::random::Random;
use crate::secret::Secret;
use crate::template::{Scope, Template};
pub use answer::Replied;
use answer::Reply;
pub(crate) use marks::Marks;
pub use marks::is_bare;
use question::Question;
pub use question::{Asked, Asking, Written};
pub use text::is_token;
use text::{Gap, Hole, Known, Text};

/// How an endpoint is asked.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// Where a provider asks in several ways.
    pub name: Option<String>,
    /// When it is asked, a clause for people.
    pub summary: Option<String>,
    /// Whether the token is a secret, which is shown once and not recorded.
    pub secret: bool,
    /// Whether a wrong signature is refused.
    pub signed: bool,
    /// Whether the provider asks with a wrong signature too.
    pub probes_signature: bool,
    /// How soon the answer must come.
    pub within: Option<Duration>,
    token: Template,
    tell: Option<Text>,
    confirm_host: Option<String>,
    question: Question,
    /// The first is the one that is given.
    answers: Vec<Reply>,
    success: Codes,
}

/// Why a question cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The answer is made with the secret.
    #[error("its answer needs the secret")]
    Secret,
    /// The token could be the content of an event, whose signature the answer would give away.
    #[error("its token could be an event: signing it would be a forgery for whoever asks")]
    Token,
    /// The answer is made with the secret, and nobody has said that it is this provider's.
    #[error("its answer is made with the secret, and the provider is not named")]
    Unnamed,
    /// The answer repeats a header that the question does not have.
    #[error("a header is missing")]
    Header,
}

impl From<Gap> for Unanswerable {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Secret => Self::Secret,
            Gap::Token => Self::Token,
            Gap::Header => Self::Header,
        }
    }
}

impl Handshake {
    pub(super) fn of(name: Option<&str>, file: &HandshakeFile) -> Result<Self, ProfileError> {
        let key = name.map_or_else(|| "handshake".to_owned(), |name| format!("handshakes.{name}"));
        let at = |last: &str| format!("{key}.{last}");
        let echo = AnswerFile {
            body: Some(r#"{"token":"${token}"}"#.to_owned()),
            ..AnswerFile::default()
        };
        let question = Question::of(&file.request, &key)?;
        let own = Reply::of(file.answer.as_ref().unwrap_or(&echo), &at("answer"))?;
        let others = file.also_accept.iter().map(|file| Reply::of(file, &at("also-accept")));
        let answers = std::iter::once(Ok(own)).chain(others).collect::<Result<Vec<_>, _>>()?;
        if answers.iter().any(Reply::needs_token) && !question.has(&Hole::Token) {
            return fault(&at("request"), "it has no `${token}`, which the answer carries");
        }
        let usual = vec![answers[0].status.to_string()];
        let success = Codes::parse(file.success.as_ref().unwrap_or(&usual));
        let tell = file.tell.as_deref().map(Text::of_answer).transpose();
        let within = file.within.as_deref().map(|text| duration(&at("within"), text));
        Ok(Self {
            name: name.map(str::to_owned),
            summary: file.summary.clone(),
            secret: file.secret,
            signed: file.signed,
            probes_signature: file.probes_signature,
            within: within.transpose()?,
            token: template(
                &at("token"),
                file.token.as_deref().unwrap_or("${new.hex32}"),
                Scope::Fresh,
            )?,
            tell: tell.or_else(|what| fault(&at("tell"), what))?,
            confirm_host: file.confirm_host.clone(),
            question,
            answers,
            success: success.or_else(|what| fault(&at("success"), what))?,
        })
    }

    /// A token of its own for each question.
    pub fn fresh_token(&self, random: &Random) -> String {
        self.token.fresh(random)
    }

    /// The question; `verify` is what the receiver was told that the provider would say.
    pub fn written(&self, token: &str, verify: &str) -> Written {
        self.question.written(token, verify)
    }

    /// The form of a token: a template of `${new.*}`.
    pub fn token_form(&self) -> String {
        self.token.to_string()
    }

    /// What the operator is told of a question, with its placeholders.
    pub fn tell_form(&self) -> Option<String> {
        self.tell.as_ref().map(ToString::to_string)
    }

    /// On which hosts the URL that is the token confirms the endpoint.
    pub fn confirm_host(&self) -> Option<&str> {
        self.confirm_host.as_deref()
    }

    /// The question with its placeholders.
    pub fn unfilled_question(&self) -> Written {
        self.question.unfilled()
    }

    /// Places that a question does not have.
    pub fn without(&self) -> &[Place] {
        self.question.without()
    }

    /// The answers that the provider takes, with their placeholders; the first is the one that is given.
    pub fn unfilled_answers(&self) -> impl Iterator<Item = Replied> {
        self.answers.iter().map(Reply::unfilled)
    }

    /// Status codes that the provider takes.
    pub fn success(&self) -> &Codes {
        &self.success
    }

    /// The body of the question.
    pub fn question(&self, token: &str) -> Value {
        self.written(token, "").body.unwrap_or_default()
    }

    /// What a request says that is this question; `None` when it is something else.
    pub fn read(&self, asking: &Asking<'_>) -> Option<Asked> {
        self.question.read(asking)
    }

    /// The more a question says, the more it means to fit it.
    pub fn weight(&self) -> usize {
        self.question.weight()
    }

    /// Whether a receiver may be told what the provider will say.
    pub fn has_verify(&self) -> bool {
        self.question.has(&Hole::Verify)
    }

    /// Whether an answer needs the secret.
    pub fn needs_secret(&self) -> bool {
        self.answers[0].needs_secret()
    }

    /// The answer to a question.
    pub fn answer(&self, asked: &Asked, headers: &Headers, secret: Option<&Secret>) -> Result<Answer, Unanswerable> {
        let known = Known {
            token: &asked.token,
            headers,
            secret,
        };
        Ok(self.answers[0].written(&known)?)
    }

    /// What an answer to that token misses, as a clause; `headers` are those of the question.
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
        let known = Known { token, headers, secret };
        let mut first = None;
        for reply in &self.answers {
            match reply.misses(answer, &known)? {
                None => return Ok(None),
                Some(what) => first = first.or(Some(what)),
            }
        }
        Ok(first)
    }

    /// What the operator is told of a question.
    pub fn told(&self, asked: &Asked, headers: &Headers) -> Option<String> {
        let known = Known {
            token: &asked.token,
            headers,
            secret: None,
        };
        self.tell.as_ref()?.filled(&known).ok()
    }

    /// The URL that confirms the endpoint when it is opened, when it is https on a host where the provider confirms.
    pub fn confirmation<'a>(&self, asked: &'a Asked) -> Option<Confirmation<'a>> {
        let host = self.confirm_host.as_deref()?;
        Some(Confirmation {
            url: &asked.token,
            trusted: is_on(&asked.token, host),
        })
    }
}

/// A URL whose opening confirms an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation<'a> {
    /// As it came.
    pub url: &'a str,
    /// Whether it is https on a host of the provider's.
    pub trusted: bool,
}

/// Whether a URL is https, on the usual port and without a user, on a host of that pattern, in which `*` is one label.
fn is_on(url: &str, pattern: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let plain = url.scheme() == "https" && url.port().is_none() && url.username().is_empty();
    let Some(host) = url.host_str().filter(|_| plain && url.password().is_none()) else {
        return false;
    };
    let (mut labels, mut wanted) = (host.split('.'), pattern.split('.'));
    loop {
        match (labels.next(), wanted.next()) {
            (None, None) => return true,
            (Some(label), Some("*")) if !label.is_empty() => {}
            (Some(label), Some(wanted)) if label == wanted => {}
            _ => return false,
        }
    }
}

/// Whether an answer confirms: a success that carries the token, in its body or in a header.
pub fn echoes(answer: &Answer, token: &str) -> bool {
    let within = |text: &[u8]| text.windows(token.len().max(1)).any(|part| part == token.as_bytes());
    (200..300).contains(&answer.status)
        && (within(&answer.body) || answer.headers.iter().any(|(_, value)| within(value)))
}

#[cfg(test)]
mod tests;
