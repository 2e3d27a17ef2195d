//! Texts with holes, in the parts of a handshake.

use std::fmt;

use crate::headers::Headers;
use crate::secret::Secret;
use crate::signature::{Encoding, keyed_digest};

/// What may stand in a hole.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hole {
    /// `${token}`
    Token,
    /// `${verify}`: what the receiver was told that the provider would say.
    Verify,
    /// `${any}`
    Any,
    /// `${hmac.hex}`, `${hmac.base64}`
    Hmac(Encoding),
    /// `${header.NAME}` of the question.
    Header(String),
}

/// Text with holes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Fixed(String),
    Hole(Hole),
}

/// What is known when holes are filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) token: &'a str,
    pub(super) headers: &'a Headers,
    pub(super) secret: Option<&'a Secret>,
}

/// Why a text cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// It needs the secret.
    Secret,
    /// It needs a header that is not there.
    Header,
    /// The token is not one that may be signed, see [`is_token`].
    Token,
}

impl Hole {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Self::Token,
            "verify" => Self::Verify,
            "any" => Self::Any,
            "hmac.hex" => Self::Hmac(Encoding::Hex),
            "hmac.base64" => Self::Hmac(Encoding::Base64),
            _ => Self::Header(name.strip_prefix("header.").filter(|name| !name.is_empty())?.to_owned()),
        })
    }

    fn asks(&self) -> bool {
        matches!(self, Self::Token | Self::Verify | Self::Any)
    }

    fn answers(&self) -> bool {
        matches!(self, Self::Token | Self::Hmac(_) | Self::Header(_))
    }

    fn filled(&self, known: &Known<'_>) -> Result<String, Gap> {
        match self {
            Self::Token | Self::Verify | Self::Any => Ok(known.token.to_owned()),
            Self::Hmac(_) if !is_token(known.token.as_bytes()) => Err(Gap::Token),
            Self::Hmac(encoding) => {
                let secret = known.secret.ok_or(Gap::Secret)?;
                Ok(encoding.encode(&keyed_digest(secret, known.token.as_bytes())))
            }
            Self::Header(name) => known.headers.get_text(name).map(str::to_owned).ok_or(Gap::Header),
        }
    }
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("${token}"),
            Self::Verify => f.write_str("${verify}"),
            Self::Any => f.write_str("${any}"),
            Self::Hmac(encoding) => write!(f, "${{hmac.{encoding}}}"),
            Self::Header(name) => write!(f, "${{header.{name}}}"),
        }
    }
}

/// With its placeholders.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Fixed(text) => f.write_str(text),
            Part::Hole(hole) => hole.fmt(f),
        })
    }
}

/// Whether a text is a token that may be signed for whoever asks. The key is that of events, so a token that is an event's
/// signed content would buy a forgery: only what cannot be one, short and of the letters that tokens are made of.
pub fn is_token(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte);
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    text.len() <= 256 && padding <= 2 && text[..text.len() - padding].iter().all(plain)
}

impl Text {
    /// A text of a question: fixed, or one hole. The error is a clause.
    pub(super) fn of_question(text: &str) -> Result<Self, String> {
        let parsed = Self::parse(text, Hole::asks)?;
        match parsed.0.as_slice() {
            [_] | [] => Ok(parsed),
            _ => Err("a placeholder must stand alone".to_owned()),
        }
    }

    /// A text of an answer.
    pub(super) fn of_answer(text: &str) -> Result<Self, String> {
        Self::parse(text, Hole::answers)
    }

    fn parse(text: &str, fits: impl Fn(&Hole) -> bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let end = rest[start..].find('}').ok_or("unclosed placeholder")? + start;
            let name = &rest[start + 2..end];
            let hole = Hole::parse(name)
                .filter(&fits)
                .ok_or_else(|| format!("unknown placeholder `${{{name}}}`"))?;
            if start > 0 {
                parts.push(Part::Fixed(rest[..start].to_owned()));
            }
            parts.push(Part::Hole(hole));
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Fixed(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The hole, when the text is one.
    pub(super) fn hole(&self) -> Option<&Hole> {
        match self.0.as_slice() {
            [Part::Hole(hole)] => Some(hole),
            _ => None,
        }
    }

    /// The text, when it has no hole.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether what stands in the question makes a difference to the text.
    pub(super) fn needs_token(&self) -> bool {
        let needs = |part: &Part| matches!(part, Part::Hole(Hole::Token | Hole::Hmac(_)));
        self.0.iter().any(needs)
    }

    /// Whether the secret does.
    pub(super) fn needs_secret(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Hole(Hole::Hmac(_))))
    }

    pub(super) fn filled(&self, known: &Known<'_>) -> Result<String, Gap> {
        let part = |part: &Part| match part {
            Part::Fixed(text) => Ok(text.clone()),
            Part::Hole(hole) => hole.filled(known),
        };
        self.0.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_that_cannot_be_the_content_of_an_event_is_signed() {
        for (token, fits) in [
            ("qgg8vlvZRS6UYooatFL8Aw", true),
            ("aB-_+/9==", true),
            ("a=9", false),
            ("", true),
            ("v0:1893553445:{}", false),
            ("{\"a\":1}", false),
            ("[]", false),
            ("a=1&b=2", false),
            ("1893553445.body", false),
        ] {
            assert_eq!(is_token(token.as_bytes()), fits, "{token}");
        }
        assert!(!is_token("a".repeat(257).as_bytes()));
    }

    #[test]
    fn placeholders_are_those_of_their_place() {
        assert!(Text::of_question("${hmac.hex}").is_err());
        assert!(Text::of_answer("${verify}").is_err());
        assert_eq!(
            Text::of_question("a${token}"),
            Err("a placeholder must stand alone".to_owned())
        );
        assert_eq!(
            Text::of_answer("${who}"),
            Err("unknown placeholder `${who}`".to_owned())
        );
    }
}
