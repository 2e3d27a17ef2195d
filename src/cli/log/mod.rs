//! `hook log`: the ledger: what came, what went, each attempt, and why.

mod capture;
mod delivery;
mod drift;
mod filter;
mod follow;
mod list;
mod prune;
mod report;
mod show;
mod stats;
mod why;

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::store::{self, Lease, Store, StoreError, Summary};
use crate::view::record;
use filter::{Filters, Listing};

/// Look at what was recorded: requests, deliveries, each attempt, and why
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    listing: Listing,
    /// Go on with new records as they come: the same as `hook log follow`
    #[arg(short, long)]
    follow: bool,
    #[command(subcommand)]
    command: Option<LogCommand>,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Records, the newest first: the same as `hook log` alone
    #[command(visible_alias = "ls")]
    List(Listing),
    Show(show::LogShowArgs),
    /// New records as they come, until Ctrl-C; `--limit N` begins with the last N
    Follow(Listing),
    /// Success rate, durations, duplicates, and how often each event came
    Stats(Filters),
    /// Compare verified requests with the catalogue: what is missing, retyped or added
    Drift(Listing),
    Report(report::LogReportArgs),
    Prune(prune::LogPruneArgs),
}

pub(super) fn run(session: &Session, args: LogArgs) -> Result<Exit> {
    let (listing, follow) = (args.listing, args.follow);
    let stray = follow || listing != Listing::default();
    match args.command {
        None if follow => follow::run(session, &listing),
        None => list::run(session, &listing),
        Some(LogCommand::List(own)) if follow => follow::run(session, &own.over(listing)),
        Some(LogCommand::List(own)) => list::run(session, &own.over(listing)),
        Some(LogCommand::Follow(own)) => follow::run(session, &own.over(listing)),
        Some(LogCommand::Stats(own)) => {
            refuse(follow || listing.limit.is_some())?;
            stats::run(session, &own.over(listing.filters))
        }
        Some(LogCommand::Drift(own)) => {
            refuse(follow)?;
            drift::run(session, &own.over(listing))
        }
        Some(LogCommand::Show(own)) => refuse(stray).and_then(|()| show::run(session, &own)),
        Some(LogCommand::Report(own)) => refuse(stray).and_then(|()| report::run(session, &own)),
        Some(LogCommand::Prune(own)) => refuse(stray).and_then(|()| prune::run(session, &own)),
    }
}

/// An option of the list that stands before a subcommand of another kind would otherwise be dropped without a word.
fn refuse(stray: bool) -> Result<()> {
    if !stray {
        return Ok(());
    }
    Err(Error::usage("an option of the list stands before another subcommand")
        .hint("`hook log --help` shows what goes with what"))
}

/// The ledger, when there is one. That nothing was recorded yet is said, and is no failure of a list.
fn reader_if_any(session: &Session) -> Result<Option<Box<dyn Store>>> {
    match store::open_read_only(&session.ledger_path) {
        Err(StoreError::Missing(path)) => {
            let said = format!("nothing was recorded yet: there is no ledger at `{path}`");
            session.ui.note(&said);
            Ok(None)
        }
        store => Ok(Some(store?)),
    }
}

/// Whether attempts are left and no living process works on them.
fn is_abandoned(session: &Session, summary: &Summary) -> bool {
    let alive = |owner: &String| Lease::is_alive(&session.ledger_path, owner);
    record::is_pending(summary) && !summary.owner.as_ref().is_some_and(alive)
}
