//! Results of handshakes.

use crate::app::handshake::HandshakeResult;
use crate::text::printable;
use crate::view::{JsonRecord, Page, short_time};

impl JsonRecord for HandshakeResult {
    const SCHEMA: &'static str = "hook.handshake/1";

    fn human(&self, page: &mut Page) {
        let style = page.style;
        let name = self.handshake.as_ref().map_or_else(String::new, |n| format!(" {n}"));
        let wrong = if self.wrongly_signed { ", wrongly signed" } else { "" };
        let status = self.status.map_or_else(String::new, |status| format!("  {status}"));
        let took = style.dim(&short_time(self.took.unwrap_or_default()));
        let came = match &self.why {
            None => format!("{}{status}  {took}", style.good("passed")),
            Some(why) => format!("{}{status}  {took}  {}", style.bad("failed"), printable(why, 600)),
        };
        page.line(format!("{}{name}{wrong}  {came}", style.name(&self.provider)));
    }
}
