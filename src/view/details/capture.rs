//! A received request in full.

use serde_json::{Value, json};

use super::RecordSheet;
use crate::answered::Answered;
use crate::app::inspect::json::later;
use crate::app::inspect::show::RecordDetails;
use crate::app::receive::takeover::described;
use crate::store::{Capture, Processing};
use crate::text::{encoded, printable};
use crate::view::{count, short_size};

/// The fields of `hook.capture/1`.
pub(super) fn json(details: &RecordDetails, capture: &Capture) -> Value {
    let request = &capture.request;
    let diagnosis = capture.diagnosis.as_ref();
    let (body, body_base64) = encoded(&request.body);
    json!({
        "number": capture.number,
        "id": request.id,
        "at": request.at,
        "remote": request.remote,
        "method": request.method,
        "target": request.target,
        "event": request.event,
        "event_id": request.event_id,
        "provider": request.provider,
        "verdict": request.verdict.name,
        "reason": request.verdict.reason,
        "detail": request.verdict.detail,
        "cause": diagnosis.map(|note| &note.cause),
        "diagnosis": diagnosis.map(|note| &note.text),
        "status": Answered::from_code(request.status).status(),
        "answered": Answered::from_code(request.status).word(),
        "duplicate_of": capture.duplicate_of,
        "same_content": details.same_content,
        "workflow": request.workflow,
        "forwarded_to": capture.forwarded_to,
        "deliveries": later(details),
        "processing": capture.processing,
        "size": details.size,
        "headers": request.headers.lines(),
        "body": body,
        "body_base64": body_base64,
    })
}

impl RecordSheet<'_> {
    /// Lines for people; headers and body only `with_content`.
    pub(super) fn capture(&mut self, capture: &Capture, with_content: bool) {
        let request = &capture.request;
        let received = self.moment(request.at);
        self.title(capture.number, &request.id.to_string(), &request.verdict.name);
        self.page.field("received", &received);
        self.foreign("from", Some(&request.remote));
        self.foreign("event", request.event.as_deref());
        self.foreign("event id", request.event_id.as_deref());
        self.foreign("provider", request.provider.as_deref());
        self.foreign("trigger of", request.workflow.as_deref());
        let verdict = match &request.verdict.detail {
            Some(detail) => format!("{}: {detail}", request.verdict.name),
            None => request.verdict.name.clone(),
        };
        self.foreign("verdict", Some(&verdict));
        self.foreign("caused by", capture.diagnosis.as_ref().map(|note| note.text.as_str()));
        self.page
            .field("answered", &Answered::from_code(request.status).summary());
        if let Some(first) = capture.duplicate_of {
            let what = if self.details.same_content { "content" } else { "event" };
            self.page.field("duplicate", &format!("the same {what} as #{first}"));
        }
        match &capture.forwarded_to {
            Some(url) if self.details.later.is_empty() => self.foreign("forwarded", Some(url)),
            _ => self.later("delivery"),
        }
        for waiting in &self.details.waiting {
            self.page.field("waiting", &described(&waiting.lane));
        }
        for processing in &capture.processing {
            self.command(processing);
        }
        self.page.field("body", &short_size(self.details.size as u64));
        let line = format!("{} {}", request.method, request.target);
        if with_content {
            let line = self.page.style.name(&printable(&line, 2000));
            self.page.line("");
            self.page.line(line);
            self.content("", &request.headers, &request.body);
        } else {
            self.page.field("request", &printable(&line, 16 * 1024));
        }
    }

    /// A command that failed, and how it ended last.
    fn command(&mut self, processing: &Processing) {
        let style = self.page.style;
        self.foreign("command", Some(&processing.command));
        let tries = count(processing.tries.into(), "time");
        let failed = format!("failed {tries}, last {}", self.moment(processing.last_at));
        let end = match processing.mended_at {
            Some(at) => style.good(&format!("succeeded {}; {failed}", self.moment(at))),
            None => style.bad(&failed),
        };
        self.page.field("", &end);
        self.page.field("", &style.dim(&printable(&processing.error, 400)));
    }
}
