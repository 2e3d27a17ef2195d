//! The policy of a repetition.

use std::sync::Arc;
use std::time::Duration;

use super::ReplayOptions;
use super::original::Original;
use crate::clock::Timestamp;
use crate::engine::Progress;
use crate::id::Id;
use crate::pipeline::progress;
use crate::provider::Profile;
use crate::provider::policy::Policy;
use crate::store::NewDelivery;

/// A delivery that is resumed.
#[derive(Debug, Clone)]
pub(super) struct Resumed {
    pub(super) id: Id,
    pub(super) at: Timestamp,
    pub(super) progress: Progress,
    delays: Vec<Duration>,
}

impl Resumed {
    pub(super) fn of(record: &NewDelivery, now: Timestamp) -> Self {
        Self {
            id: record.id,
            at: record.at,
            progress: progress(record, now),
            delays: record.delays.clone(),
        }
    }
}

/// The policy of a repetition: that of the record, as far as the options do not change it.
pub(super) fn policy(
    options: &ReplayOptions,
    original: &Original,
    resumed: Option<&Resumed>,
    profile: Option<&Profile>,
) -> Arc<Policy> {
    let provider = profile.map(|profile| profile.policy.clone()).unwrap_or_default();
    let recorded = original.policy.as_deref().filter(|_| options.provider.is_none());
    let mut policy = recorded.unwrap_or(&provider).clone();
    match resumed {
        Some(_) if recorded.is_some() => {}
        // A record of an older format has nothing but the delays.
        Some(resumed) => policy.schedule.delays.clone_from(&resumed.delays),
        None => {
            // The record of a single attempt has no schedule to follow: the provider's is followed.
            if policy.schedule.delays.is_empty() {
                policy.schedule.delays = provider.schedule.delays;
                policy.schedule.from = provider.schedule.from;
            }
            policy = options.retry.apply(&policy);
        }
    }
    policy.timeout = options.timeout.unwrap_or(policy.timeout);
    Arc::new(policy)
}
