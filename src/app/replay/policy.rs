//! By which rules a record is delivered again.

use std::sync::Arc;
use std::time::Duration;

use super::ReplayOptions;
use super::original::Original;
use crate::clock::Timestamp;
use crate::engine::Progress;
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::id::Id;
use crate::provider::Profile;
use crate::provider::policy::{Codes, Policy, Schedule};
use crate::store;

/// Where a delivery stands that is taken up again.
#[derive(Debug, Clone)]
pub(super) struct TakenUp {
    pub(super) id: Id,
    pub(super) at: Timestamp,
    pub(super) progress: Progress,
    delays: Vec<Duration>,
}

impl TakenUp {
    /// What was stopped in the middle does not count: it is made once more, under the same number.
    pub(super) fn of(record: &store::NewDelivery, now: Timestamp) -> Self {
        let made = record.attempts.iter().filter(|attempt| !was_stopped(attempt)).count();
        Self {
            id: record.id,
            at: record.at,
            progress: Progress {
                attempts: u32::try_from(made).unwrap_or(u32::MAX),
                first_at: record.attempts.first().map(|attempt| attempt.at),
                next_due: record.next_due.map(|due| due_by(now, due, record.attempts.last())),
            },
            delays: record.delays.clone(),
        }
    }
}

/// When the next attempt is due. A clock that was set back since the last one must not make it wait longer than it would have.
fn due_by(now: Timestamp, due: Timestamp, last: Option<&Attempt>) -> Timestamp {
    match last {
        Some(last) if now < last.at => now.plus(due.since(last.at)),
        _ => due,
    }
}

fn was_stopped(attempt: &Attempt) -> bool {
    let stopped = ErrorKind::Cancelled;
    matches!(&attempt.outcome, Outcome::Error { kind, .. } if *kind == stopped)
}

/// The rules of a repetition: those that the record was delivered by, as far as the caller says nothing else.
pub(super) fn policy(
    options: &ReplayOptions,
    original: &Original,
    taken_up: Option<&TakenUp>,
    profile: Option<&Profile>,
) -> Arc<Policy> {
    let provider = provider_policy(profile);
    let recorded = original.policy.as_deref().filter(|_| options.provider.is_none());
    let mut policy = match (taken_up, recorded) {
        (Some(_), Some(recorded)) => recorded.clone(),
        // A record of an older format says nothing but the delays.
        (Some(taken_up), None) => {
            let mut policy = provider;
            policy.schedule.delays.clone_from(&taken_up.delays);
            policy
        }
        (None, recorded) => options.retry.apply(&with_delays(recorded, provider)),
    };
    if let Some(timeout) = options.timeout {
        policy.timeout = timeout;
    }
    Arc::new(policy)
}

/// The recorded rules. Where the record was a single attempt, a schedule to follow is the provider's.
fn with_delays(recorded: Option<&Policy>, provider: Policy) -> Policy {
    match recorded {
        None => provider,
        Some(recorded) if !recorded.schedule.delays.is_empty() => recorded.clone(),
        Some(recorded) => Policy {
            schedule: Schedule {
                delays: provider.schedule.delays,
                from: provider.schedule.from,
                ..recorded.schedule.clone()
            },
            ..recorded.clone()
        },
    }
}

fn provider_policy(profile: Option<&Profile>) -> Policy {
    match profile {
        Some(profile) => profile.policy.clone(),
        None => Policy {
            timeout: Duration::from_secs(30),
            success: Codes::any_success(),
            schedule: Schedule::default(),
        },
    }
}
