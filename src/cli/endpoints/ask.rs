//! What an endpoint needs at least: from the flags, else from a prompt.

use std::sync::Arc;

use crate::cli::prompt;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::provider::Profile;
use crate::text::printable;

/// What an endpoint needs at least.
pub(super) struct EndpointInput {
    pub(super) profile: Arc<Profile>,
    pub(super) url: String,
    pub(super) events: Vec<String>,
}

const HINT: &str = "`hook endpoints add --provider NAME --to URL --events a,b` (or `--events all`)";

/// Completes what the flags say.
pub(super) fn complete(
    session: &Session,
    provider: Option<&str>,
    url: Option<&str>,
    events: &[String],
) -> Result<EndpointInput> {
    let provider = provider.or(session.context.settings.provider.as_deref());
    let telling = events.iter().find(|event| !matches!(event.as_str(), "all" | "*"));
    if !session.ui.can_ask() {
        let missing = [
            (provider.is_none() && telling.is_none(), "`--provider`"),
            (url.is_none(), "`--to`"),
            (events.is_empty(), "`--events`"),
        ];
        let missing: Vec<&str> = missing.iter().filter(|(is, _)| *is).map(|(_, flag)| *flag).collect();
        if !missing.is_empty() {
            return Err(Error::usage(format!("{} must be given", words(&missing))).hint(HINT));
        }
    }
    let profile = match (provider, telling) {
        (None, None) => ask_provider(session)?,
        _ => session.context.provider_for(provider, telling.map(String::as_str))?,
    };
    let url = match url {
        Some(url) => url.to_owned(),
        None => prompt::text(&session.ui, "Where do deliveries go (URL)?", HINT)?,
    };
    let events = match events {
        [] => ask_events(session, &profile)?,
        given => given.to_vec(),
    };
    Ok(EndpointInput { profile, url, events })
}

fn ask_provider(session: &Session) -> Result<Arc<Profile>> {
    let all = session.context.registry.list();
    let lines = described(all.iter().map(|listing| (&*listing.name, &*listing.title)));
    let index = prompt::choose(&session.ui, "Which provider delivers?", &lines, HINT)?;
    let name = all.get(index).map(|listing| listing.name.as_str());
    session.context.provider_for(name, None)
}

fn ask_events(session: &Session, profile: &Profile) -> Result<Vec<String>> {
    let events = profile.events.iter();
    let lines = described(events.map(|(name, event)| (&**name, &*event.summary)));
    let question = "Which events does it want? (space marks, enter ends)";
    let chosen = prompt::choose_many(&session.ui, question, &lines, HINT)?;
    let names = chosen.iter().filter_map(|index| profile.events.get_index(*index));
    Ok(names.map(|(name, _)| name.clone()).collect())
}

/// Names in a column, each with its description.
fn described<'a>(items: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<String> {
    let wide = items.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = items.map(|(name, about)| format!("{name:<wide$}  {}", printable(about, 60)));
    lines.collect()
}

/// `a`, `a and b`, `a, b and c`.
fn words(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
