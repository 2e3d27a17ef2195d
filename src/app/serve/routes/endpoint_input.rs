//! What calls about endpoints carry.

#![expect(
    clippy::option_option,
    reason = "in a change, what is absent, what is null and a value are three things"
)]

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::FieldFindings;
use super::schema;
use crate::clock::parse_duration;
use crate::endpoints::{
    AttemptTimeout, Change, EndpointEntry, EndpointLimits, Events, LimitChange, LimitsChange, Rate,
};
use crate::error::Error;

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
    limits: Option<GivenLimits>,
    /// Accept events that are not in the catalogue.
    pub(super) new_events: Option<bool>,
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
    limits: Option<GivenLimits>,
    /// Whether it gets deliveries.
    active: Option<bool>,
    /// Accept events that are not in the catalogue.
    pub(super) new_events: Option<bool>,
}

/// Limits of an endpoint; null is none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GivenLimits {
    /// Attempts at once, at most.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    concurrency: Option<Option<Whole>>,
    /// Attempts begun in a second, at most.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 1_000_000)]
    rate: Option<Option<Rate>>,
    /// Whether each delivery waits for the end of the one before.
    ordered: Option<bool>,
    /// How long an attempt may take, from 100ms to 5m.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "5s")]
    timeout: Option<Option<String>>,
}

/// A whole number, however it is written: `4.0` is `4` in JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "f64")]
struct Whole(NonZeroU16);

impl TryFrom<f64> for Whole {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        let text = number.to_string();
        text.parse()
            .map(Self)
            .map_err(|_| "expected a whole number from 1 to 65535")
    }
}

/// A new secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    #[schema(value_type = Option<String>, pattern = r"^([0-9]{1,3}(\.[0-9]{1,3})?(ms|s|m|h|d|w)){1,4}$", example = "24h")]
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
    pub(super) fn entry(self, fields: &mut FieldFindings) -> EndpointEntry {
        let limits = self.limits.map(|limits| limits.change(fields));
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
            limits: EndpointLimits::default().changed(limits.unwrap_or_default()),
            secret: None,
        }
    }
}

impl EndpointChange {
    /// As the use case takes it: an empty text removes.
    pub(super) fn parts(self, fields: &mut FieldFindings) -> (Change, LimitsChange) {
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
            active: self.active,
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
        let limits = self.limits.map(|limits| limits.change(fields));
        (change, limits.unwrap_or_default())
    }
}

impl GivenLimits {
    fn change(self, fields: &mut FieldFindings) -> LimitsChange {
        let timeout = self.timeout.and_then(|limit| {
            let limit = limit.map(|limit| AttemptTimeout::try_from(limit).map_err(Error::usage));
            fields.take("bad-timeout", &["limits", "timeout"], limit.transpose())
        });
        LimitsChange {
            concurrency: self.concurrency.map(|most| most.map_or(0, |most| most.0.get())),
            rate: self.rate.map(LimitChange::from),
            ordered: self.ordered,
            timeout: timeout.map(LimitChange::from),
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
