//! The tables of a provider file, which the checked profile uses as they are: a key is declared, read, checked and written as
//! JSON in one place.
//!
//! Every key is optional here, because a file that `extends` another one and a variant state some keys only; the profile
//! requires the others. Externally tagged tables and `deny_unknown_fields` everywhere: that is what gives a mistyped key its
//! line, its column and the accepted names.

mod read;
mod signature;

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

pub use read::{ReadPlace, ReadTable};
pub use signature::{ClockSide, SignatureTable, SignedTable, TokenTable};

use super::policy::{Codes, RunFrom};
use super::value::{DurationText, Limit, RequestField, Share, scalar_text};
use crate::template::{Document, Name as _, Placeholder, Template};
use crate::words::words;

/// A documented deviation: the keys that differ. `overlay` merges them; they are declared here so that a mistyped key is
/// reported with its line when the file is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct VariantTable {
    /// What it is, and which page documents it.
    pub summary: String,
    /// Among variants whose signature header is present, the highest rank decides alone. 0 when absent.
    pub rank: i32,
    /// `header:NAME` or `header:NAME=VALUE`: it decides only requests with that header.
    pub when: Option<String>,
    /// How it signs.
    pub signature: Option<SignatureTable>,
    /// Added to the provider's headers, same names replaced; an empty one takes a header away.
    pub headers: IndexMap<String, Template>,
    /// Replaces the envelope whole.
    pub envelope: Option<EnvelopeTable>,
    message: MessageTable,
    read: ReadTable,
    delivery: DeliveryTable,
    retry: Option<RetryTable>,
    endpoint: EndpointRules,
    detect: Detect,
    dedupe: Dedupe,
}

/// `[secret]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SecretTable {
    /// A template of `${new.*}` placeholders, e.g. `whsec_${new.hex32}`.
    pub form: Template,
}

impl Default for SecretTable {
    fn default() -> Self {
        Self {
            form: Template::builtin("whsec_${new.hex32}"),
        }
    }
}

/// `[message]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MessageTable {
    /// A template of `${new.*}` for `${id}`, e.g. `${new.uuid}`. Default: the ledger's own `msg_` id.
    pub id: Option<Template>,
    /// Whether each endpoint gets the event under an id of its own. Default: all get the same.
    pub id_per_delivery: bool,
    /// Body path that `--metadata k=v` writes into, e.g. `data.metadata`.
    pub metadata: Option<String>,
}

/// `[params.NAME]`: what an envelope needs from the user.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Param {
    /// How its text is read.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Used when the user gives none, as text; absent: the parameter is required.
    #[serde(deserialize_with = "scalar_text")]
    pub default: Option<String>,
    /// What it is.
    pub summary: String,
}

words! {
    /// The JSON type of a parameter.
    #[derive(Default)]
    pub enum ParamType {
        /// Text.
        #[default]
        String = "string",
        /// A whole number.
        Integer = "integer",
        /// Any number.
        Number = "number",
        /// `true` or `false`.
        Boolean = "boolean",
    }
}

/// `[envelope]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeTable {
    /// The fields of a JSON object in order: key = template, or a table of such fields. A value that is one placeholder keeps
    /// its type; the key `...` spreads the object `${data}` over the top level.
    pub json: IndexMap<String, EnvelopeField>,
}

/// A field of an envelope: text with placeholders, or any other value with such texts in it.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct EnvelopeField(pub Document);

impl<'de> Deserialize<'de> for EnvelopeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Document::compile(value, &Placeholder::read)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

impl Default for EnvelopeTable {
    fn default() -> Self {
        Self {
            json: IndexMap::from([(
                "...".to_owned(),
                EnvelopeField(Document::Text(Template::builtin("${data}"))),
            )]),
        }
    }
}

/// `[delivery]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DeliveryTable {
    /// Request method.
    pub method: String,
    /// Of the body.
    pub content_type: String,
    /// The whole exchange, body included.
    pub timeout: DurationText,
    /// Status codes and ranges that count as success.
    pub success: Codes,
    /// Default `hook/VERSION`.
    pub user_agent: Option<String>,
}

impl Default for DeliveryTable {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            content_type: "application/json".to_owned(),
            timeout: DurationText(Duration::from_secs(30)),
            success: Codes::any_success(),
            user_agent: None,
        }
    }
}

/// `[test-mode]`: what differs where the mode is test.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TestModeTable {
    /// Added to the provider's headers, same names replaced.
    pub headers: IndexMap<String, Template>,
    /// Keys that replace those of `[retry]`.
    retry: Option<RetryTable>,
}

/// `[retry.KIND]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum RetryTable {
    /// Fixed delays.
    Schedule(Box<ScheduleTable>),
    /// The provider never tries again by itself.
    None(NoRetryTable),
}

/// `[retry.schedule]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScheduleTable {
    /// Delays before attempt 2, 3, ...
    pub delays: Vec<DurationText>,
    /// Repeats the last delay until an attempt would come later than this after the first one, e.g. `3d`.
    pub until: Option<DurationText>,
    /// What the delays run from: `previous` attempt (default) or `first`.
    pub from: RunFrom,
    /// How far a delay may be off, e.g. `10%`. Without it `hook serve` makes delays up to 10 % longer; `0%` keeps them exact.
    pub jitter: Option<Share>,
    /// After the last failure: `fail` or `disable-endpoint`. Absent, or assumed: the delivery has failed, and `hook serve`
    /// disables an endpoint by its own rule.
    pub then: Option<Then>,
    /// With `then = "disable-endpoint"`: how many failed deliveries in a row disable it. Default 1.
    pub disable_after_deliveries: Option<u32>,
    /// With `then = "disable-endpoint"`: how long nothing must have succeeded, instead of a number of deliveries.
    pub disable_after: Option<DurationText>,
    /// How the provider announces that it disabled the endpoint: `email`.
    pub notify: Option<String>,
    /// Status codes whose `Retry-After` is honoured. Absent: none.
    pub honour_retry_after: Codes,
    /// Only these status codes are retried, and these failures without an answer: `error` is all of them, or one by its
    /// name, such as `timeout` or `connect`. Absent: every failure is.
    pub retry_on: Option<Vec<String>>,
    /// The shortest delay after a failure that shows an overload.
    pub overload_delay: Option<DurationText>,
    /// Which failures show one, written as in `retry-on`.
    pub overload_on: Vec<String>,
    /// These status codes end the delivery at once.
    pub stop_on: Codes,
    /// A header of the answer, `NAME: VALUE`, that ends the delivery at once.
    pub stop_on_header: Option<String>,
    /// These status codes end the delivery and disable the endpoint at once.
    pub disable_on: Codes,
}

words! {
    /// What follows the last failed attempt.
    pub enum Then {
        /// Nothing: the endpoint is never disabled for that.
        Fail = "fail",
        /// The endpoint is disabled.
        DisableEndpoint = "disable-endpoint",
    }
}

/// `[retry.none]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NoRetryTable {
    /// What the provider does instead, a clause.
    pub instead: Option<String>,
}

/// `[endpoint]`: rules for endpoints.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all(deserialize = "kebab-case"), default)]
pub struct EndpointRules {
    /// Whether `http:` is refused.
    pub https: Https,
    /// Ports that the provider reaches; empty: any.
    pub ports: Vec<u16>,
    /// Whether the host must be reachable from the internet.
    pub public: bool,
    /// Whether a URL may be registered once only.
    pub unique_url: bool,
    /// How many endpoints each plan allows.
    pub plans: IndexMap<String, Limit>,
    /// How a subscription to every event is written, e.g. `*`. Absent: a list of all.
    pub all_events: Option<String>,
}

words! {
    /// The rule for `http:`.
    #[derive(Default)]
    pub enum Https {
        /// Nothing.
        #[default]
        Any = "any",
        /// Refused.
        Required = "required",
        /// Accepted with a caution; refused in production.
        Recommended = "recommended",
    }
}

/// `[detect]`: how a request is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all(deserialize = "kebab-case"), default)]
pub struct Detect {
    /// One of these is enough.
    pub any_of: Vec<RequestField>,
    /// These must all be there.
    pub all_of: Vec<RequestField>,
}

/// `[dedupe]`: what makes two captures the same event.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dedupe {
    /// The first whose placeholders are all there is the key.
    #[serde(rename(deserialize = "key"))]
    pub keys: Vec<Template>,
    /// The key that the provider's documents advise, where it differs.
    pub documented: Option<String>,
    /// What goes wrong with the documented one.
    pub caution: Option<String>,
}

/// `[events."NAME"]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EventTable {
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

/// `[workflow]`: requests that a user of the provider shapes with merge tags.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkflowTable {
    /// A sample record as JSON text: the tags are the paths into it, `{{contact.email}}`.
    pub context: Option<String>,
}

/// `[inbound]`: triggers of the provider, which the user's own systems call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InboundTable {
    /// Methods that a trigger takes.
    pub methods: Vec<String>,
    /// Fields of the record of which one must be there.
    pub identity: Vec<String>,
}
