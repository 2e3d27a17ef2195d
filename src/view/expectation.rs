//! The result of expectations on what arrived: `hook.expectations/1`.

use crate::app::expect::{ExpectationReport, ExpectationResult, NearestRequest};
use crate::app::inspect::difference::{ValueChange, ValueDifference};
use crate::text::printable;
use crate::view::style::Style;
use crate::view::{JsonRecord, Page, count, or_dash};

/// Characters of an expression that are shown.
const EXPRESSION_SHOWN: usize = 300;

/// Requests that are listed.
const REQUESTS_SHOWN: usize = 20;

impl JsonRecord for ExpectationReport {
    const SCHEMA: &'static str = "hook.expectations/1";

    fn human(&self, page: &mut Page) {
        let style = page.style;
        for one in &self.expectations {
            expectation(one, page);
        }
        for problem in &self.problems {
            page.line(format!("{}  {problem}", style.bad("unmet")));
        }
        if !self.met {
            self.requests(page);
        }
        let unmet = self.expectations.iter().filter(|one| !one.met).count();
        let all = count(self.expectations.len() as u64, "expectation");
        page.line(match (self.met, unmet) {
            (true, _) => style.good(&format!("{all} met")),
            (false, 0) => style.bad(&format!("{all} met, and not all rules")),
            (false, unmet) => style.bad(&format!("{unmet} of {all} not met")),
        });
    }
}

impl ExpectationReport {
    /// What came.
    fn requests(&self, page: &mut Page) {
        let style = page.style;
        if self.received == 0 {
            page.line(style.dim("nothing arrived"));
            return;
        }
        page.line(style.dim(&format!("{} arrived:", count(self.received, "request"))));
        for request in self.requests.iter().take(REQUESTS_SHOWN) {
            let event = or_dash(request.event.as_deref(), 60);
            page.line(style.dim(&format!("  #{}  {event}  {}", request.number, request.counted_as)));
        }
        let more = self.received.saturating_sub(REQUESTS_SHOWN as u64);
        if more > 0 {
            page.line(style.dim(&format!("  and {more} more: `hook log` lists them")));
        }
    }
}

fn expectation(one: &ExpectationResult, page: &mut Page) {
    let style = page.style;
    let word = if one.met {
        style.good("met  ")
    } else {
        style.bad("unmet")
    };
    let expression = printable(&one.expression, EXPRESSION_SHOWN);
    let came = one.counted();
    page.line(format!("{word}  {}  {}", style.strong(&expression), style.dim(&came)));
    for problem in &one.problems {
        page.line(format!("       {problem}"));
    }
    if let Some(near) = &one.nearest {
        nearest(near, page);
    }
}

fn nearest(near: &NearestRequest, page: &mut Page) {
    let style = page.style;
    let event = or_dash(near.event.as_deref(), 60);
    page.line(style.dim(&format!("       nearest: #{}  {event}", near.number)));
    if let Some(why) = near.not_counted {
        page.line(format!("         it matches, and does not count: {why}"));
    }
    for difference in &near.differences {
        page.line(format!("         {}", changed(difference, style)));
    }
    let compared: Vec<&str> = near.differences.iter().map(|one| one.place.as_str()).collect();
    for part in &near.unmet_parts {
        let part = printable(part, EXPRESSION_SHOWN);
        // What was compared above needs no second line.
        if !compared.iter().any(|place| part.contains(place)) {
            page.line(format!("         not true: {part}"));
        }
    }
    for found in &near.found {
        let value = found.value.as_deref().unwrap_or("not there");
        page.line(style.dim(&format!("           {} is {value}", printable(&found.path, 100))));
    }
}

/// `data.total: expected 1000, came 900`
fn changed(difference: &ValueDifference, style: Style) -> String {
    let place = printable(&difference.place, 100);
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let expected = style.good(&value(&difference.left));
    let came = match difference.change {
        ValueChange::Removed => style.bad("nothing"),
        ValueChange::Changed | ValueChange::Added => style.bad(&value(&difference.right)),
    };
    format!("{place}: expected {expected}, came {came}")
}
