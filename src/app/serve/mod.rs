//! `hook serve`: the durable service, which accepts events and delivers them, and the mock of a provider's management API. Both
//! work off a queue in the ledger.

mod access;
mod check;
mod control;
mod deliveries;
mod dispatch;
mod event_loop;
mod journal;
mod keys;
mod lane;
mod lanes;
mod lease;
mod metrics;
mod mock;
mod notices;
mod observer;
mod options;
mod queue;
mod rates;
mod ready;
mod remake;
mod routes;
mod signing;
mod sockets;
mod stats;
mod status;
mod subscribers;
mod trace;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::api::server::{ApiCall, ApiEvent};
use crate::app::certificate::{CertificateFiles, LoadedCertificate};
use crate::app::context::Context;
use crate::app::endpoints::rekey::check_storage;
use crate::app::handshake::HandshakeResult;
use crate::app::rejected_peers::RejectedPeers;
use crate::app::socket;
use crate::clock::SteadyClock;
use crate::engine::{self, Limits, Witness};
use crate::error::Result;
use crate::pipeline::{DeliveryObserver, DisableObserver, Tally};
use crate::server;
use crate::shutdown::{DRAIN, Shutdown};
use crate::store::queue::SERVICE;
use crate::store::{self, Lease, Ledger, Op, QueueOp};
use crate::transport::{HttpOptions, HttpTransport};
pub use check::check;
use deliveries::FanOut;
use event_loop::EventLoop;
pub use keys::AccessOptions;
use keys::ServeKeys;
use mock::Mock;
use notices::Notifier;
use observer::{AnswerWitness, QueueObserver};
pub use options::ServeOptions;
use queue::ServiceQueue;
pub use ready::ServeReady;
#[cfg(any(test, feature = "internals"))]
pub use routes::openapi;
use routes::{MOST_DELIVERIES, RouteState, ServiceApi};
use sockets::SocketShares;
pub use status::ServeStatus;
use subscribers::SubscriberWatch;

/// Share of a delay by which the durable service makes it longer where the provider states no jitter.
const SPREAD: f64 = 0.1;

/// Challenges to endpoints in flight at once.
const CHALLENGES: usize = 16;

/// How long attempts in flight may take after the first signal: what is cut is made again, so that its receiver may get it
/// twice. Containers are killed after 10 s.
const ATTEMPTS_DRAIN: Duration = Duration::from_secs(8);

/// How long it may take to put back what a second signal cuts off: left as it is, the next start would count a crash of it.
const PUT_BACK: Duration = Duration::from_secs(1);

/// Bytes of the body of a call to a provider's API: a subscription is small.
const LARGEST_CALL: usize = 1024 * 1024;

/// Bytes of the body of a call to the durable service: a batch of events.
const LARGEST_BATCH: usize = 16 * 1024 * 1024;

/// An event of the service. Deliveries have an observer of their own.
pub enum ServeEvent<'a> {
    /// Calls are answered from now on.
    Ready(&'a ServeReady),
    /// A call was answered.
    Call(&'a ApiCall),
    /// An endpoint was sent a challenge.
    Confirmation(&'a HandshakeResult),
    /// How it does.
    Status(&'a ServeStatus),
}

/// A service that is ready to begin.
pub struct Service<'a> {
    context: &'a Context,
    options: &'a ServeOptions,
    /// The provider that is played.
    mock: Option<Mock>,
    keys: ServeKeys,
    certificate: Option<LoadedCertificate>,
    notifier: Notifier,
}

/// What a run of the service has beside its options.
struct Running {
    queue: Arc<ServiceQueue>,
    transport: Arc<HttpTransport>,
    fan_out: FanOut,
    lease: Lease,
    /// Keeps answers until they are recorded.
    journal: Option<Arc<dyn Witness>>,
}

impl<'a> Service<'a> {
    /// Checks the options.
    pub fn new(context: &'a Context, options: &'a ServeOptions) -> Result<Self> {
        let mock = options
            .provider
            .as_deref()
            .map(|name| Mock::new(context, options, name));
        let mock = mock.transpose()?;
        let keys = match &mock {
            Some(mock) => ServeKeys::of_provider(context, &options.access, &mock.profile, &mock.api)?,
            None => ServeKeys::of_service(context, &options.access)?,
        };
        let certificate = options.certificate.as_ref();
        let certificate = certificate.map(CertificateFiles::load).transpose()?;
        // The endpoints of a mock have no owner who needs notices.
        let notifier = match mock {
            Some(_) => Notifier::default(),
            None => Notifier::new(context, options.notify_exec.as_ref())?,
        };
        Ok(Self {
            context,
            options,
            mock,
            keys,
            certificate,
            notifier,
        })
    }

    /// Whether a key was generated, which has to be shown.
    pub fn has_generated_key(&self) -> bool {
        !self.keys.generated.is_empty()
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
        let lease = self.lease()?;
        if self.mock.is_none() {
            store::check_log(&context.store_place)?;
        }
        let (events_in, events) = mpsc::channel(1024);
        let (ledger, retention) = context.kept_ledger(None);
        // No event is accepted before it can be recorded.
        ledger.ready().await?;
        retention.start(&context.notices);
        let ahead_us = ledger.clock_ahead_us().await?;
        let (jobs_in, jobs) = mpsc::channel(engine::TOTAL);
        let sockets = SocketShares::of_process(&context.notices);
        let mut running = self.start(lease, ledger.clone(), ahead_us, (jobs_in, sockets))?;
        if let Some((what, hint)) = check_storage(context)? {
            context.notices.note(format!("{what}: {hint}"));
        }
        running.journal = running.queue.load(self.options.time_scale).await?;
        let access = self.keys.service_access(address.port());
        access.refresh(&running.queue.reader).await;
        let stored_keys = access.stored_keys();
        let state = RouteState {
            queue: Arc::clone(&running.queue),
            // A long list must not hold up the queue.
            reader: context.background_reader(),
            access,
            fan_out: running.fan_out.clone(),
            rules: self.options.rules(),
            transport: Arc::clone(&running.transport),
            cancel: shutdown.soft.clone(),
            deliveries: Semaphore::new(MOST_DELIVERIES),
        };
        let mock = self.mock.as_ref().map(|mock| {
            let access = self.keys.access(address.port());
            mock.handler(context, self.options, access, events_in.clone())
        });
        let handler = Arc::new(ServiceApi::new(state, mock, events_in));
        observer(ServeEvent::Ready(&self.ready(&socket::shown(address), stored_keys)))?;
        let limits = server::ServerLimits {
            body: if self.mock.is_some() {
                LARGEST_CALL
            } else {
                LARGEST_BATCH
            },
            drain: DRAIN,
            connections: sockets.clients,
            ..server::ServerLimits::default()
        };
        let attempts = if self.mock.is_some() { DRAIN } else { ATTEMPTS_DRAIN };
        let (stop, late) = (shutdown.soft.clone(), shutdown.within(attempts));
        let (stop_serving, cut) = (stop.clone(), shutdown.cut(&shutdown.drain_deadline()));
        let tls = self.certificate.as_ref().map(|certificate| certificate.tls.clone());
        if let Some(certificate) = self.certificate.clone() {
            tokio::spawn(certificate.watch(context.notices.clone(), stop.clone()));
        }
        let serving =
            tokio::spawn(async move { server::serve(listener, tls, limits, handler, stop_serving, cut).await });
        let mut work = Box::pin(self.work(running, (events, serving, jobs), (stop, late), (observer, deliveries)));
        let tally = tokio::select! {
            tally = &mut work => tally?,
            () = shutdown.hard.cancelled() => {
                let _ = tokio::time::timeout(PUT_BACK, work).await;
                return Ok(None);
            }
        };
        ledger.close();
        Ok(Some(tally))
    }

    fn start(
        &self,
        lease: Lease,
        ledger: Ledger,
        ahead_us: i64,
        (jobs, sockets): (mpsc::Sender<engine::Delivery>, SocketShares),
    ) -> Result<Running> {
        let context = Arc::new(self.context.clone());
        let addresses = self.options.addresses();
        let options = HttpOptions {
            addresses,
            idle: Some(sockets.idle),
            ..HttpOptions::default()
        };
        let subscribers = SubscriberWatch::new(&context)?;
        let (owner, reader) = (lease.name().to_owned(), context.background_reader());
        let time_scale = self.options.time_scale;
        let mut queue = ServiceQueue::new(context, owner, (ledger, reader), subscribers, time_scale, jobs);
        queue.clock = SteadyClock::new(self.context.now().shifted_us(ahead_us));
        queue.notices = self.notifier.plan();
        queue.lanes().total = sockets.attempts;
        Ok(Running {
            queue: Arc::new(queue),
            transport: Arc::new(HttpTransport::new(options)?),
            fan_out: FanOut {
                played: self.mock.as_ref().map(|mock| Arc::clone(&mock.profile)),
                addresses,
            },
            lease,
            journal: None,
        })
    }

    /// Takes events and delivers until the server has ended and what is in flight is done.
    async fn work(
        &self,
        running: Running,
        (events, serving, jobs): (
            mpsc::Receiver<ApiEvent>,
            JoinHandle<usize>,
            mpsc::Receiver<engine::Delivery>,
        ),
        (stop, late): (CancellationToken, CancellationToken),
        (observer, deliveries): (impl Fn(ServeEvent<'_>) -> Result<()>, impl DeliveryObserver + Send),
    ) -> Result<Tally> {
        let queue = running.queue;
        let limits = Limits {
            // The queue hands over what its lanes have room for.
            concurrency: engine::TOTAL,
            total: Some(engine::TOTAL),
            time_scale: self.options.time_scale,
            rate: None,
            spread: if self.mock.is_some() { 0.0 } else { SPREAD },
        };
        let context = Arc::clone(&queue.context);
        let transport = Arc::clone(&running.transport);
        let mut pipeline = context.pipeline(transport, queue.ledger.clone(), limits, late.clone(), None);
        pipeline.queue = Some(queue.mode());
        // Lanes of disabled endpoints are closed.
        pipeline.engine.gate = None;
        pipeline.engine.witness = Some(Arc::new(AnswerWitness {
            journal: running.journal,
            queue: Arc::clone(&queue),
        }));
        pipeline.rules = queue.rules();
        pipeline.disabled = Arc::clone(&queue) as Arc<dyn DisableObserver>;
        let mut deliveries = QueueObserver {
            inner: deliveries,
            queue: Arc::clone(&queue),
        };
        let notifying = Box::pin(queue.notify(&self.notifier, &running.fan_out, &stop, &late));
        let event_loop = EventLoop {
            queue: Arc::clone(&queue),
            fan_out: running.fan_out.clone(),
            transport: running.transport,
            challenges: JoinSet::new(),
            rejected_peers: RejectedPeers::default(),
            status_every: self.options.status_every,
            observer,
        };
        // Without an observer or a ledger the service ends.
        let taking = async {
            let taken = event_loop.run(events, serving).await.inspect_err(|_| late.cancel());
            queue.close();
            taken
        };
        let delivering = async {
            let tally = pipeline.run(jobs, &mut deliveries).await;
            drop(deliveries);
            tally.inspect_err(|_| stop.cancel())
        };
        let watching = async {
            match self.options.status_every {
                Some(_) => drop(tokio::join!(queue.watch(&stop), queue.keep_counting(&stop))),
                None => queue.watch(&stop).await,
            }
        };
        let dispatching = queue.dispatch(&stop);
        let (taken, tally, (), (), ()) = tokio::join!(taking, delivering, dispatching, watching, notifying);
        taken?;
        let mut tally = tally?;
        let owner = queue.owner.clone();
        tally.interrupted = queue.reader.ask(move |store| store.queue_counts(&owner)).await?.waiting;
        if running.lease.name() != SERVICE {
            // What the user ended waits for a resumption by hand.
            let owner = queue.owner.clone();
            queue.ledger.write(Op::Queue(QueueOp::Disown { owner })).await?;
        }
        Ok(tally)
    }
}
