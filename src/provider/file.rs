//! The serde mirror of a provider file: what TOML may say, before anything is checked.
//!
//! Every table is optional here so that the same types describe a whole provider, a variant's overrides and a file
//! that `extends` another; `super::profile` demands what must be there. Externally tagged tables and
//! `deny_unknown_fields` everywhere: that is what gives a mistyped key its line, its column and the accepted names.

pub mod api;
mod automation;
pub mod causes;
pub mod handshake;
mod naming;
mod scalar;
mod signature;

use indexmap::IndexMap;
use serde::Deserialize;

use api::ApiFile;
pub use automation::{InboundFile, WorkflowFile};
use handshake::HandshakeFile;
pub use naming::NamingFile;
pub use scalar::{Limit, Scalar};
pub use signature::{AsymmetricFile, CarrierFile, HashFile, HmacFile, SignatureFile, TokenFile};

/// The only file format there is so far.
pub const FORMAT: u32 = 1;

/// One provider file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProviderFile {
    /// Version of the file format, see [`FORMAT`].
    pub format: u32,
    /// Name on the command line: lower-case letters, digits and `-`.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// Where the provider documents its webhooks.
    pub docs: Option<String>,
    /// Another provider, whose keys hold where this file says nothing.
    pub extends: Option<String>,
    /// Dotted keys of facts that no source states.
    pub assumed: Vec<String>,
    /// What a reader of `providers show` should know, a sentence each.
    pub notes: Vec<String>,
    /// The form of a generated secret.
    pub secret: Option<SecretFile>,
    /// How the message gets its id, its metadata and its time.
    pub message: MessageFile,
    /// What events may be named and where the body carries what: `${param.NAME}`.
    pub params: IndexMap<String, ParamFile>,
    /// Endpoint rules, judged by `hook endpoints add`.
    pub endpoint: EndpointFile,
    /// Bodies of workflow actions, with merge tags.
    pub workflow: Option<WorkflowFile>,
    /// Triggers that take requests of anybody who knows their URL.
    pub inbound: Option<InboundFile>,
    /// How events of the user's own are to be named.
    pub naming: NamingFile,
    /// The event that `hook endpoints test` sends.
    pub test_event: Option<String>,
    /// The catalogue, in the order of the file.
    pub events: IndexMap<String, EventFile>,
    /// Documented deviations, picked with `--provider NAME@VARIANT`.
    pub variants: IndexMap<String, VariantFile>,
    /// How it signs.
    pub signature: Option<SignatureFile>,
    /// Headers beside the signature, as templates.
    pub headers: IndexMap<String, String>,
    /// How data becomes a body.
    pub envelope: Option<EnvelopeFile>,
    /// Where a receiver finds the event, the id and the time.
    pub read: ReadFile,
    /// How it delivers.
    pub delivery: DeliveryFile,
    /// What follows a failed attempt.
    pub retry: Option<RetryFile>,
    /// How `listen` recognises it.
    pub detect: DetectFile,
    /// What makes two captures the same event.
    pub dedupe: DedupeFile,
    /// Its management API.
    pub api: Option<ApiFile>,
    /// What it asks an endpoint first.
    pub handshake: Option<HandshakeFile>,
    /// Where it asks in several ways.
    pub handshakes: IndexMap<String, HandshakeFile>,
}

/// A documented deviation: the keys that differ.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct VariantFile {
    /// What it is and which page says so.
    pub summary: String,
    /// Among variants whose signature header is present, the highest rank decides alone. 0 when absent.
    pub rank: i32,
    /// `header:NAME=VALUE`: it decides only where that header says so.
    pub when: Option<String>,
    /// Overrides; a table of another kind replaces, one of the same kind is merged key by key.
    pub signature: Option<SignatureFile>,
    /// Added to the provider's headers, same names replaced; an empty one takes a header away.
    pub headers: IndexMap<String, String>,
    /// Replaces the envelope whole.
    pub envelope: Option<EnvelopeFile>,
    /// Key by key.
    pub message: MessageFile,
    /// Key by key.
    pub read: ReadFile,
    /// Key by key.
    pub delivery: DeliveryFile,
    /// A table of another kind replaces, one of the same kind is merged key by key.
    pub retry: Option<RetryFile>,
    /// Key by key.
    pub endpoint: EndpointFile,
    /// Key by key.
    pub detect: DetectFile,
    /// Key by key.
    pub dedupe: DedupeFile,
}

/// `[secret]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SecretFile {
    /// A template of `${new.*}` placeholders, e.g. `whsec_${new.hex32}`.
    pub form: String,
}

/// `[message]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MessageFile {
    /// A template of `${new.*}` for `${id}`, e.g. `${new.uuid}`. Default: the ledger's own `msg_` id.
    pub id: Option<String>,
    /// Body path that `--metadata k=v` writes into, e.g. `data.metadata`.
    pub metadata: Option<String>,
}

/// `[params.NAME]`: what an envelope needs from the user.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ParamFile {
    /// `string` (default), `integer`, `number` or `boolean`.
    pub r#type: Option<String>,
    /// Used when the user gives none, as text; absent: the parameter is required.
    pub default: Option<Scalar>,
    /// What it is.
    pub summary: String,
}

/// `[envelope.KIND]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum EnvelopeFile {
    /// A JSON object: key = template, in this order. A value that is one placeholder keeps its type; the key `...`
    /// spreads the object `${data}` over the top level.
    Json(IndexMap<String, String>),
}

/// `[read]`: ordered places, the first that is there wins. A place is `header:NAME` or `body:PATH`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ReadFile {
    /// Where the event's type is.
    pub event: Option<Vec<String>>,
    /// Where the event's id is.
    pub id: Option<Vec<String>>,
    /// Where the event's time is.
    pub time: Option<Vec<String>>,
}

/// `[delivery]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DeliveryFile {
    /// Default `POST`.
    pub method: Option<String>,
    /// Default `application/json`.
    pub content_type: Option<String>,
    /// The whole exchange, body included. Default `30s`.
    pub timeout: Option<String>,
    /// Status codes and ranges that count as success. Default `["200-299"]`.
    pub success: Option<Vec<String>>,
    /// Default `hook/VERSION`.
    pub user_agent: Option<String>,
}

/// `[retry.KIND]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum RetryFile {
    /// Fixed delays.
    Schedule(Box<ScheduleFile>),
    /// The provider never tries again by itself.
    None(NoRetryFile),
}

/// `[retry.schedule]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScheduleFile {
    /// Delays before attempt 2, 3, ...
    pub delays: Option<Vec<String>>,
    /// What the delays run from: `previous` attempt (default) or `first`.
    pub from: Option<String>,
    /// How far a delay may be off, e.g. `10%`.
    pub jitter: Option<String>,
    /// After the last failure: `fail` (default) or `disable-endpoint`.
    pub then: Option<String>,
    /// With `then = "disable-endpoint"`: how many failed deliveries in a row disable it. Default 1.
    pub disable_after_deliveries: Option<u32>,
    /// Whether somebody is told when the endpoint is disabled: `email`.
    pub notify: Option<String>,
    /// Status codes whose `Retry-After` is honoured. Absent: none.
    pub honour_retry_after: Option<Vec<String>>,
    /// Only these status codes are retried (and `error`: no answer at all). Absent: every failure is.
    pub retry_on: Option<Vec<String>>,
    /// These status codes end the delivery at once.
    pub stop_on: Option<Vec<String>>,
    /// A header of the answer, `NAME: VALUE`, that ends the delivery at once.
    pub stop_on_header: Option<String>,
    /// These status codes end the delivery and disable the endpoint at once.
    pub disable_on: Option<Vec<String>>,
}

/// `[retry.none]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NoRetryFile {
    /// What the provider does instead, a clause for people.
    pub instead: Option<String>,
}

/// `[endpoint]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EndpointFile {
    /// `required`, `recommended` or `any` (default).
    pub https: Option<String>,
    /// Ports the provider reaches. Absent: any.
    pub ports: Option<Vec<u16>>,
    /// Whether the host must be reachable from the internet.
    pub public: Option<bool>,
    /// Whether one URL may be registered once only.
    pub unique_url: Option<bool>,
    /// How many endpoints each plan allows.
    pub plans: Option<IndexMap<String, Limit>>,
    /// How a subscription to every event is written, e.g. `*`. Absent: a list of all.
    pub all_events: Option<String>,
}

/// `[detect]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DetectFile {
    /// Places (`header:NAME`, `body:PATH`), one of which is enough.
    pub any_of: Option<Vec<String>>,
    /// Places that must all be there.
    pub all_of: Option<Vec<String>>,
}

/// `[dedupe]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DedupeFile {
    /// Templates, the first whose placeholders are all there is the key.
    pub key: Option<Vec<String>>,
    /// The key that the provider's documents advise, where it differs.
    pub documented: Option<String>,
    /// What goes wrong with the documented one.
    pub caution: Option<String>,
}

/// `[events."NAME"]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EventFile {
    /// When it happens.
    pub summary: String,
    /// Whether many of them may come in one message, `data` being an array.
    pub grouping: bool,
    /// Other spellings, from the provider's own documents.
    pub aliases: Vec<String>,
    /// The event's data as JSON text with placeholders.
    pub sample: Option<String>,
    /// Take the data of that event; `sample`, if given too, is merged over it.
    pub like: Option<String>,
    /// What the documents list for texts of the data, by their dotted paths; others may come.
    pub values: IndexMap<String, Vec<String>>,
    /// Whether the data's shape is our assumption.
    pub assumed: bool,
}
