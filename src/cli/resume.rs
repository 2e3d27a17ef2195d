//! The part of `hook replay --resume` about what `listen` promised: forwards and commands.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::listen::observer::{Arrows, described};
use super::listen::work::amount;
use super::send;
use crate::app::receive::{Ends, WorkSummary, WorkersOptions};
use crate::app::resume::{self, Resumable};
use crate::cli::session::Session;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::listener::route::{Destination, Route};
use crate::shell::quote;
use crate::shutdown::Shutdown;
use crate::store::{Lane, LaneSummary, Store};
use crate::text::printable;
use crate::transport::{HttpOptions, HttpTransport};
use crate::view::count;

/// What is left of forwards and commands; `None` when nothing is.
pub(super) fn find(session: &Session, store: &dyn Store) -> Result<Option<Resumable>> {
    let found = resume::find(store, &session.ledger_path, &|lane| is_trusted(session, lane))?;
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// Whether the project's file still names the target, and is trusted to: what an untrusted file says is not in the settings.
fn is_trusted(session: &Session, lane: &Lane) -> bool {
    let user = Some(session.settings.user_file.as_path()).filter(|file| file.exists());
    let Ok(settings) = Settings::load(&session.paths, user, Path::new(&lane.folder)) else {
        return false;
    };
    let forward = settings
        .forward_to
        .as_deref()
        .and_then(|url| Destination::parse(url).ok());
    let on = settings.on.iter().filter_map(|text| Some(Route::parse(text).ok()?.to));
    let routes = settings
        .routes
        .iter()
        .filter_map(|file| Some(Route::from_file(file).ok()?.to));
    let is_it = |to: Destination| match to {
        Destination::Forward(url) => url.as_str() == lane.target,
        Destination::Run(command) => command == lane.target,
    };
    forward.into_iter().chain(on).chain(routes).any(is_it)
}

/// Says what would be done.
pub(super) fn rehearse(session: &Session, found: &Resumable) -> Result<()> {
    for LaneSummary { lane, waiting, .. } in &found.lanes {
        let events = count(*waiting, "event");
        session
            .ui
            .line(&format!("{} for {events}, in {}", described(lane), lane.folder))?;
    }
    Ok(())
}

/// Does what is left. What is not trusted is named and stays.
pub(super) async fn run(session: &Session, found: Resumable, time_scale: f64, shutdown: &Shutdown) -> Result<Exit> {
    say_untrusted(session, &found.untrusted);
    let untrusted = if found.untrusted.is_empty() {
        Exit::Ok
    } else {
        Exit::Unmet
    };
    if found.lanes.is_empty() {
        return Ok(untrusted);
    }
    let lanes: Vec<&LaneSummary> = found.lanes.iter().collect();
    session.ui.note(&format!("resuming {}", amount(&lanes)));
    let transport = HttpTransport::new(HttpOptions::default()).map_err(|error| Error::internal(error.to_string()))?;
    let ledger = session.ledger();
    ledger.ready().await?;
    let reader = session.background_reader();
    session.restore_work(&reader).await?;
    let options = WorkersOptions {
        clock: Arc::clone(&session.clock),
        random: Arc::clone(&session.random),
        ledger: ledger.clone(),
        reader,
        ledger_path: session.ledger_path.clone(),
        owner: Arc::new(send::claim(session)?),
        transport: Arc::new(transport),
        time_scale,
        observer: Arc::new(Arrows {
            ui: Arc::clone(&session.ui),
        }),
        ends: Ends {
            no_more: CancellationToken::new(),
            late: shutdown.soft.clone(),
            kill: shutdown.hard.clone(),
        },
        retrying: false,
    };
    let done = resume::run(options, found.lanes).await;
    ledger.close();
    Ok(say(session, &done?, shutdown.soft.is_cancelled()).worse(untrusted))
}

fn say_untrusted(session: &Session, untrusted: &[LaneSummary]) {
    for summary in untrusted {
        let (what, events) = (described(&summary.lane), count(summary.waiting, "event"));
        let file = summary.lane.trust.as_deref().unwrap_or("hook.toml");
        session.ui.warn(&format!(
            "left: {what} for {events}, since `{}` is not trusted, or does not name it any more",
            printable(file, 1000)
        ));
        session.ui.hint(&format!(
            "what it does not name any more has to be put back; then `hook config trust {} && hook replay --resume`",
            quote(file)
        ));
    }
}

/// `3 forwarded, 2 commands succeeded, 1 command failed`, and the exit code. What is not done was interrupted, or lacks
/// something that its warning names.
fn say(session: &Session, done: &WorkSummary, stopped: bool) -> Exit {
    let forwards = done.delivered + done.failed;
    let commands = done.commands_succeeded + done.commands_failed;
    let mut parts = Vec::new();
    if forwards > 0 {
        parts.push(format!("{} forwarded, {} not forwarded", done.delivered, done.failed));
    }
    if commands > 0 {
        let succeeded = count(done.commands_succeeded, "command");
        parts.push(format!("{succeeded} succeeded, {} failed", done.commands_failed));
    }
    if done.interrupted > 0 {
        let why = if stopped { "interrupted" } else { "left" };
        parts.push(format!("{} {why}", done.interrupted));
    }
    if parts.is_empty() {
        parts.push("another process was faster to take it up".to_owned());
    }
    session.ui.note(&parts.join(", "));
    let commands = if done.commands_failed > 0 {
        Exit::Unmet
    } else {
        Exit::Ok
    };
    let left = match done.interrupted {
        0 => Exit::Ok,
        _ if stopped => Exit::Interrupted,
        _ => Exit::Unmet,
    };
    done.exit.unwrap_or(Exit::Ok).worse(commands).worse(left)
}
