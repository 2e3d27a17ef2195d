//! Which records.

use crate::app::inspect::{DEFAULT_LIMIT, names, select};
use crate::cli::input::words;
use crate::cli::session::Session;
use crate::error::Result;
use crate::event_filter::EventFilter;
use crate::store::{DeliveryState, Query, RecordKind};

const KINDS: [(&str, RecordKind, &str); 2] = [
    ("capture", RecordKind::Capture, "Requests that `hook listen` received"),
    ("delivery", RecordKind::Delivery, "Messages on their way to one URL"),
];

/// Which records, and how many of them.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(super) struct LogListArgs {
    #[command(flatten)]
    pub(super) filters: FilterArgs,
    /// Maximum number of records; default: 20
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Selection")]
    pub(super) limit: Option<u32>,
    /// Records for which this holds: a CEL expression, `data.total > 100`
    #[arg(
        long = "where",
        value_name = "EXPR",
        allow_hyphen_values = true,
        help_heading = "Selection"
    )]
    condition: Option<String>,
}

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(super) struct FilterArgs {
    /// Refused requests and failed deliveries
    #[arg(long, help_heading = "Selection")]
    failed: bool,
    /// Requests for which a command failed (`listen --exec`, `--on`, `run` of a route) and did not succeed since
    #[arg(long, conflicts_with = "failed", help_heading = "Selection")]
    failed_processing: bool,
    /// Deliveries that wait until they are released by hand: `hook replay ID` delivers one again
    #[arg(long, conflicts_with_all = ["failed", "failed_processing"], help_heading = "Selection")]
    parked: bool,
    /// Records since a time: `2h` ago, or a timestamp
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<String>,
    /// Events that match: `job.*`
    #[arg(long, value_name = "PATTERN", add = crate::cli::complete::events(), help_heading = "Selection")]
    event: Option<String>,
    /// Deliveries to this endpoint
    #[arg(long, value_name = "NAME", add = crate::cli::complete::endpoints(), help_heading = "Selection")]
    endpoint: Option<String>,
    /// Records of this provider: `NAME`, or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = crate::cli::complete::providers(), help_heading = "Selection")]
    provider: Option<String>,
    /// Executions of this workflow, and requests to its inbound trigger
    #[arg(long, value_name = "NAME", add = crate::cli::complete::workflows(), help_heading = "Selection")]
    workflow: Option<String>,
    /// Kind of record
    #[arg(long, value_parser = words(&KINDS), help_heading = "Selection")]
    kind: Option<RecordKind>,
}

impl LogListArgs {
    /// How many records at most.
    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// What has to hold for the records.
    pub(super) fn filter(&self) -> Result<Option<EventFilter>> {
        let source = self.condition.as_deref();
        source.map(|source| EventFilter::parse("--where", source)).transpose()
    }

    /// Whether it selects more than the filters do.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some() || self.condition.is_some()
    }

    /// These options, and where they say nothing those that stand before the subcommand.
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            filters: self.filters.over(outer.filters),
            limit: self.limit.or(outer.limit),
            condition: self.condition.or(outer.condition),
        }
    }
}

impl FilterArgs {
    /// As [`LogListArgs::over`].
    pub(super) fn over(self, outer: Self) -> Self {
        Self {
            failed: self.failed || outer.failed,
            failed_processing: self.failed_processing || outer.failed_processing,
            parked: self.parked || outer.parked,
            since: self.since.or(outer.since),
            event: self.event.or(outer.event),
            endpoint: self.endpoint.or(outer.endpoint),
            provider: self.provider.or(outer.provider),
            workflow: self.workflow.or(outer.workflow),
            kind: self.kind.or(outer.kind),
        }
    }

    /// As a question to the ledger.
    pub(super) fn query(&self, session: &Session) -> Result<Query> {
        let since = self.since.as_deref().map(|text| select::since(&session.context, text));
        let query = Query {
            kind: self.kind,
            failed: self.failed,
            unprocessed: self.failed_processing,
            state: self.parked.then_some(DeliveryState::Parked),
            since: since.transpose()?,
            event: self.event.clone(),
            endpoint: self.endpoint.clone(),
            provider: self.provider.clone(),
            workflow: self.workflow.clone(),
            ..Query::default()
        };
        names::check(&session.context, &query)?;
        Ok(query)
    }
}
