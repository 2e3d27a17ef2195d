//! Which retry schedule a run follows, as its caller wants it.

use std::time::Duration;

use crate::app::notice::Notices;
use crate::clock::human_duration;
use crate::provider::policy::{Policy, RunFrom, Schedule};

/// The delays of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Delays {
    /// A single attempt.
    #[default]
    None,
    /// Those of the policy.
    Policy,
    /// These.
    Own(Vec<Duration>),
}

/// What a caller changes in a delivery's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPlan {
    /// The delays.
    pub delays: Delays,
    /// What they run from, where the caller says it.
    pub from: Option<RunFrom>,
}

impl RetryPlan {
    /// The policy with the caller's delays. Only they are replaced: what ends a delivery, what counts as a failure, jitter
    /// and `Retry-After` stay those of the policy.
    pub fn apply(&self, policy: &Policy) -> Policy {
        let own = policy.schedule.clone();
        let mut schedule = match &self.delays {
            Delays::None => Schedule {
                delays: Vec::new(),
                ..own
            },
            Delays::Policy => own,
            Delays::Own(delays) => Schedule {
                delays: delays.clone(),
                from: RunFrom::Previous,
                ..own
            },
        };
        schedule.from = self.from.unwrap_or(schedule.from);
        Policy {
            schedule,
            ..policy.clone()
        }
    }

    /// Says the plan before it starts. `policy` is the one of [`RetryPlan::apply`].
    pub fn announce(&self, notices: &Notices, provider: &str, policy: &Policy, time_scale: f64) {
        let schedule = &policy.schedule;
        if self.delays == Delays::None {
            return;
        }
        if schedule.delays.is_empty() {
            notices.note(format!("{provider} does not retry{}", instead(schedule)));
            return;
        }
        let offsets = schedule.offsets();
        let span = offsets.last().copied().unwrap_or_default().div_f64(time_scale);
        let scaled = if (time_scale - 1.0).abs() > f64::EPSILON {
            format!(", {time_scale}x faster")
        } else {
            String::new()
        };
        notices.note(format!(
            "plan: {}{scaled}, over {} in all",
            schedule.describe(),
            human_duration(span)
        ));
    }

    /// After a single failed attempt: what the provider would do next.
    pub fn what_would_follow(&self, provider: &str, policy: &Policy) -> Option<String> {
        let schedule = &policy.schedule;
        if self.delays != Delays::None {
            return None;
        }
        if schedule.delays.is_empty() {
            return Some(format!("{provider} would not retry{}", instead(schedule)));
        }
        let waits: Vec<_> = schedule.delays.iter().map(|delay| human_duration(*delay)).collect();
        let waits = waits.join(", ");
        Some(format!(
            "{provider} retries after {waits}; pass `--retry` to follow that schedule"
        ))
    }
}

/// What a provider does that does not retry.
fn instead(schedule: &Schedule) -> String {
    let what = schedule.instead.as_deref();
    what.map_or_else(String::new, |what| format!(": {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Registry;

    #[test]
    fn own_delays_replace_the_delays_and_nothing_else() {
        let registry = Registry::default();
        let own = vec![Duration::from_secs(1); 2];
        let plan = RetryPlan {
            delays: Delays::Own(own.clone()),
            from: None,
        };
        for name in registry.names() {
            let policy = registry.get(&name).unwrap().policy.clone();
            let wanted = Policy {
                schedule: Schedule {
                    delays: own.clone(),
                    from: RunFrom::Previous,
                    ..policy.schedule.clone()
                },
                ..policy.clone()
            };
            assert_eq!(plan.apply(&policy), wanted, "{name}");
        }
    }
}
