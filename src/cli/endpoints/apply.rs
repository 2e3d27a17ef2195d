//! `hook endpoints diff`, `apply` and `export`: a reviewed file, and stores that match it.

use std::path::PathBuf;

use super::flags::{RuleArgs, SecretArgs};
use crate::app::endpoints::{ApplyOptions, Endpoints, new_events, write_new};
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::text::{count, printable};
use crate::view::endpoint::{EndpointSteps, step_line};

/// What `apply` would do so that the endpoints match the `[[endpoint]]` tables of a file
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    /// The file; the project's `hook.toml` unless given
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Exit with 8 when there are differences
    #[arg(long)]
    check: bool,
}

/// Make the endpoints match the `[[endpoint]]` tables of a file: what is missing is added, what differs is changed, what is
/// not in the file is removed
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    diff: DiffArgs,
    /// Do not ask
    #[arg(short, long, conflicts_with = "check")]
    yes: bool,
    /// With `--remote`: what the provider cannot change is removed and made anew, with a new id and a new secret
    #[arg(long, requires = "remote")]
    recreate: bool,
    #[command(flatten)]
    rules: RuleArgs,
}

/// Print the endpoints as `[[endpoint]]` tables for a reviewed file; no secret is in it
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Write to this new file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn diff(session: &Session, endpoints: Endpoints<'_>, args: &DiffArgs) -> Result<Exit> {
    let ui = &session.ui;
    let steps = endpoints.plan(args.file.as_deref())?.steps;
    let shown = EndpointSteps(&steps);
    ui.show(&shown)?;
    ui.flush()?;
    ui.note(&shown.summary());
    for step in &steps {
        for finding in new_events(session, step)? {
            let said = format!("`{}`: {}", step.name(), finding.fact);
            ui.warn(&printable(&said, 1000));
            if let Some(hint) = &finding.hint {
                ui.hint(&printable(hint, 1000));
            }
        }
    }
    Ok(if args.check && !steps.is_empty() {
        Exit::Unmet
    } else {
        Exit::Ok
    })
}

pub(super) fn apply(session: &Session, endpoints: Endpoints<'_>, args: &ApplyArgs) -> Result<Exit> {
    if args.diff.check {
        return diff(session, endpoints, &args.diff);
    }
    let ui = &session.ui;
    // One apply at a time on this machine: two could both find the same endpoint missing.
    let _held = endpoints.store.book().hold()?;
    let plan = endpoints.plan(args.diff.file.as_deref())?;
    let shown = EndpointSteps(&plan.steps);
    if plan.steps.is_empty() {
        ui.note(&shown.summary());
        return Ok(Exit::Ok);
    }
    endpoints.check(&plan, args.recreate)?;
    if !args.yes {
        for step in &plan.steps {
            ui.note(&step_line(ui.err, step));
        }
        let question = format!("{}. Go on?", shown.summary());
        let flag = "`--yes` goes on, `hook endpoints diff` only shows what would be done";
        if !prompt::confirm(ui, &question, flag)? {
            return Err(Error::silent(Exit::Interrupted));
        }
    }
    let options = ApplyOptions {
        rules: args.rules.options(),
        recreate: args.recreate,
        secret: SecretArgs::default().options(session),
        is_users_word: !args.yes || args.diff.file.is_some(),
    };
    endpoints.apply(&plan, options)?;
    Ok(Exit::Ok)
}

impl ExportArgs {
    /// Writes the text with so many endpoints.
    pub(super) fn write(&self, session: &Session, (text, number): (String, usize)) -> Result<()> {
        let Some(file) = &self.file else {
            return session.ui.raw(text.as_bytes());
        };
        write_new(file, &text)?;
        let number = count(number as u64, "endpoint");
        session.ui.note(&format!("{number} in `{}`", file.display()));
        Ok(())
    }
}
