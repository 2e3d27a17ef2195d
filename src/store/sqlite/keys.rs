//! Keys of the API.

use rusqlite::{Connection, params};

use super::queue_rows::counted;
use super::values::{change, moment, named, rows};
use crate::message::Mode;
use crate::store::{Ack, ApiKeyRecord, KeyOp};

pub(super) fn apply(connection: &Connection, op: &KeyOp) -> rusqlite::Result<Ack> {
    let changed = match op {
        KeyOp::Add(key) => {
            let sql = "
                INSERT INTO api_key (id, name, digest, reads, mode, tenant, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                ON CONFLICT (name) DO NOTHING";
            let values = params![
                key.id,
                key.name,
                key.digest,
                key.reads_only,
                key.mode.name(),
                key.tenant,
                key.created.unix_us(),
            ];
            change(connection, sql, values)?
        }
        KeyOp::Revoke(name) => change(connection, "DELETE FROM api_key WHERE name = ?1", [name])?,
    };
    Ok(counted(changed))
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<ApiKeyRecord>> {
    let sql = "SELECT id, name, digest, reads, mode, tenant, created FROM api_key ORDER BY created, id";
    rows(connection, sql, [], |row| {
        Ok(ApiKeyRecord {
            id: row.get(0)?,
            name: row.get(1)?,
            digest: row.get(2)?,
            reads_only: row.get(3)?,
            mode: named(row, 4, Mode::from_name)?,
            tenant: row.get(5)?,
            created: moment(row, 6)?,
        })
    })
}
