//! Shell completion: candidates for arguments from the ledger, the endpoint book, the catalogue and the environment.
//!
//! A failure gives no candidates and prints nothing: a message would land in the middle of the line that is being typed.
//! Nothing is created, and a look-up that takes longer than `TIME_LIMIT` is abandoned.

mod candidates;
mod shells;
mod words;

use std::ffi::{OsStr, OsString};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _};

pub use shells::{Shell, script};

use crate::exit::Exit;
use words::Words;

/// Set by the scripts when a shell requests candidates. The library's default, `COMPLETE`, may be set for other reasons.
const VARIABLE: &str = "_HOOK_COMPLETE";

/// Time limit of a look-up; with the start of the process this stays under 30 ms. Builds without optimisation need
/// longer.
const TIME_LIMIT: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(5)
} else {
    Duration::from_millis(20)
};

/// Prints candidates when a shell requests them; `None` for any other run.
pub(super) fn answer_shell(args: &[OsString]) -> Option<Exit> {
    let asked = std::env::var_os(VARIABLE)?;
    if asked.is_empty() {
        return None;
    }
    // A panic message would land in the line that is being typed.
    std::panic::set_hook(Box::new(|_| {}));
    let here = std::env::current_dir().ok();
    let environment = CompleteEnv::with_factory(super::definition)
        .var(VARIABLE)
        .completer(shells::PROGRAM)
        .shells(shells::all());
    let _ = environment.try_complete(args.to_vec(), here.as_deref());
    Some(Exit::Ok)
}

/// Records of the ledger: `last`, numbers and ids.
pub fn records() -> ArgValueCompleter {
    completer(|words, current| candidates::records(words, current).unwrap_or_default())
}

/// Names of endpoints: of the book, or where `--remote` is typed those that are noted here of the provider's.
pub fn endpoints() -> ArgValueCompleter {
    completer(|words, _| candidates::endpoints(words).unwrap_or_default())
}

/// Names of workflows.
pub fn workflows() -> ArgValueCompleter {
    completer(|words, _| candidates::workflows(words).unwrap_or_default())
}

/// Providers; their variants once something is typed.
pub fn providers() -> ArgValueCompleter {
    completer(|_, current| candidates::providers(current))
}

/// Events of the provider that is typed or set, else of all.
pub fn events() -> ArgValueCompleter {
    completer(|words, _| candidates::events(words, words.option("--provider", Some('p'))))
}

/// Events of the provider that is named by the argument before: `hook providers sample NAME EVENT`.
pub fn events_of_argument() -> ArgValueCompleter {
    completer(|words, _| candidates::events(words, words.before_last()))
}

/// Values of `--remote`: the remotes of the settings, and providers.
pub fn remotes() -> ArgValueCompleter {
    completer(candidates::remotes)
}

/// References of secrets that sign or verify: those of endpoints too.
pub fn secrets() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut found = references().complete(current);
        found.extend(completer(|words, _| candidates::endpoint_secrets(words)).complete(current));
        found
    })
}

/// References of secrets, with or without `NAME=` before them: variables and files.
pub fn references() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some(text) = current.to_str() else {
            return Vec::new();
        };
        let (name, reference) = match text.split_once('=') {
            Some((name, rest)) if !name.contains(':') => (format!("{name}="), rest),
            _ => (String::new(), text),
        };
        let mut found = matching(candidates::variables(), reference);
        match reference.strip_prefix("file:") {
            Some(path) => found.extend(paths(path, "file:")),
            None if "file:".starts_with(reference) => found.push(CompletionCandidate::new("file:")),
            None => {}
        }
        let found = found.into_iter();
        found.map(|candidate| candidate.add_prefix(name.clone())).collect()
    })
}

/// `@FILE` where a value may come from a file.
pub fn at_file() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let path = current.to_str().and_then(|text| text.strip_prefix('@'));
        path.map_or_else(Vec::new, |path| paths(path, "@"))
    })
}

/// Looks candidates up within the time limit.
fn completer(
    look_up: impl Fn(&Words, &str) -> Vec<CompletionCandidate> + Copy + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let Some(current) = current.to_str().map(str::to_owned) else {
            return Vec::new();
        };
        let (answer, found) = mpsc::channel();
        let asked = current.clone();
        // A thread that exceeds the limit is not joined: it ends with the process.
        thread::spawn(move || answer.send(look_up(&Words::of_process(), &asked)));
        matching(found.recv_timeout(TIME_LIMIT).unwrap_or_default(), &current)
    })
}

/// Those that start with what is typed.
fn matching(mut found: Vec<CompletionCandidate>, current: &str) -> Vec<CompletionCandidate> {
    found.retain(|candidate| candidate.get_value().as_encoded_bytes().starts_with(current.as_bytes()));
    found
}

fn paths(typed: &str, prefix: &str) -> Vec<CompletionCandidate> {
    let found = PathCompleter::file().complete(OsStr::new(typed)).into_iter();
    found.map(|candidate| candidate.add_prefix(prefix)).collect()
}
