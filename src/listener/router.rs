//! Routing: which work a request causes, decided before it is recorded, so that one transaction holds both.

use std::cell::LazyCell;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::route::Route;
use super::{TriggerReading, permission};
use crate::event_filter::{EventFilter, RequestView};
use crate::json::document;
use crate::server::Incoming;
use crate::store::{Lane, NewWork};
use crate::verification::VerificationResult;

/// Where events go, and the lanes of the work queue that take them there.
#[derive(Debug, Default)]
pub struct Router {
    /// Only events that all of these match are shown and passed on.
    pub filters: Vec<Arc<EventFilter>>,
    /// In the order in which the user gave them.
    pub routes: Vec<RoutedLane>,
    /// Whether commands run for anybody.
    pub unverified: bool,
    /// Whether the sender is answered by the first app that the request is forwarded to.
    pub answer_by_app: bool,
}

/// A route and the lane of its target.
#[derive(Debug)]
pub struct RoutedLane {
    /// Which events.
    pub route: Route,
    /// Its queue.
    pub lane: Arc<Lane>,
    /// Woken when there is work. It is a hint: the promise is in the ledger.
    pub wake: Arc<Notify>,
}

/// The work that a request causes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RoutedWork {
    /// Forwards and commands.
    pub work: Vec<NewWork>,
    /// The lane whose app gives the answer.
    pub answering: Option<Arc<Lane>>,
    /// Why nothing is passed on, where the user should know.
    pub withheld: Option<Withheld>,
}

/// Why a request that routes would take is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// It is not verified and comes from a web page.
    WebPage,
    /// It has neither a signature nor a token, so that commands are not run.
    Commands,
}

impl Router {
    /// Whether a filter keeps a request from being shown and passed on.
    pub fn hides(&self, view: &RequestView<'_>) -> bool {
        self.filters.iter().any(|filter| !filter.matches(view))
    }

    /// Every filter, also those of routes.
    pub fn all_filters(&self) -> impl Iterator<Item = &Arc<EventFilter>> {
        let of_routes = self.routes.iter().filter_map(|lane| lane.route.filter.as_ref());
        self.filters.iter().chain(of_routes)
    }

    /// Chooses the work of an event that was neither hidden nor refused nor answered with a failure.
    pub fn route(
        &self,
        judged: &VerificationResult,
        incoming: &Incoming,
        reading: Option<&TriggerReading>,
        view: &RequestView<'_>,
    ) -> RoutedWork {
        let left_out = reading.is_some_and(|reading| reading.left_out.is_some());
        if self.routes.is_empty() || judged.verdict.is_refused() || left_out {
            return RoutedWork::default();
        }
        // Any web page can reach a local port: without a check its requests are shown and recorded, nothing more.
        if !permission::may_pass_on(&judged.verdict, &incoming.headers) {
            return RoutedWork {
                withheld: Some(Withheld::WebPage),
                ..RoutedWork::default()
            };
        }
        let (event, also) = names(judged);
        // Most routes have no conditions, and a body may be large: it is parsed once, when the first condition needs it.
        let body: LazyCell<Option<Value>, _> = LazyCell::new(|| {
            let record = reading.and_then(|reading| reading.record.clone());
            let kind = incoming.headers.get_text("content-type").unwrap_or_default();
            record.or_else(|| document(kind, &incoming.body).ok())
        });
        let mut routed = RoutedWork::default();
        let takes = |lane: &&RoutedLane| {
            let filter = lane.route.filter.as_ref();
            lane.route.takes(event, &also, || body.as_ref()) && filter.is_none_or(|filter| filter.matches(view))
        };
        for lane in self.routes.iter().filter(takes) {
            let runs = lane.route.to.is_command();
            if runs && !permission::may_run(&judged.verdict, self.unverified) {
                routed.withheld = Some(Withheld::Commands);
                continue;
            }
            if self.answer_by_app && !runs && routed.answering.is_none() {
                routed.answering = Some(Arc::clone(&lane.lane));
                continue;
            }
            routed.work.push(NewWork {
                lane: Arc::clone(&lane.lane),
                // An app gets a duplicate, since its first answer may have been lost; a command does not run twice.
                unless_duplicate: runs,
            });
        }
        routed
    }

    /// Wakes the workers of those lanes.
    pub fn wake(&self, work: &[NewWork]) {
        for item in work {
            let routed = self.routes.iter().filter(|routed| routed.lane.id == item.lane.id);
            routed.for_each(|routed| routed.wake.notify_one());
        }
    }
}

/// The event's name, and the other names that its provider knows it by.
pub(super) fn names(judged: &VerificationResult) -> (&str, Vec<String>) {
    let event = judged.facts.event.as_deref().unwrap_or("");
    let profile = judged.profile.as_ref();
    (
        event,
        profile.map(|profile| profile.other_names(event)).unwrap_or_default(),
    )
}
