//! Delivery and retries of a file, checked.

use std::time::Duration;

use super::Result;
use crate::headers::parse_line;
use crate::provider::fault::fault;
use crate::provider::file::{DeliveryTable, RetryTable, ScheduleTable, Then};
use crate::provider::policy::{Exhaustion, Overload, Policy, RetryOn, RunFrom, Schedule};

/// The policy; `is_assumed` tells whether what follows the last failure is not stated by the provider.
pub(super) fn policy(delivery: &DeliveryTable, retry: Option<RetryTable>, is_assumed: bool) -> Result<Policy> {
    if delivery.success.is_empty() {
        return fault("delivery.success", "no code counts as success");
    }
    let policy = Policy {
        timeout: delivery.timeout.0,
        success: delivery.success.clone(),
        schedule: match retry {
            Some(RetryTable::Schedule(table)) => schedule(*table, is_assumed)?,
            Some(RetryTable::None(table)) => Schedule {
                instead: table.instead,
                ..Schedule::default()
            },
            None => Schedule::default(),
        },
    };
    if policy.timeout.is_zero() {
        return fault("delivery.timeout", "must not be 0");
    }
    Ok(policy)
}

fn schedule(table: ScheduleTable, is_assumed: bool) -> Result<Schedule> {
    let key = |name: &str| format!("retry.schedule.{name}");
    let mut delays: Vec<_> = table.delays.into_iter().map(|delay| delay.0).collect();
    if let Some(until) = table.until {
        repeat_last(&mut delays, until.0).or_else(|what| fault(&key("until"), what))?;
    }
    if table.from == RunFrom::First && !delays.is_sorted() {
        return fault(&key("delays"), "must not go back when they run from the first attempt");
    }
    let after = table.disable_after_deliveries.unwrap_or(1);
    if after == 0 {
        return fault(&key("disable-after-deliveries"), "must be at least 1");
    }
    let retry_on = match table.retry_on {
        None => RetryOn::EveryFailure,
        Some(items) => RetryOn::parse(&items).or_else(|what| fault(&key("retry-on"), what))?,
    };
    let overload = match table.overload_delay {
        None if table.overload_on.is_empty() => None,
        None => return fault(&key("overload-on"), "it requires `overload-delay`"),
        Some(delay) => Some(Overload {
            delay: delay.0,
            on: RetryOn::parse(&table.overload_on).or_else(|what| fault(&key("overload-on"), what))?,
        }),
    };
    let stop_on_header = table.stop_on_header.map(|line| {
        // A header of the answer, so that those which the transport sets for a request are possible too.
        let (name, value) = parse_line(&line).or_else(|what| fault(&key("stop-on-header"), what))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Schedule {
        delays,
        from: table.from,
        jitter: table.jitter.map(|share| share.0),
        honour_retry_after: table.honour_retry_after,
        retry_on,
        stop_on: table.stop_on,
        stop_on_header: stop_on_header.transpose()?,
        disable_on: table.disable_on,
        overload,
        then: match (table.then, table.disable_after) {
            (Some(Then::DisableEndpoint), Some(time)) => Exhaustion::DisableAfter(time.0),
            (Some(Then::DisableEndpoint), None) => Exhaustion::DisableEndpoint { after },
            (Some(Then::Fail), _) if !is_assumed => Exhaustion::Fail,
            (Some(Then::Fail) | None, _) => Exhaustion::Unstated,
        },
        notify: table.notify,
        instead: None,
    })
}

/// The most attempts that a schedule may have.
const MOST_ATTEMPTS: usize = 10_000;

/// Repeats the last delay as long as all of them together are not longer than that. The error is a clause.
fn repeat_last(delays: &mut Vec<Duration>, until: Duration) -> std::result::Result<(), String> {
    let Some(last) = delays.last().copied().filter(|last| !last.is_zero()) else {
        return Err("it requires `delays`, the last of which is repeated".to_owned());
    };
    let mut total: Duration = delays.iter().sum();
    while total + last <= until {
        if delays.len() == MOST_ATTEMPTS {
            return Err(format!("it makes more than {MOST_ATTEMPTS} attempts"));
        }
        delays.push(last);
        total += last;
    }
    Ok(())
}
