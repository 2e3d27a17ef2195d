//! A listener from its options to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cases;
use super::child;
use super::diagnosis::{Diagnoser, Refused, WAITING};
use super::dispatch::{Dispatcher, Finished};
use super::event::{Observer, ReceiveEvent};
use super::keys::{Keys, keys};
use super::options::{ListenOptions, TlsOptions};
use super::preflight::{check, warn_of_exposure};
use super::retry_judge::RetryJudge;
use super::routes::{self, NamedRoute};
use super::subscription_confirm::SubscriptionConfirmer;
use super::summary::ListenSummary;
use super::trigger::Trigger;
use super::work_context::WorkEnds;
use crate::app::certificate;
use crate::app::context::{Context, DEV_SECRET, Secrets};
use crate::app::expect::{DEFAULT_WAIT, ExpectationWatch, Expectations};
use crate::app::rejected_peers::RejectedPeers;
use crate::app::socket::{self, Ready};
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::exit::Exit;
use crate::listener::{Challenges, Listener, ListenerEvent, Router, ScriptWalk};
use crate::server::tls::Tls;
use crate::server::{self, ServerLimits};
use crate::shutdown::{DRAIN, Shutdown};
use crate::signature::is_public_key;
use crate::store::Ledger;
use crate::text::{count, printable};
use crate::verification::Verification;

/// Time for the last records after the second Ctrl-C.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Receives requests until the shutdown, or until the count or the time of the options is over. Events are reported as they
/// happen. A second signal ends it at once, with an error without a message.
pub async fn listen(
    context: &Context,
    options: ListenOptions,
    observer: Arc<dyn Observer>,
    shutdown: Shutdown,
) -> Result<ListenSummary> {
    socket::check(options.bind, options.expose)?;
    warn_of_exposure(context, &options)?;
    let routes = routes::routes(context, &options)?;
    check(context, &options, &routes)?;
    let port = options.port.unwrap_or(context.settings.port);
    let (socket, address) = socket::bind(options.bind, port).await?;
    let certificate = options
        .tls
        .as_ref()
        .map(|tls| own_certificate(context, tls))
        .transpose()?;
    let (tls, ca_file) = certificate.unzip();
    let keys = keys(context, &options, &routes)?;
    let setup = Setup {
        context,
        options: &options,
        observer: &observer,
        shutdown: &shutdown,
        stop: shutdown.soft.child_token(),
        // A signal and `duration` cut off forwards and commands; the end of the command and of the count wait for them.
        late: shutdown.drain_deadline(),
    };
    let open = setup.open(routes, &keys).await?;
    let ready = ready(
        &options,
        address,
        open.dispatcher.trigger.as_ref(),
        &keys,
        ca_file.flatten(),
    );
    observer.on(ReceiveEvent::Ready(&ready))?;
    let beside = (ready.url.as_str(), keys.secrets.as_ref());
    let on_end = child::OnEnd {
        stop: setup.stop.clone(),
        watch: open.dispatcher.watch.clone(),
    };
    let watch = open.dispatcher.watch.clone();
    let child = match child::start(context, &options, beside, &shutdown, on_end) {
        Ok(child) => child,
        Err(error) => {
            if cases::is_judged(&options) {
                let report = watch.map(|watch| watch.report(context));
                let cases = cases::not_started(&options, &error, report.as_ref());
                observer.on(ReceiveEvent::Cases(&cases))?;
            }
            return Err(error);
        }
    };
    let (mut summary, retries) = setup.serve(open, socket, tls).await?;
    if let Some(child) = child {
        summary.command = Some(child.await.unwrap_or(Exit::Internal));
    }
    let report = watch.map(|watch| watch.report(context));
    if let Some(report) = &report {
        summary.as_expected = Some(report.met);
        for failures in &report.failures {
            context.notices.warn(failures.to_string());
        }
        observer.on(ReceiveEvent::Judged(report))?;
    }
    if cases::is_judged(&options) {
        let end = summary.command.unwrap_or(Exit::Ok);
        if let Some(failure) = cases::command_failure(end, summary.time_over) {
            let program = printable(&cases::program(&options), 100);
            context
                .notices
                .warn(format!("the command `{program}` failed: {failure}"));
        }
        let cases = cases::cases(&options, &summary, report.as_ref(), retries);
        observer.on(ReceiveEvent::Cases(&cases))?;
    }
    Ok(summary)
}

/// The certificate of the files, or a self-signed one with the file that callers must trust.
fn own_certificate(context: &Context, options: &TlsOptions) -> Result<(Tls, Option<String>)> {
    if let Some(files) = &options.files {
        return Ok((files.load()?.tls, None));
    }
    let made = Tls::self_signed(&[]).map_err(|error| certificate::failed(&error))?;
    let path = context.paths.state.join("listen-cert.pem");
    crate::fs::private_file(&path, made.certificate_pem.as_bytes()).map_err(|error| {
        let what = format!("certificate `{}` cannot be written", path.display());
        Error::new(Exit::Store, what).cause(error)
    })?;
    Ok((made, Some(path.display().to_string())))
}

/// What the parts of a listener are made from.
struct Setup<'a> {
    context: &'a Context,
    options: &'a ListenOptions,
    observer: &'a Arc<dyn Observer>,
    shutdown: &'a Shutdown,
    /// Ends the intake.
    stop: CancellationToken,
    /// Fires when forwards and commands must end.
    late: CancellationToken,
}

/// The parts of a listener.
struct Open {
    listener: Arc<Listener>,
    events: mpsc::Receiver<ListenerEvent>,
    dispatcher: Dispatcher,
    diagnoser: Diagnoser,
    to_explain: mpsc::Receiver<Refused>,
    ledger: Ledger,
}

impl Setup<'_> {
    /// Opens the ledger and starts the workers.
    async fn open(&self, routes: Vec<NamedRoute>, keys: &Keys) -> Result<Open> {
        let (context, options) = (self.context, self.options);
        let (ledger, retention) = context.kept_ledger(options.dedupe_window);
        let trigger = Trigger::open(context, options)?;
        let lease = (!routes.is_empty()).then(|| context.lease()).transpose()?;
        let inbound = trigger.as_ref().map(|trigger| &trigger.inbound);
        let router = Arc::new(routes::router(context, options, routes, inbound, lease.as_ref()));
        let (events_sender, events) = mpsc::channel(1024);
        let listener = self.listener(keys, trigger.as_ref(), &router, ledger.clone(), events_sender)?;
        // No request is answered before it can be recorded.
        ledger.ready().await?;
        let work_ends = WorkEnds {
            no_more: CancellationToken::new(),
            late: self.late.clone(),
            kill: self.shutdown.hard.clone(),
        };
        let workers = routes::start(context, options, &router, (&ledger, lease), self.observer, work_ends).await?;
        retention.start(&context.notices);
        let judge = self.judge()?;
        let (refused, to_explain) = mpsc::channel(WAITING);
        let diagnoser = Diagnoser {
            context: Arc::new(context.clone()),
            verification: Arc::clone(&listener.verification),
            ledger: ledger.clone(),
            observer: Arc::clone(self.observer),
        };
        let dispatcher = Dispatcher {
            notices: context.notices.clone(),
            observer: Arc::clone(self.observer),
            router,
            workers,
            refused,
            stop: self.stop.clone(),
            late: self.late.clone(),
            trigger,
            confirmer: SubscriptionConfirmer::new(context.notices.clone(), options.confirm_sns)?,
            summary: ListenSummary {
                expected: options.count,
                hidden_by: hidden_by(&options.filters),
                ..ListenSummary::default()
            },
            rejected: RejectedPeers::default(),
            judge,
            watch: options.expectations.clone().map(|expectations| {
                let has_command = !options.command.is_empty();
                Arc::new(ExpectationWatch::new(expectations, has_command))
            }),
        };
        Ok(Open {
            listener: Arc::new(listener),
            events,
            dispatcher,
            diagnoser,
            to_explain,
            ledger,
        })
    }

    /// The judge of retries, which are announced.
    fn judge(&self) -> Result<Option<RetryJudge>> {
        let Some(name) = &self.options.expect_retries else {
            return Ok(None);
        };
        let profile = self.context.registry.get(name)?;
        let policy = Arc::new(profile.policy.clone());
        let judge = RetryJudge::new(profile.label(), policy, self.options.time_scale);
        let (title, schedule) = (&profile.title, judge.expected_schedule());
        self.context
            .notices
            .note(format!("expecting the retries of {title}: {schedule}"));
        Ok(Some(judge))
    }

    /// Takes requests until the end, and waits for the work that they caused. Also gives the cases of the retries that were
    /// expected.
    async fn serve(&self, open: Open, socket: TcpListener, tls: Option<Tls>) -> Result<Finished> {
        let shutdown = self.shutdown;
        let limits = ServerLimits {
            body: self.options.max_body,
            drain: DRAIN,
            ..ServerLimits::default()
        };
        let (stop, cut) = (self.stop.clone(), shutdown.cut(&self.late));
        // The server alone holds the listener, and with it the sender of its events: they end with the server.
        let serving = tokio::spawn(server::serve(socket, tls, limits, open.listener, stop, cut));
        let watch = open.dispatcher.watch.clone();
        let mut draining = pin!(async {
            let explaining = self.late.run_until_cancelled(open.diagnoser.run(open.to_explain));
            tokio::join!(open.dispatcher.run(open.events), explaining).0
        });
        let mut timer = pin!(tokio::time::sleep(self.time_limit().unwrap_or(Duration::MAX)));
        let mut time_over = false;
        let mut decided = pin!(async {
            match &watch {
                Some(watch) => watch.decided().await,
                None => std::future::pending().await,
            }
        });
        let finished = loop {
            tokio::select! {
                finished = &mut draining => break finished,
                () = shutdown.hard.cancelled() => {
                    serving.abort();
                    // What is not done stays in the queue; the records of what is done get a moment.
                    let _ = tokio::time::timeout(LAST_WORDS, draining).await;
                    break Err(Error::silent(Exit::Interrupted));
                }
                () = &mut timer, if !shutdown.soft.is_cancelled() => {
                    time_over = true;
                    if let Some(watch) = &watch {
                        watch.time_over();
                    }
                    shutdown.soft.cancel();
                }
                () = &mut decided, if !self.stop.is_cancelled() => self.stop.cancel(),
            }
        };
        open.ledger.close();
        finished.map(|(summary, retries)| (ListenSummary { time_over, ..summary }, retries))
    }

    /// How long the listener runs at most. What is expected is not waited for without end, unless a command says when it is
    /// over.
    fn time_limit(&self) -> Option<Duration> {
        let waits = self.options.expectations.is_some() && self.options.command.is_empty();
        self.options.duration.or_else(|| waits.then_some(DEFAULT_WAIT))
    }

    /// The handler of requests.
    fn listener(
        &self,
        keys: &Keys,
        trigger: Option<&Trigger>,
        router: &Arc<Router>,
        ledger: Ledger,
        events_sender: mpsc::Sender<ListenerEvent>,
    ) -> Result<Listener> {
        let (context, options) = (self.context, self.options);
        let providers = trigger.map_or_else(|| keys.providers.clone(), |trigger| vec![trigger.provider.clone()]);
        let secret = |reference: &Option<String>| reference.as_ref().map(|text| context.secret(text)).transpose();
        let bearer = secret(&options.require_bearer)?;
        if bearer.as_ref().is_some_and(|token| is_public_key(token.expose())) {
            return Err(Error::usage("the bearer token is a key of a key pair, not a secret"));
        }
        let verify = secret(&options.handshake_token)?;
        let verification = Verification::new(&context.registry, &providers, keys.secrets.clone())?;
        verification.check_secrets().map_err(|error| {
            Error::usage("the secret cannot be used by the named provider")
                .because_of(&error)
                .hint("`hook providers show NAME` says which form its secrets have")
        })?;
        let reject_status = options.answers.reject_status;
        Ok(Listener {
            clock: Arc::clone(&context.clock),
            random: Arc::clone(&context.random),
            verification: Arc::new(verification.reachable_as(options.public_url.clone(), options.tls.is_some())),
            ledger,
            events: events_sender,
            retries_of: options
                .expect_retries
                .as_ref()
                .map(|name| context.registry.get(name))
                .transpose()?,
            challenges: Challenges::new(
                &context.registry,
                &providers,
                !options.answer_by_app,
                verify,
                reject_status,
            )?,
            inbound: trigger.map(|trigger| trigger.inbound.clone()),
            rules: options.answers.clone(),
            script: ScriptWalk::new(options.answers.responses.clone()),
            bearer,
            skip_delay: self.shutdown.soft.clone(),
            router: Arc::clone(router),
            expectations: options
                .expectations
                .as_ref()
                .map(Expectations::filters)
                .unwrap_or_default(),
            display_memory: Listener::display_memory(),
        })
    }
}

/// The flags that hide requests.
fn hidden_by(filters: &[Arc<EventFilter>]) -> &'static str {
    let is_pattern = |filter: &Arc<EventFilter>| filter.as_pattern().is_some();
    match (filters.iter().any(is_pattern), filters.iter().all(is_pattern)) {
        (true, true) => "`--filter`",
        (true, false) => "`--filter` or `--where`",
        (false, _) => "`--where`",
    }
}

/// The URL of the listener, and that of its tunnel; a trigger's with its path.
fn ready(
    options: &ListenOptions,
    address: SocketAddr,
    trigger: Option<&Trigger>,
    keys: &Keys,
    ca_file: Option<String>,
) -> Ready {
    let path = trigger.map_or("", |trigger| &trigger.inbound.path);
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let public = options.public_url.as_ref();
    let why = if keys.unsigned {
        format!("`{}` signs nothing", keys.providers.join("`, `"))
    } else {
        "add `--secret`".to_owned()
    };
    Ready {
        url: format!("{scheme}://{}{path}", socket::shown(address)),
        public_url: public.map(|public| format!("{}{path}", public.trim_end_matches('/'))),
        ca_file,
        takes: match (trigger, keys.secrets.as_ref().filter(|_| !keys.unsigned)) {
            (Some(trigger), _) => trigger.takes(),
            (None, None) if options.require_bearer.is_some() => {
                format!("checking the bearer token, and no signature ({why})")
            }
            (None, None) => format!("verifying nothing ({why})"),
            (None, Some(Secrets::Dev(_))) => format!("verifying with the {DEV_SECRET}"),
            (None, Some(Secrets::Given(given))) => format!("verifying with {}", count(given.len() as u64, "secret")),
        },
    }
}
