//! From an event to deliveries: one for each endpoint that wants it, on record before the call is answered, worked off on
//! the provider's schedule.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::{ends, targets};
use crate::api::face::Occurrence;
use crate::endpoints::{BookWatch, Endpoint, Wanted};
use crate::engine::{Delivery, Event, Label, Progress, Promise};
use crate::error::Result;
use crate::exchange::Source;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::pipeline::{End, View, record};
use crate::provider::Profile;
use crate::provider::policy::Policy;
use crate::render::delivery::Attempts;
use crate::session::{Purpose, Session};
use crate::store::{Ledger, Op, Owner};
use crate::transport::AddressPolicy;
use crate::ui::printable;

/// Takes events to the engine.
pub(super) struct Post<'a> {
    pub(super) session: &'a Session,
    pub(super) profile: Arc<Profile>,
    pub(super) policy: Arc<Policy>,
    pub(super) addresses: AddressPolicy,
    pub(super) ledger: Ledger,
    pub(super) owner: Arc<Owner>,
    pub(super) jobs: mpsc::Sender<Delivery>,
    pub(super) book: BookWatch,
}

impl Post<'_> {
    /// Puts the deliveries of an event on record, says so to the call that caused it, and hands them to the engine.
    pub(super) async fn take(&self, occurrence: Occurrence) {
        let deliveries = match self.record(&occurrence).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                self.session.ui.warn(&format!("an event is not delivered: {error}"));
                let _ = occurrence.kept.send(Err("the event could not be recorded".to_owned()));
                return;
            }
        };
        let _ = occurrence.kept.send(Ok(deliveries.len()));
        for delivery in deliveries {
            let _ = self.jobs.send(delivery).await;
        }
    }

    async fn record(&self, occurrence: &Occurrence) -> Result<Vec<Delivery>> {
        let deliveries = self.deliveries(occurrence)?;
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

    fn deliveries(&self, occurrence: &Occurrence) -> Result<Vec<Delivery>> {
        let (session, event) = (self.session, occurrence.message.event.as_str());
        if session.settings.account_off {
            session
                .ui
                .warn("the account's webhooks are switched off by `account.enabled`: its endpoints get nothing");
            return Ok(Vec::new());
        }
        let params = targets::effective(&self.profile, &occurrence.params);
        let wanted = Wanted {
            provider: &self.profile.name,
            event,
            environment: None,
            params: &params,
        };
        let (mut deliveries, mut skipped) = (Vec::new(), Vec::new());
        for endpoint in self.book.read()?.iter() {
            match endpoint.wants(&wanted) {
                Ok(()) => match self.delivery(endpoint, occurrence) {
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

    fn delivery(&self, endpoint: &Endpoint, occurrence: &Occurrence) -> Result<Delivery> {
        let (session, now) = (self.session, self.session.now());
        let own = session.endpoint_secrets(endpoint, &self.profile, Purpose::Sign)?;
        Ok(Delivery {
            id: Id::new(IdKind::Delivery, now, &session.random),
            message: Arc::clone(&occurrence.message),
            url: targets::parse_url(&endpoint.url)?,
            method: self.profile.method.clone(),
            headers: Headers::new(),
            signing: targets::signing(session, &self.profile, &[], (Some(&endpoint.name), own))?,
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
pub(super) struct Served<'a> {
    pub(super) session: &'a Session,
    pub(super) attempts: Attempts,
    /// What could not be counted, because the book cannot be used.
    pub(super) uncounted: Vec<End>,
}

/// Ends that are kept until the book can be used again.
const MOST_UNCOUNTED: usize = 10_000;

impl View for Served<'_> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.attempts.event(number, event)
    }

    fn ended(&mut self, end: End) -> Result<Option<End>> {
        let is_first = self.uncounted.is_empty();
        self.uncounted.push(end);
        match ends::note(self.session, &self.uncounted, true) {
            Ok(()) => self.uncounted.clear(),
            Err(error) if is_first => self
                .session
                .ui
                .warn(&format!("what came of deliveries is not counted for now: {error}")),
            Err(_) => self.uncounted.truncate(MOST_UNCOUNTED),
        }
        Ok(None)
    }
}
