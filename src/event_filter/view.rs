//! A request or a delivery as expressions see it.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::exchange::Outcome;
use crate::expression::{MOST_DOCUMENT, Variables};
use crate::headers::Headers;
use crate::json::document_with_texts;
use crate::provider::{BodyEvent, Profile};
use crate::server::Incoming;
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::{Capture, DeliveryRecord, DeliveryState};
use crate::verification::VerificationResult;

/// Events of one body that are looked at, at most.
const MOST_EVENTS: usize = 10_000;

/// What filters look at: one request, or one delivery.
pub struct RequestView<'a> {
    direction: &'static str,
    event: Option<&'a str>,
    id: Option<&'a str>,
    provider: Option<&'a str>,
    profile: Option<Arc<Profile>>,
    verified: bool,
    reason: Option<String>,
    method: &'a str,
    target: &'a str,
    headers: &'a Headers,
    body: &'a [u8],
    duplicate: bool,
    status: Option<u16>,
    time: Timestamp,
    remote: String,
    endpoint: Option<&'a str>,
    mode: Option<&'static str>,
    content_type: &'a str,
    /// Parsed when a filter first looks at it.
    document: OnceCell<Result<Value, String>>,
    /// Other names of the event.
    also: OnceCell<Vec<String>>,
}

impl<'a> RequestView<'a> {
    /// A request that is being received. `status` is what it is answered; 0 where the app answers.
    pub fn of_incoming(incoming: &'a Incoming, judged: &'a VerificationResult, status: u16, time: Timestamp) -> Self {
        Self {
            direction: "in",
            event: judged.facts.event.as_deref(),
            id: judged.facts.id.as_deref(),
            provider: judged.label.as_deref(),
            profile: judged.profile.clone(),
            verified: judged.verdict.is_accepted(),
            reason: judged.verdict.reason().map(str::to_owned),
            method: &incoming.method,
            target: &incoming.target,
            headers: &incoming.headers,
            body: &incoming.body,
            duplicate: false,
            status: Some(status).filter(|status| *status != 0),
            time,
            remote: incoming.remote.to_string(),
            endpoint: None,
            mode: None,
            content_type: incoming.headers.get_text("content-type").unwrap_or_default(),
            document: OnceCell::new(),
            also: OnceCell::new(),
        }
    }

    /// A request that was received.
    pub fn of_capture(capture: &'a Capture, profile: Option<Arc<Profile>>) -> Self {
        let request = &capture.request;
        let verdict = &request.verdict;
        Self {
            direction: "in",
            event: request.event.as_deref(),
            id: request.event_id.as_deref(),
            provider: request.provider.as_deref(),
            profile,
            verified: matches!(verdict.name.as_str(), VERIFIED | TOKEN_ONLY),
            reason: verdict.reason.clone(),
            method: &request.method,
            target: &request.target,
            headers: &request.headers,
            body: &request.body,
            duplicate: capture.duplicate_of.is_some(),
            status: Some(request.status).filter(|status| *status != 0),
            time: request.at,
            remote: request.remote.clone(),
            endpoint: None,
            mode: None,
            content_type: request.headers.get_text("content-type").unwrap_or_default(),
            document: OnceCell::new(),
            also: OnceCell::new(),
        }
    }

    /// A delivery, with its last attempt.
    pub fn of_delivery(record: &'a DeliveryRecord, profile: Option<Arc<Profile>>) -> Self {
        let delivery = &record.delivery;
        let message = &delivery.message;
        let last = delivery.attempts.last();
        let outcome = last.map(|attempt| &attempt.outcome);
        let failed = matches!(delivery.state, DeliveryState::Failed | DeliveryState::Pending);
        let note = delivery.execution.as_ref().and_then(|execution| execution.note.clone());
        let text = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Self {
            direction: "out",
            event: text(&message.event),
            id: text(&message.wire_id),
            provider: delivery.provider.as_deref(),
            profile,
            verified: false,
            reason: note.or_else(|| outcome.filter(|_| failed).map(Outcome::summary)),
            method: &delivery.method,
            target: target_of(&delivery.url),
            headers: last.map_or(&delivery.headers, |attempt| &attempt.request_headers),
            body: last
                .and_then(|attempt| attempt.request_body.as_ref())
                .unwrap_or(&message.body),
            duplicate: false,
            status: outcome.and_then(Outcome::status),
            time: delivery.at,
            remote: delivery.url.clone(),
            endpoint: delivery.endpoint.as_deref(),
            mode: Some(message.mode.name()),
            content_type: &message.content_type,
            document: OnceCell::new(),
            also: OnceCell::new(),
        }
    }

    /// With a record in the place of the body's document: what an inbound trigger has read.
    #[must_use]
    pub fn with_document(self, record: Option<Value>) -> Self {
        if let Some(record) = record {
            let _ = self.document.set(Ok(record));
        }
        self
    }

    /// The document of the body: JSON, or a form as one. The error is a clause.
    pub fn document(&self) -> Result<&Value, &str> {
        let parse = || {
            if self.body.len() > MOST_DOCUMENT {
                return Err("the body is larger than 1 MiB".to_owned());
            }
            document_with_texts(self.content_type, self.body).map_err(|_| "the body is not JSON".to_owned())
        };
        self.document.get_or_init(parse).as_ref().map_err(String::as_str)
    }

    /// Hands over the events of the body, with their other names, until one is the right one. Whether there was one.
    /// Without `each` the request counts as one event, and its body is not read.
    pub(super) fn any_event(&self, each: bool, mut is_right: impl FnMut(&Variables<'_>, &[String]) -> bool) -> bool {
        if !each {
            let data = Err("it was not read".to_owned());
            return is_right(&self.variables(self.event, self.id, data), self.other_names());
        }
        let document = match self.document() {
            Ok(document) => document,
            Err(reason) => {
                let data = Err(reason.to_owned());
                return is_right(&self.variables(self.event, self.id, data), self.other_names());
            }
        };
        let events = match &self.profile {
            Some(profile) => profile.events_in(self.event, document),
            None => vec![BodyEvent::only(document)],
        };
        events.iter().take(MOST_EVENTS).any(|one| {
            let own_names = one.event.as_ref().zip(self.profile.as_ref());
            let own_names = own_names.map(|(event, profile)| profile.other_names(event));
            let also = own_names.as_deref().unwrap_or_else(|| self.other_names());
            let event = one.event.as_deref().or(self.event);
            let id = one.id.as_deref().or(self.id);
            is_right(&self.variables(event, id, Ok(one.data)), also)
        })
    }

    fn other_names(&self) -> &[String] {
        self.also.get_or_init(|| {
            let profile = self.profile.as_ref();
            profile.map_or_else(Vec::new, |profile| profile.other_names(self.event.unwrap_or_default()))
        })
    }

    fn variables<'v>(
        &'v self,
        event: Option<&'v str>,
        id: Option<&'v str>,
        data: Result<&'v Value, String>,
    ) -> Variables<'v> {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        Variables {
            event,
            id,
            provider: self.provider,
            verified: self.verified,
            reason: self.reason.as_deref(),
            method: self.method,
            path,
            query,
            headers: Some(self.headers),
            body: self.body,
            data,
            duplicate: self.duplicate,
            direction: self.direction,
            status: self.status,
            time: Some(self.time),
            size: self.body.len() as u64,
            remote: &self.remote,
            endpoint: self.endpoint,
            mode: self.mode,
            ..Variables::default()
        }
    }
}

/// Path and query of a URL.
fn target_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let target = rest.find('/').map_or("/", |at| &rest[at..]);
    target.split('#').next().unwrap_or(target)
}
