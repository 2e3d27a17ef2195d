//! Feeds the judge while a listener runs, and makes its report at the end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::judge::{Arrival, CountedAs, ExpectationJudge, ExpectationRules, WaitEnd};
use super::nearest::nearest;
use super::report::{ExpectationReport, ExpectationResult, SeenRequest};
use super::{Expectations, Violation};
use crate::app::context::Context;
use crate::listener::ReceivedRequest;
use crate::store::{self, Store};

/// Requests that a report lists, and that are searched for the nearest one.
const MOST_SEEN: usize = 500;

/// A judge and its clock.
#[derive(Debug)]
pub struct ExpectationWatch {
    expectations: Expectations,
    state: Mutex<WatchState>,
    changed: Notify,
    started: Instant,
}

#[derive(Debug)]
struct WatchState {
    judge: ExpectationJudge,
    seen: Vec<SeenRequest>,
    received: u64,
    end: WaitEnd,
}

impl WatchState {
    /// A violation in words.
    fn sentence(&self, violation: &Violation) -> String {
        violation.text(|number| {
            let seen = self.seen.iter().find(|seen| seen.number == number);
            let event = seen.and_then(|seen| seen.event.as_deref());
            event.map_or_else(|| format!("#{number}"), |event| format!("#{number} {event}"))
        })
    }
}

impl ExpectationWatch {
    /// The time counts from now.
    pub fn new(expectations: Expectations, has_command: bool) -> Self {
        let rules = ExpectationRules {
            counts: expectations.list.iter().map(|one| one.count).collect(),
            in_order: expectations.in_order,
            no_extra: expectations.no_extra,
            all_verified: expectations.all_verified,
            settle: has_command.then_some(expectations.settle),
        };
        Self {
            expectations,
            state: Mutex::new(WatchState {
                judge: ExpectationJudge::new(rules),
                seen: Vec::new(),
                received: 0,
                end: WaitEnd::Interrupted,
            }),
            changed: Notify::new(),
            started: Instant::now(),
        }
    }

    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request that is no challenge.
    pub fn arrived(&self, request: &ReceivedRequest) {
        let verdict = &request.judged.verdict;
        let arrival = Arrival {
            number: request.number,
            met: request.met.clone(),
            is_accepted: !verdict.is_refused() && request.is_success,
            is_verified: verdict.is_accepted(),
            is_duplicate: request.duplicate_of.is_some(),
        };
        let mut state = self.state();
        let counted_as = match state.judge.arrived(&arrival) {
            CountedAs::Counted => "counted",
            CountedAs::OutOfOrder => "out of order",
            CountedAs::Nothing if verdict.is_refused() => "refused",
            CountedAs::Nothing if !request.is_success => "failed",
            CountedAs::Nothing if arrival.is_duplicate => "duplicate",
            CountedAs::Nothing => "other",
        };
        state.received += 1;
        if state.seen.len() < MOST_SEEN {
            state.seen.push(SeenRequest {
                number: request.number,
                event: request.judged.facts.event.clone(),
                counted_as,
            });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The command after `--` has ended.
    pub fn command_ended(&self) {
        self.state().judge.command_ended(self.started.elapsed());
        self.changed.notify_one();
    }

    /// The limit of the whole wait is reached.
    pub fn time_over(&self) {
        self.state().end = WaitEnd::TimeOver;
    }

    /// Waits until the result is decided.
    pub async fn decided(&self) {
        loop {
            let settled_at = {
                let mut state = self.state();
                if state.judge.is_over(self.started.elapsed()) {
                    state.end = WaitEnd::Decided;
                    return;
                }
                state.judge.settled_at()
            };
            let settled_at = settled_at.and_then(|at| self.started.checked_add(at));
            tokio::select! {
                () = self.changed.notified() => {}
                () = async { match settled_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                } } => {}
            }
        }
    }

    /// The result. Reads what came from the ledger, to say what is missing.
    pub fn report(&self, context: &Context) -> ExpectationReport {
        let state = self.state();
        let (judge, passes) = (&state.judge, state.judge.passes(state.end));
        let ledger = (!passes)
            .then(|| store::open_read_only(&context.store_place).ok())
            .flatten();
        let results = self.expectations.list.iter().enumerate();
        let expectations = results.map(|(at, _)| self.result(at, &state, context, ledger.as_deref()));
        let of_none = judge
            .violations()
            .iter()
            .filter(|violation| violation.expectation().is_none());
        let mut problems: Vec<String> = of_none.map(|one| state.sentence(one)).collect();
        let expectations: Vec<ExpectationResult> = expectations.collect();
        if judge.was_cut_off(state.end) {
            problems.push("the command did not end in time".to_owned());
        } else if !passes && problems.is_empty() && expectations.iter().all(|one| one.met) {
            problems.push("the wait was interrupted before the end".to_owned());
        }
        let filters = self.expectations.list.iter();
        ExpectationReport {
            met: passes,
            expectations,
            problems,
            requests: state.seen.clone(),
            received: state.received,
            waited_ms: millis(self.started.elapsed()),
            failures: filters.filter_map(|one| one.filter.failures()).collect(),
        }
    }

    fn result(
        &self,
        at: usize,
        state: &WatchState,
        context: &Context,
        ledger: Option<&dyn Store>,
    ) -> ExpectationResult {
        let expectation = &self.expectations.list[at];
        let met = state.judge.is_met_by_itself(at);
        let count = state.judge.counts().get(at).copied().unwrap_or_default();
        let own = state
            .judge
            .violations()
            .iter()
            .filter(|one| one.expectation() == Some(at));
        let is_missing = count < expectation.count.least;
        let ledger = ledger.filter(|_| is_missing);
        ExpectationResult {
            position: at + 1,
            expression: expectation.filter.source(),
            expected: expectation.count,
            count,
            met,
            problems: own.map(|one| state.sentence(one)).collect(),
            nearest: ledger.and_then(|ledger| nearest(context, ledger, &expectation.filter, &state.seen)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
