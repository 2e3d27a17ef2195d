//! Records that a filter matches, among those that a query finds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::app::context::Context;
use crate::event_filter::{EventFilter, RequestView};
use crate::provider::Profile;
use crate::store::{Query, Record, Store, StoreError, Summary};

/// Records that are listed at once.
const PAGE: usize = 200;

/// Looks at whole records.
pub struct RecordMatcher<'a> {
    context: &'a Context,
    filter: Option<&'a EventFilter>,
    /// By the name in the record; reading a profile takes longer than reading a record.
    profiles: RefCell<HashMap<String, Option<Arc<Profile>>>>,
}

impl<'a> RecordMatcher<'a> {
    /// Without a filter every record matches.
    pub fn new(context: &'a Context, filter: Option<&'a EventFilter>) -> Self {
        Self {
            context,
            filter,
            profiles: RefCell::default(),
        }
    }

    /// Whether the record matches. One that is gone does not; one that is damaged does, so that a list shows it.
    pub fn matches(&self, store: &dyn Store, number: u64) -> Result<bool, StoreError> {
        if self.filter.is_none() {
            return Ok(true);
        }
        match store.get(number) {
            Ok(Some(record)) => Ok(self.matches_record(&record)),
            Ok(None) => Ok(false),
            Err(StoreError::Damaged { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The same for a record that was read.
    pub fn matches_record(&self, record: &Record) -> bool {
        let Some(filter) = self.filter else { return true };
        match record {
            Record::Capture(capture) => {
                let profile = self.profile(capture.request.provider.as_deref());
                filter.matches(&RequestView::of_capture(capture, profile))
            }
            Record::Delivery(delivery) => {
                let profile = self.profile(delivery.delivery.provider.as_deref());
                filter.matches(&RequestView::of_delivery(delivery, profile))
            }
        }
    }

    fn profile(&self, label: Option<&str>) -> Option<Arc<Profile>> {
        let label = label?;
        if let Some(known) = self.profiles.borrow().get(label) {
            return known.clone();
        }
        let profile = self.context.registry.get(label).ok();
        self.profiles.borrow_mut().insert(label.to_owned(), profile.clone());
        profile
    }

    /// What the query finds and the filter matches. The limit of the query counts records that match.
    pub fn list(&self, store: &dyn Store, query: &Query) -> Result<Vec<Summary>, StoreError> {
        if self.filter.is_none() {
            return store.list(query);
        }
        let (mut found, mut step) = (Vec::new(), query.clone());
        step.page.limit = PAGE;
        while found.len() < query.page.limit {
            let page = store.list(&step)?;
            let is_last = page.len() < PAGE;
            let end = page.last().map(|last| last.number);
            for summary in page {
                if found.len() < query.page.limit && self.matches(store, summary.number)? {
                    found.push(summary);
                }
            }
            if is_last {
                break;
            }
            if step.page.oldest_first {
                step.page.after = end;
            } else {
                step.page.before = end;
            }
        }
        Ok(found)
    }

    /// Reports evaluations that failed.
    pub fn report_failures(&self) {
        if let Some(failures) = self.filter.and_then(EventFilter::failures) {
            self.context.notices.warn(failures.to_string());
        }
    }
}
