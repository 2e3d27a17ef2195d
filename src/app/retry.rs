//! The retry schedule of a run.

use std::time::Duration;

use crate::app::notice::Notices;
use crate::clock::human_duration;
use crate::provider::policy::{Policy, RunFrom, Schedule};

/// The delays between the attempts of a run.
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

/// Changes of a delivery's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPlan {
    /// The delays.
    pub delays: Delays,
    /// What they run from, instead of the policy's choice.
    pub from: Option<RunFrom>,
}

impl RetryPlan {
    /// The policy with the caller's delays. Only they are replaced: what ends a delivery, what counts as a failure, jitter
    /// and `Retry-After` stay those of the policy.
    pub fn apply(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        let schedule = &mut policy.schedule;
        match &self.delays {
            Delays::None => schedule.delays.clear(),
            Delays::Policy => {}
            Delays::Own(delays) => {
                schedule.delays.clone_from(delays);
                schedule.from = RunFrom::Previous;
            }
        }
        schedule.from = self.from.unwrap_or(schedule.from);
        policy
    }

    /// Reports the plan before it starts. `policy` is that of [`RetryPlan::apply`].
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

    /// After a single failed attempt: when the provider retries.
    pub fn what_would_follow(&self, provider: &str, policy: &Policy) -> Option<String> {
        let schedule = &policy.schedule;
        if self.delays != Delays::None {
            return None;
        }
        if schedule.delays.is_empty() {
            return Some(format!("{provider} would not retry{}", instead(schedule)));
        }
        let waits: Vec<_> = schedule.delays.iter().map(|delay| human_duration(*delay)).collect();
        Some(format!(
            "{provider} retries after {}; pass `--retry` to follow that schedule",
            waits.join(", ")
        ))
    }
}

/// What the provider does instead of retrying.
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
