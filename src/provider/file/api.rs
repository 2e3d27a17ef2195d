//! `[api]`: a provider's management API, as its file states it.

use indexmap::IndexMap;
use serde::Deserialize;

use super::causes::CauseFile;

/// `[api]`: what `hook endpoints --remote` calls and `hook serve` plays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ApiFile {
    /// Where it is, e.g. `https://api.example.com/v1`. Absent: the user says where.
    pub base: Option<String>,
    /// Headers that every call must carry beside its token.
    pub headers: IndexMap<String, String>,
    /// Form of a key, a template of `${new.*}`; what stands before the first placeholder is how every key begins.
    pub key: Option<String>,
    /// The same of a key whose calls cause test events only.
    pub test_key: Option<String>,
    /// How ids are written: `own` (default) or `uuid`.
    pub id: Option<String>,
    /// Ours = theirs: `id`, `url`, `events`, `name`, `description`, `active`, `status`, `secret`, `created`. What is absent
    /// the provider does not keep.
    pub fields: IndexMap<String, String>,
    /// What stands in the `status` field of a subscription that is not confirmed yet.
    pub pending: Option<String>,
    /// Makes a subscription.
    pub create: Option<CallFile>,
    /// Gives all of them.
    pub list: Option<CallFile>,
    /// Gives one.
    pub get: Option<CallFile>,
    /// Changes one.
    pub update: Option<CallFile>,
    /// Ends one.
    pub delete: Option<CallFile>,
    /// Confirms one by the token that its endpoint was sent.
    pub confirm: Option<CallFile>,
    /// How a long list is cut into pages. Absent: it never is.
    pub paging: Option<PagingFile>,
    /// What refusals look like.
    pub errors: ErrorsFile,
    /// Scope = the events that need it, `*` at the end standing for anything.
    pub scopes: IndexMap<String, Vec<String>>,
    /// How many calls are taken.
    pub rate: Option<RateFile>,
    /// ResourceStore that calls make and end, and the events that tell of it.
    pub causes: IndexMap<String, CauseFile>,
}

/// `[api.VERB]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CallFile {
    /// `GET` and the like.
    pub method: String,
    /// Below the base; `{id}` is the subscription's.
    pub path: String,
    /// Of success. Default 200.
    pub status: Option<u16>,
    /// The fields, by our names, that the request may carry.
    pub takes: Vec<String>,
    /// The fields, by our names, that the answer leaves out.
    pub hides: Vec<String>,
    /// More that the request must carry, and the answer repeats: name = text or `${param.NAME}`.
    pub with: IndexMap<String, String>,
    /// Where the answer has the list; absent: the answer is the list.
    pub items: Option<String>,
    /// Where the answer says how many there are in all.
    pub total: Option<String>,
    /// The request's body as JSON text with `${id}` and `${token}`, where it is no subscription.
    pub body: Option<String>,
    /// The answer as JSON text with `${id}`, where it is no subscription. Empty: there is no body.
    pub answer: Option<String>,
}

/// `[api.paging]`: a cursor that each page names for the next, or numbered pages.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PagingFile {
    /// The query parameter that asks for a page.
    pub param: String,
    /// The query parameter of the number of items on a page.
    pub size_param: String,
    /// How many to ask for.
    pub size: u32,
    /// Where the answer names the next page; absent: pages are numbered from 1.
    pub next: Option<String>,
}

/// `[api.errors]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ErrorsFile {
    /// JSON text with `${code}`, `${message}` and `${status}`.
    pub answer: Option<String>,
    /// By kind: `unauthorised`, `limit`, `forbidden`, `unknown`, `duplicate`, `invalid`, `rate`, `method`.
    pub kinds: IndexMap<String, FaultFile>,
}

/// `[api.errors.kinds.KIND]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FaultFile {
    /// Status code; the usual one of the kind when absent.
    pub status: Option<u16>,
    /// What stands at `${code}`; the kind's name when absent.
    pub code: Option<String>,
}

/// `[api.rate]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RateFile {
    /// So many calls,
    pub calls: u32,
    /// in so long.
    pub per: String,
    /// Headers of every answer: name = `limit`, `remaining`, `window-ms` or `reset-s`.
    pub headers: IndexMap<String, String>,
}
