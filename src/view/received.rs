//! A request as it is received: the live form of a capture, what a trigger makes of it, and where requests are taken.

use std::io;

use serde_json::json;

use crate::answered::Answered;
use crate::app::receive::{SampleFit, TriggerReport};
use crate::app::socket::Ready;
use crate::clock::{Clock as _, SystemClock};
use crate::listener::{ChallengeReply, ReceivedRequest, WholeRequest};
use crate::mask;
use crate::signature::Verdict;
use crate::text::printable;
use crate::view::record::status_cell;
use crate::view::request::header_lines;
use crate::view::style::Style;
use crate::view::{JsonLines, JsonRecord, Page, View, body, drift, millis, or_dash, short_size, short_time};

/// How much of a body `-v` shows, in characters.
const BODY_SHOWN: usize = 16 * 1024;

/// How much of a trigger's record is shown, in characters.
const RECORD_SHOWN: usize = 4096;

impl JsonRecord for Ready {
    const SCHEMA: &'static str = "hook.ready/1";
}

/// A request that was just recorded.
pub struct LiveCapture<'a> {
    /// The request.
    pub request: &'a ReceivedRequest,
    /// Whether credentials are shown.
    pub reveal: bool,
}

impl View for LiveCapture<'_> {
    fn human(&self, page: &mut Page) {
        page.line(self.line(page.style));
        if let Some(whole) = self.request.whole.as_ref().filter(|_| page.verbose) {
            self.whole(page, whole);
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let (request, judged) = (self.request, &self.request.judged);
        let challenge = request.handshake.as_ref();
        let record = json!({
            "number": request.number,
            "id": request.id,
            "event": judged.facts.event,
            "event_id": judged.facts.id,
            "provider": judged.label.as_deref(),
            "ties": judged.ties.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            "verdict": judged.verdict.name(),
            "reason": judged.verdict.reason(),
            "detail": judged.verdict.detail(),
            "duplicate_of": request.duplicate_of,
            "same_content": request.same_content,
            "unsigned": request.unsigned,
            "handshake": challenge.is_some(),
            "handshake_refused": challenge.and_then(|reply| reply.refused.as_ref()),
            "confirm_url": challenge.and_then(ChallengeReply::confirm_url),
            // 0 has always stood for the app.
            "status": match request.answered {
                Answered::ByApp => Some(0),
                answered => answered.status(),
            },
            "answered": request.answered.word(),
            "size": request.size,
            "took_ms": millis(request.took),
        });
        lines.object("hook.capture/1", &record)
    }
}

impl LiveCapture<'_> {
    /// `12:03:04.123  #17  job.paid  poolflow  verified  200  1.0 KiB  0.8ms`
    fn line(&self, style: Style) -> String {
        let request = self.request;
        let provider = match (&request.judged.label, request.judged.ties.as_slice()) {
            (Some(provider), []) => provider.to_string(),
            (Some(provider), ties) => format!("{provider} (or {})", ties.join(", ")),
            (None, _) => "-".to_owned(),
        };
        let mut line = format!(
            "{}  {}  {}  {provider}  {}  {}  {}  {}",
            // A live line shows when it is printed; `log show` has the recorded time.
            style.dim(&SystemClock.now().local_clock()),
            style.strong(&format!("#{}", request.number)),
            style.name(&or_dash(request.judged.facts.event.as_deref(), 60)),
            self.verdict(style),
            status_cell(request.answered.code()).paint(style),
            short_size(request.size as u64),
            style.dim(&short_time(request.took)),
        );
        if let Some(first) = request.duplicate_of {
            let what = ["duplicate of", "same content as"][usize::from(request.same_content)];
            line.push_str(&style.caution(&format!("  {what} #{first}")));
        }
        line
    }

    fn verdict(&self, style: Style) -> String {
        let verdict = &self.request.judged.verdict;
        if let Some(reply) = &self.request.handshake {
            return match &reply.refused {
                None => style.good("handshake answered"),
                Some(why) => format!("{}: {}", style.bad("handshake refused"), printable(why, 300)),
            };
        }
        match verdict {
            Verdict::Verified(_) => {
                let detail = verdict.detail();
                let detail = detail.map(|detail| format!("{} {}", verdict.joint(), printable(&detail, 120)));
                format!("{}{}", style.good("verified"), style.dim(&detail.unwrap_or_default()))
            }
            Verdict::TokenOnly(proof) => {
                let by = proof.secret.as_ref().map(|name| format!(" by `{name}`"));
                let by = printable(&by.unwrap_or_default(), 120);
                format!("{}{}", style.good("token only"), style.dim(&by))
            }
            Verdict::Refused(refusal) => {
                format!("{}: {}", style.bad("refused"), printable(&refusal.to_string(), 300))
            }
            Verdict::Unsigned => style.caution("unsigned"),
            Verdict::Unchecked => style.caution("not verified"),
        }
    }

    /// Headers and body, and what is not signed.
    fn whole(&self, page: &mut Page, whole: &WholeRequest) {
        let (style, capture) = (page.style, &whole.capture);
        let mut dim = |text: String| page.line(style.dim(&format!("    {text}")));
        let target = if self.reveal {
            capture.target.clone()
        } else {
            mask::target(&capture.target, capture.workflow.is_some())
        };
        dim(format!("{} {}", capture.method, printable(&target, 500)));
        let profile = self.request.judged.profile.as_ref();
        let token = profile.and_then(|profile| profile.scheme.token_header());
        let token: Vec<String> = token.into_iter().map(str::to_owned).collect();
        for (name, value) in header_lines(&capture.headers, self.reveal, &token) {
            dim(format!("{}: {}", printable(&name, 100), printable(&value, 500)));
        }
        let unsigned = printable(&self.request.unsigned.join(", "), 500);
        if !unsigned.is_empty() {
            dim(format!("not signed: {unsigned}"));
        }
        let body = mask::bytes_unless(&capture.body, self.reveal);
        for line in body::pretty(&body, BODY_SHOWN).text.lines() {
            page.line(format!("    {line}"));
        }
    }
}

impl JsonRecord for TriggerReport<'_> {
    const SCHEMA: &'static str = "hook.inbound/1";

    fn human(&self, page: &mut Page) {
        let style = page.style;
        let mut line = |text: &str| page.line(format!("      {text}"));
        match self.reason {
            None => line(&style.good("enrolled")),
            Some(why) => line(&format!("{}: {}", style.caution("not enrolled"), printable(why, 300))),
        }
        if let Some(record) = &self.record {
            let shown = body::pretty(record.to_string().as_bytes(), RECORD_SHOWN);
            shown.text.lines().for_each(&mut line);
        }
        for place in self.unmapped {
            let said = format!("nothing found at `{}`, which `--map` names", printable(place, 200));
            line(&style.caution(&said));
        }
        match self.sample {
            Some(SampleFit::Kept) => line(&style.dim("kept as the sample: later requests should have these fields")),
            Some(SampleFit::NotCompared) => line(&style.dim("too many fields to compare with a sample")),
            Some(SampleFit::Differs) => {
                line(&style.caution("differs from the sample:"));
                let shown: Vec<_> = self.differences.iter().map(|one| (one, None)).collect();
                let mut rows = Page::new(style, None);
                drift::rows(&shown, &mut rows);
                rows.lines.iter().for_each(|text| line(text));
            }
            Some(SampleFit::Fits) | None => {}
        }
    }
}
