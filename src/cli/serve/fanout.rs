//! From an event to deliveries: one for each endpoint that wants it, on record before the call is answered, worked off on
//! the provider's schedule.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::targets;
use crate::api::server::CreatedEvent;
use crate::app::context::Purpose;
use crate::app::context::aside;
use crate::app::endpoint_health;
use crate::cli::session::Session;
use crate::endpoints::{BookWatch, Endpoint, WantedEvent};
use crate::engine::{Delivery, Event, Label, Progress, Promise};
use crate::error::Result;
use crate::exchange::Source;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::pipeline::{End, View, record};
use crate::provider::Profile;
use crate::provider::policy::Policy;
use crate::store::{Lease, Ledger, Op};
use crate::text::printable;
use crate::transport::AddressPolicy;
use crate::view::delivery::Attempts;

/// Takes events to the engine.
pub(super) struct Fanout {
    pub(super) session: Arc<Session>,
    pub(super) rules: Rules,
    pub(super) ledger: Ledger,
    pub(super) owner: Arc<Lease>,
    pub(super) jobs: mpsc::Sender<Delivery>,
}

/// How an event becomes deliveries.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) profile: Arc<Profile>,
    pub(super) policy: Arc<Policy>,
    pub(super) addresses: AddressPolicy,
    pub(super) book: Arc<BookWatch>,
}

impl Fanout {
    /// Puts the deliveries of an event on record, says so to the call that caused it, and hands them to the engine.
    pub(super) async fn take(&self, event: CreatedEvent) {
        let deliveries = match self.record(&event).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                self.session.ui.warn(&format!("an event is not delivered: {error}"));
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
        let (rules, message, params) = (self.rules.clone(), Arc::clone(&event.message), event.params.clone());
        // The book and the secrets of endpoints are files.
        let deliveries = aside(&self.session, move |session| {
            rules.deliveries(session, &message, &params)
        })
        .await?;
        // All are on their way before the first is waited for, so that they share a sync.
        let mut acks = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let new = record(delivery, Some(self.owner.name().to_owned()));
            acks.push(self.ledger.enqueue(Op::Delivery(Box::new(new))).await?);
        }
        for ack in acks {
            ack.await?;
        }
        Ok(deliveries)
    }
}

impl Rules {
    fn deliveries(
        &self,
        session: &Session,
        message: &Arc<Message>,
        params: &[(String, String)],
    ) -> Result<Vec<Delivery>> {
        let event = message.event.as_str();
        if session.settings.account_off {
            session
                .ui
                .warn("the account's webhooks are switched off by `account.enabled`: its endpoints get nothing");
            return Ok(Vec::new());
        }
        let params = targets::effective(&self.profile, params);
        let wanted = WantedEvent {
            provider: &self.profile.name,
            event,
            environment: None,
            params: &params,
        };
        let (mut deliveries, mut skipped) = (Vec::new(), Vec::new());
        for endpoint in self.book.read()?.iter() {
            match endpoint.wants(&wanted) {
                Ok(()) => match self.delivery(session, endpoint, message) {
                    Ok(delivery) => deliveries.push(delivery),
                    // One endpoint without a readable secret must not keep the event from the others.
                    Err(error) => session
                        .ui
                        .warn(&format!("nothing goes to `{}`: {error}", endpoint.name)),
                },
                Err(skip) => {
                    let why = printable(&skip.to_string(), 200);
                    skipped.push(session.ui.err.dim(&format!("  {}  skipped: {why}", endpoint.name)));
                }
            }
        }
        // Why somebody gets nothing is of interest where nobody gets anything.
        if deliveries.is_empty() || session.ui.verbose > 0 {
            for line in &skipped {
                session.ui.note(line);
            }
        }
        Ok(deliveries)
    }

    fn delivery(&self, session: &Session, endpoint: &Endpoint, message: &Arc<Message>) -> Result<Delivery> {
        let now = session.now();
        let own = session.endpoint_secrets(endpoint, &self.profile, Purpose::Sign)?;
        Ok(Delivery {
            id: Id::new(IdKind::Delivery, now, &session.random),
            message: Arc::clone(message),
            url: targets::parse_url(&endpoint.url)?,
            method: self.profile.method.clone(),
            headers: Headers::new(),
            signing: session.signing(&self.profile, &[], (Some(&endpoint.name), own))?,
            policy: Arc::clone(&self.policy),
            addresses: self.addresses,
            is_changed: false,
            progress: Progress::default(),
            at: now,
            label: Arc::new(Label {
                source: Source::Serve,
                provider: Some(self.profile.label()),
                endpoint: Some(endpoint.name.clone()),
                origin: None,
                execution: None,
                promise: Promise::Nothing,
            }),
        })
    }
}

/// Shows deliveries, and counts at once what they mean for their endpoints.
pub(super) struct Served {
    pub(super) attempts: Attempts,
    pub(super) ends: mpsc::UnboundedSender<End>,
}

impl View for Served {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.attempts.event(number, event)
    }

    fn ended(&mut self, end: End) -> Result<Option<End>> {
        // Nobody counts any more only while the program ends.
        let _ = self.ends.send(end);
        Ok(None)
    }
}

/// Counts what deliveries mean for their endpoints, beside the runtime's thread: the book is a file with a lock. That it
/// cannot be read or written, as while somebody edits it, is said once, and ends nothing.
pub(super) async fn count_ends(session: Arc<Session>, mut ends: mpsc::UnboundedReceiver<End>) {
    let mut failing = false;
    while let Some(first) = ends.recv().await {
        let mut all = vec![first];
        while let Ok(next) = ends.try_recv() {
            all.push(next);
        }
        let counted = aside(&session, move |session| endpoint_health::note(session, &all, true)).await;
        match counted {
            Err(error) if !failing => {
                failing = true;
                session.ui.warn(&format!(
                    "what became of deliveries is not counted for their endpoints: {error}"
                ));
            }
            Err(_) => {}
            Ok(()) => failing = false,
        }
    }
}
