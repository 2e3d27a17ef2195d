//! `hook providers diff`: a body against the catalogue.

use serde_json::Value;

use crate::cli::input;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::provider::compose::ComposeError;
use crate::provider::drift::{Difference, Measure};
use crate::provider::{Profile, near_names};
use crate::text::printable;
use crate::view::drift::DriftReport;

/// Compare a body with the catalogue's event: what is missing, retyped or added
#[derive(Debug, clap::Args)]
pub(super) struct ProvidersDiffArgs {
    /// The event
    #[arg(add = crate::cli::complete::events())]
    event: String,
    /// The body as it came, envelope and all: a file, or `-` for stdin
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: String,
    /// Whose event it is: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = crate::cli::complete::providers())]
    provider: Option<String>,
}

pub(super) fn run(session: &Session, args: &ProvidersDiffArgs) -> Result<Exit> {
    let (event, ui) = (args.event.as_str(), &session.ui);
    let bytes = read(&args.file)?;
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::usage(format!("`{}` is not JSON", args.file)).cause(error))?;
    let named = args.provider.is_some() || session.settings.provider.is_some();
    if !named && session.registry.find_event(event, None).is_empty() {
        let all = session.registry.all_events();
        let near = near_names(event, all.iter().map(|(name, _)| name.as_str()));
        ui.warn(&format!("no provider has an event `{event}`{}", or_near(&near)));
        return Ok(Exit::Ok);
    }
    let profile = session.provider_for(args.provider.as_deref(), Some(event))?;
    let measure = match Measure::new(&profile, event) {
        Err(ComposeError::UnknownEvent { near, .. }) => {
            ui.warn(&format!(
                "`{}` has no event `{event}`{}",
                profile.label(),
                or_near(&near)
            ));
            session.notices.findings(&profile.naming.check(&profile.label(), event));
            return Ok(Exit::Ok);
        }
        measure => measure?,
    };
    let known = profile.canonical_event(event).unwrap_or(event);
    if known != event {
        ui.note(&format!("`{event}` is an alias of `{known}`"));
    }
    remarks(session, &profile, known, &bytes);
    let differences = measure.compare(&body);
    ui.show(&DriftReport {
        provider: &profile.label(),
        event: known,
        records: None,
        differences: differences.iter().map(|difference| (difference, None)).collect(),
    })?;
    Ok(if differences.iter().any(Difference::is_problem) {
        Exit::Unmet
    } else {
        Exit::Ok
    })
}

/// `; near names: ...`, to go on a warning.
pub(in crate::cli) fn or_near(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("; near names: {}", names.join(", "))
}

fn read(file: &str) -> Result<Vec<u8>> {
    match file {
        "-" => input::source("-", "FILE"),
        path => input::file(path, "FILE"),
    }
}

/// What makes a comparison worth less.
fn remarks(session: &Session, profile: &Profile, event: &str, body: &[u8]) {
    if profile.events.get(event).is_some_and(|entry| entry.assumed) {
        session
            .ui
            .note(&format!("the data of `{event}` is assumed: no source states its shape"));
    }
    let said = profile.facts(&Headers::default(), body).event;
    if let Some(said) = said.filter(|said| profile.canonical_event(said) != Some(event)) {
        let said = printable(&said, 200);
        session.ui.warn(&format!("the body says that it is `{said}`"));
    }
}
