//! Handshakes: a provider asks whether an endpoint is wanted where it is. Both sides go by the same pattern.

use serde_json::Value;

use super::compile::{ProfileError, fault, template};
use super::file::handshake::{HandshakeFile, HandshakePartFile};
use super::pattern::Pattern;
use crate::exchange::Answer;
use crate::random::Random;
use crate::template::{Scope, Template};

/// A longer body is an event, not a question.
const LONGEST: usize = 16 * 1024;

/// How an endpoint is asked.
#[derive(Debug, Clone)]
pub struct Handshake {
    token: Template,
    request: Pattern,
    answer: Pattern,
}

impl Handshake {
    pub(super) fn of(file: &HandshakeFile) -> Result<Self, ProfileError> {
        let token = file.token.as_deref().unwrap_or("${new.hex32}");
        let echo = HandshakePartFile {
            body: r#"{"token":"${token}"}"#.to_owned(),
        };
        Ok(Self {
            token: template("handshake.token", token, Scope::Fresh)?,
            request: part("handshake.request", &file.request)?,
            answer: part("handshake.answer", file.answer.as_ref().unwrap_or(&echo))?,
        })
    }

    /// A token of its own for each question.
    pub fn fresh_token(&self, random: &Random) -> String {
        self.token.fresh(random)
    }

    /// The body of the question.
    pub fn question(&self, token: &str) -> Value {
        filled(&self.request, token)
    }

    /// The token of a question; `None` when the body is something else.
    pub fn token_in(&self, body: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok().filter(|_| body.len() <= LONGEST)?;
        let token = self.request.read(&body, "token")?.as_str()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// The answer to a question.
    pub fn answer(&self, token: &str) -> Value {
        filled(&self.answer, token)
    }
}

/// Whether an answer confirms: a success that carries the token, in its body or in a header.
pub fn echoes(answer: &Answer, token: &str) -> bool {
    let within = |text: &[u8]| text.windows(token.len().max(1)).any(|part| part == token.as_bytes());
    (200..300).contains(&answer.status)
        && (within(&answer.body) || answer.headers.iter().any(|(_, value)| within(value)))
}

fn part(key: &str, file: &HandshakePartFile) -> Result<Pattern, ProfileError> {
    let key = format!("{key}.body");
    let pattern = Pattern::parse(&file.body, &["token"]).or_else(|what| fault(&key, what))?;
    match pattern.place_of("token") {
        Some(_) => Ok(pattern),
        None => fault(&key, "it has no `${token}`"),
    }
}

fn filled(pattern: &Pattern, token: &str) -> Value {
    pattern.fill(|hole| (hole == "token").then(|| Value::from(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Headers;

    #[test]
    fn a_question_is_told_from_an_event_by_its_fixed_parts() {
        let file = HandshakeFile {
            request: HandshakePartFile {
                body: r#"{"type":"Verify","in":{"token":"${token}"}}"#.into(),
            },
            ..HandshakeFile::default()
        };
        let handshake = Handshake::of(&file).unwrap();
        let question = handshake.question("abc");
        assert_eq!(question.to_string(), r#"{"type":"Verify","in":{"token":"abc"}}"#);
        for (body, token) in [
            (question.to_string().as_str(), Some("abc")),
            (r#"{"in":{"token":"abc","more":1},"type":"Verify","id":7}"#, Some("abc")),
            (r#"{"type":"Other","in":{"token":"abc"}}"#, None),
            (r#"{"type":"Verify","in":{"token":7}}"#, None),
            (r#"{"type":"Verify","in":{"token":""}}"#, None),
            (r#"{"type":"Verify"}"#, None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(handshake.token_in(body.as_bytes()).as_deref(), token, "{body}");
        }
        assert_eq!(handshake.answer("abc").to_string(), r#"{"token":"abc"}"#);
    }

    #[test]
    fn only_a_success_that_carries_the_token_confirms() {
        let answer = |status, body: &'static str, header: &str| {
            let mut headers = Headers::new();
            headers.append("x-token", header);
            Answer {
                status,
                headers,
                body: body.into(),
                truncated: false,
            }
        };
        assert!(echoes(&answer(200, r#"{"t":"abc"}"#, ""), "abc"));
        assert!(echoes(&answer(204, "", "abc"), "abc"));
        assert!(!echoes(&answer(200, "ab", ""), "abc"));
        assert!(!echoes(&answer(400, "abc", "abc"), "abc"));
    }
}
