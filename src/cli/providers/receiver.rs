//! `hook providers receiver`: a webhook handler for a provider, to start from.

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::provider::receiver::{self, ReceiverError};

/// What the handler is written with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LangArg {
    /// Node with Express
    Express,
    /// Python with Flask
    Flask,
    #[value(help = "Python with FastAPI")]
    Fastapi,
    /// Go with its own library
    Go,
    /// Rust with axum
    Axum,
}

#[derive(Serialize)]
struct ReceiverLine<'a> {
    schema: &'static str,
    provider: &'a str,
    lang: &'static str,
    file: &'static str,
    text: &'a str,
}

impl From<LangArg> for receiver::Lang {
    fn from(lang: LangArg) -> Self {
        match lang {
            LangArg::Express => Self::Express,
            LangArg::Flask => Self::Flask,
            LangArg::Fastapi => Self::FastApi,
            LangArg::Go => Self::Go,
            LangArg::Axum => Self::Axum,
        }
    }
}

pub(super) fn run(session: &Session, name: &str, lang: LangArg) -> Result<()> {
    let profile = super::profile(session, "receiver", name)?;
    let lang = receiver::Lang::from(lang);
    let written = receiver::receiver(&profile, lang).map_err(|error| refused(&error, &profile.name, name))?;
    let ui = &session.ui;
    for line in written.text.lines() {
        ui.line(line)?;
    }
    ui.json(&ReceiverLine {
        schema: "hook.receiver/1",
        provider: &profile.label(),
        lang: lang.name(),
        file: written.file,
        text: &written.text,
    })
}

fn refused(error: &ReceiverError, provider: &str, name: &str) -> Error {
    match error {
        ReceiverError::Scheme { .. } => {
            let langs: Vec<&str> = receiver::Lang::ALL.iter().map(|lang| lang.name()).collect();
            let covered = langs.join(", ");
            Error::usage(error.to_string())
                .hint(format!(
                    "in {covered} the schemes `hmac`, `token` and `unsigned` are covered"
                ))
                .hint(format!(
                    "`hook providers show {provider}` shows its variants and their schemes"
                ))
        }
        ReceiverError::Template { .. } => {
            Error::usage(error.to_string()).hint(format!("`hook providers show {name}` shows how it signs"))
        }
        ReceiverError::Broken(_) => Error::internal(error.to_string()),
    }
}
