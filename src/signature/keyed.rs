//! A scheme with its keys: what signs, and what verifies.

use super::{Asymmetric, Hash, Hmac, Received, SignError, Signed, ToSign, TokenScheme, Verdict, asymmetric, hmac};
use crate::secret::Secret;

/// A scheme with its keys, ready for use.
#[derive(Debug, Clone)]
pub enum Keyed<K> {
    /// With an HMAC.
    Hmac(Hmac, Vec<hmac::HmacKey>),
    /// With a plain hash.
    Hash(Hash, Vec<Secret>),
    /// With the secret itself.
    Token(TokenScheme, Vec<Secret>),
    /// With halves of key pairs.
    Asymmetric(Asymmetric, Vec<K>),
    /// Several signatures, each in a header of its own.
    Several(Vec<Self>),
    /// Without a signature.
    Unsigned,
}

/// Signs messages.
pub type Signer = Keyed<asymmetric::PrivateKey>;

/// Verifies requests.
pub type Verifier = Keyed<asymmetric::PublicKey>;

impl Signer {
    /// The signature: header lines, or the body with it inside. A scheme that puts id and timestamp into headers of their
    /// own leaves those to the provider's header templates.
    pub fn sign(&self, message: &ToSign<'_>) -> Result<Signed, SignError> {
        match self {
            Self::Hmac(scheme, keys) => scheme.sign(keys, message),
            Self::Hash(scheme, secrets) => scheme.sign(secrets, message),
            Self::Token(scheme, secrets) => Ok(scheme.sign(secrets)),
            Self::Asymmetric(scheme, keys) => scheme.sign(keys, message),
            Self::Several(signers) => {
                let mut lines = Vec::new();
                for signer in signers {
                    match signer.sign(message)? {
                        Signed::Headers(own) => lines.extend(own),
                        // A body has one place for a signature, and none for another one beside it.
                        signed @ Signed::Body(_) => return Ok(signed),
                        Signed::Nothing => {}
                    }
                }
                Ok(Signed::Headers(lines))
            }
            Self::Unsigned => Ok(Signed::Nothing),
        }
    }
}

impl Verifier {
    /// Checks a request.
    pub fn verify(&self, received: &Received<'_>) -> Verdict {
        let result = match self {
            Self::Hmac(scheme, keys) => scheme.verify(keys, received),
            Self::Hash(scheme, secrets) => scheme.verify(secrets, received),
            Self::Token(scheme, secrets) => {
                let result = scheme.verify(secrets, received);
                return result.map_or_else(Verdict::Refused, Verdict::TokenOnly);
            }
            Self::Asymmetric(scheme, keys) => scheme.verify(keys, received),
            // One of them is proof enough; without one, the first says why.
            Self::Several(verifiers) => {
                let mut verdicts = verifiers.iter().map(|verifier| verifier.verify(received));
                let first = verdicts.next().unwrap_or(Verdict::Unsigned);
                let proof = Some(first.clone())
                    .into_iter()
                    .chain(verdicts)
                    .find(Verdict::is_accepted);
                return proof.unwrap_or(first);
            }
            Self::Unsigned => return Verdict::Unsigned,
        };
        result.map_or_else(Verdict::Refused, Verdict::Verified)
    }
}
