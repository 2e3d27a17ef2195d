//! Events of `hook serve`: ready, API calls, handshakes.

use std::io;

use super::log_level::{LogLevel, Logged};
use super::record::status_cell;
use super::{JsonLines, JsonRecord, Page, View, short_time};
use crate::api::server::ApiCall;
use crate::app::handshake::HandshakeResult;
use crate::app::serve::ServeReady;
use crate::clock::Timestamp;
use crate::text::printable;

/// An event of a service, and when it was.
pub struct TimedEvent<'a, T>(pub Timestamp, pub &'a T);

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
        let level = match self.1.status {
            500.. => LogLevel::Error,
            400.. => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        lines.object("hook.call/1", &self.logged(level))
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
        let level = if self.1.confirmed {
            LogLevel::Info
        } else {
            LogLevel::Warn
        };
        lines.object(HandshakeResult::SCHEMA, &self.logged(level))
    }
}

impl View for TimedEvent<'_, ServeReady> {
    // Notices on stderr have the same content.
    fn human(&self, _: &mut Page) {}

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.ready/1", &self.logged(LogLevel::Info))
    }
}

impl<'a, T> TimedEvent<'a, T> {
    fn logged(&self, level: LogLevel) -> Logged<'a, T> {
        Logged {
            at: self.0,
            level,
            record: self.1,
        }
    }
}
