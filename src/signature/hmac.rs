//! Keyed hashes: HMAC with SHA-1, SHA-256 or SHA-512 over a template.

use std::borrow::Cow;

use base64::Engine as _;
use hmac::{KeyInit, Mac};

use super::check::Check;
use super::encoding::{Form, LENIENT_KEY};
use super::keys::is_public_key;
use super::location::SignatureLocation;
use super::{Freshness, KeyError, Proof, Received, RejectReason, SignError, Signed, ToSign, same};
use crate::secret::Secret;
use crate::template::Template;
use crate::words::words;

words! {
    /// The hash inside.
    #[derive(Default)]
    pub enum Algorithm {
        /// What nearly everybody uses.
        #[default]
        Sha256 = "sha256",
        /// Old, still in use.
        Sha1 = "sha1",
        /// The long one.
        Sha512 = "sha512",
    }
}

words! {
    /// How a secret's text becomes key bytes.
    #[derive(Default)]
    pub enum KeyForm {
        /// The text itself.
        #[default]
        Utf8 = "utf8",
        /// Hex digits.
        Hex = "hex",
        /// Standard base64, padded or not.
        Base64 = "base64",
        /// Base64 behind the prefix; without the prefix the text itself.
        PrefixedBase64 = "prefixed-base64",
    }
}

/// An HMAC scheme.
#[derive(Debug, Clone)]
pub struct Hmac {
    /// The hash inside.
    pub algorithm: Algorithm,
    /// How the secret becomes a key.
    pub key: KeyForm,
    /// Dropped from the front of the secret's text when it is there.
    pub key_prefix: Option<String>,
    /// What is signed.
    pub content: Template,
    /// Where the signature stands.
    pub carrier: SignatureLocation,
    /// Other forms that verification takes.
    pub also_accept: Vec<Form>,
    /// How old it may be.
    pub freshness: Freshness,
}

/// A secret made ready: the hash with the key already absorbed, so that a check starts from a copy.
#[derive(Clone)]
pub struct HmacKey {
    name: Option<String>,
    state: MacState,
}

#[derive(Clone)]
enum MacState {
    Sha1(hmac::Hmac<sha1::Sha1>),
    Sha256(hmac::Hmac<sha2::Sha256>),
    Sha512(hmac::Hmac<sha2::Sha512>),
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HmacKey({})", self.name.as_deref().unwrap_or("masked"))
    }
}

/// HMAC-SHA-256 of a text.
pub(super) fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let Some(mut state) = MacState::new(Algorithm::Sha256, key) else {
        return Vec::new();
    };
    state.update(text);
    state.finish()
}

impl MacState {
    fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Sha1 => Self::Sha1(hmac::Hmac::new_from_slice(key).ok()?),
            Algorithm::Sha256 => Self::Sha256(hmac::Hmac::new_from_slice(key).ok()?),
            Algorithm::Sha512 => Self::Sha512(hmac::Hmac::new_from_slice(key).ok()?),
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    fn of(&self, content: &[Cow<'_, [u8]>]) -> Vec<u8> {
        let mut state = self.clone();
        for piece in content {
            state.update(piece);
        }
        state.finish()
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

impl Hmac {
    /// Makes every secret ready.
    pub(super) fn keys(&self, secrets: &[Secret]) -> Result<Vec<HmacKey>, KeyError> {
        secrets.iter().map(|secret| self.ready(secret)).collect()
    }

    /// Makes ready the secrets that sign.
    pub(super) fn signing_keys(&self, secrets: &[Secret]) -> Result<Vec<HmacKey>, KeyError> {
        let several = self.carrier.carries_several();
        let keys = self.keys(if several {
            secrets
        } else {
            secrets.get(..1).unwrap_or_default()
        })?;
        if keys.is_empty() {
            Err(KeyError::NoSecret)
        } else {
            Ok(keys)
        }
    }

    /// The key that a secret's text stands for.
    pub(super) fn key_bytes(&self, secret: &Secret) -> Result<Vec<u8>, KeyError> {
        let text = secret.expose();
        if text.is_empty() {
            return Err(KeyError::NoSecret);
        }
        // A public key is known to everybody, so a signature keyed with its text proves nothing.
        if is_public_key(text) {
            return Err(KeyError::wrong_form(secret, "an HMAC secret: it is a key of a pair"));
        }
        let prefix = self.key_prefix.as_ref();
        let behind = prefix.and_then(|p| text.strip_prefix(p.as_bytes()));
        let stripped = behind.unwrap_or(text);
        let bytes = match self.key {
            KeyForm::Utf8 => stripped.to_vec(),
            KeyForm::PrefixedBase64 if behind.is_none() => text.to_vec(),
            KeyForm::Hex => hex::decode(stripped).map_err(|_| KeyError::wrong_form(secret, "hex digits"))?,
            KeyForm::Base64 | KeyForm::PrefixedBase64 => LENIENT_KEY
                .decode(stripped)
                .map_err(|_| KeyError::wrong_form(secret, "base64"))?,
        };
        if bytes.is_empty() {
            return Err(KeyError::NoSecret);
        }
        Ok(bytes)
    }

    fn ready(&self, secret: &Secret) -> Result<HmacKey, KeyError> {
        let bytes = self.key_bytes(secret)?;
        let state = MacState::new(self.algorithm, &bytes).ok_or_else(|| KeyError::wrong_form(secret, "a key"))?;
        Ok(HmacKey {
            name: secret.name().map(str::to_owned),
            state,
        })
    }

    pub(super) fn check(&self) -> Check<'_> {
        Check {
            content: &self.content,
            carrier: &self.carrier,
            freshness: self.freshness,
        }
    }

    pub(super) fn sign(&self, keys: &[HmacKey], message: &ToSign<'_>) -> Result<Signed, SignError> {
        let hash = |key: &HmacKey, content: &[Cow<'_, [u8]>]| Ok(key.state.of(content));
        self.check().sign(keys, message, |_| b"", hash)
    }

    pub(super) fn verify(&self, keys: &[HmacKey], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let matches = |key: &HmacKey, content: &[Cow<'_, [u8]>], signatures: &[&[u8]]| {
            let expected = key.state.of(content);
            let form = if self.is_main_form(signatures, &expected) {
                None
            } else {
                Some(self.other_form(signatures, &expected)?)
            };
            Some(Proof {
                secret: key.name.clone(),
                form,
                weakness: (self.algorithm == Algorithm::Sha1).then(|| "SHA-1".to_owned()),
                ..Proof::default()
            })
        };
        self.check().verify(keys, received, |_| b"", matches)
    }

    /// Whether any signature is the expected one in the scheme's own form.
    fn is_main_form(&self, signatures: &[&[u8]], expected: &[u8]) -> bool {
        let decoded = |text: &&[u8]| self.carrier.decode(text);
        signatures
            .iter()
            .filter_map(decoded)
            .any(|bytes| same(&bytes, expected))
    }

    /// The other form in which one is, by its name.
    fn other_form(&self, signatures: &[&[u8]], expected: &[u8]) -> Option<String> {
        let matches = |form: &&Form| {
            let mut decoded = signatures.iter().filter_map(|text| form.decode(text));
            decoded.any(|bytes| same(&bytes, expected))
        };
        self.also_accept.iter().find(matches).map(ToString::to_string)
    }
}
