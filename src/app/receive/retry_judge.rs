//! Judges the intervals between the attempts of each event against a provider's schedule. The decision that the engine makes
//! after an attempt is what is expected of the sender.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::clock::{Timestamp, human_duration};
use crate::engine::{FailureReason, Next, Situation, decide};
use crate::exchange::{ErrorKind, Outcome};
use crate::provider::policy::{Policy, RunFrom, Schedule};
use crate::recent::RecentMap;
use crate::text::{count, serialize_millis, status_line};

/// Events whose attempts are kept; the one that was tried least recently is forgotten first.
const EVENTS: usize = 10_000;

/// Attempts of an event that are kept for the report.
const ATTEMPTS: usize = 128;

/// What an interval may be off beside the jitter of the schedule: this share of it, and a constant.
const SHARE: f64 = 0.05;
const CONSTANT: Duration = Duration::from_millis(100);

/// The attempts of all events.
#[derive(Debug)]
pub struct RetryJudge {
    provider: String,
    policy: Arc<Policy>,
    time_scale: f64,
    events: RecentMap<String, EventAttempts>,
    totals: RetryTotals,
}

/// The totals of a judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryTotals {
    /// Events that were tried.
    pub events: u64,
    /// Intervals between two attempts of one event.
    pub intervals: u64,
    /// Those that were not as scheduled.
    pub wrong: u64,
    /// Whether a failed attempt should have been followed by another one, sooner or later.
    pub awaits: bool,
    /// Whether a failed attempt was to be the last one.
    pub gives_up: bool,
}

impl RetryTotals {
    /// Why the schedule is not proven to be kept: a clause. Without an interval it is only where none was to be expected
    /// after a failed attempt.
    pub fn unmet(&self) -> Option<String> {
        Some(match (self.wrong, self.intervals) {
            (0, 1..) => return None,
            (0, 0) if self.gives_up && !self.awaits => return None,
            (0, 0) if self.events == 0 => "no request came".to_owned(),
            (0, 0) if self.awaits => "no retry came, although an attempt failed".to_owned(),
            (0, 0) => "no retry came: no attempt failed (`--fail-first 2` makes the first two fail)".to_owned(),
            (wrong, intervals) => {
                let verb = if wrong == 1 { "is" } else { "are" };
                let intervals = count(intervals, "interval");
                format!("{wrong} of {intervals} between attempts {verb} not as scheduled")
            }
        })
    }

    /// Whether the schedule was kept.
    pub fn is_met(&self) -> bool {
        self.unmet().is_none()
    }
}

/// The attempts of one event.
#[derive(Debug)]
struct EventAttempts {
    id: Option<String>,
    event: Option<String>,
    first: Instant,
    attempts: u32,
    /// The last one.
    last: LastAttempt,
    /// The waits before the attempts from the second on, as the schedule counts them.
    waits: Vec<Duration>,
    difference: Option<IntervalDifference>,
}

#[derive(Debug, Clone)]
struct LastAttempt {
    arrived: Instant,
    /// When the sender had its answer, and which; absent: not answered yet.
    answer: Option<(Instant, Timestamp, Outcome)>,
}

/// An interval that is not as scheduled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntervalDifference {
    /// The attempt after it, counted from 1.
    pub attempt: u32,
    /// From the end of the attempt before.
    #[serde(rename = "waited_ms", serialize_with = "serialize_millis")]
    pub waited: Duration,
    /// What was expected.
    #[serde(flatten)]
    pub expected: ExpectedInterval,
}

/// What a schedule expects after an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "next")]
pub enum ExpectedInterval {
    /// Another attempt after a wait within these limits.
    Wait {
        /// As scheduled.
        #[serde(rename = "scheduled_ms", serialize_with = "serialize_millis")]
        scheduled: Duration,
        /// With the tolerance.
        #[serde(rename = "least_ms", serialize_with = "serialize_millis")]
        least: Duration,
        /// With the tolerance.
        #[serde(rename = "most_ms", serialize_with = "serialize_millis")]
        most: Duration,
    },
    /// No attempt, for this reason.
    Nothing {
        /// For people.
        reason: String,
    },
}

/// The attempts of one event beside the schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetryReport {
    /// Whose schedule.
    pub provider: String,
    /// The event's type.
    pub event: Option<String>,
    /// Its id.
    pub event_id: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// The schedule.
    pub expected: String,
    /// The attempts in the same words.
    pub seen: String,
    /// The first interval that is not as scheduled.
    pub difference: Option<IntervalDifference>,
}

impl RetryJudge {
    /// A judge for that schedule, whose waits are divided by the scale.
    pub fn new(provider: String, policy: Arc<Policy>, time_scale: f64) -> Self {
        Self {
            provider,
            policy,
            time_scale,
            events: RecentMap::new(EVENTS),
            totals: RetryTotals::default(),
        }
    }

    /// An attempt has arrived.
    pub fn arrived(&mut self, identity: &str, facts: (Option<&str>, Option<&str>), at: Instant) {
        let (event, id) = facts;
        let new = || EventAttempts {
            id: id.map(str::to_owned),
            event: event.map(str::to_owned),
            first: at,
            attempts: 0,
            last: LastAttempt {
                arrived: at,
                answer: None,
            },
            waits: Vec::new(),
            difference: None,
        };
        let seen = self.events.entry(identity.to_owned(), new);
        if seen.attempts > 0 {
            let end = seen.last.end(at, self.policy.timeout);
            let waited = at.saturating_duration_since(end.at);
            let expected = expected(&self.policy, self.time_scale, seen, &end);
            self.totals.intervals += 1;
            if !expected.takes(waited) {
                self.totals.wrong += 1;
                seen.difference.get_or_insert(IntervalDifference {
                    attempt: seen.attempts + 1,
                    waited,
                    expected,
                });
            }
            if seen.waits.len() < ATTEMPTS {
                seen.waits.push(match self.policy.schedule.from {
                    RunFrom::Previous => waited,
                    RunFrom::First => at.saturating_duration_since(seen.first),
                });
            }
        }
        self.totals.events += u64::from(seen.attempts == 0);
        seen.attempts += 1;
        seen.last = LastAttempt {
            arrived: at,
            answer: None,
        };
    }

    /// The sender of an attempt, the last of its event, has its answer.
    pub fn answered(&mut self, identity: &str, arrived: Instant, (at, now): (Instant, Timestamp), outcome: Outcome) {
        let Some(seen) = self.events.get_mut(&identity.to_owned()) else {
            return;
        };
        // An answer that comes after the next attempt changes nothing.
        if seen.last.arrived != arrived {
            return;
        }
        seen.last.answer = Some((at, now, outcome));
        let end = seen.last.end(at, self.policy.timeout);
        let expected = expected(&self.policy, self.time_scale, seen, &end);
        match expected {
            ExpectedInterval::Wait { .. } => self.totals.awaits = true,
            ExpectedInterval::Nothing { .. } => {
                let status = end.outcome.status();
                self.totals.gives_up |= !status.is_some_and(|status| self.policy.success.contains(status));
            }
        }
    }

    /// The totals so far.
    pub fn totals(&self) -> RetryTotals {
        self.totals
    }

    /// The schedule that is expected, in words.
    pub fn expected_schedule(&self) -> String {
        let delays = &self.policy.schedule.delays;
        let delays = delays.iter().map(|delay| delay.div_f64(self.time_scale)).collect();
        let schedule = &self.policy.schedule;
        Schedule {
            delays,
            ..schedule.clone()
        }
        .describe()
    }

    /// The events that were tried more than once, the one that was tried least recently first.
    pub fn reports(&self) -> impl Iterator<Item = RetryReport> {
        let seen = self.events.iter().map(|(_, seen)| seen);
        seen.filter(|seen| seen.attempts > 1).map(|seen| self.report(seen))
    }

    fn report(&self, seen: &EventAttempts) -> RetryReport {
        let schedule = Schedule {
            delays: seen.waits.clone(),
            from: self.policy.schedule.from,
            ..Schedule::default()
        };
        RetryReport {
            provider: self.provider.clone(),
            event: seen.event.clone(),
            event_id: seen.id.clone(),
            attempts: seen.attempts,
            expected: self.expected_schedule(),
            seen: schedule.describe(),
            difference: seen.difference.clone(),
        }
    }
}

impl LastAttempt {
    /// How it ended for the sender, as known at a moment.
    fn end(&self, moment: Instant, timeout: Duration) -> AttemptEnd {
        let limit = self.arrived + timeout;
        match &self.answer {
            Some((at, now, outcome)) if *at <= limit => AttemptEnd {
                at: *at,
                now: *now,
                outcome: outcome.clone(),
            },
            _ => AttemptEnd {
                // A sender that gives up before its provider's time limit does so now at the latest.
                at: limit.min(moment),
                now: Timestamp::default(),
                outcome: Outcome::Error {
                    kind: ErrorKind::Timeout,
                    text: String::new(),
                },
            },
        }
    }
}

/// How an attempt ended for its sender.
struct AttemptEnd {
    at: Instant,
    /// The wall-clock time of the answer.
    now: Timestamp,
    outcome: Outcome,
}

/// What the schedule expects after the last attempt of an event, which ended so.
fn expected(policy: &Policy, time_scale: f64, seen: &EventAttempts, end: &AttemptEnd) -> ExpectedInterval {
    let delays = &policy.schedule.delays;
    // The attempt was due that long after the first one, where delays run from there.
    let before = (seen.attempts as usize).checked_sub(2).and_then(|at| delays.get(at));
    let due = match before {
        Some(delay) if policy.schedule.from == RunFrom::First => seen.first + delay.div_f64(time_scale),
        _ => seen.last.arrived,
    };
    let decided = |chance: f64| {
        let situation = Situation {
            attempts: seen.attempts,
            since_due: end.at.saturating_duration_since(due),
            now: end.now,
            time_scale,
            chance,
            spread: 0.0,
            postpones: false,
        };
        decide(policy, &end.outcome, situation)
    };
    match (decided(0.0), decided(0.5), decided(1.0)) {
        (Next::Retry { after: least, .. }, Next::Retry { after, .. }, Next::Retry { after: most, .. }) => {
            let tolerance = after.mul_f64(SHARE) + CONSTANT;
            ExpectedInterval::Wait {
                scheduled: after,
                least: least.saturating_sub(tolerance),
                most: most + tolerance,
            }
        }
        (_, next, _) => ExpectedInterval::Nothing {
            reason: reason(&next, seen.attempts, &end.outcome),
        },
    }
}

/// Why no attempt is expected.
fn reason(next: &Next, attempts: u32, outcome: &Outcome) -> String {
    let answer = outcome.status().map_or_else(|| outcome.summary(), status_line);
    match next {
        Next::Delivered => format!("the attempt before was answered {answer} in time"),
        Next::Failed(FailureReason::Exhausted) => format!("the schedule ends with attempt {attempts}"),
        _ => format!("the provider does not retry after `{answer}`"),
    }
}

impl ExpectedInterval {
    fn takes(&self, waited: Duration) -> bool {
        match self {
            Self::Wait { least, most, .. } => (*least..=*most).contains(&waited),
            Self::Nothing { .. } => false,
        }
    }
}

impl IntervalDifference {
    /// For people: `attempt 3 came 1s after the attempt before, expected 5s (4.6s to 5.4s)`.
    pub fn describe(&self) -> String {
        let (attempt, waited) = (self.attempt, human_duration(self.waited));
        let came = format!("attempt {attempt} came {waited} after the end of the attempt before");
        match &self.expected {
            ExpectedInterval::Wait { scheduled, least, most } => {
                let [scheduled, least, most] = [scheduled, least, most].map(|wait| human_duration(*wait));
                format!("{came}, expected {scheduled} ({least} to {most})")
            }
            ExpectedInterval::Nothing { reason } => format!("{came}, expected none: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Answer;
    use crate::provider::Registry;

    /// A judge of that provider, and the moment from which a test counts.
    fn judge(provider: &str, time_scale: f64) -> (RetryJudge, Instant) {
        let policy = Registry::default().get(provider).unwrap().policy.clone();
        (
            RetryJudge::new(provider.to_owned(), Arc::new(policy), time_scale),
            Instant::now(),
        )
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> Outcome {
        Outcome::Answer(Answer {
            status,
            headers: headers.iter().copied().collect(),
            ..Answer::default()
        })
    }

    /// Plays attempts of one event: when each arrives, how long its answer takes, and which it is.
    fn play(judge: &mut RetryJudge, start: Instant, attempts: &[(f64, f64, Outcome)]) {
        for (at, took, outcome) in attempts {
            let arrived = start + Duration::from_secs_f64(*at);
            judge.arrived("evt_1", (Some("job.paid"), Some("evt_1")), arrived);
            let end = arrived + Duration::from_secs_f64(*took);
            judge.answered("evt_1", arrived, (end, Timestamp::from_unix(1000)), outcome.clone());
        }
    }

    fn seconds(failing: &[f64]) -> Vec<(f64, f64, Outcome)> {
        failing.iter().map(|at| (*at, 0.0, answer(500, &[]))).collect()
    }

    #[test]
    fn intervals_within_the_tolerance_are_right_and_others_are_wrong() {
        // PoolFlow waits 1, 5 and 30 minutes, without jitter; the tolerance is 5 % and 100 ms.
        for (provider, scale, at, wrong) in [
            ("poolflow", 1.0, &[0.0, 60.0, 360.0][..], 0),
            ("poolflow", 1.0, &[0.0, 63.0, 379.0], 1),
            ("poolflow", 1.0, &[0.0, 63.09, 348.1], 0),
            ("poolflow", 1.0, &[0.0, 56.95, 341.9], 0),
            ("poolflow", 1.0, &[0.0, 56.8], 1),
            ("poolflow", 1.0, &[0.0, 63.2], 1),
            ("poolflow", 1.0, &[0.0, 60.0, 120.0, 180.0], 2),
            ("poolflow", 100.0, &[0.0, 0.6, 3.6], 0),
            ("poolflow", 100.0, &[0.0, 60.0], 1),
            // Five minutes, give or take a tenth.
            ("pool-brain", 1.0, &[0.0, 270.0 - 15.0], 0),
            ("pool-brain", 1.0, &[0.0, 330.0 + 15.0], 0),
            ("pool-brain", 1.0, &[0.0, 330.0 + 15.2], 1),
            ("slotflow", 1.0, &[0.0, 300.0, 3900.0], 0),
            // A provider that never retries.
            ("pocketsflow", 1.0, &[0.0, 60.0], 1),
            // More attempts than the schedule has.
            ("slotflow", 1.0, &[0.0, 300.0, 3900.0, 7500.0], 1),
        ] {
            let (mut judge, start) = judge(provider, scale);
            play(&mut judge, start, &seconds(at));
            let totals = judge.totals();
            assert_eq!(
                (totals.wrong, totals.intervals),
                (wrong, at.len() as u64 - 1),
                "{provider} {scale} {at:?}"
            );
            assert_eq!(totals.is_met(), wrong == 0, "{provider} {at:?}");
        }
    }

    #[test]
    fn an_interval_runs_from_the_answer_or_the_time_limit() {
        let dropped = || Outcome::Error {
            kind: ErrorKind::Protocol,
            text: String::new(),
        };
        let limit = Registry::default()
            .get("poolflow")
            .unwrap()
            .policy
            .timeout
            .as_secs_f64();
        for (took, outcome, next, wrong) in [
            (5.0, answer(500, &[]), 65.0, 0),
            (5.0, answer(500, &[]), 60.0 - 3.0, 1),
            (0.0, dropped(), 60.0, 0),
            // Success, but too late: the sender has given up at its time limit.
            (limit + 5.0, answer(200, &[]), limit + 60.0, 0),
            (limit + 5.0, answer(200, &[]), limit + 65.0, 1),
            // After success in time no attempt is expected.
            (1.0, answer(200, &[]), 61.0, 1),
        ] {
            let (mut judge, start) = judge("poolflow", 1.0);
            play(
                &mut judge,
                start,
                &[(0.0, took, outcome.clone()), (next, 0.0, answer(200, &[]))],
            );
            assert_eq!(judge.totals().wrong, wrong, "{took} {outcome:?} {next}");
        }
    }

    #[test]
    fn retry_after_counts_where_the_provider_honours_it() {
        let busy = answer(429, &[("retry-after", "120")]);
        for (provider, next, wrong) in [
            ("standard-webhooks", 120.0, 0),
            ("standard-webhooks", 5.0, 1),
            ("poolflow", 60.0, 0),
            ("poolflow", 120.0, 1),
        ] {
            let (mut judge, start) = judge(provider, 1.0);
            play(
                &mut judge,
                start,
                &[(0.0, 0.0, busy.clone()), (next, 0.0, answer(200, &[]))],
            );
            assert_eq!(judge.totals().wrong, wrong, "{provider} {next}");
        }
    }

    #[test]
    fn the_report_has_both_schedules_and_the_first_difference() {
        let (mut judge, start) = judge("poolflow", 100.0);
        play(&mut judge, start, &seconds(&[0.0, 0.6, 1.6, 2.0]));
        let report = judge.reports().next().unwrap();
        assert_eq!(
            report.expected,
            "6 attempts: at once, then after 600ms, 3s, 18s, 1m 12s, 14m 24s"
        );
        assert_eq!(report.seen, "4 attempts: at once, then after 600ms, 1s, 400ms");
        let difference = report.difference.unwrap();
        assert_eq!(
            difference.describe(),
            "attempt 3 came 1s after the end of the attempt before, expected 3s (2.8s to 3.2s)"
        );
        assert_eq!(judge.totals().wrong, 2);
    }

    #[test]
    fn a_sender_that_never_retries_does_not_meet_a_schedule() {
        let (mut failing, start) = judge("poolflow", 1.0);
        play(&mut failing, start, &seconds(&[0.0]));
        assert!(failing.totals().awaits && !failing.totals().is_met());
        let (mut delivered, start) = judge("poolflow", 1.0);
        play(&mut delivered, start, &[(0.0, 0.0, answer(200, &[]))]);
        assert!(!delivered.totals().is_met(), "no schedule was seen");
        let (silent, _) = judge("poolflow", 1.0);
        assert_eq!(silent.totals().unmet().unwrap(), "no request came");
        let (mut never, start) = judge("pocketsflow", 1.0);
        play(&mut never, start, &seconds(&[0.0]));
        assert!(never.totals().is_met(), "the provider makes one attempt");
    }

    #[test]
    fn events_are_judged_each_by_itself() {
        let (mut judge, start) = judge("poolflow", 1.0);
        for at in [0, 60] {
            for id in ["a", "b"] {
                let arrived = start + Duration::from_secs(at);
                judge.arrived(id, (None, None), arrived);
                judge.answered(id, arrived, (arrived, Timestamp::default()), answer(500, &[]));
            }
        }
        assert_eq!((judge.totals().intervals, judge.totals().wrong), (2, 0));
        assert_eq!(judge.reports().count(), 2);
    }
}
