//! Keyed hashes: HMAC with SHA-1, SHA-256 or SHA-512 over a template.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use base64::Engine as _;

use super::encoding::{Form, LENIENT_KEY};
use super::keys::is_public_key;
use super::{KeyError, Proof, Received, RejectReason, SignError, Signed, SignedParts, ToSign, same};
use crate::secret::Secret;
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
    /// What is signed and where the signature is.
    pub signed: SignedParts,
    /// Other forms that verification takes.
    pub also_accept: Vec<Form>,
}

/// A secret prepared for use: the hash has already absorbed the key, so that a check starts from a copy.
#[derive(Debug, Clone)]
pub struct HmacKey {
    name: Option<String>,
    key: hmac::Key,
}

impl HmacKey {
    fn digest(&self, content: &[Cow<'_, [u8]>]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for piece in content {
            context.update(piece);
        }
        context.sign().as_ref().to_vec()
    }
}

/// HMAC-SHA-256 of a text.
pub(super) fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

impl Hmac {
    /// Prepares every secret.
    pub(super) fn keys(&self, secrets: &[Secret]) -> Result<Vec<HmacKey>, KeyError> {
        secrets.iter().map(|secret| self.ready(secret)).collect()
    }

    /// Prepares the secrets that sign.
    pub(super) fn signing_keys(&self, secrets: &[Secret]) -> Result<Vec<HmacKey>, KeyError> {
        self.keys(self.signed.signing_secrets(secrets)?)
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
        Ok(self.key_of(secret.name(), &bytes))
    }

    /// The key of these bytes, whatever they are.
    pub(super) fn key_of(&self, name: Option<&str>, bytes: &[u8]) -> HmacKey {
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        };
        HmacKey {
            name: name.map(str::to_owned),
            key: hmac::Key::new(algorithm, bytes),
        }
    }

    pub(super) fn sign(&self, keys: &[HmacKey], message: &ToSign<'_>) -> Result<Signed, SignError> {
        let hash = |key: &HmacKey, content: &[Cow<'_, [u8]>]| Ok(key.digest(content));
        self.signed.sign(keys, message, |_| b"", hash)
    }

    pub(super) fn verify(&self, keys: &[HmacKey], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let matches = |key: &HmacKey, content: &[Cow<'_, [u8]>], signatures: &[&[u8]]| {
            let expected = key.digest(content);
            let main = self.signed.carrier.any(signatures, |bytes| same(bytes, &expected));
            let form = if main {
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
        self.signed.verify(keys, received, |_| b"", matches)
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
