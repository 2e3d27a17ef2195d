//! The forms of the contract that no type of the program has: bodies that are read by hand, and answers that are made for the log
//! as well.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, Array, ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, ToSchema};

use crate::message::Mode;
use crate::store::DeliveryState;

/// How long ago.
const DURATION: &str = r"^([0-9]{1,3}(\.[0-9]{1,3})?(ms|s|m|h|d|w)){1,4}$";

/// An event.
#[expect(dead_code, reason = "describes a body whose numbers are kept as they are written")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventInput {
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "order.paid"
    )]
    event: String,
    /// Its data, any JSON of at most 1 MiB, delivered as it is.
    #[schema(required, example = json!({"order": 7}))]
    data: Value,
    /// Its id; made up unless given.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    id: Option<String>,
    /// That of the key unless given.
    #[schema(schema_with = optional_mode)]
    mode: Option<Mode>,
    /// The tenant whose endpoints get it; without one those without a tenant get it.
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,100}$")]
    tenant: Option<String>,
    /// Parameters of the envelope.
    #[schema(schema_with = scalars)]
    params: Option<BTreeMap<String, Value>>,
}

/// Which deliveries.
#[expect(dead_code, reason = "describes a query, and a body that is read like one")]
#[derive(Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryFilter {
    /// Their state. Of a retry: `failed`, `parked` or `cancelled`; `failed` unless given.
    #[schema(schema_with = retried_state)]
    state: Option<String>,
    /// The endpoint's name.
    endpoint: Option<String>,
    /// A name of an event, or a pattern such as `order.*`.
    event: Option<String>,
    /// The provider's name.
    provider: Option<String>,
    /// The tenant.
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,100}$")]
    #[param(pattern = "^[A-Za-z0-9._:-]{1,100}$")]
    tenant: Option<String>,
    /// A moment (RFC 3339), or how long ago.
    #[schema(schema_with = optional_since)]
    since: Option<String>,
}

/// Since when.
#[expect(dead_code, reason = "describes a body that is read like a query")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecoveryInput {
    /// A moment (RFC 3339), or how long ago.
    #[schema(schema_with = since, example = "2h")]
    since: String,
}

/// How fast an endpoint gets its deliveries.
#[expect(dead_code, reason = "describes a type of another layer")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsAnswer {
    /// Attempts at once, at most.
    #[schema(minimum = 1, maximum = 65535)]
    concurrency: Option<u16>,
    /// Attempts begun in a second, at most.
    #[schema(minimum = 0.001, maximum = 1_000_000)]
    rate: Option<f64>,
    /// Whether each delivery waits for the end of the one before.
    #[serde(default)]
    ordered: bool,
    /// How long an attempt may take, from 100ms to 5m.
    #[schema(example = "5s")]
    timeout: Option<String>,
}

/// A delivery in a list.
#[expect(dead_code, reason = "describes a record of the log")]
#[derive(ToSchema)]
pub(super) struct DeliveryItem {
    number: u64,
    /// `dlv_...`
    id: String,
    kind: String,
    #[schema(format = DateTime)]
    at: String,
    event: Option<String>,
    provider: Option<String>,
    endpoint: Option<String>,
    /// Absent: it has none.
    #[schema(nullable = false)]
    tenant: Option<String>,
    #[schema(schema_with = state)]
    state: String,
    reason: Option<String>,
    /// The URL, credentials masked.
    target: String,
    status: Option<u16>,
    attempts: u32,
    took_ms: Option<f64>,
    size: u64,
}

/// A page of deliveries.
#[expect(dead_code, reason = "describes a page of records of the log")]
#[derive(ToSchema)]
pub(super) struct DeliveryPage {
    items: Vec<DeliveryItem>,
    /// The cursor of the next page.
    #[schema(required)]
    next: Option<String>,
}

/// A delivery with its attempts, as `hook log show --json` prints it.
#[expect(dead_code, reason = "describes a record of the log")]
#[derive(ToSchema)]
pub(super) struct DeliveryAnswer {
    number: u64,
    /// `dlv_...`
    id: String,
    #[schema(format = DateTime)]
    at: String,
    source: String,
    event: Option<String>,
    /// The id of the event on the wire.
    message: Option<String>,
    #[schema(schema_with = mode)]
    mode: Mode,
    provider: Option<String>,
    endpoint: Option<String>,
    #[schema(nullable = false)]
    tenant: Option<String>,
    method: String,
    url: String,
    #[schema(schema_with = state)]
    state: String,
    next_due: Option<String>,
    /// Why it is parked.
    parked: Option<String>,
    attempts: Vec<AttemptAnswer>,
    size: u64,
    content_type: String,
    body: Option<String>,
    body_base64: Option<String>,
}

/// An attempt.
#[expect(dead_code, reason = "describes a record of the log")]
#[derive(ToSchema)]
pub(super) struct AttemptAnswer {
    attempt: u32,
    #[schema(format = DateTime)]
    at: String,
    took_ms: f64,
    status: Option<u16>,
    error: Option<String>,
    detail: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// Attempts, the oldest first.
#[expect(dead_code, reason = "describes records of the log")]
#[derive(ToSchema)]
pub(super) struct AttemptList {
    items: Vec<AttemptAnswer>,
}

/// A delivery that was entered again.
#[expect(dead_code, reason = "describes an answer of three fields")]
#[derive(ToSchema)]
pub(super) struct RetriedDelivery {
    number: u64,
    id: String,
    #[schema(schema_with = state)]
    state: String,
}

/// Whether deliveries are paused.
#[expect(dead_code, reason = "describes an answer of two fields")]
#[derive(ToSchema)]
pub(super) struct PauseAnswer {
    /// Absent: everything.
    #[schema(nullable = false)]
    endpoint: Option<String>,
    paused: bool,
}

/// How the process is.
#[expect(dead_code, reason = "describes an answer of one field")]
#[derive(ToSchema)]
pub(super) struct Liveness {
    /// `ok` or `ready`.
    status: String,
}

fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.into_iter().map(Value::from)))
}

fn or_null(schema: impl Into<Schema>) -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    AnyOfBuilder::new()
        .item(schema.into())
        .item(null.build())
        .build()
        .into()
}

/// `live` or `test`.
pub(super) fn mode() -> Schema {
    words(Mode::ALL.iter().map(|mode| mode.name())).build().into()
}

fn optional_mode() -> Schema {
    or_null(mode())
}

/// The states of deliveries of a service.
pub(super) fn state() -> Schema {
    words(DeliveryState::ALL.iter().map(|state| state.name()))
        .build()
        .into()
}

fn retried_state() -> Schema {
    or_null(words(["failed", "parked", "cancelled"]).build())
}

/// A moment or how long ago.
pub(super) fn since() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let ago = text().pattern(Some(DURATION)).build();
    let moment = text().pattern(Some(
        r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$",
    ));
    AnyOfBuilder::new().item(ago).item(moment.build()).build().into()
}

fn optional_since() -> Schema {
    or_null(since())
}

/// `"all"`, or names of events.
pub(super) fn events() -> Schema {
    let names = Array::new(ObjectBuilder::new().schema_type(Type::String).build());
    AnyOfBuilder::new()
        .item(words(["all"]).build())
        .item(Schema::Array(names))
        .build()
        .into()
}

pub(super) fn optional_events() -> Schema {
    or_null(events())
}

/// Texts, numbers and booleans by their names, or null.
pub(super) fn scalars() -> Schema {
    or_null(map(scalar([Type::String, Type::Number, Type::Boolean])))
}

/// The same with null for what is to be removed.
pub(super) fn scalars_or_null() -> Schema {
    or_null(map(scalar([Type::String, Type::Number, Type::Boolean, Type::Null])))
}

/// Texts, numbers and booleans by their names.
pub(super) fn conditions() -> Schema {
    map(scalar([Type::String, Type::Number, Type::Boolean]))
}

fn scalar(types: impl IntoIterator<Item = Type>) -> Schema {
    let kinds = types.into_iter().fold(AnyOfBuilder::new(), |all, kind| {
        all.item(ObjectBuilder::new().schema_type(kind).build())
    });
    kinds.build().into()
}

fn map(of: Schema) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::RefOr(of.into())))
        .build()
        .into()
}
