//! Checks of the last deliveries to an endpoint, as recorded in the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::Subject;
use crate::clock::human_duration;
use crate::error::Result;
use crate::exchange::ErrorKind;
use crate::finding::Finding;
use crate::store::{DeliveryState, Query, QueryPage, RecordKind, Summary};
use crate::text::short_time;

/// How many deliveries are looked at.
const DELIVERIES: usize = 20;

/// Slower answers are a risk where the provider's time limit is not documented.
const SLOW: Duration = Duration::from_secs(3);

/// The last deliveries to the URL as it is now, the newest first. Invalid requests of a test are not counted.
pub(super) fn recent(subject: &Subject<'_>) -> Result<Vec<Summary>> {
    if !subject.context.store_place.exists() {
        return Ok(Vec::new());
    }
    let query = Query {
        kind: Some(RecordKind::Delivery),
        endpoint: Some(subject.endpoint.name.clone()),
        // Room for those that are dropped below: each test leaves some beside its genuine delivery.
        page: QueryPage::newest(DELIVERIES * 2),
        ..Query::default()
    };
    let url = Url::parse(&subject.endpoint.url).map_or_else(|_| subject.endpoint.url.clone(), String::from);
    let mut found = subject.context.reader()?.list(&query)?;
    found.retain(|summary| summary.target == url && summary.state != DeliveryState::Tested.name());
    found.truncate(DELIVERIES);
    Ok(found)
}

fn failed(summary: &Summary) -> bool {
    summary.state == DeliveryState::Failed.name()
}

/// The outcomes of the last deliveries.
pub(super) fn deliveries(subject: &Subject<'_>, past: &[Summary]) -> Finding {
    let name = &subject.endpoint.name;
    let test = format!("`hook endpoints test {name}`");
    let Some(newest) = past.first() else {
        return Finding::caution("deliveries", "nothing was delivered yet").hint(test);
    };
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for summary in past.iter().filter(|summary| failed(summary)) {
        let status = summary.status.map(|status| status.to_string());
        let kind = || summary.reason.as_deref().and_then(ErrorKind::from_name);
        let cause = status.unwrap_or_else(|| kind().map_or("unknown", ErrorKind::words).to_owned());
        *causes.entry(cause).or_default() += 1;
    }
    let total: usize = causes.values().sum();
    if total == 0 {
        return Finding::ok("deliveries", format!("none of the last {} failed", past.len()));
    }
    let causes: Vec<String> = causes.iter().map(|(cause, n)| format!("{n} x {cause}")).collect();
    let what = format!("{total} of the last {} failed: {}", past.len(), causes.join(", "));
    if failed(newest) {
        Finding::problem("deliveries", what).hint(format!("`hook log show {}`", newest.number))
    } else {
        Finding::caution("deliveries", format!("{what}; the newest did not"))
            .hint(format!("`hook log list --endpoint {name} --failed` shows them"))
    }
}

/// Whether the receiver rejects signatures.
pub(super) fn refusals(past: &[Summary]) -> Option<Finding> {
    let refused = |summary: &&Summary| matches!(summary.status, Some(401 | 403));
    let newest = past.first()?;
    let all: Vec<&Summary> = past.iter().filter(refused).collect();
    let Some(last) = all.first() else {
        return Some(Finding::ok(
            "refusals",
            format!("none of the last {} was answered with 401 or 403", past.len()),
        ));
    };
    let what = format!("{} of the last {} were answered with 401 or 403", all.len(), past.len());
    if last.number != newest.number {
        return Some(Finding::caution("refusals", format!("{what}; the newest was not")));
    }
    let hint = "does the receiver have this secret to the last character, and check the raw bytes of the body, \
        not JSON that it parsed and wrote again?";
    Some(Finding::problem("refusals", what).hint(hint))
}

/// Whether answers arrive within the time limit.
pub(super) fn times(subject: &Subject<'_>, past: &[Summary]) -> Finding {
    let limit = subject.profile.policy.timeout;
    let assumed = subject.profile.is_assumed("delivery.timeout");
    let says = if assumed { " (assumed)" } else { "" };
    let allowed = format!("{}{says}", human_duration(limit));
    let quick = "let the receiver answer first, and do the work afterwards";
    let late = past
        .iter()
        .filter(|summary| summary.reason.as_deref() == Some("timeout"));
    let late = late.count();
    if late > 0 {
        let what = format!("{late} of the last {} had no answer within {allowed}", past.len());
        return Finding::problem("times", what).hint(quick);
    }
    let answered = past.iter().filter(|summary| summary.status.is_some());
    let Some(slowest) = answered.filter_map(|summary| summary.took).max() else {
        return Finding::ok(
            "times",
            format!("{allowed} are allowed for an answer; none was timed yet"),
        );
    };
    let what = format!(
        "the slowest of the last answers took {}, and {allowed} are allowed",
        short_time(slowest)
    );
    if slowest > limit.mul_f64(0.8) || (assumed && slowest > SLOW) {
        return Finding::caution("times", what).hint(quick);
    }
    Finding::ok("times", what)
}

/// Whether the receiver saw events more than once.
pub(super) fn repeats(past: &[Summary]) -> Option<Finding> {
    let repeated = past.iter().filter(|summary| summary.attempts > 1).count();
    (repeated > 0).then(|| {
        let what = format!("{repeated} of the last {} took several attempts", past.len());
        Finding::caution("repeats", what).hint("a receiver that was only slow got those events more than once")
    })
}
