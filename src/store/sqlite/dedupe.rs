//! Finds the first capture of the same event.

use rusqlite::{Connection, OptionalExtension};

use crate::store::NewCapture;

/// A number that is the same for the same event of the same provider, whichever of its variants. 64 bits: among a million
/// events two share a number by accident once in thirty million ledgers.
pub(super) fn hash(capture: &NewCapture) -> Option<i64> {
    let key = capture.dedupe_key.as_deref()?;
    let provider = capture.provider.as_deref().unwrap_or_default();
    let provider = provider.split_once('@').map_or(provider, |(name, _)| name);
    // FNV-1a, then the finisher of MurmurHash3, since FNV's upper bits mix poorly over short texts. It is written into
    // files: it may never change.
    let bytes = provider.bytes().chain([0xff]).chain(key.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    Some((hash ^ (hash >> 33)).cast_signed())
}

/// The first capture with that hash that is not older than `since`.
pub(super) fn first(connection: &Connection, hash: i64, since: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT n FROM capture WHERE dedupe = ?1 AND at >= ?2 ORDER BY at, n LIMIT 1")?
        .query_row([hash, since], |row| row.get(0))
        .optional()
}
