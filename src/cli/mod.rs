//! The command line: one file a subcommand, with its arguments and what it does. clap lives only here.

mod attempts;
mod body;
#[cfg(feature = "inspector")]
mod browser;
mod bulk;
mod check;
pub mod complete;
mod completions;
mod config;
mod demo;
mod endpoints;
mod expect;
mod faults;
mod from;
mod global;
mod http;
mod input;
mod listen;
mod log;
mod log_line;
pub mod man;
mod prompt;
mod providers;
mod replay;
mod report;
mod respond;
mod retry;
mod secret;
mod send;
mod serve;
mod session;
mod sign;
mod socket;
mod targets;
#[cfg(feature = "inspector")]
mod tui;
pub mod ui;
mod verify;
#[cfg(feature = "inspector")]
mod web;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as _, FromArgMatches as _, Subcommand};

use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::mask;
use crate::runtime::runtime;
use crate::text::harmless_line;
use crate::view::style::{ColorChoice, Style};
use global::GlobalArgs;

const ABOUT: &str = "Play both sides of a webhook: send, receive, verify, record and replay, offline";

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    // The large argument structs are boxed, so that the enum stays small.
    Listen(Box<listen::ListenArgs>),
    Send(Box<send::SendArgs>),
    Replay(Box<replay::ReplayArgs>),
    Serve(Box<serve::ServeArgs>),
    Endpoints(endpoints::EndpointsArgs),
    Log(log::LogArgs),
    #[cfg(feature = "inspector")]
    Ui(web::UiArgs),
    Check(Box<check::CheckArgs>),
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
            #[cfg(feature = "inspector")]
            Self::Ui(args) => web::run(session, &args),
            Self::Check(args) => check::run(session, &args),
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

    /// Whether the command itself reports what an untrusted project asks for.
    fn trusts(&self) -> bool {
        matches!(self, Self::Config(args) if args.trusts())
    }
}

/// The definition of the command line: completions, the man pages and the reference are generated from it.
pub fn definition() -> clap::Command {
    // Adding the subcommands overwrites the description, so it is set last.
    Command::augment_subcommands(program()).about(ABOUT)
}

/// The program without its subcommands.
fn program() -> clap::Command {
    let program = clap::Command::new("hook")
        .version(env!("CARGO_PKG_VERSION"))
        // Longer lines of help are hard to read.
        .max_term_width(100)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true);
    GlobalArgs::augment_args(program)
}

/// Adds the arguments of a subcommand.
type Augment = fn(clap::Command) -> clap::Command;

/// The subcommands that scripts run in a loop.
const FREQUENT: [(&str, Augment); 4] = [
    ("listen", listen::ListenArgs::augment_args),
    ("send", send::SendArgs::augment_args),
    ("replay", replay::ReplayArgs::augment_args),
    ("log", log::LogArgs::augment_args),
];

/// The part of the definition that a command line needs: all of it takes a fifth of `hook send --dry-run`.
fn needed(args: &[OsString]) -> clap::Command {
    let named = |first: &OsString| FREQUENT.iter().find(|(name, _)| first.to_str() == Some(name));
    match args.get(1).and_then(named) {
        Some((name, augment)) => program().subcommand(augment(clap::Command::new(*name))),
        None => definition(),
    }
}

/// `hook help COMMAND` is `hook COMMAND --help`. A subcommand of that name would be in the help of every command.
fn with_help_flag(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.get(1).is_some_and(|first| first == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    args
}

fn parse(args: &[OsString]) -> std::result::Result<(GlobalArgs, Command), clap::Error> {
    let matches = needed(args).try_get_matches_from(args)?;
    Ok((GlobalArgs::read(&matches)?, Command::from_arg_matches(&matches)?))
}

/// Parses and runs one command line, and reports its errors.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(exit) = complete::answer_shell(&args) {
        return exit;
    }
    let args = with_help_flag(args);
    let (global, command) = match parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // clap returns help and version as errors, but the user asked for them: data, and success.
            if !error.use_stderr() {
                let _ = error.print();
                return Exit::Ok;
            }
            usage_error(error);
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
    if matches!(command, Command::Serve(_)) {
        session.ui.log();
    }
    if !command.trusts() {
        global::warn_of_untrusted(&session);
    }
    let result = command.run(&session).and_then(|exit| session.ui.flush().map(|()| exit));
    match result {
        Ok(exit) => exit,
        Err(error) => {
            // Data printed before the failure must still arrive.
            let _ = session.ui.flush();
            session.ui.error(&error);
            error.exit
        }
    }
}

/// Prints an error of clap. It quotes arguments, which may hold a credential or text from elsewhere.
fn usage_error(mut error: clap::Error) {
    use std::io::{IsTerminal as _, Write as _};
    let quoted = match error.kind() {
        // The text of an unquoted `-H Name: VALUE`.
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        _ => ContextKind::InvalidValue,
    };
    if let Some(ContextValue::String(text)) = error.get(quoted) {
        let masked = mask::argument(text);
        error.insert(quoted, ContextValue::String(masked));
    }
    let mut stderr = std::io::stderr();
    let styled = Style::new(ColorChoice::Auto, stderr.is_terminal()).is_on();
    let text = error.render();
    let text = if styled {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let text = mask::text(&text);
    // A closed stderr leaves no place to report the failure.
    let _ = stderr.write_all(harmless_line(&text, styled).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subcommand_that_is_built_alone_is_the_same_as_among_the_others() {
        let mut all = definition();
        for (name, _) in FREQUENT {
            let mut alone = needed(&["hook".into(), name.into()]);
            assert_eq!(alone.get_subcommands().count(), 1);
            let help = |program: &mut clap::Command| {
                program.build();
                let found = program.find_subcommand_mut(name).unwrap();
                found.render_long_help().ansi().to_string()
            };
            assert_eq!(help(&mut alone), help(&mut all), "{name}");
        }
        assert!(needed(&["hook".into(), "-v".into()]).get_subcommands().count() > 4);
    }
}
