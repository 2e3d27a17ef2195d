//! Flags of `hook listen` about what is expected to arrive.

use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;

use super::report::ReportArgs;

use crate::app::expect::{CountRange, DEFAULT_SETTLE, Expectation, Expectations};
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;

/// What is expected, with the positions of its flags: a `--count` belongs to the `--expect` before it.
#[derive(Debug, Clone)]
pub(super) struct ExpectArgs {
    flags: ExpectFlags,
    expect_at: Vec<usize>,
    count_at: Vec<usize>,
}

#[derive(Debug, Clone, clap::Args)]
struct ExpectFlags {
    /// Expect an event for which this holds, a CEL expression: `event == "job.paid" && data.total > 1000`; exit 8 if it
    /// does not arrive (can be repeated)
    #[arg(
        long,
        value_name = "EXPR",
        allow_hyphen_values = true,
        conflicts_with = "inbound",
        help_heading = "Expectations"
    )]
    expect: Vec<String>,
    /// Stop after this many requests; exit 8 with `--for` if they did not arrive. After an `--expect`: how many events it
    /// needs, `N`, `N..M`, or `0` if none may arrive; default: 1
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = "Stopping")]
    count: Vec<String>,
    /// Require that the expectations are met in their order
    #[arg(long, requires = "expect", help_heading = "Expectations")]
    in_order: bool,
    /// Require that nothing else arrives until the end of `--for`, or of the command
    #[arg(long, requires = "expect", help_heading = "Expectations")]
    no_extra: bool,
    /// Require that every request is verified
    #[arg(long, requires = "expect", help_heading = "Expectations")]
    all_verified: bool,
    /// How long to wait for more after the end of the command; default: 2s
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, requires_all = ["expect", "command"], help_heading = "Expectations")]
    settle: Option<Duration>,
    #[command(flatten)]
    report: ReportArgs,
}

/// Shows `--report`, which other commands have too, among the expectations.
fn in_group(command: clap::Command) -> clap::Command {
    command.mut_arg("files", |report| report.help_heading("Expectations"))
}

impl clap::Args for ExpectArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        in_group(ExpectFlags::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        in_group(ExpectFlags::augment_args_for_update(command))
    }
}

impl clap::FromArgMatches for ExpectArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let at = |id: &str| matches.indices_of(id).map(Iterator::collect).unwrap_or_default();
        Ok(Self {
            flags: ExpectFlags::from_arg_matches(matches)?,
            expect_at: at("expect"),
            count_at: at("count"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ExpectArgs {
    /// Where reports go.
    pub(super) fn report(&self) -> &ReportArgs {
        &self.flags.report
    }

    /// The plain count of requests, and what is expected; retries are judged by themselves.
    pub(super) fn read(&self, judges_retries: bool) -> Result<(Option<u64>, Option<Expectations>)> {
        if self.flags.expect.is_empty() {
            let count = self.plain_count()?;
            if !self.flags.report.is_empty() && !judges_retries && count.is_none() {
                return Err(Error::usage("`--report` needs something that is judged")
                    .hint("add `--expect EXPR` or `--expect-retries PROVIDER`"));
            }
            return Ok((count, None));
        }
        let expectations = Expectations {
            list: self.list()?,
            in_order: self.flags.in_order,
            no_extra: self.flags.no_extra,
            all_verified: self.flags.all_verified,
            settle: self.flags.settle.unwrap_or(DEFAULT_SETTLE),
        };
        Ok((None, Some(expectations)))
    }

    /// `--count N` without an expectation.
    fn plain_count(&self) -> Result<Option<u64>> {
        match self.flags.count.as_slice() {
            [] => Ok(None),
            [one] => match one.parse() {
                Ok(count @ 1..) => Ok(Some(count)),
                _ => Err(
                    Error::usage(format!("`--count {one}`: a number of requests from 1 is expected"))
                        .hint("ranges and `0` belong to an `--expect EXPR` before them"),
                ),
            },
            _ => Err(Error::usage("`--count` is given several times")
                .hint("each but one belongs to an `--expect EXPR` before it")),
        }
    }

    fn list(&self) -> Result<Vec<Expectation>> {
        let mut list = Vec::new();
        for source in &self.flags.expect {
            list.push(Expectation {
                filter: Arc::new(EventFilter::parse_live("--expect", source)?),
                count: CountRange::default(),
            });
        }
        let mut counted = Vec::new();
        for (text, at) in self.flags.count.iter().zip(&self.count_at) {
            let before = self.expect_at.iter().filter(|expect| *expect < at).count();
            let Some(belongs_to) = before.checked_sub(1) else {
                return Err(Error::usage(format!("`--count {text}` comes before every `--expect`"))
                    .hint("write it behind the `--expect EXPR` that it belongs to"));
            };
            if counted.contains(&belongs_to) {
                return Err(Error::usage(format!(
                    "`--count {text}` is the second one of its `--expect`"
                )));
            }
            counted.push(belongs_to);
            let count = CountRange::parse(text).map_err(|what| Error::usage(format!("`--count`: {what}")))?;
            if let Some(expectation) = list.get_mut(belongs_to) {
                expectation.count = count;
            }
        }
        Ok(list)
    }
}
