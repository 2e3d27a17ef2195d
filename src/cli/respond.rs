//! Flags about how `listen` responds, and with which failures on purpose.

use std::time::Duration;

use clap::Args;

use crate::app::receive::{ResponseRule, Responses};
use crate::clock::parse_duration;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Args)]
pub(super) struct RespondArgs {
    /// Response status; default: 200, or a success code of the provider where 200 is not one
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=599), help_heading = "Response")]
    status: Option<u16>,
    /// Response status for refused requests
    #[arg(long, value_name = "CODE", default_value_t = 401, value_parser = clap::value_parser!(u16).range(200..=599), help_heading = "Response")]
    pub(super) reject_status: u16,
    /// Delay before each response
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0", help_heading = "Response")]
    pub(super) delay: Duration,
    /// Respond with 500 to the first N requests that are not refused
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Response")]
    fail_first: u64,
    /// Respond by a script that each event id walks, its last item repeated: `500*2,429(retry-after=3),drop,delay:12s,200`,
    /// for events of a type `EVENT=SCRIPT` (can be repeated)
    #[arg(long, value_name = "[EVENT=]SCRIPT", value_parser = ResponseRule::parse, conflicts_with_all = ["status", "delay", "fail_first"], help_heading = "Response")]
    respond: Vec<ResponseRule>,
    /// Exit with 8 unless senders retry on the schedule of this provider, whose delays `--time-scale` divides
    #[arg(long, value_name = "NAME", add = super::complete::providers(), help_heading = "Response")]
    pub(super) expect_retries: Option<String>,
}

impl RespondArgs {
    /// How requests that are not refused are answered.
    pub(super) fn responses(&self) -> Result<Responses> {
        if self.respond.is_empty() {
            return Ok(Responses::failing_first(self.fail_first, self.status, self.delay));
        }
        Responses::from_rules(self.respond.clone()).map_err(|what| Error::usage(format!("`--respond`: {what}")))
    }
}
