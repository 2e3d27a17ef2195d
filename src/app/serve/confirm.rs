//! Challenges to unconfirmed endpoints, in the background: a call that registers one does not wait for the answer.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::api::server::ConfirmationRequest;
use crate::app::context::{Context, aside};
use crate::app::handshake::{self, HandshakeResult};
use crate::endpoints::{Confirmed, EndpointStore as _};
use crate::error::Result;
use crate::provider::Profile;
use crate::transport::HttpTransport;

/// Challenges at the same time; more wait.
const CONCURRENCY: usize = 16;

/// A challenge and its answer.
pub(super) type AnsweredRequest = (ConfirmationRequest, std::result::Result<(), String>);

/// Sends challenges, and confirms endpoints that return the token.
pub(super) struct Confirmations {
    pub(super) context: Arc<Context>,
    pub(super) profile: Arc<Profile>,
    pub(super) transport: Arc<HttpTransport>,
    pub(super) in_flight: JoinSet<AnsweredRequest>,
}

impl Confirmations {
    /// Whether an answer must come before the next challenge.
    pub(super) fn is_full(&self) -> bool {
        self.in_flight.len() >= CONCURRENCY
    }

    /// Sends a challenge; one that cannot be sent is answered at once.
    pub(super) async fn ask(&mut self, asked: ConfirmationRequest) -> Result<Option<AnsweredRequest>> {
        let profile = Arc::clone(&self.profile);
        // The endpoint's secrets are files.
        let made = aside(&self.context, move |context| {
            let request = profile
                .handshakes
                .first()
                .map(|handshake| handshake::question(context, &profile, handshake, &asked.endpoint, &asked.token));
            Ok((asked, request))
        });
        let (asked, request) = match made.await? {
            (_, None) => return Ok(None),
            (asked, Some(Ok(request))) => (asked, request),
            (asked, Some(Err(error))) => return Ok(Some((asked, Err(error.to_string())))),
        };
        let transport = Arc::clone(&self.transport);
        self.in_flight.spawn(async move {
            let answered = handshake::ask(transport.as_ref(), &request, &asked.token).await;
            (asked, answered)
        });
        Ok(None)
    }

    /// The next answer; never ready without a challenge. Cancel safe.
    pub(super) async fn answered(&mut self) -> AnsweredRequest {
        loop {
            match self.in_flight.join_next().await {
                Some(Ok(answered)) => return answered,
                // A challenge that panicked leaves its endpoint pending.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Confirms an endpoint that returned the token.
    pub(super) async fn finish(&self, (asked, answered): AnsweredRequest) -> HandshakeResult {
        let (id, token) = (asked.endpoint.id.clone(), asked.token);
        let outcome = match answered {
            Err(why) => Err(why),
            Ok(()) => {
                let confirmed = aside(&self.context, move |context| {
                    let token = String::from_utf8_lossy(token.expose());
                    Ok(context.book().confirm(&id, &token, context.now())?)
                });
                match confirmed.await {
                    Ok((_, Confirmed::Now | Confirmed::Before)) => Ok(()),
                    // It was changed meanwhile, which sends another challenge.
                    Ok((_, Confirmed::WrongToken)) => Err("its URL was changed meanwhile".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
        };
        HandshakeResult::of_endpoint(&asked.endpoint, outcome)
    }
}
