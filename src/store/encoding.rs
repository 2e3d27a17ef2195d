//! How values are kept, whatever the store: what has no type of its own there becomes a number or a text.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{Ack, Attempt, NewCapture, Outcome, QueueClass};
use crate::id::IdKind;
use crate::provider::name_of;

/// States of a row of the queue: it waits, a process has it, it is parked.
pub(super) const WAITING: i16 = 0;
pub(super) const TAKEN: i16 = 1;
pub(super) const PARKED: i16 = 2;

/// Size of a capture's row beside the fields that its sender chooses, in bytes.
const ROW_BYTES: usize = 256;

/// The verdicts of requests that anyone can send.
pub(super) const UNAUTHENTICATED: [&str; 2] = ["refused", "unsigned"];

/// A number for SQL, whose integers are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from SQL; what we wrote is never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Nanoseconds; three centuries at most.
pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What [`nanos`] wrote.
pub(super) fn nanoseconds(nanos: i64) -> Duration {
    Duration::from_nanos(unsigned(nanos))
}

/// Waits as text: nanoseconds with commas between them.
pub(super) fn delays_text(delays: &[Duration]) -> String {
    let texts: Vec<_> = delays.iter().map(|delay| delay.as_nanos().to_string()).collect();
    texts.join(",")
}

/// Reads what [`delays_text`] wrote.
pub(super) fn delays(text: &str) -> Option<Vec<Duration>> {
    let nanos = text.split(',').filter(|nanos| !nanos.is_empty());
    nanos
        .map(|nanos| nanos.parse().ok().map(Duration::from_nanos))
        .collect()
}

/// What is kept as JSON. These types always have one; a record without it is better than none.
pub(super) fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// The failure of an attempt that got no answer.
pub(super) fn failure_of(attempt: &Attempt) -> Option<&'static str> {
    match &attempt.outcome {
        Outcome::Answer(_) => None,
        Outcome::Error { kind, .. } => Some(kind.name()),
    }
}

/// The ack of a change of record `n`; that of nothing when no row was changed.
pub(super) fn changed(n: i64, rows: usize) -> Ack {
    Ack {
        number: if rows == 0 { 0 } else { unsigned(n) },
        ..Ack::default()
    }
}

/// The ack that says how many rows were changed.
pub(super) fn counted(rows: usize) -> Ack {
    Ack {
        number: rows as u64,
        ..Ack::default()
    }
}

/// The number of a class of the queue.
pub(super) fn rank(class: QueueClass) -> i16 {
    match class {
        QueueClass::First => 0,
        QueueClass::Retry => 1,
        QueueClass::Suspect => 2,
    }
}

/// The class of a [`rank`].
pub(super) fn class_of(rank: i16) -> QueueClass {
    match rank {
        0 => QueueClass::First,
        1 => QueueClass::Retry,
        _ => QueueClass::Suspect,
    }
}

/// The lowest and the highest id of that kind that start with that text. `None` when none can.
pub(super) fn id_bounds(kind: IdKind, prefix: &str) -> Option<(Uuid, Uuid)> {
    let digits = match prefix.strip_prefix(kind.name()) {
        Some(digits) => digits,
        None if kind.name().starts_with(prefix) => "",
        None => return None,
    };
    if digits.len() > 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let low = Uuid::try_parse(&format!("{digits:0<32}")).ok()?;
    let high = Uuid::try_parse(&format!("{digits:f<32}")).ok()?;
    Some((low, high))
}

/// A hash that is equal for the same event of the same provider, in any variant. It has 64 bits: among a million events the
/// chance of any collision is one in thirty million.
pub(super) fn event_hash(provider: Option<&str>, key: Option<&str>) -> Option<u64> {
    let (provider, key) = (provider.unwrap_or_default(), key?);
    let provider = name_of(provider);
    // FNV-1a, then the finisher of MurmurHash3, since FNV's upper bits mix poorly over short texts. It is kept in ledgers: it
    // may never change.
    let bytes = provider.bytes().chain([0xff]).chain(key.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    Some(hash ^ (hash >> 33))
}

/// What a capture takes with headers of that many bytes.
pub(super) fn weight(new: &NewCapture, headers: usize) -> usize {
    let texts = [
        &new.event,
        &new.event_id,
        &new.provider,
        &new.dedupe_key,
        &new.verdict.detail,
    ];
    let texts: usize = texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum();
    ROW_BYTES + texts + headers + new.target.len() + new.body.len()
}
