//! The decision whether what arrived is what was expected. A state machine without a clock: times are given to it.

use std::time::Duration;

use super::{CountRange, Violation};
use crate::event_filter::ExpectationSet;

/// What is judged.
#[derive(Debug, Clone)]
pub struct ExpectationRules {
    /// How many events have to meet each expectation.
    pub counts: Vec<CountRange>,
    /// Whether they have to be met one after the other.
    pub in_order: bool,
    /// Whether nothing else may arrive.
    pub no_extra: bool,
    /// Whether every request has to be verified.
    pub all_verified: bool,
    /// How long to go on after the end of the command; absent: there is no command.
    pub settle: Option<Duration>,
}

/// A request that arrived, challenges of providers apart.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// Its number in the ledger.
    pub number: u64,
    /// Of each of its events, which expectations it meets.
    pub met: Vec<ExpectationSet>,
    /// Whether it was not refused, and answered with success.
    pub is_accepted: bool,
    /// Whether a signature or a token was right.
    pub is_verified: bool,
    /// Whether the event arrived before.
    pub is_duplicate: bool,
}

/// What a request is for the expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedAs {
    /// An event of it counted for an expectation.
    Counted,
    /// It meets an expectation whose turn it was not.
    OutOfOrder,
    /// It meets none, or was not accepted.
    Nothing,
}

/// How the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// Nothing that may still arrive could change the result, or the time after the command is over.
    Decided,
    /// The time is over.
    TimeOver,
    /// A signal.
    Interrupted,
}

/// Counts what arrives.
#[derive(Debug)]
pub struct ExpectationJudge {
    rules: ExpectationRules,
    counts: Vec<u64>,
    violations: Vec<Violation>,
    /// When the command ended.
    command_ended: Option<Duration>,
}

/// Violations that are kept; what comes after that is only known to be wrong.
const MOST_VIOLATIONS: usize = 100;

impl ExpectationJudge {
    /// Nothing has arrived.
    pub fn new(rules: ExpectationRules) -> Self {
        Self {
            counts: vec![0; rules.counts.len()],
            violations: Vec::new(),
            command_ended: None,
            rules,
        }
    }

    /// Takes a request.
    pub fn arrived(&mut self, arrival: &Arrival) -> CountedAs {
        let number = arrival.number;
        if self.rules.all_verified && !arrival.is_verified {
            self.violate(Violation::NotVerified { number });
        }
        let mut counted_as = CountedAs::Nothing;
        if !arrival.is_accepted || arrival.is_duplicate {
            return counted_as;
        }
        for met in &arrival.met {
            let one = if self.rules.in_order {
                self.take_in_order(number, *met)
            } else {
                self.take(number, *met)
            };
            if counted_as != CountedAs::Counted && one != CountedAs::Nothing {
                counted_as = one;
            }
        }
        counted_as
    }

    /// An event counts for every expectation that it meets.
    fn take(&mut self, number: u64, met: ExpectationSet) -> CountedAs {
        for expectation in members(met) {
            self.count(number, expectation);
        }
        if met != 0 {
            return CountedAs::Counted;
        }
        self.extra(number)
    }

    /// An event counts for the first expectation that is not met yet. It must not be the turn of another one.
    fn take_in_order(&mut self, number: u64, met: ExpectationSet) -> CountedAs {
        let is_open = |at: &usize| self.counts[*at] < self.rules.counts[*at].least;
        let next = (0..self.counts.len()).find(is_open);
        let early = members(met).find(|at| is_open(at));
        let known = members(met).find(|at| !is_open(at));
        // What is met already may come again; or it must not arrive at all.
        let counts_for = next.filter(|next| met & (1 << next) != 0).or(known);
        match (counts_for, early, next) {
            (Some(expectation), ..) => {
                self.count(number, expectation);
                CountedAs::Counted
            }
            (None, Some(expectation), Some(before)) => {
                self.violate(Violation::OutOfOrder {
                    number,
                    expectation,
                    before,
                    then: None,
                });
                CountedAs::OutOfOrder
            }
            _ => self.extra(number),
        }
    }

    fn extra(&mut self, number: u64) -> CountedAs {
        if self.rules.no_extra {
            self.violate(Violation::Extra { number });
        }
        CountedAs::Nothing
    }

    fn count(&mut self, number: u64, expectation: usize) {
        self.counts[expectation] += 1;
        for violation in &mut self.violations {
            if let Violation::OutOfOrder { before, then, .. } = violation
                && *before == expectation
            {
                then.get_or_insert(number);
            }
        }
        let range = self.rules.counts[expectation];
        // With nothing extra, a number is exactly that number.
        let most = range.most.or_else(|| self.rules.no_extra.then_some(range.least));
        if most.is_some_and(|most| self.counts[expectation] > most) {
            self.violate(Violation::TooMany { number, expectation });
        }
    }

    fn violate(&mut self, violation: Violation) {
        // Of grouped events each one may be wrong in the same way.
        let is_known = self.violations.last() == Some(&violation);
        if !is_known && self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        }
    }

    /// The command has ended.
    pub fn command_ended(&mut self, at: Duration) {
        self.command_ended.get_or_insert(at);
    }

    /// Whether enough has arrived.
    fn is_met(&self) -> bool {
        let mut counts = self.counts.iter().zip(&self.rules.counts);
        counts.all(|(count, range)| *count >= range.least)
    }

    /// Whether something that arrives later may still be wrong.
    fn waits_for_the_end(&self) -> bool {
        self.rules.no_extra || self.rules.counts.iter().any(|range| range.most.is_some())
    }

    /// Whether the wait is over. The limit of all of it (`--for`) is not decided here.
    pub fn is_over(&self, now: Duration) -> bool {
        if self.rules.settle.is_some() && self.command_ended.is_none() {
            return false;
        }
        let is_decided = !self.violations.is_empty() || self.is_met() && !self.waits_for_the_end();
        is_decided || self.settled_at().is_some_and(|at| now >= at)
    }

    /// When the time after the end of the command is over.
    pub fn settled_at(&self) -> Option<Duration> {
        Some(self.command_ended?.saturating_add(self.rules.settle?))
    }

    /// Whether the time was over before the command.
    pub fn was_cut_off(&self, end: WaitEnd) -> bool {
        end == WaitEnd::TimeOver && self.rules.settle.is_some() && self.command_ended.is_none()
    }

    /// Whether everything is as expected, when the wait ended like that.
    pub fn passes(&self, end: WaitEnd) -> bool {
        let is_complete = match end {
            WaitEnd::Decided => true,
            // A command that was cut off proves nothing.
            WaitEnd::TimeOver => !self.was_cut_off(end),
            WaitEnd::Interrupted => !self.waits_for_the_end(),
        };
        is_complete && self.is_met() && self.violations.is_empty()
    }

    /// How many events met each expectation.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// What arrived and should not have.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether an expectation is met by itself.
    pub fn is_met_by_itself(&self, expectation: usize) -> bool {
        let is_of = |violation: &Violation| violation.expectation() == Some(expectation);
        let count = self.counts.get(expectation).zip(self.rules.counts.get(expectation));
        count.is_some_and(|(count, range)| *count >= range.least) && !self.violations.iter().any(is_of)
    }
}

/// The positions in a set.
fn members(set: ExpectationSet) -> impl Iterator<Item = usize> {
    (0..ExpectationSet::BITS as usize).filter(move |at| set & (1 << at) != 0)
}
