//! The health of an endpoint: what its deliveries say about it, and when they disable it. Pure: the moment is given, and
//! nothing is read or written here. The ledger keeps it, and the endpoint file keeps what people wrote.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Timestamp, human_duration};
use crate::owner_notice::{FailedAttempt, NoticeData, NoticeKind, NoticePlan};
use crate::words::words;

/// At most one warning in this time.
const WARNING_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a delivery to an endpoint ended, or that an attempt of it failed. One that was interrupted has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The endpoint answered with success.
    Delivered,
    /// No attempt is left.
    Failed,
    /// The answer was a status code of the policy's `disable-on`.
    Gone,
    /// The attempt failed, and another one follows.
    Retried {
        /// In that time.
        after: Duration,
        /// Whether that is the last one.
        is_last: bool,
    },
}

/// When failed deliveries disable an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisableRule {
    /// Never.
    Never,
    /// After that many in a row.
    InARow(u32),
    /// When the first of a row of them is that long ago.
    Failing(Duration),
    /// The provider states no rule: when, since the first attempt of a failed delivery, nothing succeeded and the endpoint was not enabled
    /// the endpoint for that long.
    Unstated(Duration),
}

/// The health of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Failed deliveries in a row.
    pub failed: u32,
    /// When the first of them ended.
    #[serde(serialize_with = "clock::write_short", skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When one succeeded last, to about a thousandth of the time that the rule asks for.
    #[serde(serialize_with = "clock::write_short", skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// When it was enabled last.
    #[serde(serialize_with = "clock::write_short", skip_serializing_if = "Option::is_none")]
    pub enabled_at: Option<Timestamp>,
    /// When its owner was warned last, since then.
    #[serde(serialize_with = "clock::write_short", skip_serializing_if = "Option::is_none")]
    pub warned_at: Option<Timestamp>,
    /// Why it gets nothing, where its deliveries are the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
}

/// The health of endpoints by their ids.
pub type HealthById = HashMap<String, Health>;

/// Why an endpoint gets no deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {
    /// Who or what did it.
    pub reason: DisabledBy,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Since when.
    #[serde(serialize_with = "clock::write_short")]
    pub since: Timestamp,
}

words! {
    /// Who or what disabled an endpoint.
    pub enum DisabledBy {
        /// A person.
        Hand = "hand",
        /// Too many failed deliveries in a row.
        FailedDeliveries = "failed-deliveries",
        /// An answer that ends the subscription, such as 410.
        Answer = "answer",
        /// It did not pass the provider's challenge yet.
        Unconfirmed = "unconfirmed",
    }
}

/// Whose health the end of a delivery changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthTarget {
    /// The endpoint's id.
    pub id: String,
    /// Whether a failure counts: not when the provider would have gone on, and not when it was counted before.
    pub counts_failure: bool,
}

/// What an attempt says about the health of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// The endpoint's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The provider of the delivery.
    pub provider: String,
    /// How the provider tells the endpoint's owner that it is disabled.
    pub notify: Option<String>,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// By which rule it disables the endpoint.
    pub rule: DisableRule,
    /// When the first attempt of its delivery began.
    pub began: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// What a notice says about it; absent for a success.
    pub attempt: Option<FailedAttempt>,
    /// Which notices go where.
    pub notices: NoticePlan,
}

/// A change of the health of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthChange {
    /// A delivery has ended, or an attempt of it failed. The notices for that are recorded too. Where it disables the
    /// endpoint, the ack has it.
    Reported(Box<HealthReport>),
    /// It was enabled by hand.
    Enabled {
        /// Its id.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// What the endpoint file of an earlier hook says; nothing where its health is known already.
    Kept {
        /// Its id.
        id: String,
        /// As in the file.
        health: Box<Health>,
    },
    /// It is removed.
    Removed {
        /// Its id.
        id: String,
    },
}

/// An endpoint that was disabled: `hook.endpoint-disabled/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisabledEndpoint {
    /// Its id.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    pub endpoint: String,
    /// Its provider.
    pub provider: String,
    /// Why, for people.
    pub reason: String,
    /// How the provider would tell the endpoint's owner.
    pub notified_by: Option<String>,
}

/// A notice to the owner of an endpoint, sent or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnerNotice {
    /// When.
    pub at: Timestamp,
    /// What it is about, by name.
    pub kind: String,
    /// The notice itself, a [`NoticeData`].
    pub told: serde_json::Value,
}

impl DisableRule {
    /// By how much the moment of the last success may be off.
    fn precision(self) -> Duration {
        match self {
            Self::Unstated(limit) | Self::Failing(limit) => limit / 1000,
            Self::Never | Self::InARow(_) => Duration::from_secs(60),
        }
    }
}

impl Health {
    /// Counts a delivery that has ended. Returns why the endpoint is disabled when this delivery disabled it.
    pub fn note(&mut self, ended: &HealthReport) -> Option<&Disabled> {
        if matches!(ended.outcome, DeliveryOutcome::Retried { .. }) {
            return None;
        }
        if ended.outcome == DeliveryOutcome::Delivered {
            (self.failed, self.failing_since) = (0, None);
            let is_known = |at: Timestamp| at <= ended.at && ended.at.since(at) < ended.rule.precision();
            if !self.succeeded_at.is_some_and(is_known) {
                self.succeeded_at = Some(ended.at);
            }
            return None;
        }
        self.failed = self.failed.saturating_add(1);
        self.failing_since.get_or_insert(ended.at);
        if self.disabled.is_some() {
            return None;
        }
        let (reason, detail) = self.verdict(ended)?;
        let since = ended.at;
        Some(self.disabled.insert(Disabled { reason, detail, since }))
    }

    /// Whether and why a failure that was counted disables the endpoint.
    fn verdict(&self, ended: &HealthReport) -> Option<(DisabledBy, Option<String>)> {
        if ended.outcome == DeliveryOutcome::Gone {
            return Some((DisabledBy::Answer, None));
        }
        if let DisableRule::InARow(most) = ended.rule {
            let detail = match self.failed {
                1 => "a delivery failed for good".to_owned(),
                count => format!("{count} deliveries in a row failed"),
            };
            return (self.failed >= most).then_some((DisabledBy::FailedDeliveries, Some(detail)));
        }
        let (failing, limit) = self.failing(ended)?;
        let detail = format!("nothing succeeded for {}", human_duration(failing));
        (failing >= limit).then_some((DisabledBy::FailedDeliveries, Some(detail)))
    }

    /// For how long nothing succeeded, and how long that may last; `None` where the rule does not ask for it.
    fn failing(&self, report: &HealthReport) -> Option<(Duration, Duration)> {
        let first = self.failing_since.unwrap_or(report.at);
        let (since, limit) = match report.rule {
            DisableRule::Never | DisableRule::InARow(_) => return None,
            DisableRule::Failing(limit) => (first, limit),
            DisableRule::Unstated(limit) => {
                let began = first.min(report.began);
                let others = [self.succeeded_at, self.enabled_at].into_iter().flatten();
                (others.fold(began, Timestamp::max), limit)
            }
        };
        Some((report.at.since(since), limit))
    }

    /// Why the owner is warned that the endpoint is about to be disabled, after [`Health::note`] of the same report: at most
    /// once a day.
    pub fn warn(&mut self, report: &HealthReport) -> Option<String> {
        let is_recent = |at: Timestamp| at <= report.at && report.at.since(at) < WARNING_EVERY;
        if self.disabled.is_some() || self.warned_at.is_some_and(is_recent) {
            return None;
        }
        let why = self.danger(report)?;
        self.warned_at = Some(report.at);
        Some(why)
    }

    /// Why a failure puts the endpoint in danger: the last attempt of a delivery would disable it, one more delivery would, or
    /// half of the time is over.
    fn danger(&self, report: &HealthReport) -> Option<String> {
        let is_failure = match report.outcome {
            DeliveryOutcome::Retried { after, is_last } => {
                let last = HealthReport {
                    outcome: DeliveryOutcome::Failed,
                    at: report.at.plus(after),
                    ..report.clone()
                };
                if is_last && self.clone().note(&last).is_some() {
                    let after = human_duration(after);
                    return Some(format!(
                        "the last attempt of a delivery, in {after}, disables it if it fails"
                    ));
                }
                false
            }
            DeliveryOutcome::Failed => true,
            DeliveryOutcome::Delivered | DeliveryOutcome::Gone => return None,
        };
        if let DisableRule::InARow(most) = report.rule {
            let is_next = is_failure && self.failed + 1 >= most;
            return is_next.then(|| "one more failed delivery disables it".to_owned());
        }
        let (failing, limit) = self.failing(report)?;
        (failing * 2 >= limit).then(|| {
            let (failing, limit) = (human_duration(failing), human_duration(limit));
            format!("nothing succeeded for {failing}: after {limit} it is disabled")
        })
    }

    /// Forgets the failures: the endpoint was enabled by hand.
    pub fn enable(&mut self, at: Timestamp) {
        *self = Self {
            succeeded_at: self.succeeded_at,
            enabled_at: Some(at),
            ..Self::default()
        };
    }
}

impl HealthReport {
    /// The notice to the endpoint's owner.
    pub fn disabled(&self, why: &Disabled) -> DisabledEndpoint {
        DisabledEndpoint {
            id: self.id.clone(),
            endpoint: self.name.clone(),
            provider: self.provider.clone(),
            reason: why.to_string(),
            notified_by: self.notify.clone(),
        }
    }

    /// What a notice about it says.
    pub fn notice(&self, kind: NoticeKind, reason: String) -> NoticeData {
        NoticeData {
            endpoint: self.name.clone(),
            endpoint_id: self.id.clone(),
            provider: self.provider.clone(),
            reason,
            notified_by: self.notify.clone().filter(|_| kind == NoticeKind::EndpointDisabled),
            attempt: self.attempt.clone(),
        }
    }
}

impl DisabledBy {
    /// Whether deliveries are the cause, and not what people did.
    pub fn is_by_deliveries(self) -> bool {
        matches!(self, Self::FailedDeliveries | Self::Answer)
    }
}

impl fmt::Display for Disabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.detail, self.reason) {
            (Some(detail), _) => f.write_str(detail),
            (None, DisabledBy::Hand) => f.write_str("switched off by hand"),
            (None, DisabledBy::FailedDeliveries) => f.write_str("too many failed deliveries in a row"),
            (None, DisabledBy::Answer) => f.write_str("an answer told the provider to stop"),
            (None, DisabledBy::Unconfirmed) => f.write_str("not confirmed yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryOutcome::{Delivered, Failed, Gone, Retried};
    use DisableRule::{Failing, InARow, Never, Unstated};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(second)
    }

    /// A delivery whose attempts took 10 s.
    fn ended(outcome: DeliveryOutcome, rule: DisableRule, second: i64) -> HealthReport {
        HealthReport {
            id: "ep_1".to_owned(),
            name: "a".to_owned(),
            provider: "acme".to_owned(),
            notify: None,
            outcome,
            rule,
            began: at(second - 10),
            at: at(second),
            attempt: None,
            notices: NoticePlan::default(),
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_endpoint_is_disabled_by_as_many_failures_in_a_row_as_the_provider_says() {
        for (rule, endings, disabled, count) in [
            (InARow(1), &[Failed][..], Some("a delivery failed for good"), 1),
            (InARow(1), &[Delivered], None, 0),
            (InARow(3), &[Failed, Failed], None, 2),
            (InARow(3), &[Failed; 3], Some("3 deliveries in a row failed"), 3),
            (InARow(3), &[Failed, Failed, Delivered, Failed, Failed], None, 2),
            (
                InARow(3),
                &[Failed, Failed, Gone],
                Some("an answer told the provider to stop"),
                3,
            ),
            (Never, &[Failed; 9], None, 9),
            (Never, &[Gone], Some("an answer told the provider to stop"), 1),
        ] {
            let mut health = Health::default();
            let said: Vec<bool> = endings
                .iter()
                .map(|outcome| health.note(&ended(*outcome, rule, 9)).is_some())
                .collect();
            let why = health.disabled.as_ref().map(ToString::to_string);
            assert_eq!(why.as_deref(), disabled, "{rule:?} {endings:?}");
            assert_eq!(health.failed, count, "{rule:?} {endings:?}");
            let (last, earlier) = said.split_last().unwrap();
            assert_eq!(*last, disabled.is_some(), "{rule:?} {endings:?}");
            assert!(!earlier.contains(&true), "{rule:?} {endings:?}");
        }
    }

    #[test]
    fn an_endpoint_is_disabled_when_nothing_succeeds_for_as_long_as_the_rule_says() {
        // Each delivery begins 10 s before it ends.
        for (rule, endings, disabled) in [
            (Failing(seconds(100)), &[(Failed, 10), (Failed, 109)][..], None),
            (Failing(seconds(100)), &[(Failed, 10), (Failed, 110)], Some("1m 40s")),
            (
                Failing(seconds(100)),
                &[(Failed, 10), (Delivered, 109), (Failed, 120), (Failed, 219)],
                None,
            ),
            // From the first attempt of the delivery that failed, so that a single one may suffice.
            (Unstated(seconds(10)), &[(Failed, 50)], Some("10s")),
            (Unstated(seconds(11)), &[(Failed, 50)], None),
            (Unstated(seconds(100)), &[(Failed, 50), (Failed, 149)], None),
            (Unstated(seconds(100)), &[(Failed, 50), (Failed, 150)], Some("1m 40s")),
            // Another delivery succeeded while this one failed.
            (Unstated(seconds(10)), &[(Delivered, 45), (Failed, 50)], None),
            (Unstated(seconds(10)), &[(Delivered, 39), (Failed, 50)], Some("10s")),
            (
                Unstated(seconds(10)),
                &[(Gone, 50)],
                Some("an answer told the provider to stop"),
            ),
        ] {
            let mut health = Health::default();
            for (outcome, second) in endings {
                health.note(&ended(*outcome, rule, *second));
            }
            let why = health.disabled.as_ref().map(ToString::to_string);
            let why = why.map(|why| why.trim_start_matches("nothing succeeded for ").to_owned());
            assert_eq!(why.as_deref(), disabled, "{rule:?} {endings:?}");
        }
    }

    #[test]
    fn the_owner_is_warned_before_the_endpoint_is_disabled() {
        let retried = |after, is_last| Retried {
            after: seconds(after),
            is_last,
        };
        for (rule, endings, why) in [
            (InARow(1), &[(retried(60, false), 9)][..], None),
            (
                InARow(1),
                &[(retried(60, true), 9)],
                Some("the last attempt of a delivery, in 1m, disables"),
            ),
            (InARow(1), &[(Failed, 9)], None),
            (InARow(3), &[(retried(60, true), 9)], None),
            (
                InARow(3),
                &[(Failed, 8), (Failed, 9)],
                Some("one more failed delivery disables it"),
            ),
            (InARow(3), &[(Failed, 7), (Failed, 8), (Failed, 9)], None),
            (InARow(3), &[(Failed, 7), (Failed, 8), (retried(60, true), 9)], None),
            (Never, &[(Failed, 9), (retried(60, true), 9)], None),
            (Failing(seconds(100)), &[(Failed, 9), (retried(60, false), 58)], None),
            (
                Failing(seconds(100)),
                &[(Failed, 9), (retried(60, false), 59)],
                Some("nothing succeeded for 50s"),
            ),
            (
                Failing(seconds(100)),
                &[(Failed, 9), (Delivered, 20), (Failed, 59)],
                None,
            ),
            (Failing(seconds(100)), &[(Failed, 9), (Failed, 109)], None),
            // The first attempt began at second 0.
            (Unstated(seconds(100)), &[(retried(30, true), 10)], None),
            (
                Unstated(seconds(100)),
                &[(retried(90, true), 10)],
                Some("the last attempt of a delivery, in 1m 30s"),
            ),
            (
                Unstated(seconds(20)),
                &[(retried(1, false), 10)],
                Some("nothing succeeded for 10s: after 20s"),
            ),
            (Unstated(seconds(20)), &[(Gone, 10)], None),
        ] {
            let mut health = Health::default();
            let mut last = None;
            for (outcome, second) in endings {
                let report = ended(*outcome, rule, *second);
                health.note(&report);
                last = health.warn(&report);
            }
            let is_right = match why {
                Some(why) => last.as_ref().is_some_and(|last| last.starts_with(why)),
                None => last.is_none(),
            };
            assert!(is_right, "{rule:?} {endings:?}: {last:?}");
        }
    }

    #[test]
    fn a_warning_is_given_once_a_day_and_again_after_the_endpoint_was_enabled() {
        let last = |second| {
            ended(
                Retried {
                    after: seconds(60),
                    is_last: true,
                },
                InARow(1),
                second,
            )
        };
        let mut health = Health::default();
        assert!(health.warn(&last(10)).is_some());
        health.note(&ended(Delivered, InARow(1), 15));
        assert!(health.warn(&last(20)).is_none());
        assert!(health.warn(&last(10 + 86_400)).is_some());
        health.enable(at(100_000));
        assert!(health.warn(&last(100_010)).is_some());
    }

    #[test]
    fn enabling_forgets_the_failures_and_the_unstated_rule_waits_from_then_on() {
        let mut health = Health::default();
        assert!(health.note(&ended(Failed, Unstated(seconds(10)), 50)).is_some());
        health.enable(at(60));
        assert_eq!(
            (health.failed, health.failing_since, &health.disabled),
            (0, None, &None)
        );
        // The delivery began before it was enabled.
        assert!(health.note(&ended(Failed, Unstated(seconds(10)), 69)).is_none());
        assert!(health.note(&ended(Failed, Unstated(seconds(10)), 70)).is_some());
        let mut health = Health::default();
        health.enable(at(60));
        assert!(
            health.note(&ended(Failed, InARow(1), 61)).is_some(),
            "a stated rule decides alone"
        );
    }

    #[test]
    fn deliveries_that_end_after_it_was_disabled_change_neither_reason_nor_time() {
        let mut health = Health::default();
        assert!(health.note(&ended(Failed, InARow(1), 11)).is_some());
        let first = health.disabled.clone();
        for outcome in [Failed, Gone, Delivered] {
            assert!(health.note(&ended(outcome, InARow(1), 12)).is_none());
            assert_eq!(health.disabled, first);
        }
    }

    #[test]
    fn successes_in_quick_succession_change_nothing() {
        let rule = Unstated(seconds(10_000));
        let mut health = Health::default();
        health.note(&ended(Delivered, rule, 100));
        let first = health.clone();
        health.note(&ended(Delivered, rule, 109));
        assert_eq!(health, first);
        health.note(&ended(Delivered, rule, 110));
        assert_eq!(health.succeeded_at, Some(at(110)));
    }
}
