//! Plays a provider against one receiver: makes its events, sends them through the ledger like everything else, and gives back
//! what was answered. `hook check` and `hook endpoints test` both work with it.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::context::Context;
use crate::engine::{Delivery, Event, Label, Limits, Signing};
use crate::error::{Error, Result};
use crate::exchange::{Attempt, ErrorKind, SigningMode};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::pipeline::DeliveryObserver;
use crate::provider::Profile;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::provider::policy::Policy;
use crate::store::{DeliveryState, Ledger, Op};
use crate::transport::{AddressPolicy, HttpTransport, ShapedTransport, WireShape};

/// A provider and the receiver that it sends to.
pub struct Player<'a> {
    /// Settings, clock and ledger.
    pub context: &'a Context,
    /// The provider.
    pub profile: Arc<Profile>,
    /// The event that is sent unless a case needs another one.
    pub event: String,
    /// The receiver.
    pub url: Url,
    /// The method.
    pub method: String,
    /// Headers beside the provider's.
    pub headers: Headers,
    /// Which addresses may be reached.
    pub addresses: AddressPolicy,
    /// Time limit and success; one attempt each, since a retry would hide what the receiver answered first.
    pub policy: Arc<Policy>,
    /// For the records.
    pub label: Label,
    /// How genuine events are signed.
    pub signing: Signing,
    /// Parameters of the envelope.
    pub params: Vec<(String, String)>,
    /// Carries the requests.
    pub transport: Arc<HttpTransport>,
    /// Stops it.
    pub cancel: CancellationToken,
    /// After that, requests that are under way are given up.
    pub until: Option<Instant>,
    /// Where requests are recorded.
    pub ledger: Ledger,
}

/// One request and its outcome.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Of the record.
    pub number: u64,
    /// The delivery.
    pub delivery: Id,
    /// How it was signed: as the provider does, or with a fault that a receiver must refuse.
    pub signing: SigningMode,
    /// The attempt.
    pub attempt: Attempt,
}

impl Exchange {
    /// Whether it was signed as the provider does.
    pub fn is_genuine(&self) -> bool {
        self.signing == SigningMode::Fresh
    }

    /// Whether it was broken off from here.
    fn is_given_up(&self) -> bool {
        matches!(self.attempt.outcome.error(), Some((ErrorKind::Cancelled, _)))
    }

    /// Of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        self.attempt.outcome.status()
    }
}

impl Player<'_> {
    /// Options for the event with its sample.
    pub fn compose_options(&self) -> ComposeOptions {
        ComposeOptions {
            mode: Mode::Test,
            ..ComposeOptions::of(self.event.clone(), self.params.clone())
        }
    }

    /// Makes messages of the event.
    pub fn composer(&self) -> Result<Composer<'_>> {
        Ok(Composer::new(&self.profile, self.compose_options())?)
    }

    /// A new event, to be delivered.
    pub fn event_of(&self, composer: &Composer<'_>) -> Result<Delivery> {
        let now = self.context.now();
        let id = Id::new(IdKind::Message, now, &self.context.random);
        let message = composer.compose(id, now, &self.context.random)?;
        Ok(self.delivery(message))
    }

    /// The delivery of a message.
    pub fn delivery(&self, message: Message) -> Delivery {
        let (random, now) = (&self.context.random, self.context.now());
        let (signing, policy) = (self.signing.clone(), Arc::clone(&self.policy));
        Delivery {
            method: self.method.clone(),
            headers: self.headers.clone(),
            addresses: self.addresses,
            ..Delivery::new(
                random,
                now,
                message,
                self.url.clone(),
                signing,
                policy,
                self.label.clone(),
            )
        }
    }

    /// The same request once more, as a delivery of its own.
    pub fn again(&self, delivery: &Delivery) -> Delivery {
        Delivery {
            id: Id::new(IdKind::Delivery, self.context.now(), &self.context.random),
            ..delivery.clone()
        }
    }

    /// Sends so many at once, in that shape. The exchanges have the order of the deliveries; those that were given up, and all
    /// behind them, are missing.
    pub async fn send(&self, deliveries: Vec<Delivery>, at_once: usize, shape: &WireShape) -> Result<Vec<Exchange>> {
        let order: Vec<Id> = deliveries.iter().map(|delivery| delivery.id).collect();
        let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
        for delivery in deliveries {
            let _ = jobs_in.send(delivery).await;
        }
        drop(jobs_in);
        let transport = Arc::new(ShapedTransport::new(Arc::clone(&self.transport), shape));
        let limits = Limits {
            concurrency: at_once,
            ..Limits::default()
        };
        let (ledger, cancel) = (self.ledger.clone(), self.cancel.child_token());
        let pipeline = self.context.pipeline(transport, ledger, limits, cancel.clone(), None);
        let mut exchanges = Vec::new();
        {
            let run = pipeline.run(jobs, &mut exchanges);
            tokio::pin!(run);
            let over = async {
                match self.until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = &mut run => ended?,
                () = over => {
                    cancel.cancel();
                    run.await?
                }
            };
        }
        if self.cancel.is_cancelled() {
            return Err(Error::silent(Exit::Interrupted));
        }
        exchanges.sort_by_key(|exchange: &Exchange| order.iter().position(|id| *id == exchange.delivery));
        let is_complete = |(exchange, id): &(Exchange, &Id)| exchange.delivery == **id && !exchange.is_given_up();
        let complete = exchanges.into_iter().zip(&order).take_while(is_complete);
        Ok(complete.map(|(exchange, _)| exchange).collect())
    }

    /// Notes that deliveries were a test, so that `replay --failed` does not send them again.
    pub async fn mark_tested(&self, ids: impl IntoIterator<Item = Id>) -> Result<()> {
        let mut pending = Vec::new();
        for delivery in ids {
            let state = DeliveryState::Tested;
            let owner = None;
            // All are handed over before the first is waited for, so that they share a sync to disk.
            pending.push(self.ledger.enqueue(Op::State { delivery, state, owner }).await?);
        }
        for ack in pending {
            ack.await?;
        }
        Ok(())
    }
}

impl DeliveryObserver for Vec<Exchange> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.extend(event.attempt.clone().map(|attempt| Exchange {
            number,
            delivery: event.delivery.id,
            signing: match event.delivery.signing {
                Signing::Invalid(mode) => mode,
                Signing::Fresh { .. } | Signing::AsCaptured => SigningMode::Fresh,
            },
            attempt,
        }));
        Ok(())
    }
}
