//! The provider's side as a service: its management API, and the deliveries of the events that calls create.

mod event_loop;
mod fanout;
mod keys;
mod lanes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::api::server::{ApiCall, ApiEvent, MockApi, MockApiOptions, base_path};
use crate::app::context::Context;
use crate::app::endpoint_gate::EndpointGate;
use crate::app::handshake::HandshakeResult;
use crate::app::rejected_peers::RejectedPeers;
use crate::app::socket::{self, Ready};
use crate::endpoints::rules::RuleOptions;
use crate::engine::{self, Limits};
use crate::error::{Error, Result};
use crate::message::Mode;
use crate::pipeline::{DeliveryObserver, Tally};
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::server;
use crate::shutdown::{DRAIN, Shutdown};
use crate::store::Ledger;
use crate::text::quoted;
use crate::transport::{AddressPolicy, HttpOptions, HttpTransport};
use event_loop::EventLoop;
use fanout::{CountingObserver, Fanout, Subscribers};
pub use keys::AccessOptions;
use keys::ServeKeys;

/// Requests in flight at once.
const CONCURRENCY: usize = 16;

/// Deliveries that wait for their first attempt; beyond that calls wait. They are on record, and take some hundred bytes
/// of memory each.
const BACKLOG: usize = 65_536;

/// Bytes of the body of a call: a subscription is small.
const LARGEST_BODY: usize = 1024 * 1024;

/// The service.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// The provider to play.
    pub provider: Option<String>,
    /// The account's plan instead of that of the settings.
    pub plan: Option<String>,
    /// Whether endpoints are validated as strictly as the provider does.
    pub production: bool,
    /// Who may call.
    pub access: AccessOptions,
    /// Scopes of the keys; all of them when there is none.
    pub scopes: Vec<String>,
    /// Whether other machines may call.
    pub exposed: bool,
    /// Whether addresses of private networks may be reached.
    pub allow_private: bool,
    /// What divides the waits between attempts.
    pub time_scale: f64,
}

/// An event of the service. Deliveries have an observer of their own.
pub enum ServeEvent<'a> {
    /// Calls are answered from now on.
    Ready(&'a ServeReady),
    /// A call was answered.
    Call(&'a ApiCall),
    /// An endpoint was sent a challenge.
    Confirmation(&'a HandshakeResult),
}

/// Where a service is, and in which account; the first line of JSON.
#[derive(Debug, Serialize)]
pub struct ServeReady {
    /// What clients are given.
    #[serde(flatten)]
    pub ready: Ready,
    /// The same without the path of the API.
    pub origin: String,
    /// Who is played.
    pub provider: String,
    /// For people.
    #[serde(skip)]
    pub title: String,
    /// The account's plan.
    pub plan: Option<String>,
    /// How many endpoints the plan allows.
    #[serde(skip)]
    pub most_endpoints: Option<u32>,
    /// A generated key.
    pub key: Option<String>,
    /// A generated test key.
    pub test_key: Option<String>,
    /// Where endpoints are kept.
    pub endpoints: PathBuf,
}

/// A service that is ready to begin.
pub struct Service<'a> {
    context: &'a Context,
    options: &'a ServeOptions,
    profile: Arc<Profile>,
    api: Api,
    plan: Option<String>,
    keys: ServeKeys,
}

impl<'a> Service<'a> {
    /// Checks the options.
    pub fn new(context: &'a Context, options: &'a ServeOptions) -> Result<Self> {
        let profile = context.provider_for(options.provider.as_deref(), None)?;
        let Some(api) = profile.api.clone() else {
            let what = format!("`{}` has no management API that is known", profile.label());
            return Err(Error::usage(what).hint(format!("these have one: {}", with_api(context))));
        };
        check_scopes(&options.scopes, &profile, &api)?;
        Ok(Self {
            plan: plan(context, options.plan.as_ref(), &profile)?,
            keys: ServeKeys::new(context, &options.access, &profile, &api)?,
            context,
            options,
            profile,
            api,
        })
    }

    /// Serves until the shutdown. Returns the totals of the deliveries; nothing when it was cut short.
    pub async fn run(
        &self,
        (listener, address): (TcpListener, SocketAddr),
        shutdown: &Shutdown,
        observer: impl Fn(ServeEvent<'_>) -> Result<()>,
        deliveries: impl DeliveryObserver + Send,
    ) -> Result<Option<Tally>> {
        let context = self.context;
        let (events_in, events) = mpsc::channel(1024);
        let api = Arc::new(self.mock_api(address.port(), events_in));
        let (ledger, retention) = context.kept_ledger(None);
        // No event is accepted before it can be recorded.
        ledger.ready().await?;
        retention.start(&context.notices);
        observer(ServeEvent::Ready(&self.ready(&socket::shown(address))))?;
        let limits = server::ServerLimits {
            body: LARGEST_BODY,
            drain: DRAIN,
            ..server::ServerLimits::default()
        };
        let (stop, late) = (shutdown.soft.clone(), shutdown.drain_deadline());
        let (stop_serving, cut) = (stop.clone(), shutdown.cut(&shutdown.drain_deadline()));
        let serving = tokio::spawn(async move { server::serve(listener, None, limits, api, stop_serving, cut).await });
        let work = self.work((events, serving), ledger.clone(), (stop, late), (observer, deliveries));
        let tally = tokio::select! {
            tally = work => tally?,
            () = shutdown.hard.cancelled() => return Ok(None),
        };
        ledger.close();
        Ok(Some(tally))
    }

    fn ready(&self, address: &str) -> ServeReady {
        let origin = format!("http://{address}");
        let generated = |mode: Mode| {
            let key = self.keys.generated.iter().find(|(of, _)| *of == mode);
            key.map(|(_, text)| text.clone())
        };
        let plans = &self.profile.endpoint.plans;
        let limit = self.plan.as_ref().and_then(|plan| plans.get(plan));
        ServeReady {
            ready: Ready {
                url: format!("{origin}{}", base_path(&self.api)),
                ..Ready::default()
            },
            origin,
            provider: self.profile.label(),
            title: self.profile.title.clone(),
            plan: self.plan.clone(),
            most_endpoints: limit.and_then(|limit| limit.0),
            key: generated(Mode::Live),
            test_key: generated(Mode::Test),
            endpoints: self.context.book().path().to_owned(),
        }
    }

    fn mock_api(&self, port: u16, events: mpsc::Sender<ApiEvent>) -> MockApi {
        let (context, asked) = (self.context, self.options);
        let options = MockApiOptions {
            profile: Arc::clone(&self.profile),
            book: context.book(),
            access: self.keys.access(port),
            scopes: Some(asked.scopes.clone()).filter(|scopes| !scopes.is_empty()),
            rules: RuleOptions {
                local: !asked.production,
                production: asked.production,
                reaches: Some(self.addresses()),
                plan: self.plan.clone(),
                ..RuleOptions::default()
            },
            params: context.account_params(&self.profile),
            clock: Arc::clone(&context.clock),
            random: Arc::clone(&context.random),
            events,
        };
        MockApi::new(self.api.clone(), options)
    }

    /// The addresses of targets, which callers of the API choose.
    fn addresses(&self) -> AddressPolicy {
        let options = self.options;
        // Other machines may call an exposed API: then its deliveries must not reach this machine either.
        match (options.allow_private, options.production || options.exposed) {
            (true, _) => AddressPolicy::PublicAndPrivate,
            (false, true) => AddressPolicy::Public,
            (false, false) => AddressPolicy::PublicAndLoopback,
        }
    }

    /// Takes events and delivers until the server has ended and every event is taken.
    async fn work(
        &self,
        (events, serving): (mpsc::Receiver<ApiEvent>, JoinHandle<usize>),
        ledger: Ledger,
        (stop, late): (CancellationToken, CancellationToken),
        (observer, deliveries): (impl Fn(ServeEvent<'_>) -> Result<()>, impl DeliveryObserver + Send),
    ) -> Result<Tally> {
        let transport = Arc::new(HttpTransport::new(HttpOptions {
            addresses: self.addresses(),
            ..HttpOptions::default()
        })?);
        let lease = Arc::new(self.context.lease()?);
        let limits = Limits {
            concurrency: CONCURRENCY,
            total: Some(engine::TOTAL),
            time_scale: self.options.time_scale,
            rate: None,
        };
        let context = Arc::new(self.context.clone());
        let (jobs, queue) = mpsc::channel(BACKLOG);
        let (cancel, held) = (late.clone(), Some(Arc::clone(&lease)));
        let mut pipeline = context.pipeline(Arc::clone(&transport), ledger.clone(), limits, cancel, held);
        pipeline.engine.stop_retrying = stop.clone();
        // One watch for both: a broken file is reported once.
        let book = Arc::new(context.book_watch());
        pipeline.engine.gate = Some(Arc::new(EndpointGate::new(Arc::clone(&book))));
        let (outcomes_in, outcomes) = mpsc::unbounded_channel();
        let counting = fanout::count_all(Arc::clone(&context), outcomes);
        let mut deliveries = CountingObserver {
            inner: deliveries,
            outcomes: outcomes_in,
        };
        let event_loop = EventLoop {
            fanout: Fanout {
                context,
                subscribers: Subscribers {
                    profile: Arc::clone(&self.profile),
                    addresses: self.addresses(),
                    book,
                },
                ledger,
                lease,
                jobs,
            },
            transport,
            challenges: JoinSet::new(),
            rejected_peers: RejectedPeers::default(),
            observer,
        };
        // Without an observer or a ledger the service ends.
        let taking = async { event_loop.run(events, serving).await.inspect_err(|_| late.cancel()) };
        let delivering = async {
            let tally = pipeline.run(queue, &mut deliveries).await;
            drop(deliveries);
            tally.inspect_err(|_| stop.cancel())
        };
        let (taken, tally, ()) = tokio::join!(taking, delivering, counting);
        taken?;
        tally
    }
}

/// The providers that can be served.
fn with_api(context: &Context) -> String {
    let has = |name: &&String| context.registry.get(name).is_ok_and(|profile| profile.api.is_some());
    quoted(context.registry.names().iter().filter(has))
}

/// The plan that limits endpoints: a new account is on the first one.
fn plan(context: &Context, asked: Option<&String>, profile: &Profile) -> Result<Option<String>> {
    let (plans, label) = (&profile.endpoint.plans, profile.label());
    if plans.is_empty() {
        return asked.map_or(Ok(None), |plan| {
            let what = format!("`{label}` has no plans: `{plan}` limits nothing");
            Err(Error::usage(what).hint("leave out `--plan`"))
        });
    }
    match asked.or(context.settings.account_plan.as_ref()).or(plans.keys().next()) {
        Some(plan) if !plans.contains_key(plan) => {
            let what = format!("`{label}` has no plan `{plan}`");
            Err(Error::usage(what).hint(format!("its plans: {}", quoted(plans.keys()))))
        }
        plan => Ok(plan.cloned()),
    }
}

fn check_scopes(asked: &[String], profile: &Profile, api: &Api) -> Result<()> {
    let is_unknown = |scope: &&String| !api.scopes.iter().any(|(name, _)| name == *scope);
    let Some(scope) = asked.iter().find(is_unknown) else {
        return Ok(());
    };
    let error = Error::usage(format!("`{}` has no scope `{scope}`", profile.label()));
    Err(if api.scopes.is_empty() {
        error.hint("leave out `--scope`")
    } else {
        let scopes = quoted(api.scopes.iter().map(|(name, _)| name));
        error.hint(format!("its scopes: {scopes}"))
    })
}
