//! Fan-out: from an event to deliveries, one for each subscribed endpoint, on record before the call is answered.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::api::server::CreatedEvent;
use crate::app::context::{Context, aside};
use crate::app::endpoint_health;
use crate::app::resolve::ACCOUNT_OFF;
use crate::app::sign::check_signature;
use crate::endpoints::{BookWatch, Endpoint, WantedEvent};
use crate::engine::{Delivery, Event, Label};
use crate::error::Result;
use crate::exchange::Source;
use crate::message::Message;
use crate::pipeline::{DeliveryObserver, EndpointOutcome, record};
use crate::provider::Profile;
use crate::store::{Lease, Ledger, Op};
use crate::target::parse_url;
use crate::text::printable;
use crate::transport::AddressPolicy;
use crate::verification::dev_secret::Purpose;

/// Turns events into deliveries.
pub(super) struct Fanout {
    pub(super) context: Arc<Context>,
    pub(super) subscribers: Subscribers,
    pub(super) ledger: Ledger,
    pub(super) lease: Arc<Lease>,
    pub(super) jobs: mpsc::Sender<Delivery>,
}

/// Selects the endpoints of an event.
#[derive(Clone)]
pub(super) struct Subscribers {
    pub(super) profile: Arc<Profile>,
    pub(super) addresses: AddressPolicy,
    pub(super) book: Arc<BookWatch>,
}

impl Fanout {
    /// Records the deliveries of an event, answers the call that created it, and hands them to the engine.
    pub(super) async fn take(&self, event: CreatedEvent) {
        let deliveries = match self.record(&event).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                self.context.notices.warn(format!("an event is not delivered: {error}"));
                let _ = event.recorded.send(Err("the event could not be recorded".to_owned()));
                return;
            }
        };
        let _ = event.recorded.send(Ok(deliveries.len()));
        for delivery in deliveries {
            let _ = self.jobs.send(delivery).await;
        }
    }

    async fn record(&self, event: &CreatedEvent) -> Result<Vec<Delivery>> {
        let (subscribers, message) = (self.subscribers.clone(), Arc::clone(&event.message));
        let params = event.params.clone();
        // The book and the secrets of endpoints are files.
        let deliveries = aside(&self.context, move |context| {
            subscribers.deliveries(context, &message, &params)
        })
        .await?;
        // All are enqueued before the first is awaited, so that they share a sync to disk.
        let mut acks = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let new = record(delivery, Some(self.lease.name().to_owned()));
            acks.push(self.ledger.enqueue(Op::Delivery(Box::new(new))).await?);
        }
        for ack in acks {
            ack.await?;
        }
        Ok(deliveries)
    }
}

impl Subscribers {
    fn deliveries(
        &self,
        context: &Context,
        message: &Arc<Message>,
        params: &[(String, String)],
    ) -> Result<Vec<Delivery>> {
        let notices = &context.notices;
        if context.settings.account_off {
            notices.warn(ACCOUNT_OFF);
            return Ok(Vec::new());
        }
        let wanted = WantedEvent {
            provider: &self.profile.name,
            event: &message.event,
            environment: None,
            params: &self.profile.effective_params(params),
        };
        let (mut deliveries, mut skipped) = (Vec::new(), Vec::new());
        for endpoint in self.book.read()?.iter() {
            let message = match deliveries.len() {
                0 => Arc::clone(message),
                _ => self
                    .profile
                    .for_another_delivery(message, context.now(), &context.random),
            };
            match endpoint.wants(&wanted) {
                Ok(()) => match self.delivery(context, endpoint, &message) {
                    Ok(delivery) => deliveries.push(delivery),
                    // One endpoint without a readable secret must not stop the others.
                    Err(error) => notices.warn(format!("nothing goes to `{}`: {error}", endpoint.name)),
                },
                Err(skip) => {
                    let why = printable(&skip.to_string(), 200);
                    skipped.push(format!("  {}  skipped: {why}", endpoint.name));
                }
            }
        }
        for line in skipped {
            // The reason matters most when no endpoint gets the event.
            if deliveries.is_empty() {
                notices.note(line);
            } else {
                notices.detail(line);
            }
        }
        Ok(deliveries)
    }

    fn delivery(&self, context: &Context, endpoint: &Endpoint, message: &Arc<Message>) -> Result<Delivery> {
        let own = context.endpoint_secrets(endpoint, &self.profile, Purpose::Sign)?;
        let signing = context.signing(&self.profile, &[], (Some(&endpoint.name), own))?;
        let label = Label {
            source: Source::Serve,
            provider: Some(self.profile.label()),
            endpoint: Some(endpoint.name.clone()),
            ..Label::default()
        };
        let policy = Arc::new(self.profile.policy_in(message.mode).clone());
        let message = Arc::clone(message);
        let (now, url) = (context.now(), parse_url(&endpoint.url)?);
        let delivery = Delivery {
            method: self.profile.delivery.method.clone(),
            addresses: self.addresses,
            ..Delivery::new(&context.random, now, message, url, signing, policy, label)
        };
        check_signature(context, &delivery)?;
        Ok(delivery)
    }
}

/// Sends the outcomes of deliveries to [`count_all`]; events go to the inner observer.
pub(super) struct CountingObserver<V> {
    pub(super) inner: V,
    pub(super) outcomes: mpsc::UnboundedSender<EndpointOutcome>,
}

impl<V: DeliveryObserver> DeliveryObserver for CountingObserver<V> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.inner.event(number, event)
    }

    fn outcome(&mut self, outcome: EndpointOutcome) {
        // The receiver is dropped only while the program ends.
        let _ = self.outcomes.send(outcome);
    }
}

/// Counts the outcomes of deliveries for the health of their endpoints. A failure to read or write the endpoint file is
/// reported once.
pub(super) async fn count_all(context: Arc<Context>, mut outcomes: mpsc::UnboundedReceiver<EndpointOutcome>) {
    let mut failing = false;
    while let Some(first) = outcomes.recv().await {
        let mut all = vec![first];
        while let Ok(next) = outcomes.try_recv() {
            all.push(next);
        }
        // The endpoint file has a lock that may be held for long.
        let counted = aside(&context, move |context| {
            endpoint_health::count_outcomes(context, &all, true)
        })
        .await;
        if let (Err(error), false) = (&counted, failing) {
            context
                .notices
                .warn(format!("could not update the health of endpoints: {error}"));
        }
        failing = counted.is_err();
    }
}
