//! `hook replay`: deliver again what was recorded, signed afresh or as captured.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::body::EditArgs;
use super::http::HttpArgs;
use super::rerun::ExecArgs;
use super::retry::RetryArgs;
use super::{rerun, resume, send};
use crate::app::endpoint_health;
use crate::app::inspect::select;
use crate::app::notice::Notice;
use crate::app::replay::{self, Editor, Left, Options, Prepared, Replay, Run, Selection};
use crate::cli::session::Session;
use crate::engine::{self, Delivery, Limits};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::store::{Lease, Query, Store, StoreError};
use crate::text::printable;
use crate::view::delivery::Attempts;

/// Deliver again what was recorded
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReplayArgs {
    /// Records: a number, an id or the beginning of one, `last`, `last~2`
    #[arg(value_name = "ID", add = super::complete::records(), conflicts_with_all = ["failed", "since", "event"])]
    ids: Vec<String>,
    /// What failed and is still not delivered, once; with `--exec` requests that a command failed for
    #[arg(long, help_heading = "Selection")]
    failed: bool,
    /// Records since then: `2h` ago, or a moment
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<String>,
    /// Events that fit: `job.*`
    #[arg(long, value_name = "PATTERN", add = super::complete::events(), help_heading = "Selection")]
    event: Option<String>,
    /// Take up what is left, and only that: deliveries whose process ended with attempts left, all or the named ones, and
    /// forwards and commands of `listen`
    // Their records stay, so they go where these say, with the bytes that these hold.
    #[arg(
        long,
        conflicts_with_all = ["failed", "since", "event", "as_captured", "new_id", "to", "edit", "set", "set_json", "set_string"],
        help_heading = "Selection"
    )]
    resume: bool,
    #[command(flatten)]
    exec: ExecArgs,
    /// Where to, instead of where it went before; a request that was received takes its query along
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

pub(super) fn run(session: &Session, args: &ReplayArgs) -> Result<Exit> {
    if let Some(command) = &args.exec.exec {
        return rerun::run(session, &args.exec, command, query(session, args)?);
    }
    let store = &*select::reader(session)?;
    let is_held = |owner: &str| Lease::is_alive(&session.ledger_path, owner);
    let numbers = chosen(session, args, store, &is_held)?;
    let options = options(session, args)?;
    let replay = Replay::new(&session.context, store, &options);
    let work = if args.resume && args.ids.is_empty() {
        resume::find(session, store)?
    } else {
        None
    };
    let Some(work) = work else {
        let plan = plan(session, args, &replay, store, numbers)?;
        if args.dry_run {
            return rehearse(session, args, &replay, store, plan);
        }
        return super::runtime()?.block_on(async {
            let shutdown = install()?;
            deliver(session, args, &replay, store, plan, &shutdown).await
        });
    };
    // Without deliveries there may be work all the same.
    let plan = if numbers.is_empty() {
        Ok(None)
    } else {
        plan(session, args, &replay, store, numbers).map(Some)
    };
    if args.dry_run {
        resume::rehearse(session, &work)?;
        return plan?.map_or(Ok(Exit::Ok), |plan| rehearse(session, args, &replay, store, plan));
    }
    super::runtime()?.block_on(async {
        let shutdown = install()?;
        let working = resume::run(session, work, args.retry.time_scale, &shutdown);
        let delivering = async {
            match plan? {
                Some(plan) => deliver(session, args, &replay, store, plan, &shutdown).await,
                None => Ok(Exit::Ok),
            }
        };
        let (worked, delivered) = tokio::join!(working, delivering);
        Ok(worked?.worse(delivered?))
    })
}

fn install() -> Result<Shutdown> {
    Shutdown::install().map_err(|error| Error::internal("signals cannot be caught").cause(error))
}

fn options(session: &Session, args: &ReplayArgs) -> Result<Options> {
    Ok(Options {
        to: args.to.as_deref().map(super::targets::parse_url).transpose()?,
        provider: args.provider.clone(),
        secrets: args.secrets.clone(),
        as_captured: args.as_captured,
        new_id: args.new_id,
        edits: args.edits.edits()?,
        send_credentials: args.send_credentials,
        resume: args.resume,
        rehearsal: args.dry_run,
        headers: args.http.header_lines(session)?,
        method: args.http.method.map(|method| method.name().to_owned()),
        timeout: args.http.timeout(),
        retry: args.retry.plan()?,
    })
}

/// What is delivered, found out before the first is sent.
struct Plan {
    numbers: Vec<u64>,
    /// Those that were changed in an editor.
    changed: HashMap<u64, Delivery>,
    /// Whether any may take more than one attempt.
    retries: bool,
    /// What those that are left as they are make of the exit code.
    exit: Exit,
}

/// Looks at every record, and keeps none: bodies are read again when their turn comes. Says what is left as it is, and is
/// an error where nothing else is there.
fn plan(
    session: &Session,
    args: &ReplayArgs,
    replay: &Replay<'_>,
    store: &dyn Store,
    numbers: Vec<u64>,
) -> Result<Plan> {
    let edit = |body: &Bytes| super::editor::edit(body).map(Bytes::from);
    let editor = args.edit.then_some(&edit as Editor<'_>);
    let mut plan = Plan {
        numbers: Vec::new(),
        changed: HashMap::new(),
        retries: false,
        exit: Exit::Ok,
    };
    let mut left = Vec::new();
    for number in numbers {
        let record = match store.get(number) {
            // One that is damaged must not keep the others.
            Err(error @ StoreError::Damaged { .. }) => {
                left.push(Left {
                    why: error.to_string(),
                    hints: Vec::new(),
                    exit: Exit::Store,
                });
                continue;
            }
            found => found?.ok_or_else(|| select::gone(number))?,
        };
        match replay.prepare(record, editor)? {
            Prepared::Ready(delivery, notices) => {
                plan.retries |= !delivery.policy.schedule.delays.is_empty();
                plan.numbers.push(number);
                if args.edit {
                    tell(session, &notices);
                    plan.changed.insert(number, *delivery);
                }
            }
            Prepared::Left(this) => left.push(this),
        }
    }
    if plan.numbers.is_empty() {
        let last = left.pop();
        say_left(session, &left);
        let nothing = || Error::nothing("nothing in the ledger matches").hint("`hook log` shows what there is");
        return Err(last.map_or_else(nothing, Error::from));
    }
    plan.exit = left.iter().fold(plan.exit, |exit, left| exit.worse(left.exit));
    say_left(session, &left);
    Ok(plan)
}

fn say_left(session: &Session, left: &[Left]) {
    for Left { why, hints, .. } in left {
        session.ui.warn(&printable(why, 1000));
        for hint in hints {
            session.ui.hint(hint);
        }
    }
}

fn tell(session: &Session, notices: &[Notice]) {
    for notice in notices {
        session.ui.tell(notice);
    }
}

fn rehearse(
    session: &Session,
    args: &ReplayArgs,
    replay: &Replay<'_>,
    store: &dyn Store,
    mut plan: Plan,
) -> Result<Exit> {
    for number in plan.numbers {
        let delivery = match plan.changed.remove(&number) {
            Some(delivery) => delivery,
            None => match replay.prepare(select::record(store, number)?, None)? {
                Prepared::Ready(delivery, notices) => {
                    tell(session, &notices);
                    *delivery
                }
                Prepared::Left(_) => continue,
            },
        };
        args.http.rehearse(session, &delivery, args.reveal)?;
    }
    Ok(plan.exit)
}

async fn deliver(
    session: &Session,
    args: &ReplayArgs,
    replay: &Replay<'_>,
    store: &dyn Store,
    plan: Plan,
    shutdown: &Shutdown,
) -> Result<Exit> {
    let limits = Limits {
        concurrency: 1,
        total: Some(engine::TOTAL),
        time_scale: args.retry.time_scale,
        rate: args.rate,
    };
    let ledger = session.ledger();
    // What cannot be recorded is not sent.
    ledger.ready().await?;
    let undelivered = args.failed && args.ids.is_empty();
    // Of several that deliver at once what failed, one does: each delivery is on record before it is made.
    let owner = if args.resume || undelivered || plan.retries {
        Some(Arc::new(send::claim(session)?))
    } else {
        None
    };
    // A replay is no delivery of the provider's: only what is taken up counts for its endpoint.
    let attempts = Attempts::new(Arc::clone(&session.ui), plan.numbers.len() == 1);
    let mut view = endpoint_health::Counting::new(session, attempts, true).only_when(args.resume);
    let run = Run {
        replay,
        store,
        numbers: plan.numbers,
        undelivered,
        changed: plan.changed,
        pipeline: session.pipeline(args.http.transport()?, ledger, limits, shutdown.soft.clone(), owner),
        is_held: &|owner| Lease::is_alive(&session.ledger_path, owner),
    };
    let tally = replay::run(run, &mut view, &|notice| session.ui.tell(&notice)).await?;
    view.finish()?;
    if tally.interrupted > 0 {
        session.ui.hint("`hook replay --resume` takes up what was interrupted");
    }
    Ok(tally.exit.unwrap_or(Exit::Ok).worse(plan.exit))
}

fn chosen(session: &Session, args: &ReplayArgs, store: &dyn Store, is_held: &dyn Fn(&str) -> bool) -> Result<Vec<u64>> {
    let named = || {
        args.ids
            .iter()
            .map(|id| select::number(store, id))
            .collect::<Result<Vec<u64>>>()
    };
    let selection = if args.resume {
        Selection::Abandoned(named()?)
    } else if !args.ids.is_empty() {
        return named();
    } else if args.failed {
        Selection::Undelivered(query(session, args)?)
    } else if args.since.is_some() || args.event.is_some() {
        Selection::Matching(query(session, args)?)
    } else {
        return asked(session, store);
    };
    replay::select(store, &selection, is_held)
}

/// The record that is chosen from a list.
fn asked(session: &Session, store: &dyn Store) -> Result<Vec<u64>> {
    let recent = store.list(&Query::default())?;
    let lines: Vec<String> = recent
        .iter()
        .map(|summary| select::describe(summary, session.now()))
        .collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let hint = "name a record: `hook replay last`, `hook replay 12`";
    let index = crate::cli::prompt::choose(&session.ui, "Replay which record?", &lines, hint)?;
    Ok(recent.get(index).map(|summary| summary.number).into_iter().collect())
}

/// When, and which events.
fn query(session: &Session, args: &ReplayArgs) -> Result<Query> {
    let since = args.since.as_deref().map(|text| select::since(session, text));
    Ok(Query {
        since: since.transpose()?,
        event: args.event.clone(),
        ..Query::default()
    })
}
