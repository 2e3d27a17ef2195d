//! Between a delivery of the engine and its record in the ledger.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Timestamp;
use crate::engine::{Boxed, ContentStore, Delivery, DeliveryContent, Progress, Signing};
use crate::exchange::{Attempt, ErrorKind, Outcome, SecretKind, SigningMode};
use crate::headers::Headers;
use crate::id::Id;
use crate::message::{Message, Mode};
use crate::store::{DeliveryState, Ledger, NewCapture, NewDelivery};

/// The record of a delivery, before its first attempt.
pub fn record(delivery: &Delivery, owner: Option<String>) -> NewDelivery {
    let (signing, secret) = match &delivery.signing {
        Signing::Fresh { secret, .. } => (SigningMode::Fresh, (**secret).clone()),
        Signing::AsCaptured => (SigningMode::AsCaptured, SecretKind::None),
        Signing::Invalid(mode) => (*mode, SecretKind::None),
    };
    NewDelivery {
        id: delivery.id,
        at: delivery.at,
        message: (*delivery.message).clone(),
        provider: delivery.label.provider.clone(),
        endpoint: delivery.label.endpoint.clone(),
        tenant: delivery.label.tenant.clone(),
        url: delivery.url.to_string(),
        method: delivery.method.clone(),
        headers: conceal(&delivery.headers, delivery),
        signing,
        secret: Some(secret),
        policy: Some(Arc::clone(&delivery.policy)),
        addresses: Some(delivery.addresses.to_string()),
        source: delivery.label.source,
        origin: delivery.label.origin,
        execution: delivery.label.execution.clone(),
        delays: delivery.policy.schedule.delays.clone(),
        owner,
        state: DeliveryState::Pending,
        next_due: None,
        attempts: Vec::new(),
    }
}

/// The record of an attempt.
pub(super) fn record_attempt(attempt: &Attempt, delivery: &Delivery) -> Attempt {
    Attempt {
        request_headers: conceal(&attempt.request_headers, delivery),
        ..attempt.clone()
    }
}

/// Marks the tokens in headers, so that the ledger leaves them out.
fn conceal(headers: &Headers, delivery: &Delivery) -> Headers {
    let mut headers = headers.clone();
    headers.conceal_like(&delivery.headers);
    if let Signing::Fresh { profile, .. } = &delivery.signing {
        profile.scheme.conceal_token(&mut headers);
    }
    headers
}

/// Where a recorded delivery stands.
pub fn progress(record: &NewDelivery, now: Timestamp) -> Progress {
    // An attempt that was stopped in the middle does not count: it is repeated under the same number.
    let stopped =
        |attempt: &&Attempt| matches!(&attempt.outcome, Outcome::Error { kind, .. } if *kind == ErrorKind::Cancelled);
    let made = record.attempts.iter().filter(|attempt| !stopped(attempt)).count();
    let next_due = record.next_due.map(|due| match record.attempts.last() {
        // A clock that was set back since then must not make it wait longer than it would have.
        Some(last) if now < last.at => now.plus(due.since(last.at)),
        _ => due,
    });
    Progress {
        attempts: u32::try_from(made).unwrap_or(u32::MAX),
        first_at: record.attempts.first().map(|attempt| attempt.at),
        next_due,
        due: None,
        retry_reason: record.attempts.last().map(|attempt| attempt.outcome.retry_reason()),
    }
}

/// A captured request as a message.
pub fn message_of(request: &NewCapture, id: Id) -> Message {
    Message {
        id,
        wire_id: request.event_id.clone().unwrap_or_default(),
        event: request.event.clone().unwrap_or_default(),
        time: request.at,
        mode: Mode::Test,
        content_type: request.headers.get_text("content-type").unwrap_or_default().to_owned(),
        body: request.body.clone(),
    }
}

/// The ledger as the store of what waiting deliveries contain.
pub(super) struct LedgerContentStore {
    pub(super) ledger: Ledger,
    pub(super) cancel: CancellationToken,
}

impl ContentStore for LedgerContentStore {
    fn fetch(&self, id: Id) -> Boxed<'_, Option<DeliveryContent>> {
        Box::pin(async move {
            let found = self.ledger.delivery(id).await;
            // Without a ledger no attempt is begun; the record says where the delivery stands.
            let record = found.inspect_err(|_| self.cancel.cancel()).ok()??.delivery;
            // Another process may have ended it.
            if record.state != DeliveryState::Pending {
                return None;
            }
            Some(DeliveryContent {
                message: Arc::new(record.message),
                url: Url::parse(&record.url).ok()?,
                method: record.method,
                headers: record.headers,
            })
        })
    }
}
