//! The command line: one file a subcommand, with its arguments and what it does. clap lives only here.

mod body;
mod bulk;
mod challenge;
pub mod complete;
mod completions;
mod config;
mod demo;
mod editor;
mod endpoints;
#[cfg(any(test, feature = "internals"))]
pub mod generated;
mod global;
mod http;
mod input;
mod listen;
mod log;
mod man;
mod naming;
mod origin;
mod prompt;
mod providers;
#[cfg(any(test, feature = "internals"))]
mod reference;
mod replay;
mod retry;
mod secret;
mod send;
mod serve;
mod session;
mod sign;
mod socket;
mod targets;
pub mod ui;
mod verify;
mod workflow;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _, Subcommand};

use crate::cli::session::Session;
use crate::clock::{Timestamp, parse_duration};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;
use crate::text::harmless_line;
use crate::view::style::{ColorChoice, Style};
use global::GlobalArgs;

const ABOUT: &str = "Play both sides of a webhook: send, receive, verify, record and replay, offline";

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    Listen(Box<listen::ListenArgs>),
    Send(Box<send::SendArgs>),
    Replay(Box<replay::ReplayArgs>),
    Serve(Box<serve::ServeArgs>),
    Endpoints(endpoints::EndpointsArgs),
    Log(log::LogArgs),
    Verify(verify::VerifyArgs),
    Sign(sign::SignArgs),
    Providers(providers::ProvidersArgs),
    Secret(secret::SecretArgs),
    Config(config::ConfigArgs),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
}

impl Command {
    fn run(self, session: &Session) -> Result<Exit> {
        match self {
            Self::Listen(args) => listen::run(session, *args),
            Self::Send(args) => send::run(session, &args),
            Self::Replay(args) => replay::run(session, &args),
            Self::Serve(args) => serve::run(session, &args),
            Self::Endpoints(args) => endpoints::run(session, &args),
            Self::Log(args) => log::run(session, args),
            Self::Verify(args) => verify::run(session, args),
            Self::Sign(args) => sign::run(session, args),
            Self::Providers(args) => providers::run(session, args),
            Self::Secret(args) => secret::run(session, args),
            Self::Config(args) => config::run(session, args),
            Self::Demo(args) => demo::run(session, &args),
            Self::Completions(args) => completions::run(session, &args),
            Self::Man(args) => man::run(session, &args),
        }
    }

    /// Whether what an untrusted project asks for is said by the command itself.
    fn trusts(&self) -> bool {
        matches!(self, Self::Config(args) if args.trusts())
    }
}

/// The definition of the command line: what completions, the man page and the reference are made from.
pub fn definition() -> clap::Command {
    let program = clap::Command::new("hook")
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(100)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true);
    // The description comes last, since adding the subcommands sets theirs as the program's.
    Command::augment_subcommands(GlobalArgs::augment_args(program)).about(ABOUT)
}

fn parse(args: &[OsString]) -> std::result::Result<(GlobalArgs, Command), clap::Error> {
    let matches = definition().try_get_matches_from(args)?;
    Ok((
        GlobalArgs::from_arg_matches(&matches)?,
        Command::from_arg_matches(&matches)?,
    ))
}

/// Parses and runs one command line. Everything that is to be said has been said when this returns.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(exit) = complete::answer_shell(&args) {
        return exit;
    }
    let (global, command) = match parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are what was asked for: data, and success.
            if !error.use_stderr() {
                let _ = error.print();
                return Exit::Ok;
            }
            usage_error(&error);
            return Exit::Usage;
        }
    };
    let session = match global.session() {
        Ok(session) => session,
        Err((ui, error)) => {
            ui.error(&error);
            return error.exit;
        }
    };
    if !command.trusts() {
        global::warn_of_untrusted(&session);
    }
    let result = command.run(&session).and_then(|exit| session.ui.flush().map(|()| exit));
    match result {
        Ok(exit) => exit,
        Err(error) => {
            // What was printed before the failure is still data.
            let _ = session.ui.flush();
            session.ui.error(&error);
            error.exit
        }
    }
}

/// Prints what clap says is wrong. It repeats arguments, which may hold a credential or text that somebody else wrote.
fn usage_error(error: &clap::Error) {
    use std::io::{IsTerminal as _, Write as _};
    let mut stderr = std::io::stderr();
    let styled = Style::new(ColorChoice::Auto, stderr.is_terminal()).is_on();
    let text = error.render();
    let text = if styled {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let text = mask::text(&text);
    let _ = stderr.write_all(harmless_line(&text, styled).as_bytes());
}

/// A runtime on this thread alone, for many requests too: threads that wake each other for every request took a fifth
/// more of the processor. The ledger has a thread of its own.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime can be started").cause(error))
}

/// Reads a duration for clap.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    parse_duration(text)
}

/// Reads a moment for clap.
fn timestamp(text: &str) -> std::result::Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected Unix seconds or RFC 3339, such as `2030-01-02T03:04:05Z`".to_owned())
}

/// Reads how many requests may be in flight.
fn concurrency(text: &str) -> std::result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=4096).contains(n))
        .ok_or_else(|| "expected a number from 1 to 4096".to_owned())
}

/// Reads a rate a second.
fn rate(text: &str) -> std::result::Result<f64, String> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    text.parse()
        .ok()
        .filter(|rate| (0.001..=1e6).contains(rate))
        .ok_or_else(|| "expected a number from 0.001 to 1000000".into())
}
