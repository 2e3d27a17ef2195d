//! Keys of the API of `hook serve`, in the ledger: a service that runs sees every change.

use serde::Serialize;

use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::digest;
use crate::endpoints::{check_name, check_tenant};
use crate::error::{Error, Result};
use crate::id::{Id, IdKind};
use crate::message::Mode;
use crate::random::Random;
use crate::store::{self, Access, ApiKeyRecord, KeyOp, Op, StoreError, StoreOptions};

/// How a key of the service begins.
const PREFIX: &str = "hook_";

/// A key to be added.
#[derive(Debug, Clone)]
pub struct KeyOptions {
    /// What the user calls it.
    pub name: String,
    /// Whether it may only read.
    pub reads_only: bool,
    /// Of the events that it makes.
    pub mode: Mode,
    /// The tenant to which it is confined.
    pub tenant: Option<String>,
}

/// A key as it is shown.
#[derive(Debug, Serialize)]
pub struct ServiceKey {
    /// `key_...`
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// `read` or `write`.
    pub access: &'static str,
    /// Of the events that it makes.
    pub mode: Mode,
    /// The tenant to which it is confined.
    pub tenant: Option<String>,
    /// When it was added.
    pub created: Timestamp,
    /// The key itself, only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A fresh key: 256 random bits, whatever the seed of the run.
pub fn fresh() -> String {
    let mut bits = [0; 32];
    Random::os().fill(&mut bits);
    format!("{PREFIX}{}", hex::encode(bits))
}

/// Adds a key. The result has its text, which is not stored.
pub fn add(context: &Context, options: KeyOptions) -> Result<ServiceKey> {
    check_name(&options.name).map_err(Error::usage)?;
    if let Some(tenant) = &options.tenant {
        check_tenant(tenant).map_err(Error::usage)?;
    }
    let (key, now) = (fresh(), context.now());
    let record = ApiKeyRecord {
        id: Id::new(IdKind::Key, now, &context.random).to_string(),
        name: options.name,
        digest: digest::sha256(&[key.as_bytes()]),
        reads_only: options.reads_only,
        mode: options.mode,
        tenant: options.tenant,
        created: now,
    };
    if !write(context, KeyOp::Add(Box::new(record.clone())))? {
        let name = &record.name;
        return Err(Error::usage(format!("there is a key `{name}` already"))
            .hint(format!("choose another name, or `hook serve keys revoke {name}` first")));
    }
    Ok(ServiceKey {
        key: Some(key),
        ..record.into()
    })
}

/// All keys, the oldest first.
pub fn list(context: &Context) -> Result<Vec<ServiceKey>> {
    Ok(stored(context)?.into_iter().map(ServiceKey::from).collect())
}

/// Revokes the key of that name.
pub fn revoke(context: &Context, name: &str) -> Result<ServiceKey> {
    let unknown = || Error::nothing(format!("key `{name}` not found")).hint("`hook serve keys list` shows all of them");
    check_name(name).map_err(Error::usage)?;
    let found = stored(context)?.into_iter().find(|key| key.name == name);
    let found = found.ok_or_else(unknown)?;
    if !write(context, KeyOp::Revoke(name.to_owned()))? {
        return Err(unknown());
    }
    Ok(found.into())
}

/// The keys of the ledger; without a ledger there is none.
pub fn stored(context: &Context) -> Result<Vec<ApiKeyRecord>> {
    match store::open_read_only(&context.store_place) {
        Err(StoreError::Missing(_)) => Ok(Vec::new()),
        opened => Ok(opened?.api_keys()?),
    }
}

/// Makes a change. Returns whether there was something to change.
fn write(context: &Context, op: KeyOp) -> Result<bool> {
    let mut ledger = store::open(&context.store_place, Access::ReadWrite, StoreOptions::default())?;
    let acks = ledger.write(&[Op::Keys(op)])?;
    Ok(acks.first().is_some_and(|ack| ack.number > 0))
}

impl From<ApiKeyRecord> for ServiceKey {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            id: key.id,
            name: key.name,
            access: if key.reads_only { "read" } else { "write" },
            mode: key.mode,
            tenant: key.tenant,
            created: key.created,
            key: None,
        }
    }
}
