//! Items of the queue as they are read back: whether they can go on, and the rest of a forward that was begun.

use std::sync::Arc;

use url::Url;

use super::source::Item;
use crate::engine::{Delivery, Label, Progress, Promise, Signing};
use crate::exchange::{ErrorKind, Outcome, Source as MadeBy};
use crate::headers::Headers;
use crate::store::{DeliveryRecord, Sealed, SealedPlace};
use crate::transport::AddressPolicy;

/// What became of an item.
pub(super) enum Loaded {
    Ready(Box<Delivery>),
    /// It was pruned.
    Gone,
    /// It stays in the queue: somebody else has it, or it is not whole.
    Left,
}

/// Whether a secret that is not at hand would be missing in what is sent.
pub(super) fn goes_out(sealed: &Sealed, headers: &Headers, with_target: bool) -> bool {
    match (&sealed.header, sealed.place) {
        (_, SealedPlace::Request | SealedPlace::Forwarded) => false,
        (Some(name), _) => headers.contains(name),
        (None, SealedPlace::Target) => with_target,
        (None, _) => true,
    }
}

/// The rest of a recorded forward, and who owned it so far.
pub(super) fn taken_up(record: DeliveryRecord, item: &Item) -> Option<(Delivery, Option<String>)> {
    let record = record.delivery;
    // What was stopped in the middle does not count: it is made once more, under the same number.
    let stopped = |outcome: &Outcome| matches!(outcome, Outcome::Error { kind, .. } if *kind == ErrorKind::Cancelled);
    let made = record
        .attempts
        .iter()
        .filter(|attempt| !stopped(&attempt.outcome))
        .count();
    let progress = Progress {
        attempts: u32::try_from(made).unwrap_or(u32::MAX),
        first_at: record.attempts.first().map(|attempt| attempt.at),
        next_due: record.next_due,
    };
    let addresses = record
        .addresses
        .as_deref()
        .map_or(Some(AddressPolicy::Any), AddressPolicy::from_name);
    let policy = record.policy.unwrap_or_else(|| Arc::new(item.policy.delivery()));
    let delivery = Delivery {
        id: record.id,
        message: Arc::new(record.message),
        url: Url::parse(&record.url).ok()?,
        method: record.method,
        headers: record.headers,
        signing: Signing::AsCaptured,
        policy,
        // What cannot be read must not open more.
        addresses: addresses?,
        is_changed: false,
        progress,
        at: record.at,
        label: Arc::new(Label {
            source: MadeBy::Forward,
            provider: record.provider,
            endpoint: record.endpoint,
            origin: record.origin,
            execution: record.execution,
            promise: Promise::Taken,
        }),
    };
    Some((delivery, record.owner))
}
