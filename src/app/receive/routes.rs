//! The routes of a listener, and the workers behind them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::answer::ANSWER_PASSED_ON;
use super::event::Observer;
use super::options::ListenOptions;
use super::policy::WorkPolicy;
use super::takeover::{Leftovers, amount, described, take_over};
use super::work_context::{WorkContext, WorkEnds};
use super::workers::{WorkTarget, Workers};
use crate::app::context::Context;
use crate::config::{SettingOrigin, file::ConfigFile};
use crate::error::{Error, Result};
use crate::listener::route::{Destination, Route};
use crate::listener::{Inbound, Pattern, RoutedLane, Router};
use crate::provider::policy::{Codes, Policy, Schedule};
use crate::random::Random;
use crate::store::{Lane, LaneSummary, Lease, Ledger, WorkKind};
use crate::text::count;
use crate::transport::guard;
use crate::transport::{HttpOptions, HttpTransport};

/// A route, and the project's file that names it.
pub(super) struct NamedRoute {
    pub(super) route: Route,
    pub(super) trust: Option<String>,
}

/// Every route of the command line and the settings.
pub(super) fn routes(context: &Context, options: &ListenOptions) -> Result<Vec<NamedRoute>> {
    let settings = &context.settings;
    let mut routes = Vec::new();
    let mut add = |route, trust: &Option<String>| {
        let trust = trust.clone();
        routes.push(NamedRoute { route, trust });
    };
    let own = settings.forward_to.as_ref().filter(|_| options.forward_to.is_none());
    if let Some(url) = options.forward_to.as_ref().or(own) {
        let url = guard::target(url).map_err(|error| {
            Error::usage(error.to_string()).hint("write a URL, `localhost:3000/path`, `:3000` or a port")
        })?;
        let trust = own.and_then(|_| project(context, |file| file.listen.forward_to.is_some()));
        add(Route::everything(Destination::Forward(url)), &trust);
    }
    if let Some(command) = &options.exec {
        add(Route::everything(Destination::Run(command.clone())), &None);
    }
    let parse = |text: &String| Route::parse(text).map_err(|what| Error::usage(format!("`--on`: {what}")));
    for text in &options.on {
        add(parse(text)?, &None);
    }
    let trust = project(context, |file| file.listen.on.is_some());
    for text in &settings.on {
        add(parse(text)?, &trust);
    }
    let trust = project(context, |file| file.route.is_some());
    for (index, file) in settings.routes.iter().enumerate() {
        let route = Route::from_file(file);
        let route = route.map_err(|what| Error::usage(format!("`[[route]]` number {}: {what}", index + 1)))?;
        add(route, &trust);
    }
    Ok(routes)
}

/// The project's file, when the strongest layer that says something is that.
fn project(context: &Context, says: impl Fn(&ConfigFile) -> bool) -> Option<String> {
    let layer = context.settings.layers.iter().rev().find(|layer| says(&layer.file))?;
    match &layer.origin {
        SettingOrigin::Project(path) => Some(path.display().to_string()),
        _ => None,
    }
}

/// Whether a command runs for requests.
pub(super) fn runs_commands(routes: &[NamedRoute]) -> bool {
    routes.iter().any(|named| named.route.to.runs())
}

/// Where events go, each target with a lane of its own under that lease.
pub(super) fn router(
    context: &Context,
    options: &ListenOptions,
    routes: Vec<NamedRoute>,
    inbound: Option<&Inbound>,
    owner: Option<&Lease>,
) -> Router {
    let forward = WorkPolicy {
        inbound: inbound.cloned(),
        tls: options.tls.is_some(),
        public_url: options.public_url.clone(),
        keep_host: options.preserve_host,
        concurrency: options.concurrency,
        delivery: Some(options.retry.apply(&forward_policy(options.timeout))),
        exec_timeout: None,
    };
    let command = WorkPolicy {
        delivery: None,
        exec_timeout: options.exec_timeout,
        ..forward.clone()
    };
    let folder = std::env::current_dir().map_or_else(|_| String::new(), |folder| folder.display().to_string());
    let mut routed: Vec<RoutedLane> = Vec::new();
    for NamedRoute { route, trust } in routes {
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
                    id: Random::os().uuid_v7(context.now()),
                    kind,
                    target,
                    folder: folder.clone(),
                    trust,
                    policy: policy.to_text(),
                    owner: owner.map(|owner| owner.name().to_owned()),
                };
                (Arc::new(lane), Arc::new(Notify::new()))
            }
        };
        routed.push(RoutedLane { route, lane, wake });
    }
    Router {
        filter: options.filter.as_deref().map(Pattern::new),
        routes: routed,
        unverified: options.unverified,
        answer_by_app: options.answer_by_app,
    }
}

/// How a forward is retried when the user wants retries: nobody's schedule is being played.
fn forward_policy(timeout: Duration) -> Policy {
    Policy {
        timeout,
        success: Codes::any_success(),
        schedule: Schedule {
            delays: [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec(),
            ..Schedule::default()
        },
    }
}

/// Starts the workers, with what an earlier run left for the same targets; says what that is, and what else is left. Without
/// a lease there is nothing to work on.
pub(super) async fn start(
    context: &Context,
    options: &ListenOptions,
    router: &Router,
    (ledger, owner): (&Ledger, Option<Lease>),
    observer: &Arc<dyn Observer>,
    ends: WorkEnds,
) -> Result<Option<Workers>> {
    let reader = context.background_reader();
    let mut own: Vec<(Arc<Lane>, Arc<Notify>)> = Vec::new();
    for routed in &router.routes {
        if !own.iter().any(|(lane, _)| lane.id == routed.lane.id) {
            own.push((Arc::clone(&routed.lane), Arc::clone(&routed.wake)));
        }
    }
    let lanes: Vec<Arc<Lane>> = own.iter().map(|(lane, _)| Arc::clone(lane)).collect();
    let found = take_over(&reader, ledger, &context.ledger_path, owner.as_ref(), &lanes).await?;
    say_leftovers(context, &found);
    let Some(owner) = owner else { return Ok(None) };
    let transport = HttpTransport::new(HttpOptions {
        keep_host: options.preserve_host,
        whole_answers: router.answer_by_app.then_some(ANSWER_PASSED_ON),
        ..HttpOptions::default()
    });
    let transport = Arc::new(transport.map_err(|error| Error::internal(error.to_string()))?);
    context.restore_work(&reader).await?;
    let targets = own.into_iter().zip(found.resumed);
    let targets = targets.map(|(own, left)| WorkTarget { left, own: Some(own) }).collect();
    let mut work = WorkContext::new(context, (ledger.clone(), reader), owner, Arc::clone(observer), ends);
    work.time_scale = options.time_scale;
    Ok(Some(Workers::start(work, &transport, targets)))
}

/// `resuming 44 forwards and 16 commands that an earlier run left`, and what is left for a resumption by hand.
fn say_leftovers(context: &Context, found: &Leftovers) {
    let notices = &context.notices;
    let resumed: Vec<&LaneSummary> = found.resumed.iter().flatten().collect();
    if !resumed.is_empty() {
        notices.note(format!("resuming {} that an earlier run left", amount(&resumed)));
    }
    if found.left.is_empty() {
        return;
    }
    let left: Vec<&LaneSummary> = found.left.iter().collect();
    notices.note(format!("left by earlier runs: {}", amount(&left)));
    for summary in left {
        let items = count(summary.total(), "event");
        notices.note(format!("      {} for {items}", described(&summary.lane)));
    }
    notices.hint("`hook replay --resume` takes them up");
}
