//! `hook replay`: deliver again what was recorded, signed afresh or as captured.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::attempts::Attempts;
use super::body::EditArgs;
use super::http::{HttpArgs, show_rehearsal};
use super::listen::Screen;
use super::retry::RetryArgs;
use crate::app::inspect::{names, select};
use crate::app::outgoing::RequestOptions;
use crate::app::replay::rerun::{Rerun, RerunOptions};
use crate::app::replay::{Editor, Replay, ReplayOptions, ReplayRun, Selection};
use crate::cli::session::Session;
use crate::error::Result;
use crate::event_filter::EventFilter;
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::store::{Query, Store, Summary};

/// Deliver recorded requests again
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReplayArgs {
    /// Records: a number, an id or its prefix, `last`, `last~2`
    #[arg(value_name = "ID", add = super::complete::records(), conflicts_with_all = ["failed", "since", "event", "condition"])]
    ids: Vec<String>,
    /// Failed deliveries that were not delivered since; with `--exec`, requests whose command failed
    #[arg(long, help_heading = "Selection")]
    failed: bool,
    /// Records since a time: `2h` ago, or a timestamp
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    since: Option<String>,
    /// Events that match: `job.*`
    #[arg(long, value_name = "PATTERN", add = super::complete::events(), help_heading = "Selection")]
    event: Option<String>,
    /// Records for which this holds: a CEL expression, `data.total > 100`
    #[arg(
        long = "where",
        value_name = "EXPR",
        allow_hyphen_values = true,
        help_heading = "Selection"
    )]
    condition: Option<String>,
    /// Resume interrupted work only: deliveries with attempts left, all or the named ones, and forwards and commands of
    /// `listen`
    // The recorded target and bytes are used, so no flag may change them.
    #[arg(
        long,
        conflicts_with_all = ["failed", "since", "event", "condition", "as_captured", "new_id", "to", "edit", "set", "set_json", "set_string"],
        help_heading = "Selection"
    )]
    resume: bool,
    #[command(flatten)]
    exec: RerunArgs,
    /// Target instead of the recorded one; a received request keeps its query
    #[arg(short, long, value_name = "URL", help_heading = "Target")]
    to: Option<String>,
    /// Also send captured credentials to hosts that are not loopback
    #[arg(long, help_heading = "Target")]
    send_credentials: bool,
    /// The provider that signs: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = super::complete::providers(), help_heading = "Signature")]
    provider: Option<String>,
    /// The secret to sign with, by reference (can be repeated)
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = super::complete::secrets(), help_heading = "Signature")]
    secrets: Vec<String>,
    /// Send the headers as captured, including the signature
    #[arg(long, conflicts_with_all = ["secrets", "new_id", "edit"], help_heading = "Signature")]
    as_captured: bool,
    /// Give the message a new id, so that the receiver sees a new event
    #[arg(long, help_heading = "Body")]
    new_id: bool,
    /// Edit the body in `$EDITOR` first
    #[arg(long, help_heading = "Body")]
    edit: bool,
    #[command(flatten)]
    edits: EditArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Maximum requests per second
    #[arg(long, value_name = "N", value_parser = super::input::rate, help_heading = "Retry")]
    rate: Option<f64>,
    /// Print the exact requests instead of sending them
    #[arg(short = 'n', long, help_heading = "Dry run")]
    dry_run: bool,
    /// Show credentials in the output
    #[arg(long, help_heading = "Dry run")]
    reveal: bool,
}

/// Flags about commands.
#[derive(Debug, Clone, clap::Args)]
struct RerunArgs {
    /// Run this command for requests whose command failed in `listen`, oldest first
    // Nothing is sent, so nothing about sending goes with it.
    #[arg(
        long,
        value_name = "CMD",
        requires = "failed",
        conflicts_with_all = [
            "to", "send_credentials", "provider", "secrets", "as_captured", "new_id", "edit", "set", "set_json",
            "set_string", "set_new", "method", "headers", "bearer", "timeout", "insecure", "cacert", "proxy", "retry",
            "time_scale", "schedule_from", "rate", "dry_run", "reveal",
        ],
        help_heading = "Command"
    )]
    exec: Option<String>,
    /// Time limit of the command; none unless given
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, requires = "exec", help_heading = "Command")]
    exec_timeout: Option<Duration>,
    /// Also run it for requests that were not verified
    #[arg(long, requires = "exec", help_heading = "Command")]
    unverified: bool,
}

pub(super) fn run(session: &Session, args: &ReplayArgs) -> Result<Exit> {
    let store = &*select::reader(&session.context)?;
    if let Some(command) = &args.exec.exec {
        return rerun(session, args, command, store);
    }
    let selection = selection(session, args, store)?;
    let request = args.http.options()?;
    let options = options(session, args, &request)?;
    let replay = Replay::new(&session.context, store, &options);
    let edit = |body: &Bytes| crate::editor::edit(body, "json").map(Bytes::from);
    let plan = replay.plan(&selection, args.edit.then_some(&edit as Editor<'_>))?;
    if args.dry_run {
        plan.work().map_or(Ok(()), |work| session.ui.show(work))?;
        return replay.rehearse(plan, |delivery| {
            show_rehearsal(session, &request.rehearse(&session.context, delivery)?, args.reveal)
        });
    }
    super::runtime()?.block_on(async {
        let run = ReplayRun {
            transport: request.transport()?,
            time_scale: args.retry.time_scale,
            rate: args.rate,
            shutdown: &Shutdown::install()?,
        };
        let attempts = Attempts::new(&session.ui, plan.is_single());
        replay.run(plan, run, attempts, Screen::of_work(&session.ui)).await
    })
}

fn rerun(session: &Session, args: &ReplayArgs, command: &str, store: &dyn Store) -> Result<Exit> {
    let options = RerunOptions {
        command: command.to_owned(),
        timeout: args.exec.exec_timeout,
        unverified: args.exec.unverified,
        filter: filter(args)?,
    };
    let rerun = Rerun::find(&session.context, store, query(session, args)?, options)?;
    super::runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        rerun.run(&shutdown, |result: &_| session.ui.show_now(result)).await
    })
}

fn options(session: &Session, args: &ReplayArgs, request: &RequestOptions) -> Result<ReplayOptions> {
    Ok(ReplayOptions {
        to: args.to.as_deref().map(crate::target::parse_url).transpose()?,
        provider: args.provider.clone(),
        secrets: args.secrets.clone(),
        as_captured: args.as_captured,
        new_id: args.new_id,
        edits: args.edits.edits(),
        send_credentials: args.send_credentials,
        resume: args.resume,
        rehearsal: args.dry_run,
        headers: request.headers(&session.context)?,
        method: request.method.clone(),
        timeout: request.timeout,
        retry: args.retry.plan()?,
        ..ReplayOptions::default()
    })
}

fn selection(session: &Session, args: &ReplayArgs, store: &dyn Store) -> Result<Selection> {
    let named = args.ids.iter().map(|id| select::number(store, id));
    let named = named.collect::<Result<Vec<u64>>>()?;
    Ok(if args.resume {
        Selection::Abandoned(named)
    } else if !named.is_empty() {
        Selection::Named(named)
    } else if args.failed {
        Selection::Undelivered(query(session, args)?, filter(args)?)
    } else if args.since.is_some() || args.event.is_some() || args.condition.is_some() {
        Selection::Matching(query(session, args)?, filter(args)?)
    } else {
        Selection::Named(asked(session, store)?)
    })
}

/// The record that is chosen from a list.
fn asked(session: &Session, store: &dyn Store) -> Result<Vec<u64>> {
    let recent = store.list(&Query::default())?;
    let line = |summary: &Summary| select::describe(summary, session.context.now());
    let lines: Vec<String> = recent.iter().map(line).collect();
    // The plan reports an empty selection.
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let hint = "name a record: `hook replay last`, `hook replay 12`";
    let index = crate::cli::prompt::choose(&session.ui, "Replay which record?", &lines, hint)?;
    Ok(recent.get(index).map(|summary| summary.number).into_iter().collect())
}

/// What has to hold for the records.
fn filter(args: &ReplayArgs) -> Result<Option<Arc<EventFilter>>> {
    let source = args.condition.as_deref();
    let filter = source.map(|source| EventFilter::parse("--where", source)).transpose()?;
    Ok(filter.map(Arc::new))
}

/// When, and which events.
fn query(session: &Session, args: &ReplayArgs) -> Result<Query> {
    let since = args.since.as_deref().map(|text| select::since(&session.context, text));
    let query = Query {
        since: since.transpose()?,
        event: args.event.clone(),
        ..Query::default()
    };
    names::check(&session.context, &query)?;
    Ok(query)
}
