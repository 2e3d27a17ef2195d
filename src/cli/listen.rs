//! `hook listen`: receive, verify, explain, record, answer, forward, run a command.

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;

use super::expect::ExpectArgs;
use super::report::{ReportArgs, exit_with_reports};
use super::respond::RespondArgs;
use super::retry::RetryArgs;
use super::{complete, socket};
use crate::app::certificate::CertificateFiles;
use crate::app::receive::{
    self, AnswerRules, ListenOptions, ListenSummary, Observer, ReceiveEvent, TlsOptions, TriggerOptions,
};
use crate::app::socket::Ready;
use crate::case_report::{CaseOutcome, CaseReport};
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui};
use crate::engine::Next;
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::exit::Exit;
use crate::listener::Network;
use crate::shutdown::Shutdown;
use crate::text::printable;
use crate::view::attempt::redirect_hint;
use crate::view::received::LiveCapture;
use crate::view::work::{ForwardAttempt, notices};

/// What a job that tests webhooks runs.
const CI_EXAMPLE: &str = "\
In CI, expect the webhooks of a test run:
  hook listen --provider poolflow --secret --expect 'event == \"job.paid\"' --no-extra --report junit=hooks.xml -- npm test
The tests find the listener in HOOK_URL and its secret in HOOK_SECRET. Exit code 8: what was expected did not arrive.";

/// Receive webhooks: verify, explain, record, answer, forward, run a command
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = CI_EXAMPLE)]
pub(super) struct ListenArgs {
    /// Verify with this secret: `[NAME=]REF`; without a value, with the dev secret (can be repeated). With several providers,
    /// the name of one binds the secret to it
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = complete::secrets(), num_args = 0..=1, default_missing_value = "", help_heading = "Verification")]
    secrets: Vec<String>,
    /// Expect this provider instead of detecting it (can be repeated)
    #[arg(short, long = "provider", value_name = "NAME", add = complete::providers(), help_heading = "Verification")]
    providers: Vec<String>,
    /// Accept bodies up to this size, and answer larger ones with 413: `500KiB`, `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = crate::size::body, default_value = "32MiB", help_heading = "Verification")]
    max_body: usize,
    /// Require this bearer token, by reference
    #[arg(long, value_name = "REF", add = complete::references(), help_heading = "Verification")]
    require_bearer: Option<String>,
    /// Accept requests from these addresses only: `10.0.0.0/8` (can be repeated)
    #[arg(long = "allow-ip", value_name = "CIDR", help_heading = "Verification")]
    allow_ip: Vec<Network>,
    /// How long a second delivery of the same event counts as a duplicate
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, help_heading = "Verification")]
    dedupe_window: Option<Duration>,

    /// Expected verify token of a handshake, by reference (for example of `hub.verify_token`)
    #[arg(long, value_name = "REF", add = complete::references(), help_heading = "Handshakes")]
    handshake_token: Option<String>,
    /// Open the URL that confirms an SNS subscription, if it is https on `sns.REGION.amazonaws.com`
    #[arg(long, help_heading = "Handshakes")]
    confirm_sns: bool,

    /// Act as an inbound trigger: accept unsigned requests at an unguessable path
    #[arg(long, conflicts_with_all = ["secrets", "dedupe_window", "filter", "condition"], help_heading = "Inbound trigger")]
    inbound: bool,
    /// Workflow of the trigger; each workflow has its own URL, which does not change
    #[arg(long, value_name = "NAME", add = complete::workflows(), requires = "inbound", help_heading = "Inbound trigger")]
    workflow: Option<String>,
    /// Map a value of the request to a field of the record: `plan=custom.plan` (can be repeated)
    #[arg(long, value_name = "FIELD=PATH", value_parser = super::input::pair, requires = "inbound", help_heading = "Inbound trigger")]
    map: Vec<(String, String)>,
    /// Generate a new path
    #[arg(long, requires = "inbound", help_heading = "Inbound trigger")]
    new_path: bool,
    /// Replace the sample with the next request
    #[arg(long, requires = "inbound", help_heading = "Inbound trigger")]
    new_sample: bool,

    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", help_heading = "Address")]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", help_heading = "Address")]
    bind: IpAddr,
    /// Allow an address that other machines can reach
    #[arg(long, help_heading = "Address")]
    expose: bool,
    /// Use TLS; without `--cert`, with a generated certificate
    #[arg(long, help_heading = "Address")]
    tls: bool,
    /// Certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"], help_heading = "Address")]
    cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls", "cert"], help_heading = "Address")]
    key: Option<PathBuf>,
    /// Public URL of the tunnel to this listener
    #[arg(long, value_name = "URL", value_parser = super::input::whole_url, help_heading = "Address")]
    public_url: Option<String>,
    /// Write the URL to this file when ready
    #[arg(long, value_name = "FILE", help_heading = "Address")]
    ready_file: Option<PathBuf>,
    /// Serve the inspector beside the listener: a page on loopback; default: port 4402, or the next that is free
    #[cfg(feature = "inspector")]
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "4402", help_heading = "Address")]
    ui: Option<u16>,
    /// Show the inspector on this terminal; where there is none, the usual lines
    #[cfg(feature = "inspector")]
    #[arg(long, conflicts_with_all = ["command", "ui", "expect"], help_heading = "Address")]
    tui: bool,

    #[command(flatten)]
    respond: RespondArgs,
    /// Respond at once, or with the response of the app
    #[arg(long, value_name = "WHO", default_value = "first", help_heading = "Response")]
    answer: AnswerMode,

    /// Forward requests to this URL; its query precedes theirs
    #[arg(short, long, value_name = "URL", help_heading = "Processing")]
    forward_to: Option<String>,
    /// Concurrent forwards per URL, and runs per command; default: 1
    #[arg(long, value_name = "N", value_parser = super::input::concurrency(), help_heading = "Processing")]
    concurrency: Option<usize>,
    /// Time limit of a forward
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, default_value = "30s", help_heading = "Processing")]
    timeout: Duration,
    /// Keep the request's `Host` when forwarding
    #[arg(long, help_heading = "Processing")]
    preserve_host: bool,
    /// Do not check the certificate of the app that requests are forwarded to
    #[arg(long, help_heading = "Processing")]
    insecure: bool,
    /// Also trust this certificate (PEM) when forwarding
    #[arg(long, value_name = "FILE", help_heading = "Processing")]
    cacert: Option<PathBuf>,
    #[command(flatten)]
    retry: RetryArgs,
    /// Run this command for each event: body on stdin, `WEBHOOK_*` in its environment
    #[arg(long, value_name = "CMD", help_heading = "Processing")]
    exec: Option<String>,
    /// Time limit of a command; none unless given
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, help_heading = "Processing")]
    exec_timeout: Option<Duration>,
    /// Route events of a type to a URL or a command: `EVENT=URL or CMD` (can be repeated)
    #[arg(long, value_name = "ROUTE", help_heading = "Processing")]
    on: Vec<String>,
    /// Also run commands for requests with neither a signature nor a token
    #[arg(long, help_heading = "Processing")]
    unverified: bool,
    /// Show, forward and run commands only for matching events: `job.*`
    #[arg(long, value_name = "PATTERN", add = complete::events(), help_heading = "Processing")]
    filter: Option<String>,
    /// Show, forward and run commands only where this holds: a CEL expression, `data.total > 100`
    #[arg(
        long = "where",
        value_name = "EXPR",
        allow_hyphen_values = true,
        help_heading = "Processing"
    )]
    condition: Option<String>,
    /// Show credentials with `-v`
    #[arg(long, help_heading = "Processing")]
    reveal: bool,

    #[command(flatten)]
    expect: ExpectArgs,
    /// Stop after this time; exit 8 if `--count` or an `--expect` was not reached. With `--expect` and no command: 30s
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::clock::parse_duration, help_heading = "Stopping")]
    lasts: Option<Duration>,
    /// Command to run once ready, with the listener's URL in `HOOK_URL`; its exit code becomes hook's
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AnswerMode {
    /// At once
    First,
    /// With the response of the app that requests are forwarded to, at most 32 MiB
    App,
}

pub(super) fn run(session: &Session, args: ListenArgs) -> Result<Exit> {
    args.expect.report().check()?;
    let screen = Arc::new(Screen {
        ui: Arc::clone(&session.ui),
        reveal: args.reveal,
        ready_file: args.ready_file.clone(),
        report: Some(args.expect.report().clone()),
        is_unwritten: AtomicBool::new(false),
    });
    let summary = listen(session, args, Arc::clone(&screen))?;
    Ok(screen.exit(&summary))
}

/// Listens with the front end that the flags ask for.
fn listen(session: &Session, args: ListenArgs, screen: Arc<Screen>) -> Result<ListenSummary> {
    #[cfg(feature = "inspector")]
    if args.tui && super::tui::can_show(&session.ui) {
        return super::tui::listen(session, args.options(session)?, screen);
    }
    #[cfg(feature = "inspector")]
    if let Some(port) = args.ui {
        return super::web::listen(session, args.options(session)?, screen, port);
    }
    let options = args.options(session)?;
    let listening = async { receive::listen(&session.context, options, screen, Shutdown::install()?).await };
    super::runtime()?.block_on(listening)
}

impl ListenArgs {
    fn options(self, session: &Session) -> Result<ListenOptions> {
        let verbose = session.ui.verbose > 0;
        let filters = filters(self.filter.as_deref(), self.condition.as_deref())?;
        let (count, expectations) = self.expect.read(self.respond.expect_retries.is_some())?;
        let inbound = self.inbound.then_some(TriggerOptions {
            workflow: self.workflow,
            map: self.map,
            new_path: self.new_path,
            new_sample: self.new_sample,
        });
        Ok(ListenOptions {
            // `--secret` without a value is parsed as an empty text.
            dev_secret: self.secrets.iter().any(String::is_empty),
            secrets: self.secrets.into_iter().filter(|text| !text.is_empty()).collect(),
            providers: self.providers,
            max_body: self.max_body,
            require_bearer: self.require_bearer,
            dedupe_window: self.dedupe_window,
            handshake_token: self.handshake_token,
            confirm_sns: self.confirm_sns,
            inbound,
            bind: self.bind,
            port: self.port,
            expose: self.expose,
            tls: self.tls.then_some(TlsOptions {
                files: self
                    .cert
                    .zip(self.key)
                    .map(|(certificate, key)| CertificateFiles { certificate, key }),
            }),
            public_url: self.public_url,
            answers: AnswerRules {
                reject_status: self.respond.reject_status,
                reject_delay: self.respond.delay,
                responses: self.respond.responses()?,
                allow: self.allow_ip,
                whole_requests: verbose,
                unsigned_parts: verbose || session.ui.output == Output::Json,
            },
            expect_retries: self.respond.expect_retries,
            answer_by_app: self.answer == AnswerMode::App,
            forward_to: self.forward_to,
            concurrency: self.concurrency.unwrap_or(1),
            timeout: self.timeout,
            preserve_host: self.preserve_host,
            insecure: self.insecure,
            ca_file: self.cacert,
            retry: self.retry.plan()?,
            time_scale: self.retry.time_scale,
            exec: self.exec,
            exec_timeout: self.exec_timeout,
            on: self.on,
            unverified: self.unverified,
            filters,
            count,
            expectations,
            duration: self.lasts,
            command: self.command,
            // The child may read the terminal only if hook's stdin is one.
            in_terminal: std::io::stdin().is_terminal(),
        })
    }
}

/// `--filter` and `--where`.
fn filters(pattern: Option<&str>, condition: Option<&str>) -> Result<Vec<Arc<EventFilter>>> {
    let condition = condition.map(|source| EventFilter::parse_live("--where", source));
    let filters = pattern.map(EventFilter::pattern).map(Ok).into_iter().chain(condition);
    filters.map(|filter| filter.map(Arc::new)).collect()
}

/// Shows what is received and what follows.
pub(super) struct Screen {
    ui: Arc<Ui>,
    reveal: bool,
    ready_file: Option<PathBuf>,
    report: Option<ReportArgs>,
    /// Whether a report could not be written.
    is_unwritten: AtomicBool,
}

impl Screen {
    /// How a listener with that summary ends.
    fn exit(&self, summary: &ListenSummary) -> Exit {
        exit_with_reports(summary.exit(), !self.is_unwritten.load(Ordering::Relaxed))
    }

    /// For work that was received before.
    pub(super) fn of_work(ui: &Arc<Ui>) -> Arc<Self> {
        Arc::new(Self {
            ui: Arc::clone(ui),
            reveal: false,
            ready_file: None,
            report: None,
            is_unwritten: AtomicBool::new(false),
        })
    }

    fn announce(&self, ready: &Ready) -> Result<()> {
        let ui = &self.ui;
        ui.show_now(ready)?;
        socket::write_ready_file(self.ready_file.as_deref(), &ready.url)?;
        // The path of a trigger is a credential; masked, this URL would be of no use.
        ui.note_unmasked(&format!("listening on {}, {}", ui.err.strong(&ready.url), ready.takes));
        if let Some(public) = &ready.public_url {
            ui.note_unmasked(&format!("reachable as {}", ui.err.strong(public)));
        }
        if let Some(ca_file) = &ready.ca_file {
            ui.note(&format!("certificate: {ca_file} (`hook send --cacert {ca_file} ...`)"));
        }
        Ok(())
    }
}

/// With `--quiet`, what failed is all that is shown.
fn show_failures(ui: &Ui, report: &CaseReport) {
    for case in report.cases.iter().filter(|case| case.outcome == CaseOutcome::Failed) {
        let error = Error::new(Exit::Unmet, format!("{} `{}` is not met", case.group, case.name));
        let messages = case.message.iter();
        ui.error(&messages.fold(error, Error::cause));
    }
}

impl Observer for Screen {
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()> {
        let ui = &self.ui;
        match event {
            ReceiveEvent::Ready(ready) => self.announce(ready)?,
            ReceiveEvent::Request(request) => {
                let reveal = self.reveal;
                ui.show(&LiveCapture { request, reveal })?;
            }
            ReceiveEvent::Triggered(report) => {
                ui.show(report)?;
                if let Some(hint) = report.hint.filter(|_| ui.output == Output::Human) {
                    ui.hint(&printable(hint, 300));
                }
            }
            ReceiveEvent::Retries(report) => ui.show(report)?,
            // Requests are flushed in batches: one write for each would slow down a busy listener.
            ReceiveEvent::AllTold => ui.flush()?,
            ReceiveEvent::Attempt { number, event } => {
                ui.show_now(&ForwardAttempt { number, event })?;
                if let Some(hint) = redirect_hint(event).filter(|_| event.next != Next::Delivered) {
                    ui.hint(&hint);
                }
            }
            ReceiveEvent::Judged(report) => ui.show_now(report)?,
            ReceiveEvent::Cases(cases) => {
                if ui.output == Output::Quiet {
                    show_failures(ui, cases);
                }
                if let Some(files) = &self.report {
                    let is_written = files.write(ui, cases);
                    self.is_unwritten.store(!is_written, Ordering::Relaxed);
                }
            }
            other => notices(&other).iter().for_each(|notice| ui.tell(notice)),
        }
        Ok(())
    }
}
