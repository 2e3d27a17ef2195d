//! A bulk run as a whole.

use std::io;

use serde_json::json;

use crate::app::outgoing::SendResult;
use crate::text::count;
use crate::view::{JsonLines, Page, View, millis, short_time};

impl SendResult {
    fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let total = self.tally.total() as f64;
        total / self.took.as_secs_f64().max(1e-9)
    }
}

impl View for SendResult {
    fn human(&self, page: &mut Page) {
        let (tally, style) = (&self.tally, page.style);
        let delivered = style.good(&format!("{} delivered", tally.delivered));
        let failed = match tally.failed {
            0 => "0 failed".to_owned(),
            n => style.bad(&format!("{n} failed")),
        };
        let (events, seconds) = (count(tally.total(), "event"), self.took.as_secs_f64());
        let rate = self.per_second();
        page.line(format!(
            "{events}: {delivered}, {failed}, {seconds:.1} s, {rate:.0} a second"
        ));
        let [p50, p95, p99] =
            [0.5, 0.95, 0.99].map(|share| tally.times.percentile(share).map_or("-".into(), short_time));
        page.line(format!("answer times: p50 {p50}, p95 {p95}, p99 {p99}"));
        for (cause, n) in &tally.causes {
            page.line(format!("  {n} x {cause}"));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let tally = &self.tally;
        let [p50_ms, p95_ms, p99_ms] = [0.5, 0.95, 0.99].map(|share| tally.times.percentile(share).map(millis));
        let record = json!({
            "deliveries": tally.total(),
            "delivered": tally.delivered,
            "failed": tally.failed,
            "interrupted": tally.interrupted,
            "seconds": self.took.as_secs_f64(),
            "per_second": self.per_second().round(),
            "p50_ms": p50_ms,
            "p95_ms": p95_ms,
            "p99_ms": p99_ms,
            "causes": tally.causes,
        });
        lines.object("hook.bulk/1", &record)
    }
}
