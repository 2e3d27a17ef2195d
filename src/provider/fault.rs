//! A fault in a provider file, named by its key.

use crate::template::{Scope, Template};

/// A fault in a provider file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {what}")]
pub struct ProfileError {
    /// Dotted key, as in the file.
    pub key: String,
    /// The fact.
    pub what: String,
}

impl ProfileError {
    pub(super) fn new(key: &str, what: impl Into<String>) -> Self {
        let (key, what) = (key.to_owned(), what.into());
        Self { key, what }
    }
}

pub(super) fn fault<T>(key: &str, what: impl Into<String>) -> Result<T, ProfileError> {
    Err(ProfileError::new(key, what))
}

/// Refuses placeholders that the template's place does not know.
pub(super) fn check_scope(key: &str, template: &Template, scope: Scope) -> Result<(), ProfileError> {
    template.check(scope).or_else(|error| fault(key, error.to_string()))
}

/// The dotted key that a path leads to; an item of a list is named by the list.
pub(super) fn key_of(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    match path.strip_suffix(']').and_then(|path| path.rsplit_once('[')) {
        Some((list, _)) => list.to_owned(),
        None => path,
    }
}
