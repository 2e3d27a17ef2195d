//! Delivery and retries of a file, checked.

use super::Result;
use crate::headers::parse_line;
use crate::provider::fault::fault;
use crate::provider::file::{DeliveryTable, RetryTable, ScheduleTable, Then};
use crate::provider::policy::{Codes, Exhaustion, Policy, RetryOn, RunFrom, Schedule};

pub(super) fn policy(delivery: &DeliveryTable, retry: Option<RetryTable>) -> Result<Policy> {
    if delivery.success.is_empty() {
        return fault("delivery.success", "no code counts as success");
    }
    let policy = Policy {
        timeout: delivery.timeout.0,
        success: delivery.success.clone(),
        schedule: match retry {
            Some(RetryTable::Schedule(table)) => schedule(*table)?,
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

fn schedule(table: ScheduleTable) -> Result<Schedule> {
    let key = |name: &str| format!("retry.schedule.{name}");
    let delays: Vec<_> = table.delays.into_iter().map(|delay| delay.0).collect();
    if table.from == RunFrom::First && !delays.is_sorted() {
        return fault(&key("delays"), "must not go back when they run from the first attempt");
    }
    let after = table.disable_after_deliveries.unwrap_or(1);
    if after == 0 {
        return fault(&key("disable-after-deliveries"), "must be at least 1");
    }
    let retry_on = match table.retry_on {
        None => RetryOn::EveryFailure,
        Some(items) => {
            let (errors, numbers): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item == "error");
            RetryOn::Only {
                codes: Codes::parse(&numbers).or_else(|what| fault(&key("retry-on"), what))?,
                errors: !errors.is_empty(),
            }
        }
    };
    let stop_on_header = table.stop_on_header.map(|line| {
        // A header of the answer, so that those which the transport sets for a request are possible too.
        let (name, value) = parse_line(&line).or_else(|what| fault(&key("stop-on-header"), what))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Schedule {
        delays,
        from: table.from,
        jitter: table.jitter.0,
        honour_retry_after: table.honour_retry_after,
        retry_on,
        stop_on: table.stop_on,
        stop_on_header: stop_on_header.transpose()?,
        disable_on: table.disable_on,
        then: match table.then {
            Then::DisableEndpoint => Exhaustion::DisableEndpoint { after },
            Then::Fail => Exhaustion::Fail,
        },
        notify: table.notify,
        instead: None,
    })
}
