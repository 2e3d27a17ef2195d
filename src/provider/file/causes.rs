//! `[api.causes.NAME]`: things that calls make and end, and the events that tell of it.

use indexmap::IndexMap;
use serde::Deserialize;

use super::api::FaultFile;

/// `[api.causes.NAME]`: what `hook serve` keeps of such a thing, and when events happen.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CauseFile {
    /// Form of its id, a template of `${new.*}`. Default `${new.uuid}`.
    pub id: Option<String>,
    /// Fields that the request must carry: name = `text`, `integer`, `number`, `boolean`, `object`, `list`, `time` (RFC 3339)
    /// or `minutes` (a whole number above 0).
    pub needs: IndexMap<String, String>,
    /// Fields that it may carry.
    pub takes: IndexMap<String, String>,
    /// Moments that follow from two fields: name = where it begins, and how many minutes later it is.
    pub later: IndexMap<String, LaterFile>,
    /// The thing as JSON text with `${id}`, `${now}`, the fields and the later moments: the event's data.
    pub record: String,
    /// Fields that no two things may share.
    pub unique: Vec<String>,
    /// The refusal of a second one; 409 and `taken` where nothing is said.
    pub taken: Option<FaultFile>,
    /// Makes one.
    pub create: CauseCallFile,
    /// Ends one.
    pub delete: Option<CauseCallFile>,
}

/// `[api.causes.NAME.later.FIELD]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LaterFile {
    /// A `time` field.
    pub than: String,
    /// A `minutes` field.
    pub by: String,
}

/// `[api.causes.NAME.create]` and `[api.causes.NAME.delete]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CauseCallFile {
    /// `POST` and the like.
    pub method: String,
    /// Below the base; `{id}` is the thing's.
    pub path: String,
    /// Of success. Default 200.
    pub status: Option<u16>,
    /// What happens.
    pub event: String,
    /// JSON text that is merged over the thing before the event happens.
    pub sets: Option<String>,
    /// The answer as JSON text with `${id}`; absent: the thing.
    pub answer: Option<String>,
}
