//! How what is wrong with keys and signing reaches the user.

use super::{KeyError, SignError};
use crate::error::Error;

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        Self::internal(error.to_string()).hint("check the key; `hook secret new --provider NAME` makes a new pair")
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string()).hint("`hook secret new --provider NAME` makes one of the right form")
    }
}
