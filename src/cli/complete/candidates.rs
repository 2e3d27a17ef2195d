//! Sources of candidates; `None` where something is missing or broken.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap_complete::engine::CompletionCandidate;
use indexmap::IndexMap;

use super::words::Words;
use crate::app::context::{Context, notes};
use crate::app::trust;
use crate::clock::{Timestamp, human_duration};
use crate::config::workflow;
use crate::config::{Paths, Settings};
use crate::mask;
use crate::process::{OLD_STORE_VARIABLE, STORE_VARIABLE};
use crate::provider::{Registry, name_of};
use crate::store::{self, Query, RecordKind, Store, StorePlace, Summary};
use crate::text::printable;

/// How many of the newest records are shown.
const RECORDS: usize = 50;

/// Longer than any description that fits beside a candidate.
const DESCRIPTION: usize = 80;

fn candidate(value: impl Into<OsString>, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(printable(about, DESCRIPTION).into()))
}

/// `last`, then the newest records by number; also by id once something is typed.
pub(super) fn records(words: &Words, current: &str) -> Option<Vec<CompletionCandidate>> {
    let store = &*store::open_read_only(&ledger(words)?).ok()?;
    let now = Context::clock_from_env().now();
    let records = newest(store, None, RECORDS)?;
    let deliveries = newest(store, Some(RecordKind::Delivery), 1)?;
    let last = deliveries.first().or(records.first());
    let last = last.map(|last| candidate("last", &about(last, now)));
    let mut found: Vec<_> = last.into_iter().collect();
    for record in &records {
        found.push(candidate(record.number.to_string(), &about(record, now)));
        // Ids would hide the numbers where nothing is typed yet.
        if !current.is_empty() {
            found.push(candidate(record.id.to_string(), &about(record, now)));
        }
    }
    Some(found)
}

/// The ledger, unless it is in a database: completion connects to no server.
fn ledger(words: &Words) -> Option<StorePlace> {
    let typed = |name| words.file(name);
    let given = typed("--store").or_else(|| typed("--ledger"));
    let given = given.or_else(|| variable_path(STORE_VARIABLE).or_else(|| variable_path(OLD_STORE_VARIABLE)));
    let place = given.map_or_else(
        || Some(Paths::from_env().ledger().into()),
        |path| StorePlace::parse(path.as_os_str()).ok(),
    );
    place.filter(|place| place.file().is_some())
}

fn newest(store: &dyn Store, kind: Option<RecordKind>, limit: usize) -> Option<Vec<Summary>> {
    let mut query = Query {
        kind,
        ..Query::default()
    };
    query.page.limit = limit;
    store.list(&query).ok()
}

fn about(record: &Summary, now: Timestamp) -> String {
    let event = record.event.as_deref().unwrap_or("-");
    let age = human_duration(now.since(record.at));
    format!("{} {event} {}, {age} ago", record.kind.name(), record.state)
}

/// The endpoints of the project, else the user's; with `--remote` those in the local notes: completion never calls a
/// provider.
pub(super) fn endpoints(words: &Words) -> Option<Vec<CompletionCandidate>> {
    let (paths, settings) = settings(words)?;
    let book = match words.option("--remote", None) {
        Some(remote) => notes(&paths, &settings, &remote, words.option("--api-url", None).as_deref())?,
        None => {
            // Where the ledger is in a database, the endpoints are there too.
            ledger(words)?;
            trust::book(&paths, settings.project.as_deref())
        }
    };
    let found = book.read().ok()?.into_iter().map(|endpoint| {
        let state = if endpoint.is_active() { "" } else { ", disabled" };
        let about = format!("{} {}{state}", endpoint.provider, mask::url(&endpoint.url));
        candidate(endpoint.name, &about)
    });
    Some(found.collect())
}

/// `endpoint:NAME` for the endpoints of the book.
pub(super) fn endpoint_secrets(words: &Words) -> Vec<CompletionCandidate> {
    let found = endpoints(words).unwrap_or_default().into_iter();
    found.map(|endpoint| endpoint.add_prefix("endpoint:")).collect()
}

/// The remotes of the settings, then the providers.
pub(super) fn remotes(words: &Words, current: &str) -> Vec<CompletionCandidate> {
    let remotes = settings(words)
        .map(|(_, settings)| settings.remotes)
        .unwrap_or_default();
    let own = remotes.into_iter().map(|(name, remote)| {
        let about = remote.provider.or(remote.api_url.as_deref().map(mask::url));
        candidate(name, &about.unwrap_or_default())
    });
    own.chain(providers(current)).collect()
}

/// The workflows of the settings.
pub(super) fn workflows(words: &Words) -> Option<Vec<CompletionCandidate>> {
    let (_, settings) = settings(words)?;
    let workflows = settings.workflows.into_iter();
    let named = workflows.filter(|(name, _)| workflow::is_name(name));
    let found = named.map(|(name, workflow)| {
        let url = mask::url(workflow.url.as_deref().unwrap_or(""));
        candidate(name, &format!("{} {url}", workflow.state.name()))
    });
    Some(found.collect())
}

/// Providers, and their variants once something is typed.
pub(super) fn providers(current: &str) -> Vec<CompletionCandidate> {
    let labels = registry().labels().into_iter();
    let wanted = labels.filter(|(label, _)| !current.is_empty() || !label.contains('@'));
    wanted.map(|(label, title)| candidate(label, &title)).collect()
}

/// The events of that provider, else of the one in the settings, else of all; one that several providers have comes once.
pub(super) fn events(words: &Words, provider: Option<String>) -> Vec<CompletionCandidate> {
    let provider = provider.or_else(|| settings(words)?.1.provider);
    let name = provider.as_deref().map(name_of);
    let mut events: IndexMap<String, Vec<String>> = IndexMap::new();
    for (event, provider) in registry().all_events() {
        if name.is_none_or(|name| name == provider) {
            events.entry(event).or_default().push(provider);
        }
    }
    let candidate = |(event, providers): (String, Vec<String>)| candidate(event, &providers.join(", "));
    events.into_iter().map(candidate).collect()
}

/// `env:NAME` for the variables of this process. Names with a leading underscore belong to the shell.
pub(super) fn variables() -> Vec<CompletionCandidate> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
    names.sort_unstable();
    let names = names.iter().map(|name| CompletionCandidate::new(format!("env:{name}")));
    names.collect()
}

/// Whether a shell could have set it: bash exports functions under names that no reference can hold.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn settings(words: &Words) -> Option<(Paths, Settings)> {
    let paths = Paths::from_env();
    let config = words.file("--config").or_else(|| variable_path("HOOK_CONFIG"));
    let settings = Settings::load(&paths, config.as_deref(), &env::current_dir().ok()?).ok()?;
    Some((paths, settings))
}

fn registry() -> Registry {
    Registry::new(Some(Paths::from_env().providers()))
}

fn variable_path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
