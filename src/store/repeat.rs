//! Failed deliveries that are still not delivered. Deliveries form a group when one repeats the other, or when they carry the
//! same message, or forward the same capture, to the same target. The newest of a group decides about its state, and one of a
//! group is delivered again.

use std::collections::BTreeMap;

/// A delivery, as far as it matters where its message stands.
pub(super) struct DeliveryNode<M> {
    /// Equal for deliveries of the same message.
    pub(super) message: M,
    /// The endpoint, or the URL where there is none.
    pub(super) target: String,
    /// The delivery that it repeats.
    pub(super) repeats: Option<i64>,
    /// The capture that it came of.
    pub(super) capture: Option<i64>,
    pub(super) state: String,
}

/// The delivery of a group that is made again: the newest one that failed at the target of the first. None where something
/// is on its way, or where the newest end is a success.
pub(super) fn to_repeat<M>(group: &BTreeMap<i64, DeliveryNode<M>>) -> Option<i64> {
    let (_, first) = group.first_key_value()?;
    let state = |wanted: &'static str| move |(_, node): &(&i64, &DeliveryNode<M>)| node.state == wanted;
    if group.iter().any(|node| state("pending")(&node)) {
        return None;
    }
    let newest = |wanted| group.iter().rev().find(state(wanted)).map(|(n, _)| *n);
    let failed = newest("failed")?;
    if newest("delivered").is_some_and(|delivered| delivered > failed) {
        return None;
    }
    let mut failures = group.iter().rev().filter(state("failed"));
    let same = failures.find(|(_, node)| node.target == first.target);
    Some(same.map_or(failed, |(n, _)| *n))
}
