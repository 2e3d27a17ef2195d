//! Flags about what follows a failed attempt, shared by `send`, `replay` and `listen`.

use std::time::Duration;

use clap::Args;

use crate::app::retry::{Delays, RetryPlan};
use crate::cli::input::words;
use crate::clock::parse_duration;
use crate::error::{Error, Result};
use crate::provider::policy::RunFrom;

const STARTS: [(&str, RunFrom, &str); 2] = [("previous", RunFrom::Previous, ""), ("first", RunFrom::First, "")];

#[derive(Debug, Clone, Args)]
pub(super) struct RetryArgs {
    /// Retry on the provider's schedule, or on this one: `5s,1m,10m`
    #[arg(long, value_name = "DELAYS", num_args = 0..=1, default_missing_value = "", help_heading = "Retry")]
    pub(super) retry: Option<String>,
    /// Divide the delays (not the timeouts) by this factor, such as `1000x`
    #[arg(long, value_name = "FACTOR", value_parser = scale, default_value = "1", help_heading = "Retry")]
    pub(super) time_scale: f64,
    /// Start of each delay, where the provider's documentation does not say
    #[arg(long, value_name = "ATTEMPT", value_parser = words(&STARTS), help_heading = "Retry")]
    schedule_from: Option<RunFrom>,
}

pub(super) fn scale(text: &str) -> std::result::Result<f64, String> {
    let factor: f64 = text
        .trim_end_matches(['x', 'X'])
        .parse()
        .map_err(|_| "expected a factor such as `1000x`")?;
    // Beyond this a wait of some days would be more than a duration can hold.
    if (0.001..=1e9).contains(&factor) {
        Ok(factor)
    } else {
        Err("expected a factor from 0.001 to 1000000000".into())
    }
}

impl RetryArgs {
    /// Which delays the user wants.
    pub(super) fn plan(&self) -> Result<RetryPlan> {
        Ok(RetryPlan {
            delays: match self.retry.as_deref() {
                None => Delays::None,
                Some("") => Delays::Policy,
                Some(delays) => Delays::Own(parse_delays(delays)?),
            },
            from: self.schedule_from,
        })
    }
}

fn parse_delays(text: &str) -> Result<Vec<Duration>> {
    text.split(',')
        .map(|delay| {
            parse_duration(delay).map_err(|what| {
                Error::usage(format!("schedule `{text}`: {what}"))
                    .hint("write `--retry 5s,1m`, or `--retry` alone at the end")
            })
        })
        .collect()
}
