//! What `listen` shows of each request.

use std::sync::Arc;

use serde::Serialize;

use super::super::rejected_peers::RejectedPeers;
use crate::app::receive::WorkSummary;
use crate::cli::ui::{Output, Ui};
use crate::error::Result;
use crate::listener::{ChallengeReply, ListenerEvent, Request, Whole};
use crate::mask;
use crate::signature::Verdict;
use crate::text::printable;
use crate::view::request::header_lines;
use crate::view::{body, count, millis, short_size, short_time};

/// How much of a body `-v` shows, in characters.
const BODY_SHOWN: usize = 16 * 1024;

/// `{"schema":"hook.capture/1"}`: one request that was received.
#[derive(Serialize)]
struct CaptureLine<'a> {
    schema: &'static str,
    number: u64,
    id: String,
    event: Option<&'a str>,
    event_id: Option<&'a str>,
    provider: Option<&'a str>,
    ties: Vec<&'a str>,
    verdict: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    duplicate_of: Option<u64>,
    same_content: bool,
    unsigned: &'a [String],
    handshake: bool,
    handshake_refused: Option<&'a str>,
    confirm_url: Option<&'a str>,
    status: u16,
    size: usize,
    took_ms: f64,
}

/// Counts and shows.
pub(super) struct Screen {
    ui: Arc<Ui>,
    reveal: bool,
    pub(super) received: u64,
    pub(super) verified: u64,
    pub(super) refused: u64,
    pub(super) duplicates: u64,
    pub(super) handshakes: u64,
    pub(super) hidden: u64,
    pub(super) not_kept: u64,
    turned_away: RejectedPeers,
}

impl Screen {
    pub(super) fn new(ui: Arc<Ui>, reveal: bool) -> Self {
        Self {
            ui,
            reveal,
            received: 0,
            verified: 0,
            refused: 0,
            duplicates: 0,
            handshakes: 0,
            hidden: 0,
            not_kept: 0,
            turned_away: RejectedPeers::default(),
        }
    }

    /// Counts a request, and shows it unless a filter hides it.
    pub(super) fn request(&mut self, request: &Request, hidden: bool) -> Result<()> {
        if request.handshake.is_some() {
            self.handshakes += 1;
        } else {
            self.count(request);
        }
        if hidden {
            self.hidden += 1;
            return Ok(());
        }
        match self.ui.output {
            Output::Quiet => Ok(()),
            Output::Json => self.ui.json(&CaptureLine {
                schema: "hook.capture/1",
                number: request.number,
                id: request.id.to_string(),
                event: request.judged.facts.event.as_deref(),
                event_id: request.judged.facts.id.as_deref(),
                provider: request.judged.label.as_deref(),
                ties: request.judged.ties.iter().map(AsRef::as_ref).collect(),
                verdict: request.judged.verdict.name(),
                reason: request.judged.verdict.reason(),
                detail: request.judged.verdict.detail(),
                duplicate_of: request.duplicate_of,
                same_content: request.same_content,
                unsigned: &request.unsigned,
                handshake: request.handshake.is_some(),
                handshake_refused: request.handshake.as_ref().and_then(|shaken| shaken.refused.as_deref()),
                confirm_url: request.handshake.as_ref().and_then(ChallengeReply::confirm_url),
                status: request.status,
                size: request.size,
                took_ms: millis(request.took),
            }),
            Output::Human => {
                self.ui.line(&self.line(request))?;
                self.verbose(request)
            }
        }
    }

    fn count(&mut self, request: &Request) {
        self.received += 1;
        self.verified += u64::from(request.judged.verdict.is_accepted());
        self.refused += u64::from(request.judged.verdict.is_refused());
        self.duplicates += u64::from(request.duplicate_of.is_some());
    }

    /// `12:03:04.123  #17  job.paid  poolflow  verified  200  1.0 KiB  0.8ms`
    fn line(&self, request: &Request) -> String {
        let style = self.ui.out;
        let event = request
            .judged
            .facts
            .event
            .as_deref()
            .map_or_else(|| "-".to_owned(), |event| printable(event, 60));
        let provider = match (&request.judged.label, request.judged.ties.as_slice()) {
            (Some(provider), []) => provider.to_string(),
            (Some(provider), ties) => format!("{provider} (or {})", ties.join(", ")),
            (None, _) => "-".to_owned(),
        };
        let status = match request.status {
            0 => style.dim("app"),
            status @ 200..300 => style.good(&status.to_string()),
            status => style.bad(&status.to_string()),
        };
        let mut line = format!(
            "{}  {}  {}  {}  {}  {status}  {}  {}",
            style.dim(&crate::clock::Clock::now(&crate::clock::SystemClock).local_clock()),
            style.strong(&format!("#{}", request.number)),
            style.name(&event),
            provider,
            self.verdict(request),
            short_size(request.size as u64),
            style.dim(&short_time(request.took)),
        );
        if let Some(first) = request.duplicate_of {
            let what = if request.same_content {
                "same content as"
            } else {
                "duplicate of"
            };
            line.push_str(&style.caution(&format!("  {what} #{first}")));
        }
        line
    }

    fn verdict(&self, request: &Request) -> String {
        let (style, verdict) = (self.ui.out, &request.judged.verdict);
        if let Some(shaken) = &request.handshake {
            return match &shaken.refused {
                None => style.good("handshake answered"),
                Some(why) => format!("{}: {}", style.bad("handshake refused"), printable(why, 300)),
            };
        }
        match verdict {
            Verdict::Verified(_) => match verdict.detail() {
                Some(detail) => {
                    let detail = format!("{} {}", verdict.joint(), printable(&detail, 120));
                    format!("{}{}", style.good("verified"), style.dim(&detail))
                }
                None => style.good("verified"),
            },
            Verdict::TokenOnly(proof) => {
                let by = proof
                    .secret
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" by `{name}`"));
                format!("{}{}", style.good("token only"), style.dim(&printable(&by, 120)))
            }
            Verdict::Refused(refusal) => {
                format!("{}: {}", style.bad("refused"), printable(&refusal.to_string(), 300))
            }
            Verdict::Unsigned => style.caution("unsigned"),
            Verdict::Unchecked => style.caution("not verified"),
        }
    }

    fn verbose(&self, request: &Request) -> Result<()> {
        let Some(Whole { capture, .. }) = request.whole.as_ref().filter(|_| self.ui.verbose > 0) else {
            return Ok(());
        };
        let ui = &self.ui;
        let target = if self.reveal {
            capture.target.clone()
        } else {
            mask::target(&capture.target, capture.workflow.is_some())
        };
        ui.line(
            &ui.out
                .dim(&format!("    {} {}", capture.method, printable(&target, 500))),
        )?;
        let profile = request.judged.profile.as_ref();
        let token = profile.and_then(|profile| profile.scheme.token_header());
        let token: Vec<String> = token.into_iter().map(str::to_owned).collect();
        for (name, value) in header_lines(&capture.headers, self.reveal, &token) {
            ui.line(
                &ui.out
                    .dim(&format!("    {}: {}", printable(&name, 100), printable(&value, 500))),
            )?;
        }
        if !request.unsigned.is_empty() {
            let parts = request.unsigned.join(", ");
            ui.line(&ui.out.dim(&format!("    not signed: {}", printable(&parts, 500))))?;
        }
        let body = if self.reveal {
            (&capture.body[..]).into()
        } else {
            mask::bytes(&capture.body)
        };
        for line in body::pretty(&body, BODY_SHOWN).text.lines() {
            ui.line(&format!("    {line}"))?;
        }
        Ok(())
    }

    /// What could not be kept, or was turned away.
    pub(super) fn trouble(&mut self, heard: &ListenerEvent) {
        match heard {
            ListenerEvent::Request(_) => {}
            ListenerEvent::NotKept(error) => {
                self.not_kept += 1;
                let said = format!("answered 503, nothing recorded: {error}");
                // Ever rarer lines are enough to see it; a full disk refuses thousands.
                if self.not_kept.is_power_of_two() {
                    self.ui.warn(&format!("{said} ({} so far)", self.not_kept));
                }
            }
            ListenerEvent::Rejected(rejection) => self.turned_away.rejected(&self.ui, rejection),
            ListenerEvent::NotAccepted(error) => self.turned_away.not_accepted(&self.ui, error),
        }
    }

    /// `received 3: 2 verified, 1 refused, 0 duplicates, 2 forwarded`
    pub(super) fn summary(&mut self, work: &WorkSummary) {
        self.turned_away.finish(&self.ui);
        let mut parts = vec![
            format!("{} verified", self.verified),
            format!("{} refused", self.refused),
            count(self.duplicates, "duplicate"),
            format!("{} forwarded", work.delivered),
        ];
        parts.extend((self.handshakes > 0).then(|| count(self.handshakes, "handshake")));
        let more = [
            (work.failed, "not forwarded"),
            (work.interrupted, "interrupted"),
            (self.hidden, "hidden by `--filter`"),
            (self.not_kept, "not kept (answered 503)"),
        ];
        parts.extend(
            more.iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{n} {what}")),
        );
        self.ui
            .note(&format!("received {}: {}", self.received, parts.join(", ")));
    }
}
