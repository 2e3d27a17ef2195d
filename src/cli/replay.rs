//! `hook replay`: deliver again what was recorded, signed afresh or as captured.

use std::sync::Arc;

use super::body::EditArgs;
use super::http::HttpArgs;
use super::replayed::{Again, Wanted};
use super::reprocess::ExecArgs;
use super::retry::RetryArgs;
use super::{reprocess, select, send};
use crate::engine::{Delivery, Limits};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::render::delivery::Attempts;
use crate::render::record::is_unsent;
use crate::session::Session;
use crate::shutdown::Shutdown;
use crate::store::{Op, Owner, Page, Query, Record, RecordKind, SqliteStore, Store as _};

/// What is said of a delivery that another process was faster to resume.
const TAKEN: &str = "somebody else took up one of them first";

/// Deliver again what was recorded
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Records: a number, an id or the beginning of one, `last`, `last~2`
    #[arg(value_name = "ID", add = super::complete::records(), conflicts_with_all = ["failed", "since", "event", "resume"])]
    ids: Vec<String>,
    /// Deliveries that failed; with `--exec` requests that a command failed for
    #[arg(long, help_heading = "Selection")]
    failed: bool,
    /// Records since then: `2h` ago, or a moment
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<String>,
    /// Events that fit: `job.*`
    #[arg(long, value_name = "PATTERN", add = super::complete::events(), help_heading = "Selection")]
    event: Option<String>,
    /// Take up deliveries whose process ended with attempts left, and only those
    // Their records stay, so they go where these say, with the bytes that these hold.
    #[arg(
        long,
        conflicts_with_all = ["failed", "since", "event", "as_captured", "new_id", "to", "edit", "set", "set_json", "set_string"],
        help_heading = "Selection"
    )]
    resume: bool,
    #[command(flatten)]
    exec: ExecArgs,
    /// Where to, instead of where it went before
    #[arg(short, long, value_name = "URL", help_heading = "Target")]
    to: Option<String>,
    /// Send captured credentials to hosts that are not loopback too
    #[arg(long, help_heading = "Target")]
    send_credentials: bool,
    /// The provider that signs: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = super::complete::providers(), help_heading = "Signature")]
    provider: Option<String>,
    /// The secret to sign with, by reference (can be repeated)
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = super::complete::secrets(), help_heading = "Signature")]
    secrets: Vec<String>,
    /// Send the headers as they were captured, signature included
    #[arg(long, conflicts_with_all = ["secrets", "new_id", "edit"], help_heading = "Signature")]
    as_captured: bool,
    /// Give the message a new id: for the receiver a new event
    #[arg(long, help_heading = "Body")]
    new_id: bool,
    /// Change the body in `$EDITOR` first
    #[arg(long, help_heading = "Body")]
    edit: bool,
    #[command(flatten)]
    edits: EditArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Requests begun in a second, at most
    #[arg(long, value_name = "N", value_parser = super::rate, help_heading = "Retry")]
    rate: Option<f64>,
    /// Print the exact requests instead of sending them
    #[arg(short = 'n', long, help_heading = "Rehearsal")]
    dry_run: bool,
    /// Show credentials in what is printed
    #[arg(long, help_heading = "Rehearsal")]
    reveal: bool,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Exit> {
    if let Some(command) = &args.exec.exec {
        return reprocess::run(session, &args.exec, command, query(session, args)?);
    }
    let store = select::reader(session)?;
    let numbers = if args.resume {
        abandoned(session, &store)?
    } else {
        chosen(session, args, &store)?
    };
    if numbers.is_empty() {
        return Err(Error::nothing("nothing in the ledger matches").hint("`hook log` shows what there is"));
    }
    let wanted = Wanted {
        to: args.to.as_deref().map(super::targets::parse_url).transpose()?,
        provider: args.provider.clone(),
        secrets: args.secrets.clone(),
        as_captured: args.as_captured,
        new_id: args.new_id,
        edit: args.edit,
        edits: args.edits.edits()?,
        send_credentials: args.send_credentials,
        resume: args.resume,
        headers: args.http.header_lines(session)?,
        http: args.http.clone(),
        retry: args.retry.clone(),
    };
    let mut again = Again::new(session, wanted);
    let mut deliveries = Vec::new();
    let mut owners = Vec::new();
    for number in numbers {
        let record = select::record(&store, number)?;
        if let Record::Delivery(delivery) = &record {
            let owner = delivery.delivery.owner.clone();
            // Read after the list was made: in between another process that resumes may have claimed it.
            if args.resume && is_held(session, owner.as_deref()) {
                session.ui.note(TAKEN);
                continue;
            }
            owners.push(owner);
        }
        deliveries.push(again.delivery(record)?);
    }
    drop(store);
    if args.dry_run {
        for delivery in &deliveries {
            args.http.rehearse(session, delivery, args.reveal)?;
        }
        return Ok(Exit::Ok);
    }
    super::runtime()?.block_on(deliver(session, args, deliveries, owners))
}

async fn deliver(
    session: &Session,
    args: &Args,
    deliveries: Vec<Delivery>,
    owners: Vec<Option<String>>,
) -> Result<Exit> {
    let shutdown = Shutdown::install().map_err(|error| Error::internal("signals cannot be caught").cause(error))?;
    let limits = Limits {
        concurrency: 1,
        time_scale: args.retry.time_scale,
        rate: args.rate,
    };
    let mut view = Attempts::new(Arc::clone(&session.ui), deliveries.len() == 1);
    let retries = deliveries
        .iter()
        .any(|delivery| !delivery.policy.schedule.delays.is_empty());
    let tally = if args.resume {
        let abandoned = deliveries.into_iter().zip(owners).collect();
        resume(session, args, abandoned, limits, &shutdown, &mut view).await?
    } else {
        send::run_all(
            session,
            args.http.transport()?,
            deliveries,
            limits,
            retries,
            &shutdown,
            &mut view,
        )
        .await?
    };
    drop(view);
    if args.resume {
        super::ends::note(session, &tally.ends, true)?;
    }
    if tally.interrupted > 0 {
        session.ui.hint("`hook replay --resume` takes up what was interrupted");
    }
    Ok(tally.exit.unwrap_or(Exit::Ok))
}

/// Takes the deliveries over under this process's claim; the records stay the same ones. Each comes with the dead owner
/// that it was read with: another process that resumes may have been faster.
async fn resume(
    session: &Session,
    args: &Args,
    abandoned: Vec<(Delivery, Option<String>)>,
    limits: Limits,
    shutdown: &Shutdown,
    view: &mut Attempts,
) -> Result<crate::pipeline::Tally> {
    let ledger = session.ledger();
    let owner = Arc::new(send::claim(session)?);
    let (jobs_in, jobs) = tokio::sync::mpsc::channel(abandoned.len().max(1));
    let mut known = std::collections::HashSet::new();
    for (delivery, from) in abandoned {
        let claim = Op::Claim {
            delivery: delivery.id,
            from,
            owner: owner.name().to_owned(),
        };
        if ledger.write(claim).await?.number == 0 {
            session.ui.note(TAKEN);
            continue;
        }
        known.insert(delivery.id);
        let _ = jobs_in.send(delivery).await;
    }
    drop(jobs_in);
    let pipeline = session.pipeline(
        args.http.transport()?,
        ledger.clone(),
        limits,
        shutdown.soft.clone(),
        Some(owner),
    );
    let tally = pipeline.run(jobs, crate::pipeline::Known::These(known), view).await?;
    ledger.close();
    Ok(tally)
}

fn chosen(session: &Session, args: &Args, store: &SqliteStore) -> Result<Vec<u64>> {
    if !args.ids.is_empty() {
        return args.ids.iter().map(|id| select::number(store, id)).collect();
    }
    if args.failed || args.since.is_some() || args.event.is_some() {
        return filtered(session, args, store);
    }
    let recent = store.list(&Query::default())?;
    let lines: Vec<String> = recent
        .iter()
        .map(|summary| select::describe(summary, session.now()))
        .collect();
    let hint = "name a record: `hook replay last`, `hook replay 12`";
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let index = crate::prompt::choose(&session.ui, "Replay which record?", &lines, hint)?;
    Ok(recent.get(index).map(|summary| summary.number).into_iter().collect())
}

/// When, and which events.
fn query(session: &Session, args: &Args) -> Result<Query> {
    let since = args.since.as_deref().map(|text| select::since(session, text));
    Ok(Query {
        since: since.transpose()?,
        event: args.event.clone(),
        ..Query::default()
    })
}

/// What matches, the oldest first: deliveries, and captures only where no delivery matches, so that an event that was
/// sent and received on one machine is not replayed twice.
fn filtered(session: &Session, args: &Args, store: &SqliteStore) -> Result<Vec<u64>> {
    let wanted = query(session, args)?;
    for kind in [RecordKind::Delivery, RecordKind::Capture] {
        if args.failed && kind == RecordKind::Capture {
            continue;
        }
        let query = Query {
            kind: Some(kind),
            failed: args.failed,
            page: Page {
                limit: usize::MAX,
                oldest_first: true,
                ..wanted.page
            },
            ..wanted.clone()
        };
        let mut found = store.list(&query)?;
        // What a workflow did not send is sent when it is named, not among others.
        found.retain(|summary| !is_unsent(summary));
        if !found.is_empty() {
            return Ok(found.into_iter().map(|summary| summary.number).collect());
        }
    }
    Ok(Vec::new())
}

/// Deliveries with attempts left that no living process works on.
fn abandoned(session: &Session, store: &SqliteStore) -> Result<Vec<u64>> {
    let page = Page {
        limit: usize::MAX,
        oldest_first: true,
        ..Query::default().page
    };
    let pending = store.list(&Query {
        pending: true,
        page,
        ..Query::default()
    })?;
    Ok(pending
        .into_iter()
        .filter(|summary| !is_held(session, summary.owner.as_deref()))
        .map(|summary| summary.number)
        .collect())
}

/// Whether the process that claimed it still runs.
fn is_held(session: &Session, owner: Option<&str>) -> bool {
    owner.is_some_and(|owner| Owner::is_alive(&session.ledger_path, owner))
}
