//! The command line: one file a subcommand, with its arguments and what it does. clap lives only here.

mod body;
mod bulk;
pub mod complete;
mod completions;
mod config;
mod demo;
mod editor;
mod endpoints;
mod ends;
pub mod generated;
mod global;
mod http;
mod input;
mod listen;
mod log;
mod man;
mod providers;
mod reference;
mod replay;
mod replayed;
mod retry;
mod secret;
mod select;
mod send;
mod sign;
mod targets;
mod verify;

use std::ffi::OsString;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::clock::{Timestamp, parse_duration};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::session::Session;
use global::GlobalArgs;

/// Play both sides of a webhook: send, receive, verify, record and replay, offline
#[derive(Debug, Parser)]
#[command(
    name = "hook",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    Listen(Box<listen::Args>),
    Send(Box<send::Args>),
    Replay(Box<replay::Args>),
    Endpoints(endpoints::Args),
    Log(log::Args),
    Verify(verify::Args),
    Sign(sign::Args),
    Providers(providers::Args),
    Secret(secret::Args),
    Config(config::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

impl Command {
    fn run(self, session: &Session) -> Result<Exit> {
        match self {
            Self::Listen(args) => listen::run(session, &args),
            Self::Send(args) => send::run(session, &args),
            Self::Replay(args) => replay::run(session, &args),
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
    Cli::command()
}

/// Parses and runs one command line. Everything that is to be said has been said when this returns.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(exit) = complete::answer_shell(&args) {
        return exit;
    }
    let parsed = Cli::command()
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are what was asked for: data, and success.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _ = error.print();
            return code;
        }
    };
    let session = match cli.global.session() {
        Ok(session) => session,
        Err((ui, error)) => {
            ui.error(&error);
            return error.exit;
        }
    };
    if !cli.command.trusts() {
        global::warn_of_untrusted(&session);
    }
    let result = cli
        .command
        .run(&session)
        .and_then(|exit| session.ui.flush().map(|()| exit));
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

/// A runtime: one thread for one request, several where many are in flight.
fn runtime(several: bool) -> Result<tokio::runtime::Runtime> {
    let mut builder = if several {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder
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
