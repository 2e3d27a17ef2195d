//! What a record says, in the terms of a delivery.

use crate::exchange::Execution;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::session::DEV_SECRET;
use crate::store::{self, Capture, Record};

/// A record in the terms of a delivery.
pub(super) struct Original {
    pub(super) number: u64,
    pub(super) message: Message,
    pub(super) url: Option<String>,
    /// Path and query of a request that was received; without the path of a trigger, which is a secret.
    pub(super) request_target: Option<String>,
    pub(super) method: String,
    pub(super) headers: Headers,
    /// Whether the headers are those of the user for that URL, not of a request that came from elsewhere.
    pub(super) own_headers: bool,
    pub(super) provider: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) execution: Option<Execution>,
    /// Whether the dev secret is known to be the right one.
    pub(super) by_dev_secret: bool,
}

impl Original {
    /// What a record says; with `as_captured` headers and body are those of the last attempt.
    pub(super) fn of(record: Record, as_captured: bool) -> Self {
        match record {
            Record::Capture(capture) => of_capture(*capture),
            Record::Delivery(delivery) => {
                let mut rest = delivery.delivery;
                let captured = rest.signing == store::Signing::AsCaptured;
                let last = rest.attempts.pop().filter(|_| as_captured);
                // The signature of an attempt is in what that attempt sent alone.
                let (headers, body) =
                    last.map_or((rest.headers, None), |last| (last.request_headers, last.request_body));
                rest.message.body = body.unwrap_or(rest.message.body);
                Original {
                    number: delivery.number,
                    message: rest.message,
                    url: Some(rest.url),
                    request_target: None,
                    method: rest.method,
                    headers,
                    own_headers: !captured,
                    provider: rest.provider,
                    endpoint: rest.endpoint,
                    execution: rest.execution.map(|execution| Execution {
                        note: None,
                        ..execution
                    }),
                    by_dev_secret: !captured,
                }
            }
        }
    }
}

fn of_capture(capture: Capture) -> Original {
    let Capture {
        number,
        request,
        forwarded_to,
        ..
    } = capture;
    let by_dev_secret = request
        .verdict
        .detail
        .as_deref()
        .is_some_and(|detail| detail.contains(DEV_SECRET));
    let request_target = match (&request.workflow, request.target.split_once('?')) {
        (None, _) => request.target,
        (Some(_), Some((_, query))) => format!("/?{query}"),
        (Some(_), None) => "/".to_owned(),
    };
    let message = Message {
        id: Id {
            kind: IdKind::Message,
            uuid: request.id.uuid,
        },
        wire_id: request.event_id.unwrap_or_default(),
        event: request.event.unwrap_or_default(),
        time: request.at,
        mode: Mode::Test,
        content_type: request.headers.get_text("content-type").unwrap_or_default().to_owned(),
        body: request.body,
    };
    Original {
        number,
        message,
        url: forwarded_to,
        request_target: Some(request_target),
        method: request.method,
        headers: request.headers,
        own_headers: false,
        provider: request.provider,
        endpoint: None,
        execution: None,
        by_dev_secret,
    }
}
