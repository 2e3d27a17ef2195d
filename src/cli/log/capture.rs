//! A request that was received, as `hook log show` shows it.

use serde::Serialize;

use super::show::{View, encoded};
use crate::app::receive::takeover::described;
use crate::error::Result;
use crate::mask;
use crate::store::{Capture, Processing};
use crate::text::printable;
use crate::view::record::RecordLine;
use crate::view::{count, short_size, status_line};

/// `{"schema":"hook.capture/1"}`: a request, whole.
#[derive(Serialize)]
struct CaptureLine<'a> {
    schema: &'static str,
    number: u64,
    id: String,
    at: String,
    remote: &'a str,
    method: &'a str,
    target: String,
    event: Option<&'a str>,
    event_id: Option<&'a str>,
    provider: Option<&'a str>,
    verdict: &'a str,
    reason: Option<&'a str>,
    detail: Option<&'a str>,
    cause: Option<&'a str>,
    diagnosis: Option<&'a str>,
    status: Option<u16>,
    duplicate_of: Option<u64>,
    same_content: bool,
    workflow: Option<&'a str>,
    forwarded_to: Option<String>,
    deliveries: Vec<RecordLine<'a>>,
    processing: Vec<ProcessingPart<'a>>,
    size: usize,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a [String]>,
}

/// A command that failed for it.
#[derive(Serialize)]
struct ProcessingPart<'a> {
    command: &'a str,
    tries: u32,
    first_at: String,
    last_at: String,
    error: &'a str,
    mended_at: Option<String>,
}

impl<'a> ProcessingPart<'a> {
    fn new(processing: &'a Processing) -> Self {
        Self {
            command: &processing.command,
            tries: processing.tries,
            first_at: processing.first_at.to_string(),
            last_at: processing.last_at.to_string(),
            error: &processing.error,
            mended_at: processing.mended_at.map(|at| at.to_string()),
        }
    }
}

pub(super) fn json(view: &View<'_>, capture: &Capture) -> Result<()> {
    let request = &capture.request;
    let (body, body_base64) = encoded(&view.bytes(&request.body));
    view.session.ui.json(&CaptureLine {
        schema: "hook.capture/1",
        number: capture.number,
        id: request.id.to_string(),
        at: request.at.to_string(),
        remote: &request.remote,
        method: &request.method,
        target: view.target(request),
        event: request.event.as_deref(),
        event_id: request.event_id.as_deref(),
        provider: request.provider.as_deref(),
        verdict: &request.verdict.name,
        reason: request.verdict.reason.as_deref(),
        detail: request.verdict.detail.as_deref(),
        cause: capture.diagnosis.as_ref().map(|note| note.cause.as_str()),
        diagnosis: capture.diagnosis.as_ref().map(|note| note.text.as_str()),
        status: Some(request.status).filter(|status| *status != 0),
        duplicate_of: capture.duplicate_of,
        same_content: view.same_content,
        workflow: request.workflow.as_deref(),
        forwarded_to: capture
            .forwarded_to
            .as_deref()
            .map(|url| mask::url_unless(url, view.reveal)),
        deliveries: view.later.iter().map(RecordLine::new).collect(),
        processing: capture.processing.iter().map(ProcessingPart::new).collect(),
        size: request.body.len(),
        headers: view.header_lines(&request.headers),
        body,
        body_base64,
        why: view.why.as_deref(),
    })
}

pub(super) fn human(view: &View<'_>, capture: &Capture) -> Result<()> {
    let request = &capture.request;
    view.title(capture.number, &request.id.to_string(), &request.verdict.name)?;
    view.field("received", &view.moment(request.at))?;
    view.foreign("from", Some(&request.remote))?;
    view.foreign("event", request.event.as_deref())?;
    view.foreign("event id", request.event_id.as_deref())?;
    view.foreign("provider", request.provider.as_deref())?;
    view.foreign("trigger of", request.workflow.as_deref())?;
    let verdict = match &request.verdict.detail {
        Some(detail) => format!("{}: {detail}", request.verdict.name),
        None => request.verdict.name.clone(),
    };
    view.foreign("verdict", Some(&verdict))?;
    view.foreign("caused by", capture.diagnosis.as_ref().map(|note| note.text.as_str()))?;
    view.field("answered", &answered(request.status))?;
    if let Some(first) = capture.duplicate_of {
        let what = if view.same_content { "content" } else { "event" };
        view.field("duplicate", &format!("the same {what} as #{first}"))?;
    }
    match &capture.forwarded_to {
        Some(url) if view.later.is_empty() => view.foreign("forwarded", Some(&mask::url_unless(url, view.reveal)))?,
        _ => view.later("delivery")?,
    }
    for lane in &view.waiting {
        view.field("waiting", &described(lane))?;
    }
    for processing in &capture.processing {
        commands(view, processing)?;
    }
    view.field("body", &short_size(request.body.len() as u64))?;
    if view.explained()? {
        return Ok(());
    }
    let ui = &view.session.ui;
    let line = format!("{} {}", request.method, view.target(request));
    ui.line("")?;
    ui.line(&ui.out.name(&printable(&line, 2000)))?;
    view.content("", &request.headers, &request.body)
}

/// The command, and how it ended last.
fn commands(view: &View<'_>, processing: &Processing) -> Result<()> {
    let style = view.session.ui.out;
    view.foreign("command", Some(&processing.command))?;
    let tries = count(processing.tries.into(), "time");
    let failed = format!("failed {tries}, last {}", view.moment(processing.last_at));
    match processing.mended_at {
        Some(at) => view.field("", &style.good(&format!("succeeded {}; {failed}", view.moment(at))))?,
        None => view.field("", &style.bad(&failed))?,
    }
    view.field("", &style.dim(&printable(&processing.error, 400)))
}

/// `200 OK`; 0 stands for the answer of the app.
pub(super) fn answered(status: u16) -> String {
    match status {
        0 => "by the app".to_owned(),
        status => status_line(status),
    }
}
