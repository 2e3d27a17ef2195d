//! Events that calls create, in the provider's envelope.

use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::oneshot;

use super::response::{ApiRejection, ApiResult};
use super::{ApiEvent, CreatedEvent, MockApi};
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::provider::compose::{ComposeError, ComposeOptions, Composer};

impl MockApi {
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
