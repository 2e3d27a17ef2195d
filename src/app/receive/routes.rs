//! The routes of a listener, and the workers behind them.

use std::collections::HashSet;
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
use crate::config::{SettingOrigin, Settings, file::ConfigFile};
use crate::error::{Error, Result};
use crate::listener::route::{Route, RouteError};
use crate::listener::{Inbound, RoutedLane, Router};
use crate::provider::or_near;
use crate::provider::policy::{Policy, Schedule};
use crate::random::Random;
use crate::store::{Lane, LaneSummary, Lease, Ledger, WorkKind};
use crate::target::{TargetSpec, parse_url};
use crate::text::{count, printable, quoted};
use crate::transport::{HttpOptions, HttpTransport};

/// A route, and the project's file that it comes from.
pub(in crate::app) struct NamedRoute {
    pub(in crate::app) route: Route,
    pub(super) trust: Option<String>,
}

impl NamedRoute {
    /// Of the command line.
    fn typed(route: Route) -> Self {
        Self { route, trust: None }
    }

    /// What its lane of the work queue is named after.
    pub(in crate::app) fn work(&self) -> (WorkKind, &str) {
        match &self.route.to {
            TargetSpec::Url(url) => (WorkKind::Forward, url.as_str()),
            TargetSpec::Command(command) => (WorkKind::Command, command),
        }
    }
}

/// Every route of the options and the settings.
pub(super) fn routes(context: &Context, options: &ListenOptions) -> Result<Vec<NamedRoute>> {
    let settings = &context.settings;
    let on = |text: &String| parse_on(text).map(NamedRoute::typed);
    let forward = match &options.forward_to {
        Some(url) => Some(forward_everything(url).map(NamedRoute::typed)),
        None => settings_forward(settings),
    };
    let exec = options.exec.iter().map(|command| {
        let command = TargetSpec::Command(command.clone());
        Ok(NamedRoute::typed(Route::everything(command)))
    });
    let typed = exec.chain(options.on.iter().map(on));
    let all = forward.into_iter().chain(typed).chain(settings_rules(settings));
    let routes = all.collect::<Result<Vec<_>>>()?;
    warn_of_unmatched(context, options, &routes);
    Ok(routes)
}

/// Every route of the settings. `listen` and a resumption must read them alike: work for a target that the other reads
/// differently would never be done.
pub(in crate::app) fn settings_routes(settings: &Settings) -> impl Iterator<Item = Result<NamedRoute>> {
    settings_forward(settings).into_iter().chain(settings_rules(settings))
}

/// `forward-to` of the settings.
fn settings_forward(settings: &Settings) -> Option<Result<NamedRoute>> {
    let trust = project(settings, |file| file.listen.forward_to.is_some());
    let route = settings.forward_to.as_deref().map(forward_everything)?;
    Some(route.map(|route| NamedRoute { route, trust }))
}

/// `on` and `[[route]]` of the settings.
fn settings_rules(settings: &Settings) -> impl Iterator<Item = Result<NamedRoute>> {
    let of_on = project(settings, |file| file.listen.on.is_some());
    let of_route = project(settings, |file| file.route.is_some());
    let on = settings.on.iter().map(move |text| (parse_on(text), of_on.clone()));
    let tables = settings.routes.iter().zip(1..).map(move |(file, number)| {
        let route = Route::from_file(file);
        let route = route.map_err(|error| wrong_route(number, error));
        (route, of_route.clone())
    });
    on.chain(tables)
        .map(|(route, trust)| route.map(|route| NamedRoute { route, trust }))
}

/// The error of a `[[route]]`, counted from 1.
fn wrong_route(number: usize, error: RouteError) -> Error {
    match error {
        RouteError::Clause(what) => Error::usage(format!("`[[route]]` number {number}: {what}")),
        RouteError::Expression(mut error) => {
            error.message = format!("`[[route]]` number {number}: {}", error.message);
            error
        }
    }
}

fn forward_everything(url: &str) -> Result<Route> {
    Ok(Route::everything(TargetSpec::Url(parse_url(url)?)))
}

fn parse_on(text: &str) -> Result<Route> {
    Route::parse(text).map_err(|what| Error::usage(format!("`--on`: {what}")))
}

/// Warns of patterns that match no event of the catalogues: senders may have events of their own, and a typo loses events.
fn warn_of_unmatched(context: &Context, options: &ListenOptions, routes: &[NamedRoute]) {
    let filters = options.filters.iter().filter_map(|filter| filter.as_pattern());
    let mut warned = HashSet::new();
    for pattern in routes.iter().map(|named| &named.route.event).chain(filters) {
        let near = context.registry.unmatched(pattern, &options.providers);
        if let Some(near) = near.filter(|_| warned.insert(pattern.to_string())) {
            let pattern = printable(&pattern.to_string(), 100);
            let whose = match options.providers.as_slice() {
                [] => "a catalogue".to_owned(),
                providers => quoted(providers),
            };
            context
                .notices
                .warn(format!("no event of {whose} matches `{pattern}`{}", or_near(&near)));
        }
    }
}

/// The project's file, when it is the strongest layer with that setting.
fn project(settings: &Settings, says: impl Fn(&ConfigFile) -> bool) -> Option<String> {
    let layer = settings.layers.iter().rev().find(|layer| says(&layer.file))?;
    match &layer.origin {
        SettingOrigin::Project(path) => Some(path.display().to_string()),
        _ => None,
    }
}

/// Whether a command runs for requests.
pub(super) fn runs_commands(routes: &[NamedRoute]) -> bool {
    routes.iter().any(|named| named.route.to.is_command())
}

/// The router, with one lane of the work queue per target under that lease.
pub(super) fn router(
    context: &Context,
    options: &ListenOptions,
    routes: Vec<NamedRoute>,
    inbound: Option<&Inbound>,
    owner: Option<&Lease>,
) -> Router {
    let schedule = Schedule {
        // No provider's schedule is played here: these suit an app that is restarted.
        delays: [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec(),
        ..Schedule::default()
    };
    let delivery = Policy {
        timeout: options.timeout,
        schedule,
        ..Policy::default()
    };
    let policy = WorkPolicy {
        inbound: inbound.cloned(),
        tls: options.tls.is_some(),
        public_url: options.public_url.clone(),
        keep_host: options.preserve_host,
        insecure: options.insecure,
        // A later run may be in another folder.
        ca_file: options
            .ca_file
            .as_ref()
            .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        concurrency: options.concurrency,
        delivery: Some(options.retry.apply(&delivery)),
        exec_timeout: options.exec_timeout,
    };
    let folder = std::env::current_dir().map_or_else(|_| String::new(), |folder| folder.display().to_string());
    let new_lane = |kind, target, trust| Lane {
        id: Random::os().uuid_v7(context.now()),
        kind,
        target,
        folder: folder.clone(),
        trust,
        policy: policy.to_text(),
        owner: owner.map(|owner| owner.name().to_owned()),
    };
    let mut routed: Vec<RoutedLane> = Vec::new();
    for named in routes {
        let (kind, target) = named.work();
        let target = target.to_owned();
        let NamedRoute { route, trust } = named;
        // Routes to one target share its lane, which keeps the order of their events.
        let same = |old: &&RoutedLane| (old.lane.kind, &old.lane.target, &old.lane.trust) == (kind, &target, &trust);
        let (lane, wake) = match routed.iter().find(same) {
            Some(known) => (Arc::clone(&known.lane), Arc::clone(&known.wake)),
            None => (Arc::new(new_lane(kind, target, trust)), Arc::default()),
        };
        routed.push(RoutedLane { route, lane, wake });
    }
    Router {
        filters: options.filters.clone(),
        routes: routed,
        unverified: options.unverified,
        answer_by_app: options.answer_by_app,
    }
}

/// Starts the workers, with what an earlier run left for the same targets; reports what is resumed and what is left. Without
/// a lease there are no routes, and no workers.
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
    let found = take_over(
        &reader,
        ledger,
        &context.owners(),
        owner.as_ref(),
        &lanes,
        context.now(),
    )
    .await?;
    report_leftovers(context, &found);
    let Some(owner) = owner else { return Ok(None) };
    let transport = Arc::new(HttpTransport::new(HttpOptions {
        insecure: options.insecure,
        ca_file: options.ca_file.clone(),
        keep_host: options.preserve_host,
        whole_answers: router.answer_by_app.then_some(ANSWER_PASSED_ON),
        ..HttpOptions::default()
    })?);
    context.restore_work(&reader).await?;
    let targets = own.into_iter().zip(found.resumed);
    let targets = targets.map(|(own, left)| WorkTarget { left, own: Some(own) }).collect();
    let mut work = WorkContext::new(context, (ledger.clone(), reader), owner, Arc::clone(observer), ends);
    work.time_scale = options.time_scale;
    Ok(Some(Workers::start(work, &|_| Arc::clone(&transport), targets)))
}

/// `resuming 44 forwards and 16 commands of an earlier run`, and what is left for `hook replay --resume`.
fn report_leftovers(context: &Context, found: &Leftovers) {
    let notices = &context.notices;
    let resumed: Vec<&LaneSummary> = found.resumed.iter().flatten().collect();
    if !resumed.is_empty() {
        notices.note(format!("resuming {} of an earlier run", amount(&resumed)));
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
    notices.hint("`hook replay --resume` resumes them");
}
