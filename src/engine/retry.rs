//! The retry decision. Pure: outcome and clock in, decision out.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::exchange::{ErrorKind, Outcome};
use crate::provider::policy::{Policy, RunFrom};

/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(24 * 3600);

/// What `Retry-After` may ask for at least, however short the schedule's delay is; beyond it twice that delay.
const RETRY_AFTER_LEAST: Duration = Duration::from_secs(3600);

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The target answered with success.
    Delivered,
    /// Another attempt after a wait.
    Retry {
        /// How long to wait from now.
        after: Duration,
        /// When that is.
        due: Timestamp,
    },
    /// A fault of this machine kept the request from being sent: that was no attempt, and the delivery waits until it is over.
    Postponed {
        /// The fault.
        why: String,
    },
    /// No attempt is left.
    Failed(FailureReason),
    /// Stopped from outside: attempts are left.
    Interrupted,
}

/// Why no attempt is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
    /// The schedule is used up.
    Exhausted,
    /// The provider does not retry this failure.
    NotRetried,
    /// The code tells the provider to disable the endpoint.
    Gone,
    /// The endpoint was disabled or removed meanwhile.
    Withheld,
}

/// The state that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Attempts made, this one included.
    pub attempts: u32,
    /// How long ago this one was due, or had begun where it is the first, by a monotonic clock.
    pub since_due: Duration,
    /// Now.
    pub now: Timestamp,
    /// Divides every wait.
    pub time_scale: f64,
    /// `0.0..1.0`, for jitter.
    pub chance: f64,
    /// Share of a delay by which it is made longer where the policy states no jitter, so that many deliveries that failed at
    /// once do not come back at once.
    pub spread: f64,
    /// Whether faults of this machine cost no attempt. Not in a foreground command.
    pub postpones: bool,
}

/// Decides what follows.
pub fn decide(policy: &Policy, outcome: &Outcome, situation: Situation) -> Next {
    if situation.postpones && outcome.is_own_fault() {
        let why = outcome.detail().unwrap_or_default().to_owned();
        return Next::Postponed { why };
    }
    if let Some(end) = end_of(policy, outcome) {
        return end;
    }
    let schedule = &policy.schedule;
    let Some(delay) = schedule.delays.get(situation.attempts.saturating_sub(1) as usize) else {
        return Next::Failed(FailureReason::Exhausted);
    };
    if !schedule.retry_on.contains(outcome) {
        return Next::Failed(FailureReason::NotRetried);
    }
    let wait = match schedule.from {
        RunFrom::Previous => *delay,
        RunFrom::First => {
            // This attempt was due the delay before after the first one. What has passed since then is scaled up, as the
            // plan is in scaled time. The two moments themselves would tell less: the clock may have been set between them.
            let before = (situation.attempts as usize).checked_sub(2);
            let before = before.and_then(|at| schedule.delays.get(at)).copied();
            let passed = situation.since_due.mul_f64(situation.time_scale);
            delay.saturating_sub(before.unwrap_or_default() + passed)
        }
    };
    let jittered = match schedule.jitter {
        Some(jitter) => wait.mul_f64(1.0 + jitter * (situation.chance * 2.0 - 1.0)),
        None => wait.mul_f64(1.0 + situation.spread * situation.chance),
    };
    let honours = outcome
        .status()
        .is_some_and(|status| schedule.honour_retry_after.contains(status));
    // An answer can delay the next attempt, but not put it off for as long as it likes.
    let longest = (*delay * 2).max(RETRY_AFTER_LEAST);
    let asked = retry_after(outcome, situation.now)
        .filter(|_| honours)
        .map(|asked| asked.min(longest));
    let overload = schedule
        .overload
        .as_ref()
        .filter(|overload| overload.on.contains(outcome));
    let least = asked.max(overload.map(|overload| overload.delay)).unwrap_or_default();
    let after = jittered.max(least).div_f64(situation.time_scale);
    Next::Retry {
        after,
        due: situation.now.plus(after),
    }
}

/// The end that an outcome makes whatever attempts are left.
fn end_of(policy: &Policy, outcome: &Outcome) -> Option<Next> {
    let (schedule, answer) = (
        &policy.schedule,
        match outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Error { kind, .. } => return (*kind == ErrorKind::Cancelled).then_some(Next::Interrupted),
        },
    );
    let stop_header = schedule.stop_on_header.as_ref();
    let stops = stop_header.is_some_and(|(name, value)| answer.headers.get_text(name) == Some(value));
    if policy.success.contains(answer.status) {
        Some(Next::Delivered)
    } else if schedule.disable_on.contains(answer.status) {
        Some(Next::Failed(FailureReason::Gone))
    } else if stops || schedule.stop_on.contains(answer.status) {
        Some(Next::Failed(FailureReason::NotRetried))
    } else {
        None
    }
}

/// The wait that an answer asks for, in seconds or as a date.
pub fn retry_after(outcome: &Outcome, now: Timestamp) -> Option<Duration> {
    let Outcome::Answer(answer) = outcome else { return None };
    let text = answer.headers.get_text("retry-after")?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let wait = if is_number {
        // More digits than fit are still a long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        Timestamp::parse_http_date(text)?.since(now)
    };
    Some(wait.min(RETRY_AFTER_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Answer;
    use crate::headers::Headers;
    use crate::message::Mode;
    use crate::provider::Registry;
    use crate::provider::policy::{Codes, Exhaustion, Schedule};

    fn answer(status: u16) -> Outcome {
        Outcome::Answer(Answer {
            status,
            ..Answer::default()
        })
    }

    fn situation(attempts: u32) -> Situation {
        Situation {
            attempts,
            since_due: Duration::ZERO,
            now: Timestamp::from_unix(1000),
            time_scale: 1.0,
            chance: 0.5,
            spread: 0.0,
            postpones: false,
        }
    }

    fn waits(provider: &str, outcome: &Outcome) -> Vec<u64> {
        let policy = Registry::default().get(provider).unwrap().policy.clone();
        (1..)
            .map_while(|attempts| match decide(&policy, outcome, situation(attempts)) {
                Next::Retry { after, .. } => Some(after.as_secs()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn each_provider_retries_on_its_documented_schedule() {
        assert_eq!(waits("poolflow", &answer(500)), [60, 300, 1800, 7200, 86400]);
        assert_eq!(waits("pool-brain", &answer(404)), [300, 600, 1800]);
        assert_eq!(waits("pocketsflow", &answer(500)), [0; 0]);
        assert_eq!(waits("hoopai", &answer(500)), [0; 0]);
        assert_eq!(waits("slotflow", &answer(302)), [300, 3600]);
        assert_eq!(waits("hoopai@upstream-429", &answer(429)), [600; 6]);
        assert_eq!(waits("hoopai@upstream-429", &answer(500)), [0; 0]);
        assert_eq!(
            waits("slotflow", &answer(410)),
            [300, 3600],
            "410 stops nobody whose documents do not say so"
        );
    }

    fn error(kind: ErrorKind) -> Outcome {
        let text = String::new();
        Outcome::Error { kind, text }
    }

    #[test]
    fn only_the_failures_that_a_provider_names_are_tried_again() {
        for (provider, outcome, attempts) in [
            ("twilio", error(ErrorKind::Connect), 1),
            ("twilio", error(ErrorKind::Timeout), 0),
            ("twilio", answer(500), 0),
            ("okta", answer(500), 1),
            ("okta", answer(404), 0),
            ("okta", error(ErrorKind::Timeout), 1),
            ("typeform", answer(500), 0),
            ("typeform", answer(410), 0),
            ("mailgun", answer(500), 6),
            ("mailgun", answer(406), 0),
        ] {
            assert_eq!(waits(provider, &outcome).len(), attempts, "{provider} {outcome:?}");
        }
    }

    #[test]
    fn a_fault_of_this_machine_costs_an_attempt_only_where_somebody_waits_for_the_end() {
        let registry = Registry::default();
        let down = error(ErrorKind::Resolver);
        for provider in ["poolflow", "twilio", "hoopai"] {
            let policy = &registry.get(provider).unwrap().policy;
            for attempts in [1, 2, 99] {
                let at = Situation {
                    postpones: true,
                    ..situation(attempts)
                };
                let postponed = |outcome: &Outcome| matches!(decide(policy, outcome, at), Next::Postponed { .. });
                assert!(postponed(&down), "{provider} {attempts}");
                for outcome in [error(ErrorKind::Dns), error(ErrorKind::Connect), answer(500)] {
                    assert!(!postponed(&outcome), "{provider} {attempts} {outcome:?}");
                }
            }
        }
        for (provider, attempts) in [("poolflow", 5), ("twilio", 1), ("hoopai", 0)] {
            assert_eq!(waits(provider, &down).len(), attempts, "{provider}");
        }
    }

    #[test]
    fn the_last_delay_is_repeated_for_as_long_as_the_provider_says() {
        let hour = 3600;
        for (provider, outcome, last, all) in [
            ("coinbase-commerce", answer(500), hour, 72 * hour),
            ("paddle", answer(500), 220 * 60, 72 * hour),
            ("typeform", answer(503), 120, 10 * hour),
            ("adyen", answer(500), 8 * hour, 30 * 24 * hour),
        ] {
            let waits = waits(provider, &outcome);
            let total: u64 = waits.iter().sum();
            assert_eq!(waits.last(), Some(&last), "{provider}");
            assert!(total <= all && total + last > all, "{provider}: {total}");
        }
        assert_eq!(waits("paddle", &answer(500)).len() + 1, 60, "60 tries");
    }

    #[test]
    fn an_overload_makes_the_wait_longer_where_the_provider_says_so() {
        let first = |outcome: &Outcome| waits("svix", outcome).first().copied();
        assert_eq!(first(&answer(500)), Some(5));
        assert_eq!(first(&answer(429)), Some(60));
        assert_eq!(first(&error(ErrorKind::Timeout)), Some(60));
        assert_eq!(first(&error(ErrorKind::Connect)), Some(5));
    }

    #[test]
    fn a_provider_may_retry_otherwise_in_test_mode() {
        let registry = Registry::default();
        for (provider, live, test) in [("stripe", 9, 2), ("paddle", 59, 2), ("poolflow", 5, 5)] {
            let profile = registry.get(provider).unwrap();
            let delays = |mode| profile.policy_in(mode).schedule.delays.len();
            assert_eq!((delays(Mode::Live), delays(Mode::Test)), (live, test), "{provider}");
        }
    }

    #[test]
    fn codes_end_a_delivery_where_the_profile_says_so() {
        let policy = Registry::default().get("standard-webhooks").unwrap().policy.clone();
        assert_eq!(
            decide(&policy, &answer(410), situation(1)),
            Next::Failed(FailureReason::Gone)
        );
        assert_eq!(decide(&policy, &answer(204), situation(1)), Next::Delivered);
    }

    #[test]
    fn a_header_of_the_answer_ends_a_delivery_where_the_profile_says_so() {
        let policy = |name| Registry::default().get(name).unwrap().policy.clone();
        let saying = |value| {
            Outcome::Answer(Answer {
                status: 500,
                headers: [("x-slack-no-retry", value)].into_iter().collect(),
                ..Answer::default()
            })
        };
        let retries = |name, value| matches!(decide(&policy(name), &saying(value), situation(1)), Next::Retry { .. });
        assert!(!retries("slack", "1"));
        assert!(retries("slack", "0"));
        assert!(retries("stripe", "1"));
    }

    #[test]
    fn retry_after_lengthens_a_wait_only_where_it_is_honoured() {
        let headers: Headers = [("retry-after", "120")].into_iter().collect();
        let outcome = Outcome::Answer(Answer {
            status: 429,
            headers,
            ..Answer::default()
        });
        let after = |provider: &str| {
            let policy = Registry::default().get(provider).unwrap().policy.clone();
            match decide(&policy, &outcome, situation(1)) {
                Next::Retry { after, .. } => after.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after("standard-webhooks"), 120);
        assert_eq!(after("poolflow"), 60);
    }

    #[test]
    fn retry_after_is_a_number_or_a_date_and_bounded() {
        let wait = |value: &str| {
            let outcome = Outcome::Answer(Answer {
                status: 503,
                headers: [("retry-after", value)].into_iter().collect(),
                ..Answer::default()
            });
            retry_after(&outcome, Timestamp::from_unix(1_893_553_445)).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("Wed, 02 Jan 2030 03:05:05 GMT"), Some(60));
        assert_eq!(wait("Wed, 02 Jan 2030 03:03:05 GMT"), Some(0));
        assert_eq!(wait(" 7 "), Some(7));
        assert_eq!(wait("86401"), Some(86400));
        assert_eq!(wait("99999999999999999999"), Some(86400), "more than fits into 64 bits");
        for value in [
            "",
            "-5",
            "+5",
            "1.5",
            "soon",
            "0x2",
            "3, 4",
            "Wed, 99 Foo 2099 77:28:00 GMT",
        ] {
            assert_eq!(wait(value), None, "{value}");
        }
    }

    #[test]
    fn the_other_reading_counts_from_the_first_attempt_and_the_scale_divides_waits() {
        let schedule = Schedule {
            delays: vec![Duration::from_secs(60), Duration::from_secs(300)],
            from: RunFrom::First,
            then: Exhaustion::Fail,
            ..Schedule::default()
        };
        let policy = Policy {
            timeout: Duration::from_secs(1),
            success: Codes::parse(&["200"]).unwrap(),
            schedule,
        };
        let wait = |attempts, since_due, time_scale| {
            let at = Situation {
                since_due,
                time_scale,
                ..situation(attempts)
            };
            match decide(&policy, &answer(500), at) {
                Next::Retry { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        let (secs, millis) = (Duration::from_secs, Duration::from_millis);
        assert_eq!(wait(1, secs(2), 1.0), secs(58));
        assert_eq!(wait(2, secs(0), 1.0), secs(240));
        assert_eq!(wait(2, secs(10), 1.0), secs(230));
        assert_eq!(wait(2, secs(999), 1.0), secs(0));
        assert_eq!(wait(2, millis(10), 1000.0), millis(230));
    }

    #[test]
    fn where_no_jitter_is_stated_delays_are_spread_to_the_later_side() {
        let registry = Registry::default();
        let seconds = |provider: &str, chance| {
            let policy = registry.get(provider).unwrap().policy.clone();
            let spread = 0.1;
            match decide(
                &policy,
                &answer(500),
                Situation {
                    chance,
                    spread,
                    ..situation(1)
                },
            ) {
                Next::Retry { after, .. } => after.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([0.0, 0.5, 1.0].map(|chance| seconds("zoom", chance)), [300, 315, 330]);
        assert_eq!(
            [0.0, 1.0].map(|chance| seconds("poolflow", chance)),
            [60, 60],
            "stated to be exact"
        );
        assert_eq!([0.0, 1.0].map(|chance| seconds("pool-brain", chance)), [270, 330]);
    }

    #[test]
    fn an_answer_cannot_put_a_retry_off_for_as_long_as_it_likes() {
        let policy = Registry::default().get("standard-webhooks").unwrap().policy.clone();
        let asking = Outcome::Answer(Answer {
            status: 503,
            headers: [("retry-after", "999999")].into_iter().collect(),
            ..Answer::default()
        });
        let Next::Retry { after, .. } = decide(&policy, &asking, situation(1)) else {
            panic!("a retry is left")
        };
        assert_eq!(after, RETRY_AFTER_LEAST);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let policy = Registry::default().get("pool-brain").unwrap().policy.clone();
        for (chance, seconds) in [(0.0, 270), (0.5, 300), (0.9999, 329)] {
            let at = Situation { chance, ..situation(1) };
            let Next::Retry { after, .. } = decide(&policy, &answer(500), at) else {
                panic!("a retry is left")
            };
            assert_eq!(after.as_secs(), seconds);
        }
    }
}
