//! Events that calls cause: made in the provider's envelope, and handed to whoever delivers.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::ask;
use super::outcome::{Done, Outcome, Refusal};
use super::{Face, Occurrence, Told};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::compose::{Composer, Wishes};
use crate::server::Incoming;

impl Face {
    /// hook's own call: any event of the catalogue, or one with data of its own.
    pub(super) async fn happen(&self, incoming: &Incoming, mode: Mode) -> Outcome {
        let body = ask::object(incoming)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let Some(event) = text("type").filter(|event| !event.is_empty()) else {
            return Err(Refusal::invalid("`type` is missing: the name of an event"));
        };
        let mode = match (text("mode"), mode) {
            (None, mode) => mode,
            (Some("test"), _) => Mode::Test,
            (Some("live"), Mode::Live) => Mode::Live,
            (Some("live"), Mode::Test) => return Err(Refusal::invalid("a test key causes test events only")),
            (Some(_), _) => return Err(Refusal::invalid("`mode` is neither `test` nor `live`")),
        };
        let (message, endpoints) = self.cause(event, body.get("data").cloned(), mode).await?;
        Ok(Done {
            status: 202,
            body: Some(json!({
                "id": message.id.to_string(),
                "type": message.event,
                "mode": message.mode.name(),
                "endpoints": endpoints,
            })),
            said: format!("{} goes to {endpoints}", message.event),
        })
    }

    /// Makes an event happen; how many endpoints it goes to, once that is on record.
    pub(super) async fn cause(&self, event: &str, data: Option<Value>, mode: Mode) -> Outcome<(Arc<Message>, usize)> {
        let setup = &self.setup;
        let wishes = Wishes {
            event: event.to_owned(),
            data,
            as_it_is: true,
            params: setup.params.clone(),
            mode,
            ..Wishes::default()
        };
        let invalid = |error: crate::provider::compose::ComposeError| Refusal::invalid(error.to_string());
        let composer = Composer::new(&setup.profile, wishes).map_err(invalid)?;
        let now = setup.clock.now();
        let id = Id::new(IdKind::Message, now, &setup.random);
        let message = Arc::new(composer.compose(id, now, &setup.random).map_err(invalid)?);
        let (kept, answer) = oneshot::channel();
        self.tell(Told::Event(Occurrence {
            message: Arc::clone(&message),
            params: setup.params.clone(),
            kept,
        }))
        .await;
        match answer.await {
            Ok(Ok(endpoints)) => Ok((message, endpoints)),
            Ok(Err(what)) => Err(Refusal::broken(what)),
            Err(_) => Err(Refusal::own(
                503,
                "UNAVAILABLE",
                "the event cannot be delivered any more",
            )),
        }
    }
}
