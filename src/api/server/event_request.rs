//! Events that calls create, in the provider's envelope.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::object::json_object;
use super::response::{ApiRejection, ApiReply, ApiResult};
use super::{ApiEvent, CreatedEvent, MockApi};
use crate::id::{Id, IdKind};
use crate::json_text;
use crate::message::{Message, Mode};
use crate::provider::compose::{ComposeError, ComposeOptions, Composer};
use crate::server::Incoming;

impl MockApi {
    /// hook's own call: emits an event of the catalogue, or one with other data.
    pub(super) async fn emit_event(&self, incoming: &Incoming, key_mode: Mode) -> ApiResult {
        let body = json_object(incoming)?;
        let text = json_text::valid(&incoming.body).unwrap_or("{}");
        let data = json_text::get(text, "data");
        let event = body.get("type").and_then(Value::as_str).unwrap_or_default();
        if event.is_empty() {
            return Err(ApiRejection::invalid("`type` is missing: the name of an event"));
        }
        let mode = match body.get("mode").unwrap_or(&Value::Null) {
            Value::Null => key_mode,
            mode if mode == "test" => Mode::Test,
            mode if mode == "live" && key_mode == Mode::Live => Mode::Live,
            mode if mode == "live" => return Err(ApiRejection::invalid("a test key creates test events only")),
            _ => return Err(ApiRejection::invalid("`mode` is neither `test` nor `live`")),
        };
        let compose = ComposeOptions {
            event: event.to_owned(),
            data: data.map(str::to_owned),
            params: params(text)?,
            mode,
            ..ComposeOptions::default()
        };
        let (message, endpoints) = self.create_event(compose).await?;
        Ok(ApiReply {
            status: 202,
            body: Some(json!({
                "id": Some(&message.wire_id).filter(|id| !id.is_empty()),
                "message": message.id.to_string(),
                "type": message.event,
                "mode": message.mode.name(),
                "endpoints": endpoints,
            })),
            summary: format!("{} goes to {endpoints}", message.event),
            secret: None,
        })
    }

    /// Creates an event. Returns it with the number of endpoints it goes to, once that is in the ledger.
    pub(super) async fn create_event(&self, compose: ComposeOptions) -> ApiResult<(Arc<Message>, usize)> {
        let options = &self.options;
        // The parameters of the call replace those of the account.
        let params: IndexMap<String, String> = options.params.iter().cloned().chain(compose.params).collect();
        let params: Vec<(String, String)> = params.into_iter().collect();
        let compose = ComposeOptions {
            // The data comes from a client, which must not read anything by a placeholder.
            as_it_is: true,
            params: params.clone(),
            ..compose
        };
        let invalid = |error: ComposeError| ApiRejection::invalid(error.to_string());
        let composer = Composer::new(&options.profile, compose).map_err(invalid)?;
        let now = options.clock.now();
        let id = Id::new(IdKind::Message, now, &options.random);
        let message = Arc::new(composer.compose(id, now, &options.random).map_err(invalid)?);
        let (recorded, answer) = oneshot::channel();
        let event = CreatedEvent {
            message: Arc::clone(&message),
            params,
            recorded,
        };
        self.emit(ApiEvent::Event(event)).await;
        match answer.await {
            Ok(Ok(endpoints)) => Ok((message, endpoints)),
            Ok(Err(what)) => Err(ApiRejection::broken(what)),
            Err(_) => {
                let what = "the server is stopping: the event is not delivered";
                Err(ApiRejection::own(503, "UNAVAILABLE", what))
            }
        }
    }
}

/// The parameters in the body of a request, as text.
fn params(body: &str) -> ApiResult<Vec<(String, String)>> {
    let wrong = || ApiRejection::invalid("`params` must be an object of strings, numbers and booleans");
    let given = match json_text::get(body, "params") {
        None | Some("null") => return Ok(Vec::new()),
        Some(params) => json_text::members(params).ok_or_else(wrong)?,
    };
    let text = |(name, value): (String, &str)| Ok((name, json_text::scalar(value).ok_or_else(wrong)?.into_owned()));
    given.into_iter().map(text).collect()
}
