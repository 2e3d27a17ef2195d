//! Keys of the API.

use super::connection::Session;
use super::fault::Fault;
use super::values::{Text, get, moment, named, optional, optional_text, text};
use crate::message::Mode;
use crate::store::encoding::counted;
use crate::store::{Ack, ApiKeyRecord, KeyOp};

pub(super) fn apply(session: &Session, op: &KeyOp) -> Result<Ack, Fault> {
    let changed = match op {
        KeyOp::Add(key) => {
            let sql = "
                INSERT INTO api_key (id, name, digest, reads, mode, tenant, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (name) DO NOTHING";
            session.change(
                sql,
                &[
                    &Text::from(&*key.id),
                    &Text::from(&*key.name),
                    &&key.digest[..],
                    &key.reads_only,
                    &key.mode.name(),
                    &optional(key.tenant.as_deref()),
                    &key.created.unix_us(),
                ],
            )?
        }
        KeyOp::Revoke(name) => session.change("DELETE FROM api_key WHERE name = $1", &[&Text::from(&**name)])?,
    };
    Ok(counted(changed))
}

pub(super) fn all(session: &Session) -> Result<Vec<ApiKeyRecord>, Fault> {
    let sql = "SELECT id, name, digest, reads, mode, tenant, created FROM api_key ORDER BY created, id";
    session.rows(sql, &[], |row| {
        let digest: &[u8] = get(row, 2)?;
        Ok(ApiKeyRecord {
            id: text(row, 0)?,
            name: text(row, 1)?,
            digest: digest
                .try_into()
                .map_err(|_| Fault::Damaged("a digest has 32 bytes".to_owned()))?,
            reads_only: get(row, 3)?,
            mode: named(row, 4, Mode::from_name)?,
            tenant: optional_text(row, 5)?,
            created: moment(row, 6)?,
        })
    })
}
