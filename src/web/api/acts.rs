//! What the page does.

use serde::Deserialize;
use tokio::runtime::Handle;

use super::{Api, Call, not_found, record};
use crate::app::actions::{self, ActionResult, EndpointAction, ReplayAction, SampleAction};
use crate::app::context::Context;
use crate::error::Result;
use crate::server::Reply;
use crate::shutdown::Shutdown;
use crate::web::reply;

/// Whether deliveries are paused.
#[derive(Deserialize)]
struct PauseBody {
    paused: bool,
}

impl Api {
    /// Answers what changes something.
    pub(super) async fn act(&self, call: &Call) -> Result<Reply> {
        let secrets = self.options.secrets.clone();
        let done = match (call.method.as_str(), call.words().as_slice()) {
            ("POST", ["records", number, "replay"]) => {
                let (number, mut action): (u64, ReplayAction) = (record(number)?, call.json()?);
                if action.to.as_deref().is_none_or(str::is_empty) {
                    action.to = self.default_target(number).await;
                }
                self.run(move |context, shutdown| {
                    Handle::current().block_on(actions::replay(context, number, &action, &secrets, shutdown))
                })
                .await?
            }
            ("DELETE", ["records", number]) => {
                let number = record(number)?;
                self.aside(move |context| actions::delete(context, number)).await?
            }
            ("POST", ["samples"]) => {
                let action: SampleAction = call.json()?;
                self.run(move |context, shutdown| {
                    Handle::current().block_on(actions::send(context, &action, &secrets, shutdown))
                })
                .await?
            }
            ("POST", ["resume"]) => {
                self.run(move |context, shutdown| {
                    Handle::current().block_on(actions::resume(context, &secrets, shutdown))
                })
                .await?
            }
            ("POST", ["pause"]) => {
                let body: PauseBody = call.json()?;
                self.aside(move |context| actions::pause_all(context, body.paused))
                    .await?
            }
            ("POST", ["endpoints", name, action]) => {
                let action: EndpointAction = serde_json::from_value((*action).into()).map_err(|_| not_found())?;
                let name = (*name).to_owned();
                self.run(move |context, shutdown| {
                    Handle::current().block_on(actions::endpoint(context, &name, action, shutdown))
                })
                .await?
            }
            _ => return Err(not_found()),
        };
        self.hub.report(&done.records);
        Ok(reply::json(200, &done))
    }

    /// Where a request goes that was received and never forwarded: where this process's listener forwards to, or to the
    /// listener itself.
    async fn default_target(&self, number: u64) -> Option<String> {
        let target = self.options.live.as_ref()?.default_target()?;
        let is_unsent = self.ask(move |_, store| {
            let record = store.get(number)?.and_then(crate::store::Record::into_capture);
            Ok(record.is_some_and(|capture| capture.forwarded_to.is_none()))
        });
        is_unsent.await.ok()?.then_some(target)
    }

    /// Runs an action that sends, on a thread of its own: it may wait for its target.
    async fn run(
        &self,
        action: impl FnOnce(&Context, &Shutdown) -> Result<ActionResult> + Send + 'static,
    ) -> Result<ActionResult> {
        let shutdown = self.shutdown.clone();
        self.aside(move |context| action(context, &shutdown)).await
    }
}
