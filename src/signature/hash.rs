//! A plain hash with the secret inside: older than HMAC, and open to whoever can make a text longer.

use std::borrow::Cow;

use super::check::Check;
use super::hmac::Algorithm;
use super::keys::is_public_key;
use super::location::SignatureLocation;
use super::{Freshness, KeyError, Proof, Received, RejectReason, SignError, Signed, ToSign, same};
use crate::secret::Secret;
use crate::template::Template;

/// A plain hash scheme.
#[derive(Debug, Clone)]
pub struct Hash {
    /// Which hash.
    pub algorithm: Algorithm,
    /// What is hashed, the secret included.
    pub content: Template,
    /// Where the hash stands.
    pub carrier: SignatureLocation,
    /// How old it may be.
    pub freshness: Freshness,
}

impl Hash {
    pub(super) fn check(&self) -> Check<'_> {
        Check {
            content: &self.content,
            carrier: &self.carrier,
            freshness: self.freshness,
        }
    }

    pub(super) fn keys(secrets: &[Secret]) -> Result<Vec<Secret>, KeyError> {
        if let Some(pair) = secrets.iter().find(|secret| is_public_key(secret.expose())) {
            return Err(KeyError::wrong_form(pair, "a shared secret: it is a key of a pair"));
        }
        match secrets {
            [] => Err(KeyError::NoSecret),
            secrets if secrets.iter().any(Secret::is_empty) => Err(KeyError::NoSecret),
            secrets => Ok(secrets.to_vec()),
        }
    }

    pub(super) fn sign(&self, secrets: &[Secret], message: &ToSign<'_>) -> Result<Signed, SignError> {
        let first = secrets.get(..1).unwrap_or_default();
        self.check()
            .sign(first, message, Secret::expose, |_, content| Ok(self.digest(content)))
    }

    pub(super) fn verify(&self, secrets: &[Secret], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let matches = |secret: &Secret, content: &[Cow<'_, [u8]>], signatures: &[&[u8]]| {
            let expected = self.digest(content);
            let mut decoded = signatures.iter().filter_map(|text| self.carrier.decode(text));
            decoded.any(|bytes| same(&bytes, &expected)).then(|| Proof {
                secret: secret.name().map(str::to_owned),
                weakness: Some("a plain hash, no HMAC".into()),
                ..Proof::default()
            })
        };
        self.check().verify(secrets, received, Secret::expose, matches)
    }

    fn digest(&self, content: &[Cow<'_, [u8]>]) -> Vec<u8> {
        fn of<D: sha2::Digest>(content: &[Cow<'_, [u8]>]) -> Vec<u8> {
            let mut hash = D::new();
            for piece in content {
                hash.update(piece);
            }
            hash.finalize().to_vec()
        }
        match self.algorithm {
            Algorithm::Sha1 => of::<sha1::Sha1>(content),
            Algorithm::Sha256 => of::<sha2::Sha256>(content),
            Algorithm::Sha512 => of::<sha2::Sha512>(content),
        }
    }
}
