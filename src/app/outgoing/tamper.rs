//! Requests of `send` that a receiver must refuse.

use std::sync::Arc;

use crate::app::forged::{twin, with_changed_signature, with_changed_time, with_other_secret, without_signature};
use crate::engine::{Delivery, Label};
use crate::error::{Error, Result};
use crate::exchange::SigningMode;
use crate::provider::Profile;
use crate::words::words;

words! {
    /// What is wrong with a request on purpose.
    pub enum Tamper {
        /// A byte of the body was changed after it was signed.
        Body = "body",
        /// A character of the signature was changed.
        Signature = "signature",
        /// The time was changed after it was signed.
        Timestamp = "timestamp",
        /// It is signed with another secret.
        Secret = "secret",
        /// It has no signature.
        Missing = "missing",
    }
}

impl Tamper {
    /// The delivery with that fault. It counts for the health of no endpoint.
    pub fn apply(self, delivery: Delivery, profile: &Arc<Profile>) -> Result<Delivery> {
        let forged = match self {
            Self::Body => twin(delivery, profile)?,
            // A token is a signature that is known as a whole or not at all.
            Self::Signature if profile.scheme.token_header().is_some() => with_other_secret(delivery, profile)?,
            Self::Signature => with_changed_signature(delivery, profile)?,
            Self::Timestamp => with_changed_time(delivery, profile)?,
            Self::Secret => with_other_secret(delivery, profile)?,
            Self::Missing if profile.scheme.place().is_none() => None,
            Self::Missing => without_signature(delivery, profile, SigningMode::Missing)?,
        };
        let mut forged = forged.ok_or_else(|| self.impossible(profile))?;
        forged.label = Arc::new(Label {
            health: None,
            ..(*forged.label).clone()
        });
        Ok(forged)
    }

    fn impossible(self, profile: &Profile) -> Error {
        let (name, label) = (self.name(), profile.label());
        let why = match self {
            Self::Body => "signs nothing of this body",
            Self::Timestamp => "signs no time that can be changed",
            Self::Signature | Self::Missing => "does not sign this request",
            Self::Secret => "has no secrets that can be made",
        };
        Error::usage(format!("`--tamper {name}` is not possible: `{label}` {why}"))
            .hint(format!("`hook providers show {label}` says what it signs"))
    }
}
