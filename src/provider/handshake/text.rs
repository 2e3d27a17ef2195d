//! The placeholders in the texts of a handshake.

use std::fmt;

use super::Unanswerable;
use crate::headers::Headers;
use crate::secret::Secret;
use crate::signature::{Encoding, keyed_digest};
use crate::template::{self, Template};

/// A placeholder of a challenge or an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ChallengePlaceholder {
    /// `${token}`
    Token,
    /// `${verify}`: the verify token.
    Verify,
    /// `${any}`
    Any,
    /// `${hmac.hex}`, `${hmac.base64}`
    Hmac(Encoding),
    /// `${header.NAME}` of the challenge.
    Header(String),
}

/// A text of a challenge or an answer.
pub type Text = Template<ChallengePlaceholder>;

/// The values of placeholders.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReplyContext<'a> {
    pub(super) token: &'a str,
    pub(super) headers: &'a Headers,
    pub(super) secret: Option<&'a Secret>,
}

impl template::Name for ChallengePlaceholder {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Self::Token,
            "verify" => Self::Verify,
            "any" => Self::Any,
            "hmac.hex" => Self::Hmac(Encoding::Hex),
            "hmac.base64" => Self::Hmac(Encoding::Base64),
            _ => Self::Header(name.strip_prefix("header.").filter(|name| !name.is_empty())?.to_owned()),
        })
    }
}

impl ChallengePlaceholder {
    /// Whether a challenge may contain it.
    pub(super) fn asks(&self) -> bool {
        matches!(self, Self::Token | Self::Verify | Self::Any)
    }

    /// Whether an answer may contain it.
    pub(super) fn answers(&self) -> bool {
        matches!(self, Self::Token | Self::Hmac(_) | Self::Header(_))
    }

    /// Whether its value depends on the token.
    pub(super) fn needs_token(&self) -> bool {
        matches!(self, Self::Token | Self::Hmac(_))
    }

    pub(super) fn filled(&self, known: &ReplyContext<'_>) -> Result<String, Unanswerable> {
        match self {
            Self::Token | Self::Verify | Self::Any => Ok(known.token.to_owned()),
            Self::Hmac(_) if !is_token(known.token.as_bytes()) => Err(Unanswerable::Token),
            Self::Hmac(encoding) => {
                let secret = known.secret.ok_or(Unanswerable::Secret)?;
                Ok(encoding.encode(&keyed_digest(secret, known.token.as_bytes())))
            }
            Self::Header(name) => known
                .headers
                .get_text(name)
                .map(str::to_owned)
                .ok_or(Unanswerable::Header),
        }
    }
}

impl fmt::Display for ChallengePlaceholder {
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

/// Whether a token may be signed for an unauthenticated sender.
pub fn is_token(text: &[u8]) -> bool {
    // The answer is keyed with the secret of events. A token that is the signed content of an event would give its sender a
    // valid signature, so only texts that cannot be such content are signed.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte);
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    text.len() <= 256 && padding <= 2 && text[..text.len() - padding].iter().all(plain)
}

/// Refuses placeholders that are not allowed in this text. The error is a clause.
pub(super) fn check<'a>(
    mut placeholders: impl Iterator<Item = &'a ChallengePlaceholder>,
    fits: impl Fn(&ChallengePlaceholder) -> bool,
) -> Result<(), String> {
    match placeholders.find(|placeholder| !fits(placeholder)) {
        Some(placeholder) => Err(format!("unknown placeholder `{placeholder}`")),
        None => Ok(()),
    }
}

/// Checks that a text of a challenge is fixed, or a single placeholder. The error is a clause.
pub(super) fn check_challenge(text: &Text) -> Result<(), String> {
    check(text.placeholders(), ChallengePlaceholder::asks)?;
    if text.parts().len() > 1 {
        return Err("a placeholder must stand alone".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Name;

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
        let text = |text| Text::parse_with(text, ChallengePlaceholder::read).unwrap();
        assert!(check_challenge(&text("${hmac.hex}")).is_err());
        assert!(check(text("${verify}").placeholders(), ChallengePlaceholder::answers).is_err());
        assert_eq!(
            check_challenge(&text("a${token}")),
            Err("a placeholder must stand alone".to_owned())
        );
        let unknown = Text::parse_with("${who}", ChallengePlaceholder::read).unwrap_err();
        assert_eq!(unknown.what, "unknown placeholder `${who}`");
    }
}
