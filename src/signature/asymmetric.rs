//! Ed25519 and RSA: sign with the private key, verify with the public one. The keys may be written as PEM, as base64
//! of their DER, or (Ed25519) as raw bytes in hex or base64.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::carrier::{Carrier, judge_age, message_part};
use super::encoding::LENIENT;
use super::{Freshness, KeyError, Proof, Received, Refusal, ToSign};
use crate::clock::Timestamp;
use crate::json::Paths;
use crate::secret::Secret;
use crate::template::{Part, Placeholder, Template};

/// What stands before the 32 bytes of an Ed25519 public key in its SPKI DER (RFC 8410).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsymmetricKind {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA PKCS#1 v1.5 with SHA-256 (RFC 8017).
    Rsa,
}

/// A scheme with a public and a private key.
#[derive(Debug, Clone)]
pub struct Asymmetric {
    /// Which keys.
    pub kind: AsymmetricKind,
    /// What is signed.
    pub content: Template,
    /// Where the signature stands.
    pub carrier: Carrier,
    /// How old it may be.
    pub freshness: Freshness,
    /// The body path of the signing time, when no header carries it.
    pub time_at: Option<String>,
    /// Before the base64 of a private key, where the provider writes keys so.
    pub private_prefix: Option<String>,
    /// Before the base64 of a public key, where the provider writes keys so.
    pub public_prefix: Option<String>,
}

/// A key that signs.
#[derive(Clone)]
pub enum PrivateKey {
    /// Ed25519.
    Ed25519(Arc<Ed25519KeyPair>),
    /// RSA.
    Rsa(Arc<RsaKeyPair>),
}

/// A key that verifies, under its secret's name.
#[derive(Debug, Clone)]
pub struct PublicKey {
    name: Option<String>,
    bytes: Vec<u8>,
}

/// A fresh pair of keys as text: the private half signs, the public half is what a receiver gets.
pub struct KeyPair {
    /// PEM, PKCS#8.
    pub private: Secret,
    /// PEM, SPKI.
    pub public: String,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(masked)")
    }
}

impl PrivateKey {
    fn sign(&self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.sign(content).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                match pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content, &mut signature) {
                    Ok(()) => signature,
                    Err(_) => Vec::new(),
                }
            }
        }
    }
}

impl Asymmetric {
    pub(super) fn signing_keys(&self, secrets: &[Secret]) -> Result<Vec<PrivateKey>, KeyError> {
        let several = self.carrier.carries_several();
        let secrets = if several {
            secrets
        } else {
            secrets.get(..1).unwrap_or_default()
        };
        if secrets.is_empty() {
            return Err(KeyError::NoSecret);
        }
        secrets.iter().map(|secret| self.private_key(secret)).collect()
    }

    pub(super) fn verifying_keys(&self, secrets: &[Secret]) -> Result<Vec<PublicKey>, KeyError> {
        secrets
            .iter()
            .map(|secret| {
                Ok(PublicKey {
                    name: secret.name().map(str::to_owned),
                    bytes: self.public_bytes(secret)?,
                })
            })
            .collect()
    }

    pub(super) fn sign(&self, keys: &[PrivateKey], message: &ToSign<'_>) -> (String, String) {
        let mut content = Vec::with_capacity(message.body.len() + 64);
        for part in self.content.parts() {
            match part {
                Part::Text(text) => content.extend_from_slice(text.as_bytes()),
                Part::Placeholder(Placeholder::Body) => content.extend_from_slice(message.body),
                Part::Placeholder(other) => {
                    content.extend_from_slice(message_part(other, message).unwrap_or_default().as_bytes());
                }
            }
        }
        let signatures: Vec<String> = keys
            .iter()
            .map(|key| self.carrier.encoding.encode(&key.sign(&content)))
            .collect();
        (self.carrier.header.clone(), self.carrier.write(&signatures, message))
    }

    pub(super) fn verify(&self, keys: &[PublicKey], received: &Received<'_>) -> Result<Proof, Refusal> {
        let carried = self.carrier.read(received.headers)?;
        let mut content = Vec::with_capacity(received.body.len() + 64);
        for part in self.content.parts() {
            let missing = |part| Refusal::PartMissing {
                part,
                header: self.carrier.place_of(part),
            };
            content.extend_from_slice(match part {
                Part::Text(text) => text.as_bytes(),
                Part::Placeholder(Placeholder::Body) => received.body,
                Part::Placeholder(Placeholder::Timestamp(_)) => {
                    carried.timestamp.ok_or_else(|| missing("timestamp"))?
                }
                Part::Placeholder(Placeholder::Id) => carried.id.ok_or_else(|| missing("id"))?,
                Part::Placeholder(_) => b"",
            });
        }
        let decoded: Vec<_> = carried
            .signatures
            .iter()
            .filter_map(|text| self.carrier.encoding.decode(text))
            .collect();
        let key = keys
            .iter()
            .find(|key| decoded.iter().any(|signature| self.matches(key, &content, signature)));
        let key = key.ok_or_else(|| Refusal::NoMatch {
            header: self.carrier.header.clone(),
            secrets: keys.len(),
        })?;
        let signed_at = carried.signed_at.or_else(|| self.time_in_body(received.body));
        judge_age(
            self.freshness,
            signed_at,
            received.now,
            Proof {
                secret: key.name.clone(),
                ..Proof::default()
            },
        )
    }

    fn matches(&self, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            AsymmetricKind::Ed25519 => UnparsedPublicKey::new(&ED25519, &key.bytes)
                .verify(content, signature)
                .is_ok(),
            AsymmetricKind::Rsa => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.bytes)
                .verify(content, signature)
                .is_ok(),
        }
    }

    fn time_in_body(&self, body: &[u8]) -> Option<Timestamp> {
        let mut paths = Paths::default();
        let slot = paths.add(self.time_at.as_ref()?);
        paths.read(body).get(slot)?.as_ref()?.text().and_then(Timestamp::parse)
    }

    /// A private key's text never verifies, so that a receiver does not end up holding one without noticing.
    fn public_bytes(&self, secret: &Secret) -> Result<Vec<u8>, KeyError> {
        let wrong = || KeyError::wrong_form(secret, self.kind.public_form());
        let text = secret.expose().trim_ascii();
        let private_pem = text.starts_with(b"-----BEGIN") && !text.starts_with(b"-----BEGIN PUBLIC KEY-----");
        if private_pem || stripped(text, self.private_prefix.as_ref()).is_some() {
            return Err(wrong());
        }
        let text = stripped(text, self.public_prefix.as_ref()).unwrap_or(text);
        let der = der_of(text).ok_or_else(wrong)?;
        match self.kind {
            AsymmetricKind::Ed25519 => match der.strip_prefix(ED25519_SPKI.as_slice()) {
                Some(raw) if raw.len() == 32 => Ok(raw.to_vec()),
                None if der.len() == 32 => Ok(der),
                _ => Err(wrong()),
            },
            AsymmetricKind::Rsa if der.len() > 200 => Ok(der),
            AsymmetricKind::Rsa => Err(wrong()),
        }
    }

    fn private_key(&self, secret: &Secret) -> Result<PrivateKey, KeyError> {
        let wrong = || KeyError::wrong_form(secret, self.kind.private_form());
        let text = secret.expose().trim_ascii();
        if text.starts_with(b"-----BEGIN PUBLIC") || stripped(text, self.public_prefix.as_ref()).is_some() {
            return Err(wrong());
        }
        let text = stripped(text, self.private_prefix.as_ref()).unwrap_or(text);
        let der = der_of(text).ok_or_else(wrong)?;
        match self.kind {
            AsymmetricKind::Ed25519 => ed25519_pair(&der).map(|pair| PrivateKey::Ed25519(Arc::new(pair))),
            AsymmetricKind::Rsa => RsaKeyPair::from_pkcs8(&der)
                .ok()
                .map(|pair| PrivateKey::Rsa(Arc::new(pair))),
        }
        .ok_or_else(wrong)
    }
}

impl Asymmetric {
    /// A private key as the provider writes it.
    pub fn private_text(&self, secret: &Secret) -> Result<Secret, KeyError> {
        let (Some(prefix), PrivateKey::Ed25519(pair)) = (&self.private_prefix, self.private_key(secret)?) else {
            return Ok(secret.clone());
        };
        let seed = pair.seed().and_then(|seed| seed.as_be_bytes());
        let seed = seed.map_err(|_| KeyError::wrong_form(secret, self.kind.private_form()))?;
        let both = [seed.as_ref(), pair.public_key().as_ref()].concat();
        Ok(Secret::new(format!("{prefix}{}", STANDARD.encode(both))))
    }

    /// A public key as the provider writes it.
    pub fn public_text(&self, secret: &Secret) -> Result<Secret, KeyError> {
        match (&self.public_prefix, self.kind) {
            (Some(prefix), AsymmetricKind::Ed25519) => Ok(Secret::new(format!(
                "{prefix}{}",
                STANDARD.encode(self.public_bytes(secret)?)
            ))),
            _ => Ok(secret.clone()),
        }
    }
}

impl AsymmetricKind {
    /// `ed25519` or `rsa`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        }
    }

    fn public_form(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 public key (PEM, or 32 bytes in hex or base64)",
            Self::Rsa => "an RSA public key (PEM)",
        }
    }

    fn private_form(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 private key (PEM, or a seed of 32 bytes in hex or base64)",
            Self::Rsa => "an RSA private key (PKCS#8 PEM)",
        }
    }

    /// Makes a pair of keys; `None` only when the system's randomness fails.
    pub fn generate(self) -> Option<KeyPair> {
        let (private, public) = match self {
            Self::Ed25519 => {
                // Version 1 without the public key: the only form that OpenSSL and most libraries read.
                let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).ok()?;
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document.as_ref()).ok()?;
                let spki = [ED25519_SPKI.as_slice(), pair.public_key().as_ref()].concat();
                (document.as_ref().to_vec(), spki)
            }
            Self::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
                let public = pair.public_key().as_der().ok()?.as_ref().to_vec();
                (pair.as_der().ok()?.as_ref().to_vec(), public)
            }
        };
        Some(KeyPair {
            private: Secret::new(pem("PRIVATE KEY", &private)),
            public: pem("PUBLIC KEY", &public),
        })
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .filter_map(|at| text.get(at..text.len().min(at + 64)))
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn stripped<'a>(text: &'a [u8], prefix: Option<&String>) -> Option<&'a [u8]> {
    text.strip_prefix(prefix?.as_bytes())
}

/// PKCS#8, a seed, or a seed and the public key that belongs to it.
fn ed25519_pair(der: &[u8]) -> Option<Ed25519KeyPair> {
    match der.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(der).ok(),
        64 => Ed25519KeyPair::from_seed_and_public_key(&der[..32], &der[32..]).ok(),
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok(),
    }
}

/// The bytes of a key's text: PEM, hex or base64.
fn der_of(text: &[u8]) -> Option<Vec<u8>> {
    if text.starts_with(b"-----BEGIN") {
        let text = std::str::from_utf8(text).ok()?;
        let inner: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect();
        return LENIENT.decode(inner).ok();
    }
    if text.len() == 64
        && let Ok(bytes) = hex::decode(text)
    {
        return Some(bytes);
    }
    LENIENT.decode(text).ok()
}
