//! Compares recorded requests with the catalogue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

use super::matching::RecordMatcher;
use super::reader_if_any;
use crate::app::context::Context;
use crate::app::providers::measure;
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::json::document;
use crate::provider::drift::{Difference, Measure};
use crate::provider::{Profile, RegistryError};
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::{NewCapture, Query, Record, RecordKind, Store, StoreError};
use crate::text::count;

/// Records that are listed at once.
const PAGE: usize = 500;

/// In which records a difference was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DriftSeen {
    /// How many of them.
    pub records: u64,
    /// The number of one of them.
    pub example: u64,
}

/// All requests of one event of one provider.
pub struct DriftGroup {
    /// The provider.
    pub provider: String,
    /// The event.
    pub event: String,
    /// How many requests were compared.
    pub looked_at: u64,
    /// What differs, problems first.
    pub found: IndexMap<Difference, DriftSeen>,
    /// Absent: the catalogue does not have the event.
    measure: Option<Measure>,
}

/// The result of a comparison.
pub struct DriftSurvey {
    /// Each event that the catalogue has.
    pub groups: Vec<DriftGroup>,
    /// Whether there are more requests than the limit.
    pub more: bool,
    /// Whether a record could not be read.
    pub unreadable: bool,
}

/// A comparison under way.
struct Survey<'a> {
    context: &'a Context,
    matcher: RecordMatcher<'a>,
    /// By the name in the record.
    profiles: HashMap<String, Option<Arc<Profile>>>,
    /// By provider and the catalogue's name of the event.
    groups: IndexMap<(String, String), DriftGroup>,
    /// Providers and other names of their events that were noted.
    aliases: HashSet<(String, String)>,
    looked_at: u64,
    nameless: u64,
    /// Whether a record could not be read.
    unreadable: bool,
}

/// Compares the newest verified requests that match with the catalogue, `limit` of them at most; nothing when there is no
/// ledger.
pub fn survey(
    context: &Context,
    mut query: Query,
    filter: Option<&EventFilter>,
    limit: u32,
) -> Result<Option<DriftSurvey>> {
    if query.kind == Some(RecordKind::Delivery) {
        return Err(Error::usage("`hook log drift` looks at requests that were received")
            .hint("`hook log drift --kind capture`, or leave out `--kind`"));
    }
    query.kind = Some(RecordKind::Capture);
    let Some(store) = reader_if_any(context)? else {
        return Ok(None);
    };
    let mut survey = Survey {
        context,
        matcher: RecordMatcher::new(context, filter),
        profiles: HashMap::new(),
        groups: IndexMap::new(),
        aliases: HashSet::new(),
        looked_at: 0,
        nameless: 0,
        unreadable: false,
    };
    let more = survey.look(&*store, query, limit.into())?;
    Ok(Some(survey.finish(more)))
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
                let record = store.get(summary.number);
                if let Ok(Some(record)) = &record
                    && !self.matcher.matches_record(record)
                {
                    continue;
                }
                match record {
                    Ok(Some(Record::Capture(capture))) => {
                        self.looked_at += 1;
                        self.examine(capture.number, &capture.request)?;
                    }
                    Ok(_) => {}
                    Err(error @ StoreError::Damaged { .. }) => {
                        self.context.notices.warn(error.to_string());
                        self.unreadable = true;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if page.len() < PAGE {
                return Ok(false);
            }
            // By number, not by offset: new records during the run would shift the pages.
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
        let kind = request.headers.get_text("content-type").unwrap_or_default();
        let differences = match document(kind, &request.body) {
            Ok(body) => measure.compare(&body),
            Err(_) => vec![measure.unreadable()],
        };
        for difference in differences {
            let (seen, example) = (group.found.entry(difference), number);
            seen.or_insert(DriftSeen { records: 0, example }).records += 1;
        }
        Ok(())
    }

    /// The group of an event; nothing when its provider no longer exists.
    fn group(&mut self, provider: &str, event: &str) -> Result<Option<&mut DriftGroup>> {
        let Some(profile) = self.profile(provider)? else {
            return Ok(None);
        };
        let known = profile.canonical_event(event).unwrap_or(event);
        if known != event && self.aliases.insert((provider.to_owned(), event.to_owned())) {
            let notice = format!("`{event}` is an alias of `{known}`");
            self.context.notices.note(notice);
        }
        let key = (provider.to_owned(), known.to_owned());
        if !self.groups.contains_key(&key) {
            let group = DriftGroup {
                provider: provider.to_owned(),
                event: known.to_owned(),
                measure: measure(self.context, &profile, known)?,
                looked_at: 0,
                found: IndexMap::new(),
            };
            self.groups.insert(key.clone(), group);
        }
        Ok(self.groups.get_mut(&key))
    }

    /// The profile of a record. A missing one is reported once, and its requests are skipped.
    fn profile(&mut self, label: &str) -> Result<Option<Arc<Profile>>> {
        if let Some(known) = self.profiles.get(label) {
            return Ok(known.clone());
        }
        let profile = match self.context.registry.get(label) {
            Ok(profile) => Some(profile),
            Err(error @ (RegistryError::Unknown { .. } | RegistryError::UnknownVariant { .. })) => {
                self.context.notices.warn(format!("{error}: its requests are left out"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        self.profiles.insert(label.to_owned(), profile.clone());
        Ok(profile)
    }

    fn finish(self, more: bool) -> DriftSurvey {
        let notices = &self.context.notices;
        self.matcher.report_failures();
        if self.looked_at == 0 {
            notices.note("no verified request in the ledger matches");
        }
        if self.nameless > 0 {
            let requests = count(self.nameless, "request");
            notices.warn(format!("{requests} without provider or event: left out"));
        }
        let mut groups: Vec<DriftGroup> = self.groups.into_values().collect();
        groups.retain(|group| group.measure.is_some());
        for group in &mut groups {
            // Faults first, both in the sample's order, whichever request had them.
            let rank = |difference: &Difference| group.measure.as_ref().map(|measure| measure.rank(difference));
            group
                .found
                .sort_by_cached_key(|difference, _| (!difference.is_problem(), rank(difference)));
        }
        DriftSurvey {
            groups,
            more,
            unreadable: self.unreadable,
        }
    }
}

impl DriftSurvey {
    /// Whether a receiver that was written for the catalogue would fail on one of the requests.
    pub fn has_problem(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.found.keys().any(Difference::is_problem))
    }
}
