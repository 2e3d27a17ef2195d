//! Flags of `send` that make it a faulty sender.

use std::time::Duration;

use clap::Args;

use crate::app::outgoing::{FaultOptions, Tamper};
use crate::cli::input::words;
use crate::clock::parse_duration;

const TAMPERS: [(&str, Tamper, &str); 5] = [
    (
        "body",
        Tamper::Body,
        "a byte of the body is changed after it was signed",
    ),
    (
        "signature",
        Tamper::Signature,
        "a character of the signature is changed",
    ),
    (
        "timestamp",
        Tamper::Timestamp,
        "the time is changed after it was signed",
    ),
    ("secret", Tamper::Secret, "signed with another secret"),
    ("missing", Tamper::Missing, "not signed"),
];

#[derive(Debug, Clone, Args)]
pub(super) struct FaultArgs {
    /// Send requests that the receiver must refuse, with this fault
    #[arg(long, value_name = "WHAT", value_parser = words(&TAMPERS), help_heading = "Faults")]
    pub(super) tamper: Option<Tamper>,
    /// Send each event N times, one after the other; with `--burst N`, at the same moment
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Faults")]
    pub(super) duplicate: u32,
    /// Send in a random order
    #[arg(long, help_heading = "Faults")]
    shuffle: bool,
    /// Wait before each delivery, for a random time up to this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "burst", help_heading = "Faults")]
    jitter: Option<Duration>,
    /// Send N requests at once, and the next N when these were answered
    #[arg(long, value_name = "N", value_parser = super::input::concurrency(), help_heading = "Faults")]
    burst: Option<usize>,
    /// Take each first answer with success for one that came after the time limit, and retry on the schedule
    #[arg(long, help_heading = "Faults")]
    pub(super) late_success: bool,
}

impl FaultArgs {
    pub(super) fn options(&self, seed: Option<u64>) -> FaultOptions {
        FaultOptions {
            tamper: self.tamper,
            duplicate: self.duplicate,
            shuffle: self.shuffle,
            jitter: self.jitter,
            burst: self.burst,
            late_success: self.late_success,
            seed,
        }
    }
}
