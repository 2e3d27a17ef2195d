//! A record, capture or delivery, as the original of a repetition.

use std::sync::Arc;

use crate::exchange::{Execution, SecretKind, Source};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::listener::without_path;
use crate::message::Message;
use crate::pipeline::message_of;
use crate::provider::policy::Policy;
use crate::store::{self, Capture, NewCapture, Record, Sealed, SealedPlace};

/// The original of a repetition.
pub(super) struct Original {
    pub(super) number: u64,
    pub(super) message: Message,
    pub(super) url: Option<String>,
    /// Path and query of a request that was received; without the path of a trigger, which is a secret.
    pub(super) request_target: Option<String>,
    /// The record that it repeats or forwards.
    pub(super) origin: Option<u64>,
    pub(super) method: String,
    pub(super) headers: Headers,
    /// Whether the headers are those of the user for that URL, not of a request that came from elsewhere.
    pub(super) own_headers: bool,
    pub(super) provider: Option<String>,
    pub(super) endpoint: Option<String>,
    /// The use case that created it; absent for a capture.
    pub(super) source: Option<Source>,
    pub(super) execution: Option<Execution>,
    /// Whether the signature came with a request, instead of being made here.
    pub(super) captured: bool,
    /// The secret that signed it, where known.
    pub(super) secret: Option<SecretKind>,
    /// The policy that it was delivered by, where known.
    pub(super) policy: Option<Arc<Policy>>,
    /// The addresses that it was allowed to reach.
    pub(super) addresses: Option<String>,
    /// Secrets of its URL and headers that are neither in the ledger nor available.
    pub(super) sealed: Vec<Sealed>,
}

impl Original {
    /// Reads a record; with `as_captured` headers and body are those of the last attempt.
    pub(super) fn of(record: Record, as_captured: bool) -> Self {
        match record {
            Record::Capture(capture) => of_capture(*capture),
            Record::Delivery(delivery) => of_delivery(*delivery, as_captured),
        }
    }
}

fn of_delivery(record: store::DeliveryRecord, as_captured: bool) -> Original {
    let mut rest = record.delivery;
    let captured = rest.signing == store::SigningMode::AsCaptured;
    let last = rest.attempts.pop().filter(|_| as_captured);
    let headers_are = match &last {
        Some(last) => (SealedPlace::Request, last.seq),
        None => (SealedPlace::Headers, 0),
    };
    let mut sealed = record.sealed;
    sealed.retain(|one| one.place == SealedPlace::Url || (one.place, one.part) == headers_are);
    // The signature of an attempt is in what that attempt sent alone.
    let (headers, body) = last.map_or((rest.headers, None), |last| (last.request_headers, last.request_body));
    rest.message.body = body.unwrap_or(rest.message.body);
    Original {
        number: record.number,
        message: rest.message,
        url: Some(rest.url),
        request_target: None,
        origin: rest.origin,
        method: rest.method,
        headers,
        own_headers: !captured,
        provider: rest.provider,
        endpoint: rest.endpoint,
        source: Some(rest.source),
        execution: rest.execution.map(|execution| Execution {
            note: None,
            ..execution
        }),
        captured,
        secret: rest.secret,
        policy: rest.policy,
        addresses: rest.addresses,
        sealed,
    }
}

/// Path and query of a request; without the path of a trigger, which is a secret.
pub(super) fn request_target(request: &NewCapture) -> String {
    match request.workflow {
        None => request.target.clone(),
        Some(_) => without_path(&request.target),
    }
}

fn of_capture(capture: Capture) -> Original {
    let Capture {
        number,
        request,
        forwarded_to,
        mut sealed,
        ..
    } = capture;
    // What is left of the path of a trigger is not sent on.
    sealed.retain(|one| one.place != SealedPlace::Target || request.workflow.is_none());
    let id = Id {
        kind: IdKind::Message,
        uuid: request.id.uuid,
    };
    Original {
        number,
        message: message_of(&request, id),
        url: forwarded_to,
        request_target: Some(request_target(&request)),
        origin: None,
        method: request.method,
        headers: request.headers,
        own_headers: false,
        provider: request.provider,
        endpoint: None,
        source: None,
        execution: None,
        captured: true,
        // Only the dev secret is known to be the right one to sign with, whatever else verified it.
        secret: request.verdict.secret.filter(|kind| *kind == SecretKind::Dev),
        policy: None,
        addresses: None,
        sealed,
    }
}
