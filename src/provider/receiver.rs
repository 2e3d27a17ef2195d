//! Programs that receive a provider's webhooks: text files in several languages, filled in from a profile. The files hold what
//! differs between languages, the profile what differs between providers.

mod expression;
mod fill;
mod plan;
#[cfg(test)]
mod tests;

use super::Profile;
use crate::error::{Error, Result};
use crate::signature::Scheme;
use crate::words::words;

words! {
    /// A language and the library that takes the requests.
    pub enum Lang {
        /// Node with Express.
        Express = "express",
        /// Python with Flask.
        Flask = "flask",
        /// Python with `FastAPI`.
        FastApi = "fastapi",
        /// Go with its own library.
        Go = "go",
        /// Rust with axum.
        Axum = "axum",
    }
}

/// A receiver's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The file's usual name.
    pub file: &'static str,
    /// Its content.
    pub text: String,
}

impl Lang {
    fn file(self) -> &'static str {
        match self {
            Self::Express => "receiver.mjs",
            Self::Flask | Self::FastApi => "receiver.py",
            Self::Go => "receiver.go",
            Self::Axum => "src/main.rs",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Express => include_str!("receiver/express.mjs.txt"),
            Self::Flask => include_str!("receiver/flask.py.txt"),
            Self::FastApi => include_str!("receiver/fastapi.py.txt"),
            Self::Go => include_str!("receiver/go.go.txt"),
            Self::Axum => include_str!("receiver/axum.rs.txt"),
        }
    }

    /// A text as a literal. JSON's escapes mean the same in JavaScript, Python and Go; Rust has its own.
    fn quote(self, text: &str) -> String {
        match self {
            Self::Axum => format!("{text:?}"),
            _ => serde_json::Value::from(text).to_string(),
        }
    }
}

/// Writes a receiver for a profile.
pub fn receiver(profile: &Profile, lang: Lang) -> Result<Receiver> {
    if let Scheme::Asymmetric(_) | Scheme::Hash(_) = &profile.scheme {
        let langs: Vec<&str> = Lang::ALL.iter().map(|lang| lang.name()).collect();
        let (label, kind, provider) = (profile.label(), profile.scheme.kind(), &profile.name);
        return Err(Error::usage(format!(
            "no receiver can be written for `{label}`: its scheme is `{kind}`"
        ))
        .hint(format!(
            "{} cover the schemes `hmac`, `token` and `unsigned`",
            langs.join(", ")
        ))
        .hint(format!(
            "`hook providers show {provider}` shows its variants and their schemes"
        )));
    }
    let values = plan::values(profile, lang)?;
    let text = fill::fill(lang.template(), &values).map_err(|what| broken(&what))?;
    Ok(Receiver {
        file: lang.file(),
        text,
    })
}

/// A template of the profile has something that receivers cannot read.
fn refused(profile: &Profile, what: &str) -> Error {
    let label = profile.label();
    Error::usage(format!("no receiver can be written for `{label}`: {what}"))
        .hint(format!("`hook providers show {label}` shows how it signs"))
}

/// One of the text files is wrong.
fn broken(what: &str) -> Error {
    Error::internal(format!("the receiver's own template is wrong: {what}"))
}
