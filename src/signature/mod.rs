//! Signature schemes: sign a message, verify a request. A provider file is compiled into these types; nothing here knows a
//! provider.

mod age;
mod asymmetric;
mod check;
mod content;
mod encoding;
mod errors;
mod explain;
mod guesses;
mod hash;
mod hmac;
mod keyed;
mod keys;
mod location;
mod shape;
mod signed;
mod tamper;
#[cfg(test)]
mod tests;
mod token;
mod url_form;
mod verdict;

use std::time::Duration;

pub use asymmetric::{Asymmetric, AsymmetricKind, PublicForm};
pub use check::SignedParts;
pub use encoding::{Encoding, Form};
pub use explain::{
    Case, Diagnosis, Explanation, HintCaller, HintContext, SignedBytes, TimeBudget, explain, explain_age, hint,
    unknown_header,
};
pub use hash::Hash;
pub use hmac::{Algorithm, Hmac, KeyForm};
pub use keyed::{Signer, Verifier};
pub use keys::{is_hex_key, is_public_key};
pub use location::SignatureLocation;
pub use shape::Shape;
pub use token::TokenScheme;
#[cfg(any(test, feature = "internals"))]
pub use url_form::UrlForm;
pub use verdict::{Proof, RejectReason, TOKEN_ONLY, VERIFIED, Verdict};

use crate::clock::Timestamp;
use crate::form::is_urlencoded;
use crate::headers::Headers;
use crate::secret::Secret;
use crate::template::{Placeholder, Template};

/// How a provider signs.
#[derive(Debug, Clone, Default)]
pub enum Scheme {
    /// A keyed hash.
    Hmac(Hmac),
    /// A plain hash with the secret inside.
    Hash(Hash),
    /// A header that equals the secret.
    Token(TokenScheme),
    /// A public and a private key.
    Asymmetric(Asymmetric),
    /// Nothing is signed.
    #[default]
    Unsigned,
}

/// A message that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct ToSign<'a> {
    /// The message's id on the wire.
    pub id: &'a str,
    /// The event's type.
    pub event: &'a str,
    /// The moment of signing.
    pub timestamp: Timestamp,
    /// The raw body.
    pub body: &'a [u8],
    /// The request's method.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a str,
    /// The headers beside the signature.
    pub headers: &'a Headers,
}

/// The result of signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Header lines.
    Headers(Vec<(String, String)>),
    /// The body with the signature in it.
    Body(Vec<u8>),
    /// The scheme signs nothing.
    Nothing,
}

/// A received request that is to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// As it was sent.
    pub method: &'a str,
    /// The whole URL as the sender has it, when it is known.
    pub url: Option<&'a str>,
    /// As they came.
    pub headers: &'a Headers,
    /// The raw body.
    pub body: &'a [u8],
    /// The receiver's clock.
    pub now: Timestamp,
}

/// How old a signature may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Enforced.
    pub tolerance: Option<Duration>,
    /// A warning only.
    pub advised: Option<Duration>,
    /// Whether a clock that is ahead is accepted however far.
    pub past_only: bool,
}

/// Why a secret cannot be used with a scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No secret at all.
    #[error("no secret is known")]
    NoSecret,
    /// The secret's text does not have the scheme's form. Never shows the text.
    #[error("the secret {name}is not {expected}")]
    WrongForm {
        /// The secret's name in backticks with a space after it, or nothing.
        name: String,
        /// What the scheme wants, with its article.
        expected: String,
    },
}

/// Why a message cannot be signed: nothing may be sent then, because it would be recorded as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key fails.
    #[error("the private key cannot sign")]
    BrokenKey,
    /// The signature is in the body, and this body has no place for it.
    #[error("the signature belongs in the body at `{0}`, and this body has no place for it")]
    NoPlace(String),
    /// The message lacks a part that is signed, so that no receiver would accept the signature.
    #[error("the {part} at `{place}` is signed, and the message has none")]
    PartMissing {
        /// What it is.
        part: &'static str,
        /// A header or a place in the body.
        place: String,
    },
}

/// HMAC-SHA-256 of a text, keyed with the secret's text: what some providers ask a receiver for, to see that it has the
/// secret.
pub fn keyed_digest(secret: &Secret, text: &[u8]) -> Vec<u8> {
    hmac::sha256(secret.expose(), text)
}

impl KeyError {
    pub(crate) fn wrong_form(secret: &Secret, expected: &str) -> Self {
        let name = secret.name().map_or_else(String::new, |name| format!("`{name}` "));
        Self::WrongForm {
            name,
            expected: expected.to_owned(),
        }
    }
}

impl Scheme {
    /// Prepares secrets for signing: the first one signs, or all of them where the header may carry several signatures.
    pub fn signer(&self, secrets: &[Secret]) -> Result<Signer, KeyError> {
        Ok(match self {
            Self::Hmac(scheme) => Signer::Hmac(scheme.clone(), scheme.signing_keys(secrets)?),
            Self::Hash(scheme) => Signer::Hash(scheme.clone(), Hash::keys(secrets)?),
            Self::Token(scheme) => Signer::Token(
                scheme.clone(),
                vec![secrets.first().cloned().ok_or(KeyError::NoSecret)?],
            ),
            Self::Asymmetric(scheme) => Signer::Asymmetric(scheme.clone(), scheme.signing_keys(secrets)?),
            Self::Unsigned => Signer::Unsigned,
        })
    }

    /// Prepares secrets for checking: any of them may match.
    pub fn verifier(&self, secrets: &[Secret]) -> Result<Verifier, KeyError> {
        // An empty key verifies whatever anybody signs with an empty key.
        if secrets.iter().any(Secret::is_empty) {
            return Err(KeyError::NoSecret);
        }
        Ok(match self {
            Self::Unsigned => Verifier::Unsigned,
            _ if secrets.is_empty() => return Err(KeyError::NoSecret),
            Self::Hmac(scheme) => Verifier::Hmac(scheme.clone(), scheme.keys(secrets)?),
            Self::Hash(scheme) => Verifier::Hash(scheme.clone(), Hash::keys(secrets)?),
            Self::Token(scheme) => Verifier::Token(scheme.clone(), TokenScheme::keys(secrets)?),
            Self::Asymmetric(scheme) => Verifier::Asymmetric(scheme.clone(), scheme.verifying_keys(secrets)?),
        })
    }

    /// Like [`Scheme::verifier`], but leaves out the secrets that have another scheme's form: a receiver may hold a public
    /// key and a shared secret at once. Fails when none is left.
    pub fn verifier_of_usable(&self, secrets: &[Secret]) -> Result<Verifier, KeyError> {
        let mut fault = KeyError::NoSecret;
        let mut usable = Vec::with_capacity(secrets.len());
        for secret in secrets {
            match self.verifier(std::slice::from_ref(secret)) {
                Ok(_) => usable.push(secret.clone()),
                Err(error) if fault == KeyError::NoSecret => fault = error,
                Err(_) => {}
            }
        }
        if usable.is_empty() && !matches!(self, Self::Unsigned) {
            return Err(fault);
        }
        self.verifier(&usable)
    }

    /// Where signatures are, for the schemes that have any.
    pub fn carrier(&self) -> Option<&SignatureLocation> {
        self.signed().map(|signed| &signed.carrier)
    }

    /// What is signed, for the schemes that sign anything.
    pub fn content(&self) -> Option<&Template> {
        self.signed().map(|signed| &signed.content)
    }

    /// Whether such a part of a request is signed.
    fn signs(&self, is: impl FnMut(&Placeholder) -> bool) -> bool {
        self.content().is_some_and(|content| content.placeholders().any(is))
    }

    /// Whether the request's method or URL is signed.
    pub fn signs_target(&self) -> bool {
        self.signs(|p| matches!(p, Placeholder::Url | Placeholder::Method))
    }

    /// Whether the time of the signature is signed.
    pub fn signs_time(&self) -> bool {
        self.signs(|p| matches!(p, Placeholder::Timestamp(_)))
    }

    /// Whether the body has to be read as a document for a check, which takes far longer than hashing it.
    pub fn looks_into_body(&self) -> bool {
        self.signed().is_some_and(SignedParts::looks_into_body)
    }

    /// Whether the fields of a form are signed, so that the body's type decides.
    pub fn signs_form(&self) -> bool {
        self.signs(|p| *p == Placeholder::Form)
    }

    /// The URL that a signed message goes to, where it is not the one given: a body that is no form may be covered by
    /// nothing but its hash in the query.
    pub fn address(&self, url: &str, content_type: &str, body: &[u8]) -> Option<String> {
        let param = self.carrier()?.body_hash.as_deref()?;
        let is_covered = body.is_empty() || is_urlencoded(content_type);
        (!is_covered).then(|| content::with_body_hash(param, url, body))
    }

    /// The header that carries the signature; none for an unsigned scheme and for one that signs inside the body.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Token(scheme) => Some(&scheme.header),
            _ => self.carrier()?.headers().next().map(String::as_str),
        }
    }

    /// The header whose value is the secret itself, for a scheme that has one.
    pub fn token_header(&self) -> Option<&str> {
        match self {
            Self::Token(scheme) => Some(&scheme.header),
            _ => None,
        }
    }

    /// Notes where a token is in headers, so that no ledger keeps it.
    pub fn conceal_token(&self, headers: &mut Headers) {
        if let Self::Token(scheme) = self {
            headers.conceal(&scheme.header, |value| Some(scheme.secret_in(value)));
        }
    }

    /// What a refusal names when the signature is not there: the header, or `body:PATH`.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Token(scheme) => Some(&scheme.header),
            _ => self.carrier().map(|carrier| carrier.header.as_str()),
        }
    }

    /// Whether a request has anything at the place of the signature; never for an unsigned scheme.
    pub fn is_carried(&self, headers: &Headers, body: &[u8]) -> bool {
        match self {
            Self::Token(scheme) => headers.contains(&scheme.header),
            _ => self.carrier().is_some_and(|carrier| carrier.is_carried(headers, body)),
        }
    }

    /// Whether what a request carries has this scheme's grammar.
    pub fn fits(&self, headers: &Headers) -> bool {
        self.carrier()
            .is_none_or(|carrier| carrier.body.is_some() || carrier.read(headers, None).is_ok())
    }

    /// How old a signature may be.
    pub fn freshness(&self) -> Freshness {
        self.signed().map(|signed| signed.freshness).unwrap_or_default()
    }

    /// `hmac`, `hash`, `token`, `ed25519`, `ecdsa`, `rsa` or `unsigned`: the table of a provider file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hmac(_) => "hmac",
            Self::Hash(_) => "hash",
            Self::Token(_) => "token",
            Self::Asymmetric(scheme) => scheme.kind.name(),
            Self::Unsigned => "unsigned",
        }
    }

    /// Whether one request may carry the signatures of several secrets.
    pub fn carries_several(&self) -> bool {
        !matches!(self, Self::Hash(_)) && self.carrier().is_some_and(SignatureLocation::carries_several)
    }

    /// The signing time that the request states; `None` without one.
    pub fn signed_at(&self, headers: &Headers) -> Option<Timestamp> {
        let carried = self.carrier()?.read(headers, None).ok()?;
        carried.signed_at
    }
}

/// A signer whose key never signs.
#[cfg(test)]
pub(crate) fn broken_signer() -> Signer {
    let scheme = Asymmetric {
        kind: AsymmetricKind::Ed25519,
        signed: SignedParts::default(),
        public_form: PublicForm::default(),
        private_prefix: None,
        public_prefix: None,
    };
    Signer::Asymmetric(scheme, vec![asymmetric::PrivateKey::Broken])
}

/// Compares in constant time.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
