//! Delivery and retries of a file, checked.

use super::{Result, codes, duration, fault, word};
use crate::headers::check_line;
use crate::provider::file::{DeliveryFile, RetryFile, ScheduleFile};
use crate::provider::policy::{Codes, Exhaustion, Policy, RetryOn, RunFrom, Schedule};

pub(super) fn policy(delivery: &DeliveryFile, retry: Option<&RetryFile>) -> Result<Policy> {
    let success = match &delivery.success {
        Some(items) => codes("delivery.success", Some(items))?,
        None => Codes::parse(&["200-299"]).or_else(|what| fault("delivery.success", what))?,
    };
    if success.is_empty() {
        return fault("delivery.success", "no code counts as success");
    }
    let timeout = duration("delivery.timeout", delivery.timeout.as_deref().unwrap_or("30s"))?;
    if timeout.is_zero() {
        return fault("delivery.timeout", "must not be 0");
    }
    let schedule = match retry {
        Some(RetryFile::Schedule(file)) => schedule(file)?,
        Some(RetryFile::None(file)) => Schedule {
            instead: file.instead.clone(),
            ..Schedule::default()
        },
        None => Schedule::default(),
    };
    Ok(Policy {
        timeout,
        success,
        schedule,
    })
}

fn schedule(file: &ScheduleFile) -> Result<Schedule> {
    let key = |name: &str| format!("retry.schedule.{name}");
    let delays: Vec<_> = file
        .delays
        .iter()
        .flatten()
        .map(|delay| duration(&key("delays"), delay))
        .collect::<Result<_>>()?;
    let from = word(
        &key("from"),
        file.from.as_deref(),
        &[("previous", RunFrom::Previous), ("first", RunFrom::First)],
    )?;
    if from == RunFrom::First && !delays.is_sorted() {
        return fault(&key("delays"), "must not go back when they run from the first attempt");
    }
    let jitter = match file.jitter.as_deref() {
        None => 0.0,
        Some(text) => match text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()) {
            Some(percent) if (0.0..=100.0).contains(&percent) => percent / 100.0,
            _ => return fault(&key("jitter"), format!("`{text}` is not a share such as `10%`")),
        },
    };
    let disables = word(
        &key("then"),
        file.then.as_deref(),
        &[("fail", false), ("disable-endpoint", true)],
    )?;
    let after = file.disable_after_deliveries.unwrap_or(1);
    if after == 0 {
        return fault(&key("disable-after-deliveries"), "must be at least 1");
    }
    let retry_on = match &file.retry_on {
        None => RetryOn::EveryFailure,
        Some(items) => {
            let (errors, numbers): (Vec<_>, Vec<_>) = items.iter().cloned().partition(|item| item == "error");
            RetryOn::Only {
                codes: codes(&key("retry-on"), Some(&numbers))?,
                errors: !errors.is_empty(),
            }
        }
    };
    let stop_on_header = file.stop_on_header.as_deref().map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        check_line(name, value).or_else(|what| fault(&key("stop-on-header"), what))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    Ok(Schedule {
        delays,
        from,
        jitter,
        honour_retry_after: codes(&key("honour-retry-after"), file.honour_retry_after.as_ref())?,
        retry_on,
        stop_on: codes(&key("stop-on"), file.stop_on.as_ref())?,
        stop_on_header: stop_on_header.transpose()?,
        disable_on: codes(&key("disable-on"), file.disable_on.as_ref())?,
        then: if disables {
            Exhaustion::DisableEndpoint { after }
        } else {
            Exhaustion::Fail
        },
        notify: file.notify.clone(),
        instead: None,
    })
}
