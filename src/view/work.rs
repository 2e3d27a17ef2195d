//! Forwards and commands, and how a listener ended.

use std::io;

use crate::app::notice::Notice;
use crate::app::receive::takeover::described;
use crate::app::receive::{ListenSummary, ReceiveEvent, RetryTotals};
use crate::app::replay::Resumable;
use crate::clock::human_duration;
use crate::engine::{Event, Next};
use crate::exchange::Outcome;
use crate::inflate::readable;
use crate::mask;
use crate::shell::quote;
use crate::store::{LaneSummary, Sealed};
use crate::text::printable;
use crate::view::attempt::{BODY_SHOWN, NumberedEvent};
use crate::view::{JsonLines, Page, View, count, counted, short_time};
use url::Url;

/// Characters of a command in a message, at most.
const COMMAND_SHOWN: usize = 200;

/// A forward that was tried: `-->` and `<--` under the number of the request.
pub struct ForwardAttempt<'a> {
    /// The delivery's number.
    pub number: u64,
    /// What was tried, and what follows.
    pub event: &'a Event,
}

impl View for ForwardAttempt<'_> {
    fn human(&self, page: &mut Page) {
        let (event, style) = (self.event, page.style);
        let Some(attempt) = &event.attempt else { return };
        let origin = event.delivery.label.origin.unwrap_or(self.number);
        let shown = style.strong(&format!("#{origin}"));
        let url = printable(&mask::url(event.delivery.url.as_str()), 200);
        page.line(format!(
            "  --> {shown}  {} {url}  {}",
            event.delivery.method,
            style.dim(&format!("as #{}", self.number))
        ));
        let follows = match &event.next {
            Next::Retry { after, .. } => format!("  next attempt in {}", human_duration(*after)),
            _ => String::new(),
        };
        let what = attempt.outcome.summary();
        let body = match &attempt.outcome {
            Outcome::Answer(answer) => String::from_utf8_lossy(&readable(&answer.body)).into_owned(),
            Outcome::Error { text, .. } => text.clone(),
        };
        let good = event.next == Next::Delivered;
        let what = if good { style.good(&what) } else { style.bad(&what) };
        page.line(format!(
            "  <-- {shown}  {what}  {}{}",
            style.dim(&short_time(attempt.took)),
            style.caution(&follows)
        ));
        if !good && !body.trim().is_empty() {
            let body = printable(&mask::text(body.trim()), BODY_SHOWN);
            page.line(format!("        {}", style.dim(&body)));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        NumberedEvent(self.number, self.event).json(lines)
    }
}

impl View for Resumable {
    fn human(&self, page: &mut Page) {
        for LaneSummary { lane, waiting, .. } in &self.lanes {
            let events = count(*waiting, "event");
            page.line(format!("{} for {events}, in {}", described(lane), lane.folder));
        }
    }

    fn json(&self, _: &mut JsonLines<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Notices about an event; none for events that are data.
pub fn notices(event: &ReceiveEvent<'_>) -> Vec<Notice> {
    match event {
        ReceiveEvent::AnswerNotPassedOn { capture, reason } => vec![Notice::Warning(format!("#{capture}: {reason}"))],
        ReceiveEvent::Incomplete {
            capture,
            sealed,
            target,
        } => incomplete(*capture, sealed, target),
        ReceiveEvent::CommandFailed {
            capture,
            command,
            error,
        } => {
            let command = printable(&mask::text(command), COMMAND_SHOWN);
            vec![Notice::Warning(format!("#{capture}: `{command}` failed: {error}"))]
        }
        ReceiveEvent::Stalled { lane, error } => {
            let waiting = described(lane);
            vec![Notice::Warning(format!("{waiting} waits for the ledger: {error}"))]
        }
        ReceiveEvent::Paused => vec![
            Notice::Note("everything is paused: forwards and commands wait".to_owned()),
            Notice::Hint("`hook endpoints resume --all` lets them go on".to_owned()),
        ],
        ReceiveEvent::Recovered { lane } => vec![Notice::Note(format!("{} goes on", described(lane)))],
        ReceiveEvent::Explained { text, hint } => {
            let text = text.map(|text| Notice::Note(format!("      {text}")));
            let hint = hint.map(|hint| Notice::Hint(hint.to_owned()));
            text.into_iter().chain(hint).collect()
        }
        ReceiveEvent::Finished(summary) => finished(summary),
        // The others are data: a view shows them.
        _ => Vec::new(),
    }
}

fn incomplete(capture: u64, sealed: &Sealed, target: &Url) -> Vec<Notice> {
    let what = sealed.what();
    let warning = format!(
        "#{capture} is not forwarded: the ledger holds only the fingerprint `{}` of {what}, and the secret is not known",
        sealed.fingerprint
    );
    // A reference with a blank is a description, not something to paste.
    let reference = sealed.reference.as_deref().filter(|name| !name.contains(' '));
    let (reference, target) = (reference.unwrap_or("REF"), quote(&mask::url(target.as_str())));
    let hint = format!("`hook replay {capture} --to {target} --secret {reference}` sends it");
    vec![Notice::Warning(warning), Notice::Hint(hint)]
}

/// `received 3: 2 verified, 1 refused, 0 duplicates, 2 forwarded`, and what is left to do.
fn finished(summary: &ListenSummary) -> Vec<Notice> {
    let work = &summary.work;
    let mut parts = vec![
        format!("{} verified", summary.verified),
        format!("{} refused", summary.refused),
        count(summary.duplicates, "duplicate"),
        format!("{} forwarded", work.delivered),
    ];
    parts.extend((summary.handshakes > 0).then(|| count(summary.handshakes, "handshake")));
    let hidden = format!("hidden by {}", summary.hidden_by);
    parts.extend(counted([
        (work.failed, "not forwarded"),
        (work.interrupted, "interrupted"),
        (summary.hidden, hidden.as_str()),
        (summary.not_kept, "not kept (answered 503)"),
    ]));
    let received = format!("received {}: {}", summary.received, parts.join(", "));
    let mut notices = vec![Notice::Note(received)];
    if work.commands_failed > 0 {
        let failed = count(work.commands_failed, "command");
        notices.push(Notice::Warning(format!("{failed} failed")));
        let hint = "`hook log --failed-processing` lists them, `hook replay --failed --exec CMD` runs one again";
        notices.push(Notice::Hint(hint.to_owned()));
    }
    if let Some(retries) = summary.retries {
        notices.push(retried(retries));
    }
    if let Some(expected) = summary.expected.filter(|_| !summary.is_met()) {
        let came = format!("{} of {expected} requests came", summary.received);
        notices.push(Notice::Warning(came));
    }
    if work.interrupted > 0 {
        let hint = "`hook replay --resume` continues what was interrupted";
        notices.push(Notice::Hint(hint.to_owned()));
    }
    notices
}

/// What was seen of the retries that are expected.
fn retried(retries: RetryTotals) -> Notice {
    match retries.unmet() {
        Some(unmet) => Notice::Warning(unmet),
        None => Notice::Note(format!(
            "retries: {} as scheduled",
            count(retries.intervals, "interval")
        )),
    }
}
