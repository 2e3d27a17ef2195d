//! Selects the records to replay.

use std::sync::Arc;

use crate::app::context::Context;
use crate::app::inspect::matching::RecordMatcher;
use crate::error::Result;
use crate::event_filter::EventFilter;
use crate::store::{DeliveryState, Query, QueryPage, RecordKind, Store};

/// The records to replay.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// These.
    Named(Vec<u64>),
    /// Those that match, the oldest first: deliveries, and captures only where no delivery matches, so that an event that
    /// was sent and received on one machine is not replayed twice.
    Matching(Query, Option<Arc<EventFilter>>),
    /// Failed deliveries that are still undelivered, each message once per target.
    Undelivered(Query, Option<Arc<EventFilter>>),
    /// Deliveries with attempts left whose process has ended; of these numbers only, unless empty.
    Abandoned(Vec<u64>),
}

/// The numbers of the records. `is_held` tells whether the process that owns a delivery still runs.
pub(super) fn select(
    context: &Context,
    store: &dyn Store,
    selection: &Selection,
    is_held: &dyn Fn(&str) -> bool,
) -> Result<Vec<u64>> {
    Ok(match selection {
        Selection::Named(numbers) => numbers.clone(),
        Selection::Matching(query, filter) => {
            let matcher = RecordMatcher::new(context, filter.as_deref());
            let found = matching(&matcher, store, query)?;
            matcher.report_failures();
            found
        }
        Selection::Undelivered(query, filter) => {
            let matcher = RecordMatcher::new(context, filter.as_deref());
            let mut found = Vec::new();
            for number in store.undelivered(query)? {
                if matcher.matches(store, number)? {
                    found.push(number);
                }
            }
            matcher.report_failures();
            found
        }
        Selection::Abandoned(numbers) => {
            let held = |owner: Option<&str>| owner.is_some_and(is_held);
            let mut found = store.list(&Query {
                state: Some(DeliveryState::Pending),
                page: whole(),
                ..Query::default()
            })?;
            found.retain(|summary| !held(summary.owner.as_deref()));
            let free = found.into_iter().map(|summary| summary.number);
            free.filter(|number| numbers.is_empty() || numbers.contains(number))
                .collect()
        }
    })
}

fn whole() -> QueryPage {
    QueryPage {
        limit: usize::MAX,
        oldest_first: true,
        ..Query::default().page
    }
}

fn matching(matcher: &RecordMatcher<'_>, store: &dyn Store, query: &Query) -> Result<Vec<u64>> {
    for kind in [RecordKind::Delivery, RecordKind::Capture] {
        let query = Query {
            kind: Some(kind),
            page: whole(),
            ..query.clone()
        };
        let mut found = matcher.list(store, &query)?;
        // A record that a workflow did not send is only replayed by its number.
        found.retain(|summary| !summary.is_unsent());
        if !found.is_empty() {
            return Ok(found.into_iter().map(|summary| summary.number).collect());
        }
    }
    Ok(Vec::new())
}
