//! Which events the user means: an expression (`--where`), or a pattern for the event's type (`--filter`). The same filter
//! looks at a request that just came, at a capture, and at a delivery: [`RequestView`] is the one view of them.

mod explain;
mod view;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use explain::UnmetParts;
pub use view::RequestView;

use crate::error::{Error, Result};
use crate::expression::{Expression, SyntaxError, Variables};
use crate::glob::Glob;

/// Which events.
#[derive(Debug)]
pub struct EventFilter {
    rule: Rule,
    failures: Mutex<Option<EvaluationFailures>>,
}

#[derive(Debug, PartialEq)]
enum Rule {
    Pattern(Glob),
    Expression(Box<Expression>),
}

/// Evaluations that ended with an error, so that the event did not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationFailures {
    /// The text of the expression.
    pub expression: String,
    /// The error of the first one.
    pub first: String,
    /// How many there were.
    pub count: u64,
}

impl fmt::Display for EvaluationFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expression,
            first,
            count,
        } = self;
        let times = match count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let expression = crate::text::printable(expression, 200);
        write!(f, "`{expression}` failed {times}, which counts as false: {first}")
    }
}

impl PartialEq for EventFilter {
    fn eq(&self, other: &Self) -> bool {
        self.rule == other.rule
    }
}

impl EventFilter {
    /// Events whose type, or another name of it, fits a pattern with `*`.
    pub fn pattern(pattern: &str) -> Self {
        Self::new(Rule::Pattern(Glob::new(pattern)))
    }

    /// Events for which an expression holds.
    pub fn expression(source: &str) -> std::result::Result<Self, SyntaxError> {
        Expression::compile(source).map(|expression| Self::new(Rule::Expression(Box::new(expression))))
    }

    /// The same with an error for the user; `place` is where the text comes from, such as `--where`.
    pub fn parse(place: &str, source: &str) -> Result<Self> {
        Self::expression(source).map_err(|error| syntax_error(place, &error))
    }

    /// The same for events that are not recorded yet.
    pub fn parse_live(place: &str, source: &str) -> Result<Self> {
        let filter = Self::parse(place, source)?;
        if matches!(&filter.rule, Rule::Expression(expression) if expression.uses("duplicate")) {
            let what = format!("`{place}` looks at `duplicate`, which is not known before a request is recorded");
            return Err(Error::usage(what).hint("`hook log --where duplicate` lists duplicates"));
        }
        Ok(filter)
    }

    fn new(rule: Rule) -> Self {
        Self {
            rule,
            failures: Mutex::new(None),
        }
    }

    /// The pattern of events, where it is one.
    pub fn as_pattern(&self) -> Option<&Glob> {
        match &self.rule {
            Rule::Pattern(pattern) => Some(pattern),
            Rule::Expression(_) => None,
        }
    }

    /// As the user wrote it.
    pub fn source(&self) -> String {
        match &self.rule {
            Rule::Pattern(pattern) => pattern.to_string(),
            Rule::Expression(expression) => expression.source().to_owned(),
        }
    }

    /// Whether the request has an event that matches.
    pub fn matches(&self, view: &RequestView<'_>) -> bool {
        view.any_event(self.reads_data(), |event, also| self.holds(event, also))
    }

    /// Why it does not hold for a record that is no request, and is only data: a clause. `None` when it holds.
    pub fn unmet_by_record(&self, record: &serde_json::Value) -> Option<String> {
        let variables = Variables {
            data: Ok(record),
            direction: "out",
            ..Variables::default()
        };
        let source = crate::text::printable(&self.source(), 200);
        if self.holds(&variables, &[]) {
            return None;
        }
        Some(match self.failures() {
            Some(failures) => format!("`{source}` fails: {}", failures.first),
            None => format!("`{source}` does not hold"),
        })
    }

    /// What went wrong so far.
    pub fn failures(&self) -> Option<EvaluationFailures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether events of one body differ for it. Every variable may differ between events that state their type and id
    /// themselves, so that only a filter for a whole request does without the body.
    fn reads_data(&self) -> bool {
        match &self.rule {
            Rule::Pattern(_) => false,
            Rule::Expression(expression) => ["data", "event", "id"].iter().any(|name| expression.uses(name)),
        }
    }

    fn holds(&self, event: &Variables<'_>, also: &[String]) -> bool {
        let expression = match &self.rule {
            Rule::Pattern(pattern) => return pattern.fits_event(event.event.unwrap_or_default(), also),
            Rule::Expression(expression) => expression,
        };
        expression.evaluate(event).unwrap_or_else(|error| {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let failures = failures.get_or_insert_with(|| EvaluationFailures {
                expression: expression.source().to_owned(),
                first: error.to_string(),
                count: 0,
            });
            failures.count += 1;
            false
        })
    }
}

fn syntax_error(place: &str, error: &SyntaxError) -> Error {
    let shown = Error::usage(format!("`{place}` is not a valid expression: {error}"));
    // On lines of their own, the text and the caret have the same margin.
    let shown = shown.cause(format!("here:\n{}", error.excerpt()));
    match &error.hint {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

/// Filters by their positions in a list.
pub type ExpectationSet = u64;

/// Filters of a list for which [`met_by_event`] works.
pub const MOST_EXPECTATIONS: usize = ExpectationSet::BITS as usize;

/// Of each event of a request, which filters match it.
pub fn met_by_event(filters: &[Arc<EventFilter>], view: &RequestView<'_>) -> Vec<ExpectationSet> {
    let mut met = Vec::new();
    if filters.is_empty() {
        return met;
    }
    let reads_data = filters.iter().any(|filter| filter.reads_data());
    view.any_event(reads_data, |event, also| {
        let holds = filters.iter().map(|filter| filter.holds(event, also));
        met.push(
            holds
                .enumerate()
                .fold(0, |set, (at, holds)| set | ExpectationSet::from(holds) << at),
        );
        false
    });
    met
}

#[cfg(test)]
mod tests;
