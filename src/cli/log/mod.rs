//! `hook log`: the ledger: what came, what went, each attempt, and why.

mod backup;
mod filter;
mod prune;
mod show;

use std::cell::OnceCell;

use clap::Subcommand;

use crate::app::inspect::follow::FollowEvent;
use crate::app::inspect::{self, ListedRecord};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::view::drift::DriftReport;
use crate::view::record::{FollowedRecord, RecordPage};
use filter::{FilterArgs, LogListArgs};

/// Query the ledger: requests, deliveries, attempts, and why
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    listing: LogListArgs,
    /// Continue with new records: the same as `hook log follow`
    #[arg(short, long)]
    follow: bool,
    #[command(subcommand)]
    command: Option<LogCommand>,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// List records, newest first: the same as `hook log` alone
    #[command(visible_alias = "ls")]
    List(LogListArgs),
    Show(show::LogShowArgs),
    /// Print new records as they arrive, until Ctrl-C; `--limit N` starts with the last N
    Follow(LogListArgs),
    /// Show success rate, response times, duplicates and event frequencies
    Stats(FilterArgs),
    /// Compare verified requests with the catalogue: what is missing, retyped or added
    Drift(LogListArgs),
    Report(LogReportArgs),
    Prune(prune::LogPruneArgs),
    Backup(backup::LogBackupArgs),
}

/// Print what a support team needs: event id, time, URL, last response; no secrets, no signatures
#[derive(Debug, clap::Args)]
struct LogReportArgs {
    /// A number, an id or its prefix, `last`, `last~2`
    #[arg(value_name = "ID", add = crate::cli::complete::records())]
    id: String,
    /// URL under which senders reached the listener, in place of the one in the request
    #[arg(long, value_name = "URL", value_parser = crate::cli::input::whole_url)]
    public_url: Option<String>,
}

pub(super) fn run(session: &Session, args: LogArgs) -> Result<Exit> {
    let (listing, follow) = (args.listing, args.follow);
    let stray = follow || listing != LogListArgs::default();
    match args.command.unwrap_or(LogCommand::List(LogListArgs::default())) {
        LogCommand::List(own) if !follow => list(session, &own.over(listing)),
        LogCommand::List(own) | LogCommand::Follow(own) => follow_records(session, &own.over(listing)),
        LogCommand::Stats(own) => {
            refuse(follow || listing.is_limited())?;
            stats(session, &own.over(listing.filters))
        }
        LogCommand::Drift(own) => {
            refuse(follow)?;
            drift(session, &own.over(listing))
        }
        LogCommand::Show(own) => refuse(stray).and_then(|()| show::run(session, &own)),
        LogCommand::Report(own) => refuse(stray).and_then(|()| report(session, &own)),
        LogCommand::Prune(own) => refuse(stray).and_then(|()| prune::run(session, &own)),
        LogCommand::Backup(own) => refuse(stray).and_then(|()| backup::run(session, &own)),
    }
}

/// Rejects list options before a subcommand that does not take them: they would be ignored silently.
fn refuse(stray: bool) -> Result<()> {
    if !stray {
        return Ok(());
    }
    Err(
        Error::usage("options of `hook log list` do not apply to this subcommand")
            .hint("give its own options after its name: `hook log SUBCOMMAND --help`"),
    )
}

fn list(session: &Session, listing: &LogListArgs) -> Result<Exit> {
    let (query, filter, layout) = (listing.filters.query(session)?, listing.filter()?, OnceCell::new());
    let mut show = |records: &[ListedRecord]| {
        let (now, layout) = (session.context.now(), &layout);
        session.ui.show(&RecordPage { records, now, layout })
    };
    let end = inspect::list::list(&session.context, query, filter.as_ref(), listing.limit(), &mut show)?;
    if end.more {
        session.ui.aside("there are more: `--limit N` shows them");
    }
    end.check(&session.context).map(|()| Exit::Ok)
}

fn follow_records(session: &Session, listing: &LogListArgs) -> Result<Exit> {
    let ui = &session.ui;
    let mut tell = |event| match event {
        FollowEvent::Waiting => {
            ui.aside("waiting for new records; Ctrl-C ends it");
            Ok(())
        }
        FollowEvent::Record(record) => ui.show(&FollowedRecord(&record)),
        FollowEvent::CaughtUp => ui.flush(),
    };
    let query = listing.filters.query(session)?;
    let filter = listing.filter()?;
    let following = inspect::follow::follow(&session.context, query, filter.as_ref(), listing.limit, &mut tell);
    super::runtime()?.block_on(following).map(|()| Exit::Ok)
}

fn stats(session: &Session, filters: &FilterArgs) -> Result<Exit> {
    if let Some(stats) = inspect::stats::stats(&session.context, &filters.query(session)?)? {
        session.ui.show(&stats)?;
    }
    Ok(Exit::Ok)
}

fn drift(session: &Session, listing: &LogListArgs) -> Result<Exit> {
    let (query, filter) = (listing.filters.query(session)?, listing.filter()?);
    let Some(survey) = inspect::drift::survey(&session.context, query, filter.as_ref(), listing.limit())? else {
        return Ok(Exit::Ok);
    };
    let mut groups = survey.groups.iter();
    groups.try_for_each(|group| session.ui.show(&DriftReport::of(group)))?;
    if survey.more {
        session.ui.aside("there are more: `--limit N` looks at them");
    }
    // A record that cannot be read may hide a difference, so that exit code wins.
    Ok(match (survey.unreadable, survey.has_problem()) {
        (true, _) => Exit::Store,
        (false, true) => Exit::Unmet,
        (false, false) => Exit::Ok,
    })
}

fn report(session: &Session, args: &LogReportArgs) -> Result<Exit> {
    session.ui.show(&inspect::report::report(
        &session.context,
        &args.id,
        args.public_url.as_deref(),
    )?)?;
    Ok(Exit::Ok)
}
