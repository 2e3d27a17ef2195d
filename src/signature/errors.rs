//! How what is wrong with keys and signing reaches the user.

use super::{KeyError, RejectReason, SignError};
use crate::error::Error;

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        match error {
            SignError::BrokenKey => {
                let hint = "check the key; `hook secret new --provider NAME` makes a new pair";
                Self::internal(error.to_string()).hint(hint)
            }
            SignError::NoPlace(_) | SignError::PartMissing { .. } => Self::usage(error.to_string()),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string()).hint("`hook secret new --provider NAME` makes one of the right form")
    }
}

impl From<RejectReason> for SignError {
    /// What a receiver would miss in the message.
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::PartMissing { part, header } => Self::PartMissing { part, place: header },
            other => Self::NoPlace(other.to_string()),
        }
    }
}
