//! The events of the API, one after the other: calls to the observer, events to the fan-out, challenges to endpoints.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::deliveries::FanOut;
use super::queue::{AcceptedEvent, NewIntake, ServiceQueue};
use super::status::StatusSampler;
use super::subscribers::Subscribers;
use super::{CHALLENGES, ServeEvent};
use crate::api::server::{ApiEvent, ConfirmationRequest, CreatedEvent};
use crate::app::context::aside;
use crate::app::handshake::{self, HandshakeResult};
use crate::app::rejected_peers::RejectedPeers;
use crate::endpoints::{Confirmed, EndpointStore as _};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::transport::HttpTransport;

/// A challenge and its answer.
type AnsweredRequest = (ConfirmationRequest, std::result::Result<(), String>);

/// Dispatches the events of the API. Challenges to unconfirmed endpoints run in the background: a call that registers one
/// does not wait for the answer.
pub(super) struct EventLoop<F> {
    pub(super) queue: Arc<ServiceQueue>,
    pub(super) fan_out: FanOut,
    pub(super) transport: Arc<HttpTransport>,
    /// Challenges that were sent; as many as deliveries to one endpoint at the same time.
    pub(super) challenges: JoinSet<AnsweredRequest>,
    pub(super) rejected_peers: RejectedPeers,
    /// How often the status is reported; absent: never.
    pub(super) status_every: Option<Duration>,
    pub(super) observer: F,
}

impl<F: Fn(ServeEvent<'_>) -> Result<()>> EventLoop<F> {
    /// Works until the server has ended and every event is taken.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<ApiEvent>, serving: JoinHandle<usize>) -> Result<()> {
        let (mut sampler, every) = (StatusSampler::default(), self.status_every);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(next), if every.is_some() => {
                    (self.observer)(ServeEvent::Status(&sampler.take(&self.queue)))?;
                    next = Instant::now() + every.unwrap_or_default();
                }
                answered = answered(&mut self.challenges) => self.confirmed(answered).await?,
                event = events.recv() => match event {
                    Some(event) => self.take(event).await?,
                    None => break,
                },
            }
        }
        let _ = serving.await;
        self.rejected_peers.finish(&self.queue.context.notices);
        Ok(())
    }

    async fn take(&mut self, event: ApiEvent) -> Result<()> {
        let notices = &self.queue.context.notices;
        match event {
            ApiEvent::Call(call) => (self.observer)(ServeEvent::Call(&call))?,
            ApiEvent::Event(event) => self.accept(event).await,
            ApiEvent::Confirmation(request) => self.ask(*request).await?,
            ApiEvent::Rejected(rejection) => self.rejected_peers.rejected(notices, &rejection),
            ApiEvent::NotAccepted(error) => self.rejected_peers.not_accepted(notices, &error),
        }
        Ok(())
    }

    /// Records an event of the provider with its deliveries, and answers the call that created it.
    async fn accept(&self, event: CreatedEvent) {
        let CreatedEvent {
            message,
            params,
            recorded,
        } = event;
        let _ = recorded.send(match self.record(message, &params).await {
            Ok(deliveries) => Ok(deliveries),
            Err(error) => {
                let what = format!("an event is not delivered: {error}");
                self.queue.context.notices.warn(what);
                Err("the event could not be recorded".to_owned())
            }
        });
    }

    async fn record(&self, message: Arc<Message>, params: &[(String, String)]) -> Result<usize> {
        let context = &self.queue.context;
        let mut count = 0;
        let make = |subscribers: &Subscribers| {
            let deliveries = self.fan_out.message(context, subscribers, &message, params);
            count = deliveries.len();
            let event = AcceptedEvent {
                id: message.id.to_string(),
                name: message.event.clone(),
                mode: message.mode,
                data: Some(message.body.to_vec()),
                tenant: None,
                deliveries,
            };
            Ok::<_, Error>(NewIntake {
                events: vec![event],
                ..NewIntake::default()
            })
        };
        self.queue.accept(make).await?;
        Ok(count)
    }

    /// Sends a challenge; one that cannot be sent is answered at once.
    async fn ask(&mut self, asked: ConfirmationRequest) -> Result<()> {
        if self.challenges.len() >= CHALLENGES {
            let answered = answered(&mut self.challenges).await;
            self.confirmed(answered).await?;
        }
        let Some(profile) = self.fan_out.played.clone() else {
            return Ok(());
        };
        // The endpoint's secrets are files.
        let made = aside(&self.queue.context, move |context| {
            let request = profile
                .handshakes
                .first()
                .map(|handshake| handshake::question(context, &profile, handshake, &asked.endpoint, &asked.token));
            Ok((asked, request))
        });
        let (asked, request) = match made.await? {
            (_, None) => return Ok(()),
            (asked, Some(Ok(request))) => (asked, request),
            (asked, Some(Err(error))) => return self.confirmed((asked, Err(error.to_string()))).await,
        };
        let transport = Arc::clone(&self.transport);
        self.challenges.spawn(async move {
            let answered = handshake::ask(transport.as_ref(), &request, &asked.token).await;
            (asked, answered)
        });
        Ok(())
    }

    async fn confirmed(&self, (asked, answered): AnsweredRequest) -> Result<()> {
        let outcome = match answered {
            Ok(()) => self.confirm(&asked).await,
            Err(why) => Err(why),
        };
        let result = HandshakeResult::of_endpoint(&asked.endpoint, outcome);
        (self.observer)(ServeEvent::Confirmation(&result))?;
        if !result.confirmed {
            let name = &asked.endpoint.name;
            self.queue.context.notices.hint(format!(
                "`hook endpoints confirm {name}` sends another challenge, `hook endpoints confirm {name} TOKEN` confirms by hand"
            ));
        }
        Ok(())
    }

    /// Confirms an endpoint that returned the token.
    async fn confirm(&self, asked: &ConfirmationRequest) -> std::result::Result<(), String> {
        let (id, token) = (asked.endpoint.id.clone(), asked.token.clone());
        let confirmed = aside(&self.queue.context, move |context| {
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
}

/// The next answer; never ready without a challenge. Cancel safe.
async fn answered(challenges: &mut JoinSet<AnsweredRequest>) -> AnsweredRequest {
    loop {
        match challenges.join_next().await {
            Some(Ok(answered)) => return answered,
            // A challenge that panicked leaves its endpoint pending.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }
}
