//! A record, capture or delivery, as the original of a repetition.

use crate::engine::Signing;
use crate::error::{Error, Result};
use crate::exchange::{SecretKind, Source};
use crate::id::{Id, IdKind};
use crate::listener::without_path;
use crate::pipeline::message_of;
use crate::store::{Capture, DeliveryRecord, NewCapture, NewDelivery, Record, Sealed, SealedPlace, SigningMode, Store};

/// Replays of replays that are followed back to the request that was received.
const ORIGINS: usize = 16;

/// The captured request that a delivery with that origin comes from, by forwards and earlier replays.
pub fn received(store: &dyn Store, mut origin: Option<u64>) -> Result<Option<Box<Capture>>> {
    for _ in 0..ORIGINS {
        match origin.map(|origin| store.get(origin)).transpose()?.flatten() {
            Some(Record::Capture(capture)) => return Ok(Some(capture)),
            Some(Record::Delivery(delivery)) => origin = delivery.delivery.origin,
            None => break,
        }
    }
    Ok(None)
}

/// The original of a repetition.
pub(super) struct Original {
    pub(super) number: u64,
    /// What was delivered, or how a capture would have been; without a URL when it was never forwarded.
    pub(super) delivery: NewDelivery,
    /// Path and query of a request that was received; without the path of a trigger, which is a secret.
    pub(super) request_target: Option<String>,
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

    /// Whether the signature came with a request, instead of being made here.
    pub(super) fn captured(&self) -> bool {
        self.delivery.signing != SigningMode::Fresh
    }
}

impl Original {
    /// The signature that the record has: one that is wrong on purpose stays so.
    pub(super) fn signature(&self) -> Signing {
        let mode = self.delivery.signing;
        match mode.fault() {
            Some(_) => Signing::Invalid(mode),
            None => Signing::AsCaptured,
        }
    }

    /// The error of a run of a workflow that failed before there was a request.
    pub(super) fn without_request(&self) -> Option<Error> {
        let message = &self.delivery.message;
        let is_empty = message.body.is_empty() && message.content_type.is_empty() && message.event.is_empty();
        let of = self.delivery.execution.as_ref().filter(|_| is_empty)?;
        let why = format!(
            "`#{}` has no request: the run of workflow `{}` failed",
            self.number, of.workflow
        );
        let again = format!("correct it and run it again: `hook send --workflow {}`", of.workflow);
        Some(Error::usage(why).hint(again))
    }
}

fn of_delivery(record: DeliveryRecord, as_captured: bool) -> Original {
    let DeliveryRecord {
        number,
        mut delivery,
        mut sealed,
        is_again: _,
        is_orphan: _,
    } = record;
    let last = delivery.attempts.pop().filter(|_| as_captured);
    let headers_are = match &last {
        Some(last) => (SealedPlace::Request, last.seq),
        None => (SealedPlace::Headers, 0),
    };
    sealed.retain(|one| one.place == SealedPlace::Url || (one.place, one.part) == headers_are);
    // The signature of an attempt is in what that attempt sent alone.
    if let Some(last) = last {
        delivery.headers = last.request_headers;
        delivery.message.body = last.request_body.unwrap_or(delivery.message.body);
    }
    if let Some(execution) = &mut delivery.execution {
        execution.note = None;
    }
    Original {
        number,
        delivery,
        request_target: None,
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
        request_target: Some(request_target(&request)),
        delivery: NewDelivery {
            id,
            at: request.at,
            message: message_of(&request, id),
            provider: request.provider,
            url: forwarded_to.unwrap_or_default(),
            method: request.method,
            headers: request.headers,
            signing: SigningMode::AsCaptured,
            // Only the dev secret is known to be the right one to sign with, whatever else verified it.
            secret: request.verdict.secret.filter(|kind| *kind == SecretKind::Dev),
            source: Source::Forward,
            ..NewDelivery::default()
        },
        sealed,
    }
}
