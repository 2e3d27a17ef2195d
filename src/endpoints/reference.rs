//! Where the text of a secret is, as the book writes it.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use super::form;

/// Where a secret's text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `stored:NAME`: a file of that name in this machine's folder of secrets.
    Stored(String),
    /// `env:VAR`
    Env(String),
    /// `file:PATH`; a relative path starts at the folder that the book belongs to.
    File(String),
}

impl Reference {
    /// Reads a reference of the book. The error says what is accepted and does not repeat the text, which may be a
    /// secret in the wrong place.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("stored", name)) if form::is_stored_name(name) => Ok(Self::Stored(name.to_owned())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err("a secret is referred to by `stored:NAME`, `env:VAR` or `file:PATH`".to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(name) => write!(f, "stored:{name}"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
