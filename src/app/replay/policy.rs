//! The policy of a repetition.

use std::sync::Arc;

use super::ReplayOptions;
use super::original::Original;
use crate::provider::Profile;
use crate::provider::policy::Policy;

/// The policy of a repetition: that of the record, as far as the options do not change it.
pub(super) fn policy(
    options: &ReplayOptions,
    original: &Original,
    is_resumed: bool,
    profile: Option<&Profile>,
) -> Arc<Policy> {
    let mode = original.delivery.message.mode;
    let provider = profile
        .map(|profile| profile.policy_in(mode).clone())
        .unwrap_or_default();
    let recorded = original.delivery.policy.as_deref();
    let recorded = recorded.filter(|_| options.provider.is_none());
    let mut policy = recorded.unwrap_or(&provider).clone();
    if !is_resumed {
        // The record of a single attempt has no schedule to follow: the provider's is followed.
        if policy.schedule.delays.is_empty() {
            policy.schedule.delays = provider.schedule.delays;
            policy.schedule.from = provider.schedule.from;
        }
        policy = options.retry.apply(&policy);
    } else if recorded.is_none() {
        // A record of an older format has nothing but the delays.
        policy.schedule.delays.clone_from(&original.delivery.delays);
    }
    policy.timeout = options.timeout.unwrap_or(policy.timeout);
    Arc::new(policy)
}
