//! A plain hash with the secret inside: older than HMAC, and open to length extension.

use std::borrow::Cow;

use aws_lc_rs::digest;

use super::hmac::Algorithm;
use super::keys::is_public_key;
use super::{KeyError, Proof, Received, RejectReason, SignError, Signed, SignedParts, ToSign, same};
use crate::secret::Secret;

/// A plain hash scheme.
#[derive(Debug, Clone)]
pub struct Hash {
    /// Which hash.
    pub algorithm: Algorithm,
    /// What is signed and where the signature is.
    pub signed: SignedParts,
}

impl Hash {
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
        self.signed
            .sign(first, message, Secret::expose, |_, content| Ok(self.digest(content)))
    }

    pub(super) fn verify(&self, secrets: &[Secret], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let matches = |secret: &Secret, content: &[Cow<'_, [u8]>], signatures: &[&[u8]]| {
            let expected = self.digest(content);
            let found = self.signed.carrier.any(signatures, |bytes| same(bytes, &expected));
            found.then(|| Proof {
                secret: secret.name().map(str::to_owned),
                weakness: Some("a plain hash, no HMAC".into()),
                ..Proof::default()
            })
        };
        self.signed.verify(secrets, received, Secret::expose, matches)
    }

    fn digest(&self, content: &[Cow<'_, [u8]>]) -> Vec<u8> {
        let mut context = digest::Context::new(match self.algorithm {
            Algorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => &digest::SHA256,
            Algorithm::Sha512 => &digest::SHA512,
        });
        for piece in content {
            context.update(piece);
        }
        context.finish().as_ref().to_vec()
    }
}
