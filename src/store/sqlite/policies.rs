//! The rules of deliveries: one row for all deliveries that have the same.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::values::json;
use crate::provider::policy::Policy;

/// The policies of one group of changes. Deliveries of one run share theirs, so that most need neither the text nor the
/// lookup.
#[derive(Default)]
pub(super) struct Policies(Vec<(Arc<Policy>, Option<i64>)>);

/// A group has few policies; a long list would be searched in vain.
const KEPT: usize = 8;

impl Policies {
    /// The key of a policy, which is recorded unless it is there.
    pub(super) fn key(&mut self, connection: &Connection, policy: &Arc<Policy>) -> rusqlite::Result<Option<i64>> {
        if let Some((_, key)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, policy)) {
            return Ok(*key);
        }
        let key = match json(&**policy) {
            Some(text) => Some(record(connection, &text)?),
            None => None,
        };
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((Arc::clone(policy), key));
        Ok(key)
    }
}

/// Searches by the hash of the text. Where another text has the same hash, the next free key is taken.
fn record(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    let mut key = hash(text);
    loop {
        let found: Option<String> = connection
            .prepare_cached("SELECT text FROM policy WHERE p = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        match found {
            Some(found) if found == text => return Ok(key),
            Some(_) => key = key.wrapping_add(1),
            None => break,
        }
    }
    connection
        .prepare_cached("INSERT INTO policy (p, text) VALUES (?1, ?2)")?
        .execute(params![key, text])?;
    Ok(key)
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> i64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let hash = text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash.cast_signed()
}
