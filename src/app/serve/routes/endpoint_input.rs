//! What calls about endpoints carry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::{self, LimitsAnswer};
use crate::clock::parse_duration;
use crate::endpoints::{AttemptTimeout, Change, EndpointEntry, EndpointLimits, Events, LimitsChange, Rate, RateChange};

/// How long an old secret counts unless the caller says otherwise.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// An endpoint to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEndpoint {
    name: Option<String>,
    #[schema(format = "uri", example = "https://example.com/hooks")]
    url: String,
    provider: Option<String>,
    #[schema(schema_with = schema::events)]
    events: Events,
    description: Option<String>,
    env: Option<String>,
    plan: Option<String>,
    params: Option<BTreeMap<String, String>>,
    pub(super) tenant: Option<String>,
    #[serde(rename = "where")]
    #[schema(schema_with = schema::scalars)]
    conditions: Option<BTreeMap<String, Value>>,
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    #[schema(value_type = Option<LimitsAnswer>)]
    limits: Option<EndpointLimits>,
}

/// A change of an endpoint: what is absent stays, and null removes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointChange {
    name: Option<String>,
    url: Option<String>,
    #[schema(schema_with = schema::optional_events)]
    events: Option<Events>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    env: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    plan: Option<Option<String>>,
    params: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) tenant: Option<Option<String>>,
    #[serde(rename = "where")]
    #[schema(schema_with = schema::scalars_or_null)]
    conditions: Option<BTreeMap<String, Value>>,
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    headers: Option<BTreeMap<String, Option<String>>>,
    limits: Option<ChangedLimits>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedLimits {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    concurrency: Option<Option<std::num::NonZeroU16>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 1000000)]
    rate: Option<Option<Rate>>,
    ordered: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "5s")]
    timeout: Option<Option<AttemptTimeout>>,
}

/// A new secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    #[schema(value_type = Option<String>, pattern = r"^([0-9]{1,4}(\.[0-9]{1,3})?(ms|s|m|h|d|w))+$", example = "24h")]
    overlap: Option<Overlap>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Overlap(Duration);

/// An endpoint is switched on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enabling {
    #[serde(default)]
    pub(super) replay_parked: bool,
}

/// A test of an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestRequest {
    pub(super) event: Option<String>,
}

/// Present, with a value or with null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl NewEndpoint {
    /// As an entry of a reviewed file.
    pub(super) fn entry(self) -> EndpointEntry {
        EndpointEntry {
            name: self.name,
            url: self.url,
            provider: self.provider,
            events: self.events,
            description: self.description,
            active: None,
            env: self.env,
            plan: self.plan,
            params: self.params.unwrap_or_default(),
            tenant: self.tenant,
            conditions: self.conditions.unwrap_or_default(),
            headers: self.headers.unwrap_or_default(),
            limits: self.limits.unwrap_or_default(),
            secret: None,
        }
    }
}

impl EndpointChange {
    /// As the use case takes it: an empty text removes.
    pub(super) fn parts(self) -> (Change, LimitsChange) {
        let text = |given: Option<Option<String>>| given.map(Option::unwrap_or_default);
        let env = text(self.env).map(|env| [("env".to_owned(), env)].into());
        let headers = self.headers.map(|headers| {
            let line = |(name, value): (String, Option<String>)| (name, value.unwrap_or_default());
            headers.into_iter().map(line).collect()
        });
        let change = Change {
            name: self.name,
            url: self.url,
            events: self.events,
            active: None,
            description: text(self.description),
            labels: env,
            plan: text(self.plan),
            params: self.params,
            tenant: text(self.tenant),
            conditions: self.conditions,
            headers,
            limits: None,
            secret: None,
        };
        (change, self.limits.map(LimitsChange::from).unwrap_or_default())
    }
}

impl From<ChangedLimits> for LimitsChange {
    fn from(limits: ChangedLimits) -> Self {
        Self {
            concurrency: limits.concurrency.map(|most| most.map_or(0, std::num::NonZeroU16::get)),
            rate: limits.rate.map(|rate| rate.map_or(RateChange::Remove, RateChange::To)),
            ordered: limits.ordered,
            timeout: limits.timeout,
        }
    }
}

impl Rotation {
    /// How long the old secret counts.
    pub(super) fn overlap(&self) -> Duration {
        self.overlap.as_ref().map_or(OVERLAP, |overlap| overlap.0)
    }
}

impl TryFrom<String> for Overlap {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_duration(&text).map(Self)
    }
}
