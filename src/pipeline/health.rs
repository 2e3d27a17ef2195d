//! What the end of a delivery means for the health of its endpoint.

use std::time::Duration;

use crate::engine::{Event, FailureReason, Next};
use crate::exchange::Attempt;
use crate::health::{DeliveryOutcome, DisableRule, HealthChange, HealthReport};
use crate::mask;
use crate::owner_notice::{FailedAttempt, NoticeKind, NoticePlan};
use crate::provider::policy::Exhaustion;
use crate::text::printable;

/// How long nothing must have succeeded before `hook serve` disables an endpoint whose provider states no rule.
const UNSTATED: Duration = Duration::from_secs(24 * 60 * 60);

/// Characters of a text in a notice, at most.
const LONGEST: usize = 200;

/// By which rules endpoints are disabled.
#[derive(Debug, Clone, Copy)]
pub struct DisableRules {
    /// Divides the times of the rules.
    pub time_scale: f64,
    /// Whether endpoints are disabled whose provider states no rule.
    pub unstated: bool,
    /// Which notices go where.
    pub notices: NoticePlan,
}

impl Default for DisableRules {
    /// Those of the providers, in real time.
    fn default() -> Self {
        Self {
            time_scale: 1.0,
            unstated: false,
            notices: NoticePlan::default(),
        }
    }
}

impl DisableRules {
    fn of(self, then: Exhaustion) -> DisableRule {
        match then {
            Exhaustion::DisableEndpoint { after } => DisableRule::InARow(after),
            Exhaustion::DisableAfter(limit) => DisableRule::Failing(limit.div_f64(self.time_scale)),
            Exhaustion::Unstated if self.unstated => DisableRule::Unstated(UNSTATED.div_f64(self.time_scale)),
            Exhaustion::Fail | Exhaustion::Unstated => DisableRule::Never,
        }
    }

    /// The change that belongs into the transaction of the event; `None` when the event says nothing about an endpoint.
    pub fn change(self, event: &Event) -> Option<HealthChange> {
        let (label, schedule) = (&event.delivery.label, &event.delivery.policy.schedule);
        let target = label.health.as_ref()?;
        let (attempt, rule) = (event.attempt.as_ref()?, self.of(schedule.then));
        let outcome = match event.next {
            Next::Delivered => DeliveryOutcome::Delivered,
            Next::Failed(FailureReason::Gone) => DeliveryOutcome::Gone,
            Next::Failed(FailureReason::Exhausted | FailureReason::NotRetried) if target.counts_failure => {
                DeliveryOutcome::Failed
            }
            Next::Retry { after, .. } if target.counts_failure => {
                let is_last = attempt.seq as usize == schedule.delays.len();
                let may_warn = match rule {
                    DisableRule::Never => false,
                    DisableRule::InARow(_) => is_last,
                    DisableRule::Failing(_) | DisableRule::Unstated(_) => true,
                };
                let may_warn = may_warn && self.notices.wants(NoticeKind::EndpointDisabling);
                if !may_warn && !self.notices.wants(NoticeKind::AttemptFailed) {
                    return None;
                }
                DeliveryOutcome::Retried { after, is_last }
            }
            // A delivery that was withheld says nothing.
            Next::Failed(_) | Next::Retry { .. } | Next::Postponed { .. } | Next::Interrupted => return None,
        };
        let began = event.delivery.progress.first_at.unwrap_or(attempt.at);
        Some(HealthChange::Reported(Box::new(HealthReport {
            id: target.id.clone(),
            name: label.endpoint.clone().unwrap_or_default(),
            provider: label.provider.clone().unwrap_or_default(),
            notify: schedule.notify.clone(),
            outcome,
            rule,
            began,
            at: attempt.at.plus(attempt.took),
            attempt: (outcome != DeliveryOutcome::Delivered).then(|| failed(event, attempt)),
            notices: self.notices,
        })))
    }
}

/// What a notice says about an attempt.
fn failed(event: &Event, attempt: &Attempt) -> FailedAttempt {
    let delivery = &event.delivery;
    FailedAttempt {
        url: mask::url_for_others(delivery.url.as_str()),
        delivery: delivery.id.to_string(),
        event: printable(&delivery.message.event, LONGEST),
        attempt: attempt.seq,
        failure: printable(&mask::text(&attempt.outcome.summary()), LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_the_provider_decides_alone_and_times_are_scaled() {
        let day = UNSTATED;
        for (then, unstated, rule) in [
            (Exhaustion::Fail, true, DisableRule::Never),
            (Exhaustion::Unstated, false, DisableRule::Never),
            (Exhaustion::Unstated, true, DisableRule::Unstated(day / 2)),
            (Exhaustion::DisableAfter(day), true, DisableRule::Failing(day / 2)),
            (Exhaustion::DisableEndpoint { after: 3 }, true, DisableRule::InARow(3)),
        ] {
            let rules = DisableRules {
                time_scale: 2.0,
                unstated,
                notices: NoticePlan::default(),
            };
            assert_eq!(rules.of(then), rule, "{then:?} {unstated}");
        }
    }
}
