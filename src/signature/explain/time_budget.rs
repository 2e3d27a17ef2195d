//! How long a request is looked at. What a step will take is foretold from the steps before it, so that none ends after
//! the time is over.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::Case;
use crate::signature::Scheme;

/// Bodies up to this size get every step, whatever the clock says: all of them together take a few milliseconds.
pub(super) const SMALL: usize = 16 * 1024;

/// With more bytes of signatures, or with more secrets, even a small body is looked at no longer than a large one.
const MOST_SIGNATURES: usize = 4096;
const MOST_SECRETS: usize = 16;

/// Bytes that pairs of changes are tried on, all together, and what each of them costs beside its body. Half of it is some
/// twenty milliseconds.
const MOST_PAIRED: usize = 24 << 20;
const OF_A_PAIR: usize = 1024;

/// The same where the check is that of a public key: it takes as long as hashing that many bytes.
const OF_A_PAIR_WITH_KEYS: usize = 48 << 10;

/// How long a large body is looked at, all in all.
const BUDGET: Duration = Duration::from_millis(250);

/// What is kept of it for other variants and providers, which come last.
const FOR_SCHEMES: Duration = Duration::from_millis(30);

/// What is kept for all that is no step: reading the request, and saying what was found.
const RESERVE: Duration = Duration::from_millis(40);

/// Kinds of work, each with its own cost for a byte.
#[derive(Debug, Clone, Copy)]
pub(super) enum StepKind {
    /// A check of the whole signature.
    Check,
    /// A check that reads the body as a document.
    Look,
    /// Reading a document.
    Read,
    /// Writing one.
    Write,
    /// Making another body in any other way.
    Change,
}

/// Nanoseconds for a byte until the first step of a kind has shown how many it takes: no machine is much slower.
const GUESSES: [f64; 5] = [5.0, 40.0, 20.0, 10.0, 10.0];

/// The time that is left for a request, and what the steps took so far.
#[derive(Debug)]
pub struct TimeBudget {
    begun: Instant,
    /// When the last step must be over; absent: there is time for everything.
    end: Option<Cell<Duration>>,
    /// Nanoseconds for a byte, by kind of work.
    rates: [Cell<f64>; GUESSES.len()],
    /// The longest step with next to no bytes.
    least: Cell<Duration>,
    refused: Cell<bool>,
    /// Bytes that pairs were tried on, each with a share for what is not its body.
    paired: Cell<usize>,
    /// What a pair costs beside its body.
    of_a_pair: usize,
}

impl TimeBudget {
    /// Begins to look at a request.
    pub fn new(case: &Case<'_>) -> Self {
        let Case {
            scheme,
            received,
            secrets,
            ..
        } = case;
        let values = scheme
            .header()
            .into_iter()
            .flat_map(|header| received.headers.all(header));
        // Each signature and each secret of many is a check of its own.
        let heavy = secrets.len() > MOST_SECRETS || values.map(<[u8]>::len).sum::<usize>() > MOST_SIGNATURES;
        let of_a_pair = if matches!(scheme, Scheme::Asymmetric(_)) {
            OF_A_PAIR_WITH_KEYS
        } else {
            OF_A_PAIR
        };
        Self {
            of_a_pair,
            ..Self::within(received.body.len(), heavy, BUDGET)
        }
    }

    pub(super) fn within(size: usize, heavy: bool, budget: Duration) -> Self {
        let end = budget.saturating_sub(FOR_SCHEMES + RESERVE);
        Self {
            begun: Instant::now(),
            end: (heavy || size > SMALL).then(|| Cell::new(end)),
            rates: GUESSES.map(Cell::new),
            least: Cell::default(),
            refused: Cell::new(false),
            paired: Cell::default(),
            of_a_pair: OF_A_PAIR,
        }
    }

    /// Whether every step is taken, however long it may be.
    pub(super) fn is_free(&self) -> bool {
        self.end.is_none()
    }

    /// Lets the last steps have what was kept for them.
    pub fn release(&self) {
        if let Some(end) = &self.end {
            end.set(end.get() + FOR_SCHEMES);
        }
    }

    /// Takes a step of that kind over that many bytes, unless the time will be over before its end.
    pub(super) fn step<T>(&self, work: StepKind, size: usize, run: impl FnOnce() -> T) -> Option<T> {
        let Some(end) = &self.end else {
            return Some(run());
        };
        if self.begun.elapsed() + self.foretold(work, size) > end.get() {
            self.refused.set(true);
            return None;
        }
        let begun = Instant::now();
        let made = run();
        self.learn(work, size, begun.elapsed());
        Some(made)
    }

    /// Takes the step of checking that many bytes by that scheme, unless the time will be over before its end.
    pub fn check<T>(&self, scheme: &Scheme, size: usize, run: impl FnOnce() -> T) -> Option<T> {
        let work = if scheme.looks_into_body() {
            StepKind::Look
        } else {
            StepKind::Check
        };
        self.step(work, size, run)
    }

    /// Whether one more pair of changes may be tried on that many bytes. Of a small body the work decides and not the clock, so
    /// that the answer is the same on every machine.
    pub(super) fn takes_pair(&self, size: usize) -> bool {
        let paired = self.paired.get() + size.max(self.of_a_pair) + self.of_a_pair;
        self.paired.set(paired);
        let is_over = paired > MOST_PAIRED;
        // The bound of a small body is no matter of time: it is how many pairs are looked for.
        if is_over && !self.is_free() {
            self.refused.set(true);
        }
        !is_over
    }

    /// Notes that something is left out.
    pub(super) fn leave_out(&self) {
        self.refused.set(true);
    }

    /// Whether a step was refused since the last call.
    pub fn was_short(&self) -> bool {
        self.refused.replace(false)
    }

    fn foretold(&self, work: StepKind, size: usize) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "no body has 2^52 bytes")]
        let nanos = self.rates[work as usize].get() * size as f64;
        self.least.get().max(Duration::from_secs_f64(nanos / 1e9))
    }

    fn learn(&self, work: StepKind, size: usize, took: Duration) {
        if size < SMALL {
            return self.least.set(self.least.get().max(took));
        }
        #[expect(clippy::cast_precision_loss, reason = "no body has 2^52 bytes")]
        let rate = took.as_secs_f64() * 1e9 / size as f64;
        let known = &self.rates[work as usize];
        // A step that was slow may be the machine's doing; the next ones wear it off.
        known.set(rate.max(f64::midpoint(known.get(), rate)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_would_end_too_late_is_not_taken_and_a_shorter_one_is() {
        let mut pace = TimeBudget::within(2_000_000, false, Duration::from_millis(80));
        // No time goes by before a beginning that is to come.
        pace.begun += Duration::from_secs(3600);
        assert!(pace.step(StepKind::Write, 2_000_000, || ()).is_none(), "20 ms of 10");
        assert!(pace.was_short() && !pace.was_short());
        assert!(pace.step(StepKind::Write, 20_000, || ()).is_some());
        pace.release();
        assert!(pace.step(StepKind::Change, 2_000_000, || ()).is_some(), "20 ms of 40");
    }

    #[test]
    fn a_small_body_has_all_the_time_unless_it_is_long_to_check() {
        let none = Duration::ZERO;
        assert!(
            TimeBudget::within(SMALL, false, none)
                .step(StepKind::Check, SMALL, || ())
                .is_some()
        );
        assert!(
            TimeBudget::within(10, true, none)
                .step(StepKind::Check, 10, || ())
                .is_none()
        );
    }

    #[test]
    fn what_a_kind_of_work_took_says_what_it_will_take() {
        let pace = TimeBudget::within(1_000_000, false, BUDGET);
        pace.learn(StepKind::Write, 1_000_000, Duration::from_millis(30));
        assert_eq!(pace.foretold(StepKind::Write, 2_000_000), Duration::from_millis(60));
        pace.learn(StepKind::Write, 1_000_000, Duration::from_millis(10));
        assert_eq!(pace.foretold(StepKind::Write, 1_000_000), Duration::from_millis(20));
        pace.learn(StepKind::Check, 10, Duration::from_millis(7));
        assert_eq!(pace.foretold(StepKind::Check, 10), Duration::from_millis(7));
        assert_eq!(
            pace.foretold(StepKind::Check, 1_000_000),
            Duration::from_millis(7),
            "the guess, 5 ms, is less than the longest of the short steps"
        );
    }
}
