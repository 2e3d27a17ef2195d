//! `hook providers receiver`: a webhook handler for a provider, to start from.

use serde_json::json;

use crate::cli::session::Session;
use crate::error::Result;
use crate::provider::receiver::{Lang, receiver};

/// The language and the framework of the handler.
pub(super) const LANGS: [(&str, Lang, &str); 5] = [
    ("express", Lang::Express, "Node with Express"),
    ("flask", Lang::Flask, "Python with Flask"),
    ("fastapi", Lang::FastApi, "Python with FastAPI"),
    ("go", Lang::Go, "Go with its standard library"),
    ("axum", Lang::Axum, "Rust with axum"),
];

pub(super) fn run(session: &Session, name: &str, lang: Lang) -> Result<()> {
    let profile = super::profile(session, "receiver", name)?;
    let written = receiver(&profile, lang)?;
    let ui = &session.ui;
    for line in written.text.lines() {
        ui.line(line)?;
    }
    ui.json(&json!({
        "schema": "hook.receiver/1",
        "provider": profile.label(),
        "lang": lang.name(),
        "file": written.file,
        "text": written.text,
    }))
}
