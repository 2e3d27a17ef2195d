//! Ed25519, ECDSA and RSA: sign with the private key, verify with the public one. The keys may be written as PEM, as
//! base64 of their DER, or (Ed25519) as raw bytes in hex or base64.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::{ED25519_SPKI, P256_SPKI, der_of, ed25519_pair, pem, stripped};
use super::{KeyError, Proof, Received, RejectReason, SignError, Signed, SignedParts, ToSign};
use crate::secret::Secret;
use crate::words::words;

words! {
    /// Which keys.
    pub enum AsymmetricKind {
        /// Ed25519 (RFC 8032).
        Ed25519 = "ed25519",
        /// ECDSA on P-256 with SHA-256, the signature in DER (RFC 3279).
        Ecdsa = "ecdsa",
        /// RSA PKCS#1 v1.5 with SHA-256 (RFC 8017).
        Rsa = "rsa",
    }
}

words! {
    /// How a provider writes its public keys.
    #[derive(Default)]
    pub enum PublicForm {
        /// PEM.
        #[default]
        Pem = "pem",
        /// Base64 of the SPKI DER, which is PEM without its frame.
        Der = "der",
        /// The raw bytes in hex.
        Hex = "hex",
    }
}

/// A scheme with a public and a private key.
#[derive(Debug, Clone)]
pub struct Asymmetric {
    /// Which keys.
    pub kind: AsymmetricKind,
    /// What is signed and where the signature is.
    pub signed: SignedParts,
    /// How the provider writes its public keys.
    pub public_form: PublicForm,
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
    /// ECDSA on P-256.
    Ecdsa(Arc<EcdsaKeyPair>),
    /// RSA.
    Rsa(Arc<RsaKeyPair>),
    /// One that never signs.
    #[cfg(test)]
    Broken,
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
    fn sign(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(content).as_ref().to_vec()),
            Self::Ecdsa(pair) => {
                let signature = pair
                    .sign(&SystemRandom::new(), content)
                    .map_err(|_| SignError::BrokenKey)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content, &mut signature);
                signed.map(|()| signature).map_err(|_| SignError::BrokenKey)
            }
            #[cfg(test)]
            Self::Broken => Err(SignError::BrokenKey),
        }
    }

    /// The public half: raw bytes, or the SPKI document of an RSA key.
    fn public(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(pair) => Some(pair.public_key().as_ref().to_vec()),
            Self::Ecdsa(pair) => Some(pair.public_key().as_ref().to_vec()),
            Self::Rsa(pair) => Some(pair.public_key().as_der().ok()?.as_ref().to_vec()),
            #[cfg(test)]
            Self::Broken => None,
        }
    }
}

impl Asymmetric {
    pub(super) fn signing_keys(&self, secrets: &[Secret]) -> Result<Vec<PrivateKey>, KeyError> {
        let secrets = self.signed.signing_secrets(secrets)?;
        secrets.iter().map(|secret| self.private_key(secret)).collect()
    }

    pub(super) fn verifying_keys(&self, secrets: &[Secret]) -> Result<Vec<PublicKey>, KeyError> {
        let key = |secret: &Secret| {
            let name = secret.name().map(str::to_owned);
            self.public_bytes(secret).map(|bytes| PublicKey { name, bytes })
        };
        secrets.iter().map(key).collect()
    }

    pub(super) fn sign(&self, keys: &[PrivateKey], message: &ToSign<'_>) -> Result<Signed, SignError> {
        self.signed
            .sign(keys, message, |_| b"", |key, content| key.sign(&content.concat()))
    }

    pub(super) fn verify(&self, keys: &[PublicKey], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let matches = |key: &PublicKey, content: &[Cow<'_, [u8]>], signatures: &[&[u8]]| {
            let content = content.concat();
            let is = |signature: &[u8]| self.is_signature(&key.bytes, &content, signature);
            self.signed.carrier.any(signatures, is).then(|| Proof {
                secret: key.name.clone(),
                ..Proof::default()
            })
        };
        self.signed.verify(keys, received, |_| b"", matches)
    }

    /// Whether the public key's owner signed this.
    pub(super) fn is_signature(&self, key: &[u8], content: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.kind {
            AsymmetricKind::Ed25519 => &ED25519,
            AsymmetricKind::Ecdsa => &ECDSA_P256_SHA256_ASN1,
            AsymmetricKind::Rsa => &RSA_PKCS1_2048_8192_SHA256,
        };
        let public = UnparsedPublicKey::new(algorithm, key);
        public.verify(content, signature).is_ok()
    }

    /// A private key's text never verifies, so that a receiver does not end up holding one without noticing.
    pub(super) fn public_bytes(&self, secret: &Secret) -> Result<Vec<u8>, KeyError> {
        let wrong = || KeyError::wrong_form(secret, self.kind.public_form());
        let text = secret.expose().trim_ascii();
        let public_pem = [
            b"-----BEGIN PUBLIC KEY-----".as_slice(),
            b"-----BEGIN RSA PUBLIC KEY-----",
        ];
        let other_pem = text.starts_with(b"-----BEGIN") && !public_pem.iter().any(|begin| text.starts_with(begin));
        if other_pem || stripped(text, self.private_prefix.as_ref()).is_some() {
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
            AsymmetricKind::Ecdsa => match der.strip_prefix(P256_SPKI.as_slice()) {
                Some(raw) if raw.len() == 65 => Ok(raw.to_vec()),
                None if der.len() == 65 && der[0] == 4 => Ok(der),
                _ => Err(wrong()),
            },
            // The SPKI document of an RSA key of 2048 bits has 294 bytes; P-256 and Ed25519 keys are far shorter.
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
        self.kind.private_key(&der).ok_or_else(wrong)
    }

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
        let bytes = self.public_bytes(secret)?;
        Ok(match (&self.public_prefix, self.public_form) {
            (Some(prefix), _) => Secret::new(format!("{prefix}{}", STANDARD.encode(bytes))),
            (None, PublicForm::Hex) => Secret::new(hex::encode(bytes)),
            (None, PublicForm::Der) => Secret::new(STANDARD.encode(self.kind.spki(&bytes))),
            (None, PublicForm::Pem) => Secret::new(pem("PUBLIC KEY", &self.kind.spki(&bytes))),
        })
    }
}

impl AsymmetricKind {
    /// The key of a PKCS#8 document, or of an Ed25519 seed.
    fn private_key(self, der: &[u8]) -> Option<PrivateKey> {
        Some(match self {
            Self::Ed25519 => PrivateKey::Ed25519(Arc::new(ed25519_pair(der)?)),
            Self::Ecdsa => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).ok()?;
                PrivateKey::Ecdsa(Arc::new(pair))
            }
            Self::Rsa => PrivateKey::Rsa(Arc::new(RsaKeyPair::from_pkcs8(der).ok()?)),
        })
    }

    /// The SPKI document around the bytes of a public key.
    fn spki(self, bytes: &[u8]) -> Vec<u8> {
        let head = match self {
            Self::Ed25519 => ED25519_SPKI.as_slice(),
            Self::Ecdsa => &P256_SPKI,
            Self::Rsa => &[],
        };
        [head, bytes].concat()
    }

    fn public_form(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 public key (PEM, or 32 bytes in hex or base64)",
            Self::Ecdsa => "a P-256 public key (PEM, or base64 of its DER)",
            Self::Rsa => "an RSA public key (PEM)",
        }
    }

    fn private_form(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 private key (PEM, or a seed of 32 bytes in hex or base64)",
            Self::Ecdsa => "a P-256 private key (PKCS#8 PEM)",
            Self::Rsa => "an RSA private key (PKCS#8 PEM)",
        }
    }

    /// Whether a private and a public key, both PEM, belong together.
    pub fn is_pair(self, private: &Secret, public: &str) -> bool {
        let derived = || {
            let key = self.private_key(&der_of(private.expose().trim_ascii())?)?;
            Some(self.spki(&key.public()?))
        };
        derived().is_some_and(|derived| der_of(public.as_bytes().trim_ascii()) == Some(derived))
    }

    /// Makes a pair of keys; `None` only when the system's randomness fails.
    pub fn generate(self) -> Option<KeyPair> {
        let random = SystemRandom::new();
        let private = match self {
            // Version 1 without the public key: the only form that OpenSSL and most libraries read.
            Self::Ed25519 => Ed25519KeyPair::generate_pkcs8v1(&random).ok()?.as_ref().to_vec(),
            Self::Ecdsa => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
                document.as_ref().to_vec()
            }
            Self::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
                pair.as_der().ok()?.as_ref().to_vec()
            }
        };
        let public = self.private_key(&private)?.public()?;
        Some(KeyPair {
            private: Secret::new(pem("PRIVATE KEY", &private)),
            public: pem("PUBLIC KEY", &self.spki(&public)),
        })
    }
}
