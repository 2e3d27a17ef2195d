//! The rules of deliveries: one row for all deliveries that have the same.

use std::sync::Arc;

use rusqlite::Connection;

use super::values::{json, row};
use crate::provider::policy::Policy;

/// The keys of the policies of one group of changes. The deliveries of one run share theirs, so that most of them need
/// neither the JSON text nor the lookup.
#[derive(Default)]
pub(super) struct Policies(Vec<(Arc<Policy>, Option<i64>)>);

impl Policies {
    /// The key of a policy, which is recorded unless the ledger has it already.
    pub(super) fn key(&mut self, connection: &Connection, policy: &Arc<Policy>) -> rusqlite::Result<Option<i64>> {
        if let Some((_, key)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, policy)) {
            return Ok(*key);
        }
        let text = json(&**policy);
        let key = text.map(|text| record(connection, &text)).transpose()?;
        self.0.push((Arc::clone(policy), key));
        Ok(key)
    }
}

fn record(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    // Without an index: a ledger has a few policies, each as long as its row.
    if let Some(key) = row(connection, "SELECT p FROM policy WHERE text = ?1", [text], |row| {
        row.get(0)
    })? {
        return Ok(key);
    }
    connection
        .prepare_cached("INSERT INTO policy (text) VALUES (?1)")?
        .insert([text])
}
