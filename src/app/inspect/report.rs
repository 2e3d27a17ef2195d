//! A report for a provider's support team, without secrets and signatures.

use std::time::Duration;

use serde::Serialize;

use super::select;
use crate::answered::Answered;
use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::headers::Headers;
use crate::id::Id;
use crate::mask::{self, MASK};
use crate::store::{Capture, DeliveryRecord, Record};
use crate::text::{printable, serialize_millis_if_any};

/// Header values shorter than this are no signatures or secrets.
const SECRET_LENGTH: usize = 16;

/// How much of an answer's body is given, in characters.
const ANSWER_GIVEN: usize = 200;

/// A record without secrets and signatures.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Shown as `#N`.
    pub number: u64,
    /// The record's id.
    pub id: Id,
    /// The event's id.
    pub event_id: Option<String>,
    /// The event's type.
    pub event: Option<String>,
    /// The time that the request states, else when it was sent or came.
    pub timestamp: Timestamp,
    /// Where it went, without the values of its query.
    pub url: String,
    /// The endpoint's name.
    pub endpoint: Option<String>,
    /// The provider.
    pub provider: Option<String>,
    /// A capture's verdict, a delivery's state.
    pub state: String,
    /// How many attempts were made, of a delivery.
    pub attempts: Option<usize>,
    /// The last exchange.
    pub last: Option<LastExchange>,
}

/// The last exchange.
#[derive(Debug, Default, Serialize)]
pub struct LastExchange {
    /// When it began.
    pub at: Timestamp,
    /// The status of the answer, where it is known.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<ErrorKind>,
    /// How long a delivery's took.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis_if_any")]
    pub took: Option<Duration>,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
}

/// Reports the record that a user names. What was received came to `public_url` where that is known.
pub fn report(context: &Context, id: &str, public_url: Option<&str>) -> Result<Report> {
    let store = select::reader(context)?;
    let number = select::number(&*store, id)?;
    Ok(match select::record(&*store, number)? {
        Record::Capture(capture) => of_capture(context, &capture, public_url),
        Record::Delivery(delivery) => of_delivery(&delivery),
    })
}

fn of_capture(context: &Context, capture: &Capture, public_url: Option<&str>) -> Report {
    let request = &capture.request;
    let profile = request
        .provider
        .as_ref()
        .and_then(|label| context.registry.get(label).ok());
    let stated = profile.and_then(|profile| profile.facts(&request.headers, &request.body).time);
    let forwarded = request.headers.get_text("x-forwarded-host");
    let host = forwarded.or_else(|| request.headers.get_text("host"));
    let origin = public_url.map_or_else(
        || format!("{}://{}", scheme(&request.headers), host.unwrap_or("(unknown host)")),
        |url| url.trim_end_matches('/').to_owned(),
    );
    Report {
        number: capture.number,
        id: request.id,
        event_id: request.event_id.clone(),
        event: request.event.clone(),
        timestamp: stated.unwrap_or(request.at),
        url: mask::url_for_others(&format!(
            "{origin}{}",
            mask::target(&request.target, request.workflow.is_some())
        )),
        endpoint: None,
        provider: request.provider.clone(),
        state: request.verdict.name.clone(),
        attempts: None,
        last: Some(LastExchange {
            at: request.at,
            status: Answered::from_code(request.status).status(),
            ..LastExchange::default()
        }),
    }
}

/// Of the URL that the sender knows: a tunnel or proxy takes `https` and passes on `http`.
fn scheme(headers: &Headers) -> &'static str {
    match headers.get_text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    }
}

fn of_delivery(record: &DeliveryRecord) -> Report {
    let delivery = &record.delivery;
    let message = &delivery.message;
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Report {
        number: record.number,
        id: delivery.id,
        event_id: some(&message.wire_id),
        event: some(&message.event),
        timestamp: message.time,
        url: mask::url_for_others(&delivery.url),
        endpoint: delivery.endpoint.clone(),
        provider: delivery.provider.clone(),
        state: delivery.state.name().to_owned(),
        attempts: Some(delivery.attempts.len()),
        last: delivery.attempts.last().map(last),
    }
}

fn last(attempt: &Attempt) -> LastExchange {
    let (status, error, answer) = match &attempt.outcome {
        Outcome::Answer(answer) => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = harmless_text(text.trim(), &attempt.request_headers);
            let text = Some(printable(&text, ANSWER_GIVEN)).filter(|text| !text.is_empty());
            (Some(answer.status), None, text)
        }
        Outcome::Error { kind, .. } => (None, Some(*kind), None),
    };
    LastExchange {
        at: attempt.at,
        status,
        error,
        took: Some(attempt.took),
        answer,
    }
}

/// A text without what the request's headers held: an app that echoes its request would give its signature away.
fn harmless_text(text: &str, sent: &Headers) -> String {
    let kept = |name: &str| matches!(name, "content-type" | "user-agent" | "accept");
    let values = sent.iter().filter(|(name, _)| !kept(name)).map(|(_, value)| value);
    values
        .filter_map(|value| std::str::from_utf8(value).ok())
        // A header may hold several things: `t=1700000000,v1=...`
        .flat_map(|value| std::iter::once(value).chain(value.split([',', ' ', ';', '='])))
        .filter(|value| value.len() >= SECRET_LENGTH)
        .fold(mask::text(text).into_owned(), |text, value| text.replace(value, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_echoes_the_signature_does_not_give_it_away() {
        let signature = "0123456789abcdef0123456789abcdef";
        let sent: Headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("x-signature", &format!("t=1893553445,v1={signature}")),
        ]
        .into_iter()
        .collect();
        let said = harmless_text(&format!("application/json; charset=utf-8 wrong: {signature}"), &sent);
        assert_eq!(said, format!("application/json; charset=utf-8 wrong: {MASK}"));
    }
}
