//! Events of `hook serve`: ready, API calls, handshakes.

use std::io;

use super::record::status_cell;
use super::{JsonLines, JsonRecord, Page, View, short_time};
use crate::api::server::ApiCall;
use crate::app::handshake::HandshakeResult;
use crate::app::serve::ServeReady;
use crate::clock::Timestamp;
use crate::text::printable;

/// An event of a service, and when it was.
pub struct TimedEvent<'a, T>(pub Timestamp, pub &'a T);

impl JsonRecord for ServeReady {
    const SCHEMA: &'static str = "hook.ready/1";
}

impl View for TimedEvent<'_, ApiCall> {
    /// `12:03:04.123  POST /v1/webhooks  201  added crm  3.4ms`
    fn human(&self, page: &mut Page) {
        let (Self(at, call), style) = (self, page.style);
        let summary = match printable(&call.summary, 200) {
            summary if summary.is_empty() => summary,
            summary => format!("  {summary}"),
        };
        page.line(format!(
            "{}  {} {}  {}{summary}  {}",
            style.dim(&at.local_clock()),
            printable(&call.method, 20),
            style.name(&printable(&call.target, 120)),
            status_cell(call.status).paint(style),
            style.dim(&short_time(call.took)),
        ));
        if let Some(secret) = &call.secret {
            // A public key has several lines.
            let kind = if secret.contains('\n') {
                "public key\n"
            } else {
                "secret  "
            };
            page.line(format!("{}{}", style.dim(kind), style.strong(secret.trim_end())));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.call/1", self.1)
    }
}

impl View for TimedEvent<'_, HandshakeResult> {
    /// `12:03:04.123  handshake  crm  confirmed`
    fn human(&self, page: &mut Page) {
        let (Self(at, result), style) = (self, page.style);
        let outcome = match &result.why {
            None => style.good("confirmed"),
            Some(why) => format!("{}: {why}", style.caution("not confirmed")),
        };
        let name = style.name(result.endpoint.as_deref().unwrap_or_default());
        let at = style.dim(&at.local_clock());
        page.line(format!("{at}  handshake  {name}  {outcome}"));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        self.1.json(lines)
    }
}
