//! Flags of every command, and the session that they make.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::app::context::Context;
use crate::app::trust;
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui};
use crate::config::{Paths, Settings};
use crate::error::Error;
use crate::provider::Registry;
use crate::random::Random;
use crate::view::style::ColorChoice;

/// Keys that a warning names.
const NAMED: usize = 50;

/// Flags of every command.
#[derive(Debug, Args)]
pub(super) struct GlobalArgs {
    /// Form of what goes to stdout
    #[arg(short, long, global = true, value_name = "FORM", help_heading = "Global options")]
    output: Option<OutputArg>,
    /// One JSON object a line: short for `--output json`
    #[arg(long, global = true, conflicts_with = "output", help_heading = "Global options")]
    json: bool,
    /// Print nothing but errors
    #[arg(short, long, global = true, conflicts_with_all = ["output", "json"], help_heading = "Global options")]
    quiet: bool,
    /// Say more; can be repeated
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: ColorArg,
    /// Settings file instead of the user's
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HOOK_CONFIG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    config: Option<PathBuf>,
    /// Ledger file instead of the user's
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HOOK_LEDGER",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputArg {
    Human,
    Json,
    Quiet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

impl GlobalArgs {
    /// The session, or a screen to say on why there is none.
    pub(super) fn session(&self) -> Result<Session, (Box<Ui>, Error)> {
        let color = match self.color {
            ColorArg::Auto => ColorChoice::Auto,
            ColorArg::Always => ColorChoice::Always,
            ColorArg::Never => ColorChoice::Never,
        };
        let output = match (self.json, self.quiet, self.output) {
            (true, _, _) | (_, _, Some(OutputArg::Json)) => Some(Output::Json),
            (_, true, _) | (_, _, Some(OutputArg::Quiet)) => Some(Output::Quiet),
            (_, _, Some(OutputArg::Human)) => Some(Output::Human),
            (false, false, None) => None,
        };
        let paths = Paths::from_env();
        let here = std::env::current_dir().unwrap_or_default();
        let settings = Settings::load(&paths, self.config.as_deref(), &here).map_err(|error| {
            (
                Box::new(Ui::new(output.unwrap_or_default(), self.verbose, color)),
                error,
            )
        })?;
        let ui = Ui::new(output.unwrap_or(settings.output), self.verbose, color);
        Ok(Session::new(Arc::new(ui), |notices| Context {
            notices,
            registry: Registry::new(Some(paths.providers())),
            clock: Context::clock_from_env(),
            random: Arc::new(Random::os()),
            ledger_path: self.ledger.clone().unwrap_or_else(|| paths.ledger()),
            settings,
            paths,
        }))
    }
}

/// Says what of a project's settings is not used, in one warning.
pub(super) fn warn_of_untrusted(session: &Session) {
    let (settings, ui) = (&session.settings, &session.ui);
    if let Some(path) = &settings.foreign {
        let path = path.display();
        ui.warn(&format!("`{path}` belongs to another user, so it is not read"));
    }
    let mut keys: Vec<String> = settings
        .ignored
        .iter()
        .map(|grant| format!("`{}`", grant.key))
        .collect();
    // Those of one list stand beside each other.
    keys.dedup();
    let more = keys.len().saturating_sub(NAMED);
    keys.truncate(NAMED);
    if more > 0 {
        keys.push(format!("and {more} more"));
    }
    if !keys.is_empty() {
        let file = settings.project.as_deref().unwrap_or(Path::new("hook.toml"));
        ui.warn(&format!(
            "`{}` is not trusted; ignored: {}",
            file.display(),
            keys.join(", ")
        ));
        ui.hint(trust::HINT);
    }
}
