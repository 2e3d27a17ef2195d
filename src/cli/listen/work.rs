//! The routes of `listen` and the workers behind them.

use std::sync::Arc;

use tokio::sync::Notify;

use super::args::{Answer, ListenArgs};
use super::observer::Arrows;
use crate::app::receive::takeover::{Leftovers, amount, described, take_over};
use crate::app::receive::{ANSWER_PASSED_ON, Ends, Target, WorkPolicy, Workers, WorkersOptions};
use crate::cli::session::Session;
use crate::config::{SettingOrigin, file::ConfigFile};
use crate::error::{Error, Result};
use crate::listener::route::{Destination, Route};
use crate::listener::{Inbound, Pattern, RoutedLane, Router};
use crate::provider::policy::{Codes, Policy, Schedule};
use crate::random::Random;
use crate::store::{Lane, LaneSummary, Lease, Ledger, WorkKind};
use crate::transport::{HttpOptions, HttpTransport};
use crate::view::count;

/// A route, and the project's file that names it.
pub(super) struct NamedRoute {
    pub(super) route: Route,
    pub(super) trust: Option<String>,
}

/// Every route of the command line and the settings.
pub(super) fn routes(session: &Session, args: &ListenArgs) -> Result<Vec<NamedRoute>> {
    let settings = &session.settings;
    let mut routes = Vec::new();
    let mut add = |route, trust: &Option<String>| {
        let trust = trust.clone();
        routes.push(NamedRoute { route, trust });
    };
    let own = settings.forward_to.as_ref().filter(|_| args.forward_to.is_none());
    if let Some(url) = args.forward_to.as_ref().or(own) {
        let url = super::super::targets::parse_url(url)?;
        let trust = own.and_then(|_| project(session, |file| file.listen.forward_to.is_some()));
        add(Route::everything(Destination::Forward(url)), &trust);
    }
    if let Some(command) = &args.exec {
        add(Route::everything(Destination::Run(command.clone())), &None);
    }
    let parse = |text: &String| Route::parse(text).map_err(|what| Error::usage(format!("`--on`: {what}")));
    for text in &args.on {
        add(parse(text)?, &None);
    }
    let trust = project(session, |file| file.listen.on.is_some());
    for text in &settings.on {
        add(parse(text)?, &trust);
    }
    let trust = project(session, |file| file.route.is_some());
    for (index, file) in settings.routes.iter().enumerate() {
        let route = Route::from_file(file);
        let route = route.map_err(|what| Error::usage(format!("`[[route]]` number {}: {what}", index + 1)))?;
        add(route, &trust);
    }
    Ok(routes)
}

/// The project's file, when the strongest layer that says something is that.
fn project(session: &Session, says: impl Fn(&ConfigFile) -> bool) -> Option<String> {
    let layer = session.settings.layers.iter().rev().find(|layer| says(&layer.file))?;
    match &layer.origin {
        SettingOrigin::Project(path) => Some(path.display().to_string()),
        _ => None,
    }
}

/// Where events go, each target with a lane of its own under that claim.
pub(super) fn router(
    session: &Session,
    args: &ListenArgs,
    inbound: Option<&Inbound>,
    owner: Option<&Lease>,
) -> Result<Router> {
    let forward = WorkPolicy {
        inbound: inbound.cloned(),
        tls: args.tls,
        public_url: args.public_url.clone(),
        keep_host: args.preserve_host,
        concurrency: args.concurrency.unwrap_or(1),
        delivery: Some(forward_policy(args)?),
        exec_timeout: None,
    };
    let command = WorkPolicy {
        delivery: None,
        exec_timeout: args.exec_timeout,
        ..forward.clone()
    };
    let folder = std::env::current_dir().map(|folder| folder.display().to_string());
    let mut routed: Vec<RoutedLane> = Vec::new();
    for NamedRoute { route, trust } in routes(session, args)? {
        let (kind, target, policy) = match &route.to {
            Destination::Forward(url) => (WorkKind::Forward, url.to_string(), &forward),
            Destination::Run(command_text) => (WorkKind::Command, command_text.clone(), &command),
        };
        let same =
            |known: &&RoutedLane| (known.lane.kind, &known.lane.target, &known.lane.trust) == (kind, &target, &trust);
        let (lane, wake) = match routed.iter().find(same) {
            Some(known) => (Arc::clone(&known.lane), Arc::clone(&known.wake)),
            None => {
                let lane = Lane {
                    id: Random::os().uuid_v7(session.now()),
                    kind,
                    target,
                    folder: folder.as_ref().map_or_else(|_| String::new(), Clone::clone),
                    trust,
                    policy: policy.to_text(),
                    owner: owner.map(|owner| owner.name().to_owned()),
                };
                (Arc::new(lane), Arc::new(Notify::new()))
            }
        };
        routed.push(RoutedLane { route, lane, wake });
    }
    Ok(Router {
        filter: args.filter.as_deref().map(Pattern::new),
        routes: routed,
        unverified: args.unverified,
        answer_by_app: args.answer == Answer::App,
    })
}

fn forward_policy(args: &ListenArgs) -> Result<Policy> {
    let delays = ["1s", "5s", "30s", "2m", "10m"]
        .iter()
        .filter_map(|delay| crate::clock::parse_duration(delay).ok());
    let default = Policy {
        timeout: args.timeout,
        success: Codes::any_success(),
        schedule: Schedule {
            delays: delays.collect(),
            ..Schedule::default()
        },
    };
    args.retry.policy(&default)
}

/// Starts the workers, with what an earlier run left for the same targets; says what that is, and what else is left. Without
/// an owner there is nothing to work on.
pub(super) async fn start(
    session: &Session,
    args: &ListenArgs,
    ledger: &Ledger,
    router: &Router,
    owner: Option<Lease>,
    ends: Ends,
) -> Result<Option<Workers>> {
    let reader = session.background_reader();
    let Some(owner) = owner else {
        let found = take_over(&reader, ledger, &session.ledger_path, None, &[]).await?;
        say_leftovers(session, &found);
        return Ok(None);
    };
    let transport = HttpTransport::new(HttpOptions {
        keep_host: args.preserve_host,
        whole_answers: router.answer_by_app.then_some(ANSWER_PASSED_ON),
        ..HttpOptions::default()
    })
    .map_err(|error| Error::internal(error.to_string()))?;
    let mut own: Vec<(Arc<Lane>, Arc<Notify>)> = Vec::new();
    for routed in &router.routes {
        if !own.iter().any(|(lane, _)| lane.id == routed.lane.id) {
            own.push((Arc::clone(&routed.lane), Arc::clone(&routed.wake)));
        }
    }
    let lanes: Vec<Arc<Lane>> = own.iter().map(|(lane, _)| Arc::clone(lane)).collect();
    let found = take_over(&reader, ledger, &session.ledger_path, Some(&owner), &lanes).await?;
    say_leftovers(session, &found);
    session.restore_work(&reader).await?;
    let targets = own.into_iter().zip(found.resumed);
    let targets = targets.map(|(own, left)| Target { left, own: Some(own) }).collect();
    let options = WorkersOptions {
        clock: Arc::clone(&session.clock),
        random: Arc::clone(&session.random),
        ledger: ledger.clone(),
        reader,
        ledger_path: session.ledger_path.clone(),
        owner: Arc::new(owner),
        transport: Arc::new(transport),
        time_scale: args.retry.time_scale,
        observer: Arc::new(Arrows {
            ui: Arc::clone(&session.ui),
        }),
        ends,
        retrying: true,
    };
    Ok(Some(Workers::start(options, targets)))
}

/// `resuming 44 forwards and 16 commands that an earlier run left`, and what is left for a resumption by hand.
fn say_leftovers(session: &Session, found: &Leftovers) {
    let resumed: Vec<&LaneSummary> = found.resumed.iter().flatten().collect();
    if !resumed.is_empty() {
        session
            .ui
            .note(&format!("resuming {} that an earlier run left", amount(&resumed)));
    }
    if found.left.is_empty() {
        return;
    }
    let left: Vec<&LaneSummary> = found.left.iter().collect();
    session.ui.note(&format!("left by earlier runs: {}", amount(&left)));
    for summary in left {
        let items = count(summary.total(), "event");
        session
            .ui
            .note(&format!("      {} for {items}", described(&summary.lane)));
    }
    session.ui.hint("`hook replay --resume` takes them up");
}
