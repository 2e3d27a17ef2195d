//! `hook log drift`: recorded requests against the catalogue.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::filter::Listing;
use super::list::SHOWN;
use super::reader_if_any;
use crate::cli::providers::or_near;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::compose::ComposeError;
use crate::provider::drift::{Difference, Measure};
use crate::provider::{Profile, RegistryError};
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::{NewCapture, Query, Record, RecordKind, Store, StoreError};
use crate::text::printable;
use crate::view::count;
use crate::view::drift::{DriftReport, DriftSeen};

/// Records that are listed at once.
const PAGE: usize = 500;

/// Characters of a name from the network, at most.
const NAME_SHOWN: usize = 200;

/// All requests of one event of one provider.
struct Group {
    provider: String,
    event: String,
    /// Absent: the catalogue does not have the event.
    measure: Option<Measure>,
    looked_at: u64,
    found: IndexMap<Difference, DriftSeen>,
}

/// What was looked at so far.
struct Survey<'a> {
    session: &'a Session,
    /// By the name in the record.
    profiles: HashMap<String, Option<Arc<Profile>>>,
    groups: Vec<Group>,
    /// In `groups`, by provider and event as the request named it.
    index: HashMap<(String, String), usize>,
    looked_at: u64,
    nameless: u64,
    /// Whether a record could not be read.
    unreadable: bool,
}

pub(super) fn run(session: &Session, listing: &Listing) -> Result<Exit> {
    let mut query = listing.filters.query(session)?;
    if query.kind == Some(RecordKind::Delivery) {
        return Err(Error::usage("`hook log drift` looks at requests that were received")
            .hint("`hook log drift --kind capture`, or leave out `--kind`"));
    }
    query.kind = Some(RecordKind::Capture);
    let Some(store) = reader_if_any(session)? else {
        return Ok(Exit::Ok);
    };
    let mut survey = Survey {
        session,
        profiles: HashMap::new(),
        groups: Vec::new(),
        index: HashMap::new(),
        looked_at: 0,
        nameless: 0,
        unreadable: false,
    };
    let more = survey.look(&*store, query, u64::from(listing.limit.unwrap_or(SHOWN)))?;
    survey.show()?;
    if more {
        let note = "there are more: `--limit N` looks at them";
        session.ui.note(&session.ui.err.dim(note));
    }
    let faulty = |group: &Group| group.found.keys().any(Difference::is_problem);
    Ok(if survey.unreadable {
        Exit::Store
    } else if survey.groups.iter().any(faulty) {
        Exit::Unmet
    } else {
        Exit::Ok
    })
}

impl Survey<'_> {
    /// Looks at the newest verified requests that match; whether there are more than `most`.
    fn look(&mut self, store: &dyn Store, mut query: Query, most: u64) -> Result<bool> {
        query.page.limit = PAGE;
        loop {
            let page = store.list(&query)?;
            for summary in page
                .iter()
                .filter(|summary| matches!(summary.state.as_str(), VERIFIED | TOKEN_ONLY))
            {
                if self.looked_at == most {
                    return Ok(true);
                }
                // It may have been pruned since it was listed.
                match store.get(summary.number) {
                    Ok(Some(Record::Capture(capture))) => {
                        self.looked_at += 1;
                        self.examine(capture.number, &capture.request)?;
                    }
                    Ok(_) => {}
                    Err(error @ StoreError::Damaged { .. }) => {
                        self.session.ui.warn(&error.to_string());
                        self.unreadable = true;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if page.len() < PAGE {
                return Ok(false);
            }
            query.page.before = page.last().map(|last| last.number);
        }
    }

    fn examine(&mut self, number: u64, request: &NewCapture) -> Result<()> {
        let (Some(provider), Some(event)) = (&request.provider, &request.event) else {
            self.nameless += 1;
            return Ok(());
        };
        let Some(group) = self.group(provider, event)? else {
            return Ok(());
        };
        group.looked_at += 1;
        let Some(measure) = &group.measure else { return Ok(()) };
        let differences = match serde_json::from_slice(&request.body) {
            Ok(body) => measure.compare(&body),
            Err(_) => vec![measure.unreadable()],
        };
        for difference in differences {
            let first = DriftSeen {
                records: 0,
                example: number,
            };
            group.found.entry(difference).or_insert(first).records += 1;
        }
        Ok(())
    }

    /// The group of an event; nothing when its provider is none any more.
    fn group(&mut self, provider: &str, event: &str) -> Result<Option<&mut Group>> {
        let key = (provider.to_owned(), event.to_owned());
        if let Some(&at) = self.index.get(&key) {
            return Ok(self.groups.get_mut(at));
        }
        let Some(profile) = self.profile(provider)? else {
            return Ok(None);
        };
        let ui = &self.session.ui;
        let known = profile.canonical_event(event).unwrap_or(event);
        if known != event {
            ui.note(&format!("`{event}` is an alias of `{known}`"));
        }
        let same = |group: &Group| group.provider == provider && group.event == known;
        let at = if let Some(at) = self.groups.iter().position(same) {
            at
        } else {
            let measure = match Measure::new(&profile, known) {
                Ok(measure) => Some(measure),
                Err(ComposeError::UnknownEvent { near, .. }) => {
                    let event = printable(event, NAME_SHOWN);
                    ui.warn(&format!("`{provider}` has no event `{event}`{}", or_near(&near)));
                    None
                }
                Err(error) => return Err(error.into()),
            };
            self.groups.push(Group {
                provider: provider.to_owned(),
                event: known.to_owned(),
                measure,
                looked_at: 0,
                found: IndexMap::new(),
            });
            self.groups.len() - 1
        };
        self.index.insert(key, at);
        Ok(self.groups.get_mut(at))
    }

    /// The profile of a record. One whose file is gone is said once and passed over.
    fn profile(&mut self, label: &str) -> Result<Option<Arc<Profile>>> {
        if let Some(known) = self.profiles.get(label) {
            return Ok(known.clone());
        }
        let profile = match self.session.registry.get(label) {
            Ok(profile) => Some(profile),
            Err(error @ (RegistryError::Unknown { .. } | RegistryError::UnknownVariant { .. })) => {
                self.session.ui.warn(&format!("{error}: its requests are left out"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        self.profiles.insert(label.to_owned(), profile.clone());
        Ok(profile)
    }

    fn show(&mut self) -> Result<()> {
        let ui = &self.session.ui;
        if self.looked_at == 0 {
            ui.note("no verified request in the ledger matches");
        }
        if self.nameless > 0 {
            let requests = count(self.nameless, "request");
            ui.warn(&format!("{requests} without provider or event: left out"));
        }
        for group in &mut self.groups {
            let Some(measure) = &group.measure else { continue };
            // Faults first, both in the sample's order, whichever request had them.
            group
                .found
                .sort_by_cached_key(|difference, _| (!difference.is_problem(), measure.rank(difference)));
            ui.show(&DriftReport {
                provider: &group.provider,
                event: &group.event,
                records: Some(group.looked_at),
                differences: group.found.iter().map(|(one, seen)| (one, Some(*seen))).collect(),
            })?;
        }
        Ok(())
    }
}
