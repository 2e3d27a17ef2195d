//! Flags of every command, and the session that they make.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches as _};

use crate::app::context::Context;
use crate::app::trust;
use crate::cli::input::words;
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui, command_output};
use crate::config::{Paths, Settings};
use crate::error::{Error, Result};
use crate::process::{OLD_STORE_VARIABLE, STORE_VARIABLE};
use crate::provider::Registry;
use crate::random::Random;
use crate::store::StorePlace;
use crate::view::style::ColorChoice;

/// Keys that a warning lists, at most.
const NAMED: usize = 50;

const OUTPUTS: [(&str, Output, &str); 3] = [
    ("human", Output::Human, ""),
    ("json", Output::Json, ""),
    ("quiet", Output::Quiet, ""),
];

const COLORS: [(&str, ColorChoice, &str); 3] = [
    ("auto", ColorChoice::Auto, ""),
    ("always", ColorChoice::Always, ""),
    ("never", ColorChoice::Never, ""),
];

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalArgs {
    /// Format of the data on stdout
    #[arg(short, long, global = true, value_name = "FORM", value_parser = words(&OUTPUTS))]
    output: Option<Output>,
    /// One JSON object per line: short for `--output json`
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with_all = ["output", "json"])]
    quiet: bool,
    /// Show more detail; can be repeated
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = words(&COLORS))]
    color: ColorChoice,
    /// Settings file instead of the user's
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HOOK_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Ledger instead of the user's: a file, or the `postgres://` URL of a database
    #[arg(
        long,
        global = true,
        value_name = "FILE|URL",
        env = STORE_VARIABLE,
        hide_env_values = true
    )]
    store: Option<OsString>,
    /// The old name of `--store`
    #[arg(long, global = true, value_name = "FILE|URL", hide = true)]
    ledger: Option<OsString>,
    /// Whether `store` is the value of its variable.
    #[arg(skip)]
    is_store_from_env: bool,
}

impl GlobalArgs {
    /// Reads the flags of a command line.
    pub(super) fn read(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self {
            is_store_from_env: matches.value_source("store") == Some(ValueSource::EnvVariable),
            ..Self::from_arg_matches(matches)?
        })
    }

    /// Where the ledger is: an option counts more than a variable. Both names of one kind at once would contradict each other.
    fn store_place(&self, paths: &Paths) -> Result<(StorePlace, Option<&'static str>)> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let option = self.store.clone().filter(|_| !self.is_store_from_env);
        let given = match (option, self.ledger.clone()) {
            (Some(_), Some(_)) => return Err(contradiction("--store", "--ledger")),
            (Some(text), None) => Some(("--store", text)),
            (None, Some(text)) => Some(("--ledger", text)),
            (None, None) => match (variable(STORE_VARIABLE), variable(OLD_STORE_VARIABLE)) {
                (Some(_), Some(_)) => return Err(contradiction(STORE_VARIABLE, OLD_STORE_VARIABLE)),
                (Some(text), None) => Some((STORE_VARIABLE, text)),
                (None, Some(text)) => Some((OLD_STORE_VARIABLE, text)),
                (None, None) => None,
            },
        };
        let Some((name, text)) = given else {
            return Ok((paths.ledger().into(), None));
        };
        let place = StorePlace::parse(&text).map_err(|what| {
            let hint = "a ledger is a file or a `postgres://HOST/DATABASE` URL; docs/configuration.md explains both";
            Error::usage(format!("`{name}`: {what}")).hint(hint)
        })?;
        let is_exposed = name.starts_with('-') && matches!(&place, StorePlace::Postgres(url) if url.has_password());
        Ok((place, is_exposed.then_some(name)))
    }

    /// The session, or a screen on which to report why there is none.
    pub(super) fn session(&self) -> std::result::Result<Session, (Box<Ui>, Error)> {
        let flags = [(self.json, Output::Json), (self.quiet, Output::Quiet)];
        let short = flags.iter().find(|(is_set, _)| *is_set).map(|(_, output)| *output);
        let output = short.or(self.output);
        let screen = |output| Ui::new(output, self.verbose, self.color);
        let paths = Paths::from_env();
        let here = std::env::current_dir().unwrap_or_default();
        // Without settings, the flags alone decide how the error is shown.
        let settings = Settings::load(&paths, self.config.as_deref(), &here)
            .map_err(|error| (Box::new(screen(output.unwrap_or_default())), error))?;
        let ui = screen(output.unwrap_or(settings.output));
        let (store_place, exposed) = match self.store_place(&paths) {
            Ok(found) => found,
            Err(error) => return Err((Box::new(ui), error)),
        };
        if let Some(option) = exposed {
            ui.warn(&format!("a password in `{option}` is visible to other users"));
            ui.hint(&format!(
                "set `{STORE_VARIABLE}`, or put the password into the file of `PGPASSFILE`"
            ));
        }
        Ok(Session::new(Arc::new(ui), |notices| Context {
            notices,
            command_output: command_output(),
            registry: Registry::new(Some(paths.providers())),
            clock: Context::clock_from_env(),
            random: Arc::new(Random::os()),
            store_place,
            settings,
            paths,
        }))
    }
}

fn contradiction(one: &str, other: &str) -> Error {
    Error::usage(format!("`{one}` and `{other}` are the same: give one of them"))
        .hint(format!("`{other}` is the old name of `{one}`"))
}

/// Warns once about the settings of an untrusted project, which are ignored.
pub(super) fn warn_of_untrusted(session: &Session) {
    let (settings, ui) = (&session.context.settings, &session.ui);
    if let Some(path) = &settings.foreign {
        let path = path.display();
        ui.warn(&format!("`{path}` belongs to another user, so it is not read"));
    }
    let keys = settings.ignored.iter().map(|grant| format!("`{}`", grant.key));
    let mut keys: Vec<String> = keys.collect();
    // Every entry of a list is a grant of its own under the key of the list.
    keys.dedup();
    // A project's file may be long, and it is not trusted to fill the terminal.
    let more = keys.len().saturating_sub(NAMED);
    keys.truncate(NAMED);
    if more > 0 {
        keys.push(format!("and {more} more"));
    }
    if !keys.is_empty() {
        let file = settings.project.as_deref().unwrap_or(Path::new("hook.toml"));
        let (file, keys) = (file.display(), keys.join(", "));
        ui.warn(&format!("`{file}` is not trusted; ignored: {keys}"));
        ui.hint(trust::HINT);
    }
}
