//! `hook serve`: the provider's side as a service: its management API, and deliveries of what happens there.

mod args;
mod ask;
mod event_loop;
mod fanout;
mod keys;
mod show;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) use args::ServeArgs;
use ask::Challenger;
use event_loop::EventLoop;
use fanout::{Fanout, Served};
use keys::Keys;

use crate::api::server::{ApiEvent, MockApi, MockApiOptions, base_path};
use crate::app::endpoint_gate::EndpointGate;
use crate::cli::session::Session;
use crate::endpoints::rules::RuleOptions;
use crate::engine::{self, Limits};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::{Known, Tally};
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::server::{self, Drained};
use crate::shutdown::{DRAIN, Shutdown};
use crate::transport::{AddressPolicy, HttpOptions, HttpTransport};
use crate::view::delivery::Attempts;

/// Requests in flight at once.
const CONCURRENCY: usize = 16;

/// Deliveries that wait for their first attempt; beyond that calls wait. All of them are on record, some hundred bytes each
/// are in memory.
const BACKLOG: usize = 65_536;

/// A call says what a subscription is, and that is little.
const LARGEST_BODY: usize = 1024 * 1024;

/// Where a face is, and in which account.
struct ServeContext {
    /// What clients are given.
    url: String,
    /// The same without the path of the API.
    origin: String,
    plan: Option<String>,
}

pub(super) fn run(session: &Session, args: &ServeArgs) -> Result<Exit> {
    super::socket::check(args.bind, args.expose)?;
    let profile = session.provider_for(args.provider.as_deref(), None)?;
    let Some(api) = profile.api.clone() else {
        let what = format!("`{}` has no management API that is known", profile.label());
        return Err(Error::usage(what).hint(format!("these have one: {}", with_api(session))));
    };
    let plan = plan(session, args, &profile)?;
    let scopes = scopes(args, &profile, &api)?;
    let keys = Keys::new(session, args, &profile, &api)?;
    let serving = Serving {
        session,
        args,
        profile,
        api,
        plan,
        scopes,
        keys,
    };
    super::runtime()?.block_on(serving.run())
}

/// The providers that can be served.
fn with_api(session: &Session) -> String {
    let has = |name: &&String| session.registry.get(name).is_ok_and(|profile| profile.api.is_some());
    let names = session.registry.names();
    let names: Vec<String> = names.iter().filter(has).map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The plan that limits endpoints: a new account is on the first one.
fn plan(session: &Session, args: &ServeArgs, profile: &Profile) -> Result<Option<String>> {
    let plans = &profile.endpoint.plans;
    let names = || {
        plans
            .keys()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if plans.is_empty() {
        return match &args.plan {
            Some(plan) => Err(
                Error::usage(format!("`{}` has no plans: `{plan}` limits nothing", profile.label()))
                    .hint("leave out `--plan`"),
            ),
            None => Ok(None),
        };
    }
    let given = args.plan.as_ref().or(session.settings.account_plan.as_ref());
    match given.or(plans.keys().next()) {
        Some(plan) if !plans.contains_key(plan) => {
            Err(Error::usage(format!("`{}` has no plan `{plan}`", profile.label()))
                .hint(format!("its plans: {}", names())))
        }
        plan => Ok(plan.cloned()),
    }
}

fn scopes(args: &ServeArgs, profile: &Profile, api: &Api) -> Result<Option<Vec<String>>> {
    let known = |scope: &&String| !api.scopes.iter().any(|(name, _)| name == *scope);
    match args.scopes.iter().find(known) {
        None if args.scopes.is_empty() => Ok(None),
        None => Ok(Some(args.scopes.clone())),
        Some(scope) => {
            let names: Vec<String> = api.scopes.iter().map(|(name, _)| format!("`{name}`")).collect();
            let error = Error::usage(format!("`{}` has no scope `{scope}`", profile.label()));
            Err(match names.as_slice() {
                [] => error.hint("leave out `--scope`"),
                names => error.hint(format!("its scopes: {}", names.join(", "))),
            })
        }
    }
}

/// Everything that a run needs.
struct Serving<'a> {
    session: &'a Session,
    args: &'a ServeArgs,
    profile: Arc<Profile>,
    api: Api,
    plan: Option<String>,
    scopes: Option<Vec<String>>,
    keys: Keys,
}

impl Serving<'_> {
    async fn run(&self) -> Result<Exit> {
        let session = self.session;
        let shutdown = Shutdown::install()?;
        let (socket, address) = super::socket::bind(self.args.bind, self.args.port).await?;
        let (outlet, heard) = mpsc::channel(1024);
        let face = self.face(address.port(), outlet)?;
        let kept = session.kept_ledger(None);
        let ledger = kept.ledger.clone();
        // What cannot be recorded is not delivered.
        ledger.ready().await?;
        session.keep(&kept);
        drop(kept);
        let origin = format!("http://{}", super::socket::shown(address));
        let place = ServeContext {
            url: format!("{origin}{}", base_path(&self.api)),
            origin,
            plan: self.plan.clone(),
        };
        show::ready(session, self.args, &self.profile, &place, &self.keys)?;
        let limits = server::Limits {
            body: LARGEST_BODY,
            drain: DRAIN,
            ..server::Limits::default()
        };
        let (stop, cut) = (shutdown.soft.clone(), shutdown.cut(&shutdown.late()));
        let serving = tokio::spawn(async move { server::serve(socket, None, limits, face, stop, cut).await });
        let finished = tokio::select! {
            finished = self.work(heard, serving, ledger.clone(), (shutdown.soft.clone(), shutdown.late())) => Some(finished),
            () = shutdown.hard.cancelled() => None,
        };
        let Some(finished) = finished else {
            return Ok(Exit::Interrupted);
        };
        ledger.close();
        Ok(self.summary(&finished?))
    }

    fn face(&self, port: u16, outlet: mpsc::Sender<ApiEvent>) -> Result<Arc<MockApi>> {
        let session = self.session;
        let setup = MockApiOptions {
            profile: Arc::clone(&self.profile),
            book: session.book(),
            access: self.keys.access(self.args, port),
            scopes: self.scopes.clone(),
            rules: RuleOptions {
                local: !self.args.production,
                production: self.args.production,
                reaches: Some(self.addresses()),
                plan: self.plan.clone(),
                ..RuleOptions::default()
            },
            params: session.account_params(&self.profile),
            clock: Arc::clone(&session.clock),
            random: Arc::clone(&session.random),
            events: outlet,
        };
        let face = MockApi::new(setup).map(Arc::new);
        face.ok_or_else(|| Error::internal(format!("`{}` has no API", self.profile.label())))
    }

    /// Callers of the API choose the targets. Other machines may call it when it is exposed: then this machine is not
    /// reached either.
    fn addresses(&self) -> AddressPolicy {
        match (self.args.allow_private, self.args.production || self.args.expose) {
            (true, _) => AddressPolicy::PublicAndPrivate,
            (false, true) => AddressPolicy::Public,
            (false, false) => AddressPolicy::PublicAndLoopback,
        }
    }

    /// Shows calls and delivers events until the server has ended and everything is told.
    async fn work(
        &self,
        heard: mpsc::Receiver<ApiEvent>,
        serving: JoinHandle<Drained>,
        ledger: crate::store::Ledger,
        (stop, late): (CancellationToken, CancellationToken),
    ) -> Result<Tally> {
        let session = self.session;
        let transport = HttpTransport::new(HttpOptions {
            addresses: self.addresses(),
            ..HttpOptions::default()
        });
        let transport = transport
            .map(Arc::new)
            .map_err(|error| Error::internal(error.to_string()))?;
        let owner = Arc::new(session.lease()?);
        let limits = Limits {
            concurrency: CONCURRENCY,
            total: Some(engine::TOTAL),
            time_scale: self.args.time_scale,
            rate: None,
        };
        let (jobs, queue) = mpsc::channel(BACKLOG);
        let (ledger_of_post, owner_of_post) = (ledger.clone(), Arc::clone(&owner));
        let mut pipeline = session.pipeline(Arc::clone(&transport), ledger, limits, late.clone(), Some(owner));
        pipeline.leave = stop.clone();
        // One watch for both: a file that breaks is told once.
        let book = Arc::new(session.book_watch());
        pipeline.gate = Some(Arc::new(EndpointGate::new(Arc::clone(&book))));
        let session = Arc::new(session.clone());
        let post = Fanout {
            session: Arc::clone(&session),
            rules: fanout::Rules {
                profile: Arc::clone(&self.profile),
                policy: Arc::new(self.profile.policy.clone()),
                addresses: self.addresses(),
                book,
            },
            ledger: ledger_of_post,
            owner: owner_of_post,
            jobs,
        };
        let (ends, ended) = mpsc::unbounded_channel();
        let counting = fanout::count_ends(Arc::clone(&session), ended);
        let mut view = Served {
            attempts: Attempts::new(Arc::clone(&session.ui), false),
            ends,
        };
        let desk = EventLoop {
            post,
            asker: Challenger::new(session, Arc::clone(&self.profile), Arc::clone(&transport)),
            turned_away: super::rejected_peers::RejectedPeers::default(),
        };
        let desk = async { desk.run(heard, serving).await };
        // Without a screen or a ledger there is no service.
        let desk = async { desk.await.inspect_err(|_| late.cancel()) };
        let delivering = async {
            let tally = pipeline.run(queue, Known::All, &mut view).await;
            drop(view);
            tally.inspect_err(|_| stop.cancel())
        };
        let (told, tally, ()) = tokio::join!(desk, delivering, counting);
        told?;
        tally
    }

    fn summary(&self, tally: &Tally) -> Exit {
        let ui = &self.session.ui;
        let mut parts = vec![
            format!("{} delivered", tally.delivered),
            format!("{} failed", tally.failed),
        ];
        if tally.interrupted > 0 {
            parts.push(format!("{} left with attempts to make", tally.interrupted));
        }
        ui.note(&format!("deliveries: {}", parts.join(", ")));
        if tally.interrupted == 0 {
            return Exit::Ok;
        }
        ui.hint("`hook replay --resume` takes up what was interrupted");
        Exit::Interrupted
    }
}
