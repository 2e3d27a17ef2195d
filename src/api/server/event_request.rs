//! Events that calls create, in the provider's envelope.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::response::{ApiRejection, ApiReply, ApiResult};
use super::subscription_request;
use super::{ApiEvent, CreatedEvent, MockApi};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::compose::{ComposeOptions, Composer};
use crate::server::Incoming;
use crate::template::text_of;

/// An event to create.
pub(super) struct EventSpec<'a> {
    pub(super) event: &'a str,
    /// Absent: the sample.
    pub(super) data: Option<Value>,
    /// Parameters of the envelope, before those of the account.
    pub(super) params: Vec<(String, String)>,
    pub(super) mode: Mode,
}

impl MockApi {
    /// hook's own call: any event of the catalogue, or one with data of its own.
    pub(super) async fn emit_event(&self, incoming: &Incoming, mode: Mode) -> ApiResult {
        let body = subscription_request::object(incoming)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let Some(event) = text("type").filter(|event| !event.is_empty()) else {
            return Err(ApiRejection::invalid("`type` is missing: the name of an event"));
        };
        let asked = body.get("mode").filter(|mode| !mode.is_null());
        let mode = match (asked.map(|asked| asked.as_str().unwrap_or_default()), mode) {
            (None, mode) => mode,
            (Some("test"), _) => Mode::Test,
            (Some("live"), Mode::Live) => Mode::Live,
            (Some("live"), Mode::Test) => return Err(ApiRejection::invalid("a test key causes test events only")),
            (Some(_), _) => return Err(ApiRejection::invalid("`mode` is neither `test` nor `live`")),
        };
        let event_spec = EventSpec {
            event,
            data: body.get("data").cloned(),
            params: params(&body)?,
            mode,
        };
        let (message, endpoints) = self.create_event(event_spec).await?;
        Ok(ApiReply {
            status: 202,
            body: Some(json!({
                "id": message.id.to_string(),
                "type": message.event,
                "mode": message.mode.name(),
                "endpoints": endpoints,
            })),
            summary: format!("{} goes to {endpoints}", message.event),
        })
    }

    /// Creates an event; how many endpoints it goes to, once that is on record.
    pub(super) async fn create_event(&self, event_spec: EventSpec<'_>) -> ApiResult<(Arc<Message>, usize)> {
        let options = &self.options;
        // Of one name the last one counts.
        let params: IndexMap<String, String> = options.params.iter().cloned().chain(event_spec.params).collect();
        let params: Vec<(String, String)> = params.into_iter().collect();
        let compose = ComposeOptions {
            event: event_spec.event.to_owned(),
            data: event_spec.data,
            as_it_is: true,
            params: params.clone(),
            mode: event_spec.mode,
            ..ComposeOptions::default()
        };
        let invalid = |error: crate::provider::compose::ComposeError| ApiRejection::invalid(error.to_string());
        let composer = Composer::new(&options.profile, compose).map_err(invalid)?;
        let now = options.clock.now();
        let id = Id::new(IdKind::Message, now, &options.random);
        let message = Arc::new(composer.compose(id, now, &options.random).map_err(invalid)?);
        let (recorded, answer) = oneshot::channel();
        self.emit(ApiEvent::Event(CreatedEvent {
            message: Arc::clone(&message),
            params,
            recorded,
        }))
        .await;
        match answer.await {
            Ok(Ok(endpoints)) => Ok((message, endpoints)),
            Ok(Err(what)) => Err(ApiRejection::broken(what)),
            Err(_) => Err(ApiRejection::own(
                503,
                "UNAVAILABLE",
                "the event cannot be delivered any more",
            )),
        }
    }
}

/// The parameters that a request gives, as text.
fn params(body: &Value) -> ApiResult<Vec<(String, String)>> {
    let wrong = || ApiRejection::invalid("`params` is no object of texts, numbers and truth values");
    match body.get("params") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(given)) => given
            .iter()
            .map(|(name, value)| match value {
                Value::Null | Value::Array(_) | Value::Object(_) => Err(wrong()),
                scalar => Ok((name.clone(), text_of(scalar))),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}
