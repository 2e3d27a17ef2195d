//! `hook serve`: a durable service that accepts and delivers events, or the mock of a provider's management API.

mod keys;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{complete, input, retry, runtime, socket};
use crate::app::certificate::CertificateFiles;
use crate::app::serve::{self as app, AccessOptions, ServeEvent, ServeOptions, ServeReady, Service};
use crate::app::socket as app_socket;
use crate::cli::attempts::Attempts;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::config::serve::ServeSettings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::Tally;
use crate::shutdown::Shutdown;
use crate::view::call::TimedEvent;
use crate::view::count;
use crate::view::serve_check::ServeCheck;
use crate::view::serve_status::status_line;

/// How often the status on a terminal is drawn again.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// Accept events over HTTP and deliver them to the subscribed endpoints; or mock the API of a provider
///
/// Without `--provider`, `POST /events` records an event and delivers it to every subscribed endpoint of the endpoint file,
/// signed and retried as the endpoint's provider does. What was answered with 202 survives every crash: the next start goes
/// on with it. With `--provider`, the management API of that provider is mocked, and deliveries of its events are made.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ServeArgs {
    #[command(subcommand)]
    command: Option<ServeCommand>,
    /// Mock the management API of this provider: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = complete::providers(), help_heading = "Provider")]
    provider: Option<String>,
    /// Plan of the account; default: that of the settings, else the provider's first
    #[arg(long, value_name = "PLAN", requires = "provider", help_heading = "Provider")]
    plan: Option<String>,
    /// Deliver to no target on this machine; with `--provider`, validate endpoints as strictly as it does
    #[arg(long, help_heading = "Provider")]
    production: bool,

    /// API key for this run, by reference: `env:VAR`, `file:PATH` (can be repeated); default: those of the settings, else a
    /// generated one unless keys are stored
    #[arg(long = "key", value_name = "REF", add = complete::references(), help_heading = "Access")]
    keys: Vec<String>,
    /// API key whose calls create test events only, by reference (can be repeated)
    #[arg(long = "test-key", value_name = "REF", add = complete::references(), help_heading = "Access")]
    test_keys: Vec<String>,
    /// Scope of the keys (can be repeated); default: all
    #[arg(long = "scope", value_name = "NAME", requires = "provider", help_heading = "Access")]
    scopes: Vec<String>,
    /// Accept calls without a key; calls from web pages and with foreign host names are refused
    #[arg(long, conflicts_with_all = ["keys", "test_keys", "scopes", "expose"], help_heading = "Access")]
    no_auth: bool,

    /// Calls of one key in a second, at most; 0 for no limit
    #[arg(long, value_name = "N", value_parser = rate_limit, default_value = "1000", conflicts_with = "provider", help_heading = "Access")]
    rate_limit: CallRate,

    /// Port to listen on; 0 for any that is free; default: that of the settings, else 4401
    #[arg(long, value_name = "PORT", help_heading = "Address")]
    port: Option<u16>,
    /// Address to listen on; default: that of the settings, else 127.0.0.1
    #[arg(long, value_name = "ADDRESS", help_heading = "Address")]
    bind: Option<IpAddr>,
    /// Allow an address that other machines can reach
    #[arg(long, help_heading = "Address")]
    expose: bool,
    /// Certificate chain (PEM), to serve https; files that change are read again
    #[arg(long, value_name = "FILE", requires = "cert_key", help_heading = "Address")]
    cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Address")]
    cert_key: Option<PathBuf>,
    /// Write the URL to this file when ready
    #[arg(long, value_name = "FILE", help_heading = "Address")]
    ready_file: Option<PathBuf>,

    /// Also deliver to addresses of private networks
    #[arg(long, help_heading = "Delivery")]
    allow_private: bool,
    /// Divide the delays between attempts (not the timeouts) by this factor, such as `1000x`
    #[arg(long, value_name = "FACTOR", value_parser = retry::scale, default_value = "1", help_heading = "Delivery")]
    time_scale: f64,
    /// Run a command for each notice: an endpoint was disabled, or is about to be; the notice comes on stdin as JSON
    #[arg(long, value_name = "CMD", conflicts_with = "provider", help_heading = "Delivery")]
    notify_exec: Option<String>,
    /// Check settings, keys, certificate, notices, endpoints and ledger, and do not start: nothing is written
    #[arg(long, conflicts_with_all = ["provider", "ready_file"])]
    check: bool,
}

impl ServeArgs {
    /// `[serve]`, which is the durable service's.
    fn settings(&self, session: &Session) -> ServeSettings {
        if self.provider.is_some() {
            ServeSettings::default()
        } else {
            session.context.settings.serve.clone()
        }
    }

    /// The flags, each in place of its setting.
    fn options(&self, session: &Session) -> Result<ServeOptions> {
        let set = self.settings(session);
        let has_flags = self.no_auth || !self.keys.is_empty() || !self.test_keys.is_empty();
        let (keys, test_keys) = if has_flags {
            (self.keys.clone(), self.test_keys.clone())
        } else {
            (set.keys, set.test_keys)
        };
        let set_files = match (set.cert, set.cert_key) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => {
                return Err(Error::usage(
                    "of the settings `serve.cert` and `serve.cert-key` only one is set",
                ));
            }
        };
        let files = self.cert.clone().zip(self.cert_key.clone()).or(set_files);
        Ok(ServeOptions {
            provider: self.provider.clone(),
            plan: self.plan.clone(),
            production: self.production || set.production,
            access: AccessOptions {
                open: self.no_auth,
                keys,
                test_keys,
                rate: self.rate_limit.0,
            },
            certificate: files.map(|(certificate, key)| CertificateFiles { certificate, key }),
            scopes: self.scopes.clone(),
            exposed: self.expose || set.expose,
            allow_private: self.allow_private || set.allow_private,
            time_scale: self.time_scale,
            status_every: is_live(session, self).then_some(STATUS_EVERY),
            notify_exec: self.notify_exec.clone(),
        })
    }
}

/// Calls in a second; absent: no limit.
#[derive(Debug, Clone, Copy)]
struct CallRate(Option<f64>);

fn rate_limit(text: &str) -> std::result::Result<CallRate, String> {
    match text {
        "0" => Ok(CallRate(None)),
        text => input::rate(text).map(|rate| CallRate(Some(rate))),
    }
}

#[derive(Debug, Clone, clap::Subcommand)]
enum ServeCommand {
    Keys(keys::KeysArgs),
}

pub(super) fn run(session: &Session, args: &ServeArgs) -> Result<Exit> {
    if let Some(ServeCommand::Keys(args)) = &args.command {
        return keys::run(session, args);
    }
    let (set, options) = (args.settings(session), args.options(session)?);
    let (bind, port) = (args.bind.unwrap_or(set.bind), args.port.unwrap_or(set.port));
    // Refuse before secrets are read or a port is taken.
    app_socket::check(bind, options.exposed)?;
    if args.no_auth && !bind.is_loopback() {
        let what = format!("`--no-auth` is for this machine alone, and `{bind}` can be reached by others");
        return Err(Error::usage(what).hint("add `--bind 127.0.0.1`, or give a key"));
    }
    input::one_stdin(
        "",
        &[options.access.keys.clone(), options.access.test_keys.clone()].concat(),
    )?;
    if args.check {
        let (findings, exit) = app::check(&session.context, &options);
        session.ui.show_now(&ServeCheck(findings))?;
        return Ok(exit);
    }
    let service = Service::new(&session.context, &options)?;
    // A service whose generated key is never shown could not be called.
    if service.has_generated_key() && session.ui.output == Output::Quiet {
        let error = Error::usage("`--quiet` would hide the key, which is generated for this run");
        return Err(error.hint("give one with `--key env:VAR`"));
    }
    let tally = runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        let socket = app_socket::bind(bind, port).await?;
        let observer = |event: ServeEvent<'_>| show(session, args, &event);
        let failures_only = is_live(session, args) && session.ui.verbose == 0;
        let attempts = Attempts::new(&session.ui, false).failures_only(failures_only);
        // Its future is large.
        Box::pin(service.run(socket, &shutdown, observer, attempts)).await
    })?;
    Ok(tally.map_or(Exit::Interrupted, |tally| {
        summary(session, &tally, args.provider.is_some())
    }))
}

/// Whether a line tells how the service does, in place of a line for each call and each success.
fn is_live(session: &Session, args: &ServeArgs) -> bool {
    args.provider.is_none() && session.ui.shows_status()
}

fn show(session: &Session, args: &ServeArgs, event: &ServeEvent<'_>) -> Result<()> {
    let (ui, at) = (&session.ui, session.context.now());
    match event {
        ServeEvent::Ready(ready) => return show_ready(session, args, ready),
        ServeEvent::Status(status) => {
            ui.status(&status_line(ui.err, status));
            return Ok(());
        }
        ServeEvent::Call(call) if is_live(session, args) && ui.verbose == 0 && call.status < 400 => return Ok(()),
        ServeEvent::Call(call) => ui.show(&TimedEvent(at, *call))?,
        ServeEvent::Confirmation(result) => ui.show(&TimedEvent(at, *result))?,
    }
    ui.flush()
}

/// Reports that the service is ready, and where.
fn show_ready(session: &Session, args: &ServeArgs, ready: &ServeReady) -> Result<()> {
    let (ui, url) = (&session.ui, &ready.ready.url);
    // The socket is bound already, so a script that waits for the file can call at once.
    socket::write_ready_file(args.ready_file.as_deref(), url)?;
    ui.show_now(&TimedEvent(session.context.now(), ready))?;
    ui.note(&format!("serving {} on {}", ready.title, ui.err.strong(url)));
    for (what, key) in [("key:     ", &ready.key), ("test key:", &ready.test_key)] {
        if let Some(key) = key {
            let (key, lasts) = (ui.err.strong(key), ui.err.dim("(for this run)"));
            ui.note_unmasked(&format!("{what} {key} {lasts}"));
        }
    }
    if ready.stored_keys > 0 {
        let keys = count(ready.stored_keys as u64, "key");
        ui.note(&format!("{keys} of `hook serve keys`"));
    }
    if args.no_auth {
        ui.warn("no key is required: every program on this machine can call the API");
    }
    if let Some(plan) = &ready.plan {
        let most = ready.most_endpoints.map(|most| count(most.into(), "endpoint"));
        let limit = most.map_or_else(String::new, |most| format!(", {most} at most"));
        ui.note(&format!("plan {plan}{limit}"));
    }
    ui.note(&format!("endpoints are stored in {}", ready.endpoints.display()));
    if ready.provider.is_some() && !args.production {
        ui.note("local targets are accepted; `--production` validates targets as the provider does");
    }
    Ok(())
}

/// Reports the deliveries of the run.
fn summary(session: &Session, tally: &Tally, is_mock: bool) -> Exit {
    let (ui, left) = (&session.ui, tally.interrupted);
    let done = format!("deliveries: {} delivered, {} failed", tally.delivered, tally.failed);
    if left == 0 {
        ui.note(&done);
        return Exit::Ok;
    }
    ui.note(&format!("{done}, {left} left with attempts to make"));
    if !is_mock {
        ui.note("the next `hook serve` goes on with them");
        return Exit::Ok;
    }
    ui.hint("`hook replay --resume` continues what was interrupted");
    Exit::Interrupted
}
