//! How old a signature may be.

use std::time::Duration;

use super::{Freshness, Proof, RejectReason};
use crate::clock::Timestamp;

/// Checks the age of a matching signature.
pub(super) fn judge_age(
    freshness: Freshness,
    signed_at: Option<Timestamp>,
    now: Timestamp,
    mut proof: Proof,
) -> Result<Proof, RejectReason> {
    let Some(signed_at) = signed_at else { return Ok(proof) };
    let (age, ahead) = (now.since(signed_at), signed_at.since(now));
    if let Some(tolerance) = freshness.tolerance {
        // Of a stamp in whole seconds the limit itself is still fresh, whatever the fraction of this clock.
        let in_seconds = signed_at.unix_us() % 1_000_000 == 0;
        let beyond = |by: Duration| {
            if in_seconds {
                by.as_secs() > tolerance.as_secs()
            } else {
                by > tolerance
            }
        };
        if beyond(age) {
            return Err(RejectReason::TooOld { age, tolerance });
        }
        // A provider's library that takes any clock ahead does not mean milliseconds that are read as seconds: what was
        // signed so would never expire.
        let never_expires = ahead > Duration::from_secs(366 * 86_400);
        if (never_expires || !freshness.past_only) && beyond(ahead) {
            return Err(RejectReason::TooNew { ahead, tolerance });
        }
    }
    if let Some(advised) = freshness.advised
        && age > advised
    {
        let (age, advised) = (crate::clock::human_duration(age), crate::clock::human_duration(advised));
        proof.warning = Some(format!("signed {age} ago, {advised} advised"));
    }
    Ok(proof)
}
