//! One record, divided into tabs. The bodies and the tab `Why` are made when they are asked for.

use serde::Serialize;

use super::body::{self, BodyForm, BodyPage, SyntaxProblem};
use crate::answered::Answered;
use crate::app::actions::HEADER_SHOWN;
use crate::app::context::Context;
use crate::app::inspect::difference::{request_body, request_headers};
use crate::app::inspect::show::{self, RecordDetails, show_from};
use crate::clock::human_duration;
use crate::error::Result;
use crate::exchange::{Answer, Attempt, Outcome};
use crate::headers::Headers;
use crate::inflate::readable;
use crate::store::{DeliveryRecord, DeliveryState, Record, Store};
use crate::text::{millis, printable, short_size, short_time, status_line};
use crate::view;
use crate::view::request::header_lines;

/// Deliveries of a capture whose attempts are shown.
const DELIVERIES: usize = 10;

/// A name and a value. A value without a name belongs to the one before.
pub type Field = (String, String);

/// A record without its body.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Detail {
    /// Shown as `#N`.
    pub number: u64,
    /// `cap_...` or `dlv_...`
    pub id: String,
    /// `capture` or `delivery`.
    pub kind: &'static str,
    /// The event, or what there is instead.
    pub title: String,
    /// The tab `Summary`.
    pub summary: Vec<Field>,
    /// The tab `Headers`: those of the request, or of the last attempt.
    pub headers: Vec<Field>,
    /// What the tab `Body` is about.
    pub body: BodyFacts,
    /// The tab `Attempts`.
    pub attempts: Vec<AttemptLine>,
    /// The schedule's next steps.
    pub planned: Vec<PlannedAttempt>,
    /// The tab `Answer`; absent when there was none.
    pub answer: Option<AnswerTab>,
    /// Why there was none.
    pub no_answer: String,
    /// What a form of an edited replay begins with.
    pub edit: EditForm,
}

/// What is known of a body without showing it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BodyFacts {
    /// Bytes.
    pub size: usize,
    /// The same in words.
    pub size_text: String,
    /// As the request says.
    pub content_type: String,
    /// Why a body that should be JSON is none.
    pub problem: Option<SyntaxProblem>,
}

/// An attempt that was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttemptLine {
    /// The delivery's number.
    pub delivery: u64,
    /// Counted from 1.
    pub attempt: u32,
    /// In milliseconds of Unix time.
    pub at_ms: i64,
    /// In milliseconds.
    pub took_ms: f64,
    /// The same in words.
    pub took: String,
    /// The status, or what went wrong.
    pub outcome: String,
    /// More about a failure.
    pub detail: Option<String>,
    /// Whether it was the success of its delivery.
    pub ok: bool,
}

/// An attempt that the schedule has still to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedAttempt {
    /// Counted from 1.
    pub attempt: usize,
    /// In milliseconds of Unix time, if the ones before fail at once.
    pub due_ms: i64,
    /// How long after the one before.
    pub after: String,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AnswerTab {
    /// Whose it is, where it is not the record's own.
    pub from: Option<String>,
    /// `200 OK`
    pub status: String,
    /// As they came, credentials masked.
    pub headers: Vec<Field>,
    /// The first page.
    pub body: BodyPage,
    /// Whether the rest was not recorded.
    pub truncated: bool,
}

/// A request as it can be edited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EditForm {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Where it went; empty for a request that was never forwarded.
    pub to: String,
    /// Headers that are not made afresh, credentials masked.
    pub headers: Vec<Field>,
    /// The whole body; absent when it is no text, or too large to be edited in a form.
    pub body: Option<String>,
}

/// Reads a record, credentials masked.
pub fn read(context: &Context, store: &dyn Store, number: u64) -> Result<RecordDetails> {
    show_from(context, store, Some(&number.to_string()), false)
}

/// A record, divided into tabs.
pub fn detail(context: &Context, store: &dyn Store, number: u64) -> Result<Detail> {
    let details = read(context, store, number)?;
    let headers = request_headers(&details);
    let body = request_body(&details);
    let content_type = headers.get_text("content-type");
    let (attempts, answer) = exchanges(context, store, &details);
    let (id, title) = match &details.record {
        Record::Capture(capture) => (capture.request.id, capture.request.event.clone()),
        Record::Delivery(record) => (record.delivery.id, Some(record.delivery.message.event.clone())),
    };
    let title = title
        .filter(|title| !title.is_empty())
        .map(|title| printable(&title, 200));
    Ok(Detail {
        number: details.record.number(),
        id: id.to_string(),
        kind: match &details.record {
            Record::Capture(_) => "capture",
            Record::Delivery(_) => "delivery",
        },
        title: title.unwrap_or_else(|| "no event".to_owned()),
        summary: view::details::fields(&details),
        headers: fields(headers),
        body: BodyFacts {
            size: details.size,
            size_text: short_size(details.size as u64),
            content_type: printable(content_type.unwrap_or_default(), 200),
            problem: body::problem(body, content_type),
        },
        planned: match &details.record {
            Record::Delivery(record) => planned(record),
            Record::Capture(_) => Vec::new(),
        },
        no_answer: no_answer(&details, attempts.is_empty()),
        edit: edit_form(&details),
        attempts,
        answer,
    })
}

/// A page of the body of a record, or with `answer` of what it was answered.
pub fn body_page(
    context: &Context,
    store: &dyn Store,
    number: u64,
    (form, offset): (BodyForm, usize),
) -> Result<BodyPage> {
    let details = read(context, store, number)?;
    let content_type = request_headers(&details).get_text("content-type");
    Ok(body::page(request_body(&details), content_type, form, offset))
}

/// The body of a record as it was recorded, without secrets.
pub fn whole_body(context: &Context, number: u64) -> Result<Vec<u8>> {
    let body = show::body(context, Some(&number.to_string()), false)?;
    Ok(crate::mask::bytes(&body).into_owned())
}

/// Header lines as they are shown.
pub fn fields(headers: &Headers) -> Vec<Field> {
    let lines = header_lines(headers, true, &[]).into_iter();
    lines
        .map(|(name, value)| (printable(&name, 200), printable(&value, HEADER_SHOWN)))
        .collect()
}

/// The attempts of a record and of what it led to, and the newest answer.
fn exchanges(context: &Context, store: &dyn Store, details: &RecordDetails) -> (Vec<AttemptLine>, Option<AnswerTab>) {
    if let Record::Delivery(record) = &details.record {
        return (lines(record), answer(record, None));
    }
    let (mut attempts, mut newest) = (Vec::new(), None);
    let skipped = details.later.len().saturating_sub(DELIVERIES);
    for later in details.later.iter().skip(skipped) {
        let Ok(later) = read(context, store, later.number) else {
            continue;
        };
        if let Record::Delivery(record) = &later.record {
            attempts.extend(lines(record));
            newest = answer(record, Some(record.number)).or(newest);
        }
    }
    (attempts, newest)
}

fn lines(record: &DeliveryRecord) -> Vec<AttemptLine> {
    let delivery = &record.delivery;
    let line = |attempt: &Attempt| {
        let is_last = delivery.attempts.last() == Some(attempt);
        AttemptLine {
            delivery: record.number,
            attempt: attempt.seq,
            at_ms: attempt.at.unix_ms(),
            took_ms: millis(attempt.took),
            took: short_time(attempt.took),
            outcome: printable(&attempt.outcome.summary(), 200),
            detail: attempt.outcome.detail().map(|text| printable(text, 400)),
            ok: is_last && delivery.state == DeliveryState::Delivered,
        }
    };
    delivery.attempts.iter().map(line).collect()
}

/// The attempts that are left, each at the earliest.
fn planned(record: &DeliveryRecord) -> Vec<PlannedAttempt> {
    let delivery = &record.delivery;
    let Some(mut due) = delivery.next_due.filter(|_| delivery.state == DeliveryState::Pending) else {
        return Vec::new();
    };
    let made = delivery.attempts.len();
    let waited = made.checked_sub(1).and_then(|index| delivery.delays.get(index));
    let mut planned = vec![PlannedAttempt {
        attempt: made + 1,
        due_ms: due.unix_ms(),
        after: human_duration(waited.copied().unwrap_or_default()),
    }];
    for (index, delay) in delivery.delays.iter().enumerate().skip(made) {
        due = due.plus(*delay);
        planned.push(PlannedAttempt {
            attempt: index + 2,
            due_ms: due.unix_ms(),
            after: human_duration(*delay),
        });
    }
    planned
}

fn answer(record: &DeliveryRecord, from: Option<u64>) -> Option<AnswerTab> {
    let mut attempts = record.delivery.attempts.iter().rev();
    let answer: &Answer = attempts.find_map(|attempt| match &attempt.outcome {
        Outcome::Answer(answer) => Some(answer),
        Outcome::Error { .. } => None,
    })?;
    let body = readable(&answer.body);
    Some(AnswerTab {
        from: from.map(|number| format!("delivery #{number} to {}", printable(&record.delivery.url, 200))),
        status: status_line(answer.status),
        headers: fields(&answer.headers),
        body: body::page(&body, answer.headers.get_text("content-type"), BodyForm::Pretty, 0),
        truncated: answer.truncated,
    })
}

/// What the tab `Answer` says where the app has not answered.
fn no_answer(details: &RecordDetails, is_unsent: bool) -> String {
    match &details.record {
        Record::Capture(capture) => match Answered::from_code(capture.request.status) {
            Answered::ByApp => "The app was to answer, and its answer is not recorded.".to_owned(),
            answered => format!("hook answered {}; no app was asked.", answered.summary()),
        },
        Record::Delivery(_) if is_unsent => "No attempt was made yet.".to_owned(),
        Record::Delivery(_) => "No attempt was answered: the tab Attempts says why.".to_owned(),
    }
}

fn edit_form(details: &RecordDetails) -> EditForm {
    let (method, path, to, headers) = match &details.record {
        Record::Capture(capture) => {
            let request = &capture.request;
            let to = capture.forwarded_to.clone().unwrap_or_default();
            (request.method.clone(), request.target.clone(), to, &request.headers)
        }
        Record::Delivery(record) => {
            let delivery = &record.delivery;
            let path = url::Url::parse(&delivery.url).ok();
            let path = path.map(|url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned());
            (
                delivery.method.clone(),
                path.unwrap_or_default(),
                delivery.url.clone(),
                &delivery.headers,
            )
        }
    };
    let body = match &details.record {
        Record::Capture(capture) => &capture.request.body,
        Record::Delivery(record) => &record.delivery.message.body,
    };
    let body = std::str::from_utf8(body).ok().filter(|text| text.len() <= body::PAGE);
    EditForm {
        method: printable(&method, 20),
        path: printable(&path, 2000),
        to: printable(&to, 2000),
        headers: fields(&headers.end_to_end()),
        body: body.map(str::to_owned),
    }
}
