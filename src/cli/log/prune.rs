//! `hook log prune`: drop what is old or too much.

use std::time::Duration;

use serde_json::json;

use crate::app::inspect;
use crate::app::retention::{self, RetentionLimits};
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::clock::human_duration;
use crate::error::Result;
use crate::exit::Exit;
use crate::store::Pruned;
use crate::view::{count, short_size};

/// Delete old records; by default those that the settings say: `hook config show`
#[derive(Debug, clap::Args)]
pub(super) struct LogPruneArgs {
    /// Delete records older than this, whatever their size
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration)]
    older_than: Option<Duration>,
    /// Delete the oldest records beyond this total size, whatever their age: `500MiB`, `2GiB`
    #[arg(long, value_name = "SIZE", value_parser = crate::size::parse)]
    max_size: Option<u64>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(session: &Session, args: &LogPruneArgs) -> Result<Exit> {
    if args.max_size.is_some() {
        let instead = "leave it out, or use `--older-than DURATION`: a database has no size of the ledger alone";
        session.context.store_place.require_file("`--max-size`", instead)?;
    }
    // Whether there is a ledger at all comes before the question.
    if inspect::reader_if_any(&session.context)?.is_none() {
        return Ok(Exit::Ok);
    }
    let limits = match (args.older_than, args.max_size) {
        (None, None) => RetentionLimits::of(&session.context.settings, &session.context.store_place),
        (age, size) => RetentionLimits { age, size },
    };
    if !args.yes && !prompt::confirm(&session.ui, &question(session, limits), "add `--yes`")? {
        return Ok(Exit::Ok);
    }
    let dropped = retention::prune(&session.context.store_place, limits, session.context.now())?;
    let (ui, Pruned { records, parked }) = (&session.ui, dropped);
    ui.json(&json!({ "schema": "hook.pruned/1", "dropped": records, "parked": parked }))?;
    let lost = match parked {
        0 => String::new(),
        some => format!(
            ", among them {} that will not be delivered",
            count(some, "parked delivery")
        ),
    };
    ui.line(&format!("dropped {}{lost}", count(records, "record")))?;
    Ok(Exit::Ok)
}

fn question(session: &Session, limits: RetentionLimits) -> String {
    let age = limits.age.map(|age| format!("older than {}", human_duration(age)));
    let size = limits.size.map(|size| format!("beyond {}", short_size(size)));
    let what: Vec<String> = age.into_iter().chain(size).collect();
    let path = &session.context.store_place;
    match what.as_slice() {
        [] => format!("Drop refused requests beyond their share from `{path}`?"),
        what => format!("Drop records {} from `{path}`?", what.join(" or ")),
    }
}
