//! `hook log report`: what a support team asks for, and nothing that it must not have.

use serde::Serialize;

use crate::app::inspect::select;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::exchange::{Attempt, Outcome};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::mask::{self, MASK};
use crate::store::{Capture, Delivery, Record};
use crate::text::printable;
use crate::view::attempt::BODY_SHOWN;
use crate::view::{count, millis, short_time, status_line};

/// Header values shorter than this are no signatures or secrets.
const SECRET_LENGTH: usize = 16;

/// What a support team asks for: event id, time, URL, last answer; no secret, no signature
#[derive(Debug, clap::Args)]
pub(super) struct LogReportArgs {
    /// A number, an id or the beginning of one, `last`, `last~2`
    #[arg(value_name = "ID", add = crate::cli::complete::records())]
    id: String,
}

/// `{"schema":"hook.report/1"}`
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    number: u64,
    id: String,
    event_id: Option<String>,
    event: Option<String>,
    timestamp: String,
    url: String,
    endpoint: Option<String>,
    provider: Option<String>,
    state: String,
    attempts: Option<usize>,
    last: Option<Last>,
}

/// The last exchange.
#[derive(Serialize)]
struct Last {
    at: String,
    status: Option<u16>,
    error: Option<&'static str>,
    took_ms: Option<f64>,
    answer: Option<String>,
    #[serde(skip)]
    words: String,
}

pub(super) fn run(session: &Session, args: &LogReportArgs) -> Result<Exit> {
    let store = &*select::reader(session)?;
    let number = select::number(store, &args.id)?;
    let report = match select::record(store, number)? {
        Record::Capture(capture) => of_capture(&capture),
        Record::Delivery(delivery) => of_delivery(&delivery),
    };
    session.ui.json(&report)?;
    for (name, value) in lines(&report) {
        session
            .ui
            .line(&format!("{:<13}{}", format!("{name}:"), printable(&value, 2000)))?;
    }
    Ok(Exit::Ok)
}

fn of_capture(capture: &Capture) -> Report {
    let request = &capture.request;
    let host = request.headers.get_text("host").unwrap_or("(unknown host)");
    let words = match request.status {
        0 => "by the app".to_owned(),
        status => format!("{}, by us", status_line(status)),
    };
    Report {
        schema: "hook.report/1",
        number: capture.number,
        id: request.id.to_string(),
        event_id: request.event_id.clone(),
        event: request.event.clone(),
        timestamp: request.at.to_string(),
        url: mask::url_for_others(&format!(
            "{}://{host}{}",
            scheme(&request.headers),
            mask::target(&request.target, request.workflow.is_some())
        )),
        endpoint: None,
        provider: request.provider.clone(),
        state: request.verdict.name.clone(),
        attempts: None,
        last: Some(Last {
            at: request.at.to_string(),
            status: Some(request.status).filter(|status| *status != 0),
            error: None,
            took_ms: None,
            answer: None,
            words,
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

fn of_delivery(record: &Delivery) -> Report {
    let delivery = &record.delivery;
    let message = &delivery.message;
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Report {
        schema: "hook.report/1",
        number: record.number,
        id: delivery.id.to_string(),
        event_id: some(&message.wire_id),
        event: some(&message.event),
        timestamp: message.time.to_string(),
        url: mask::url_for_others(&delivery.url),
        endpoint: delivery.endpoint.clone(),
        provider: delivery.provider.clone(),
        state: delivery.state.name().to_owned(),
        attempts: Some(delivery.attempts.len()),
        last: delivery.attempts.last().map(last),
    }
}

fn last(attempt: &Attempt) -> Last {
    let took = short_time(attempt.took);
    let (status, error, answer, words) = match &attempt.outcome {
        Outcome::Answer(answer) => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = harmless_text(text.trim(), &attempt.request_headers);
            let text = Some(printable(&text, BODY_SHOWN)).filter(|text| !text.is_empty());
            (Some(answer.status), None, text, status_line(answer.status))
        }
        Outcome::Error { kind, .. } => (None, Some(kind.name()), None, kind.words().to_owned()),
    };
    Last {
        at: attempt.at.to_string(),
        status,
        error,
        took_ms: Some(millis(attempt.took)),
        answer,
        words: format!("{words}, after {took}"),
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

fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let unknown = || "(unknown)".to_owned();
    let at = Timestamp::parse(&report.timestamp).map_or_else(String::new, |at| format!(" (Unix {})", at.unix()));
    let mut lines = vec![
        ("event id", report.event_id.clone().unwrap_or_else(unknown)),
        ("event", report.event.clone().unwrap_or_else(unknown)),
        ("timestamp", format!("{}{at}", report.timestamp)),
        ("URL", report.url.clone()),
    ];
    lines.extend(report.endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
    lines.push(("provider", report.provider.clone().unwrap_or_else(unknown)));
    let attempts = report.attempts.map(|made| count(made as u64, "attempt"));
    let after = attempts.map_or_else(String::new, |attempts| format!(" after {attempts}"));
    lines.push(("record", format!("{}, {}{after}", report.id, report.state)));
    if let Some(last) = &report.last {
        lines.push(("last answer", format!("{}, at {}", last.words, last.at)));
        lines.extend(last.answer.clone().map(|answer| ("it said", answer)));
    }
    lines
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
