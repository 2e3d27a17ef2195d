//! `hook endpoints diff`, `apply` and `export`: a reviewed file, and stores that match it.

use std::path::PathBuf;

use super::flags::{EndpointSecretArgs, RuleArgs};
use crate::app::endpoints::{ApplyOptions, Endpoints, new_events, write_new};
use crate::app::notice::Notice;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::text::count;
use crate::view::endpoint::{EndpointSteps, step_line};

/// Show what `apply` would change to match the `[[endpoint]]` tables of a file
#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    /// The file; the project's `hook.toml` unless given
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Exit with 8 when there are differences
    #[arg(long)]
    check: bool,
}

/// Make the endpoints match the `[[endpoint]]` tables of a file: add what is missing, change what differs, remove what is
/// not in the file
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    diff: DiffArgs,
    /// Do not ask
    #[arg(short, long, conflicts_with = "check")]
    yes: bool,
    /// With `--remote`: remove and recreate what the provider cannot change, with a new id and a new secret
    #[arg(long, requires = "remote")]
    recreate: bool,
    #[command(flatten)]
    rules: RuleArgs,
}

/// Print the endpoints as `[[endpoint]]` tables, without secrets
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Write to this new file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write the whole book to this new file (0600) instead: ids, health, limits, and stored secrets, encrypted with `HOOK_KEY`
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    book: Option<PathBuf>,
}

/// Import the endpoints of a provider (`--remote NAME`), or a whole book, into the local book
///
/// Of a provider, those that are in the book already are not changed. Of a book, all endpoints are imported, or none.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// Import a whole book that `hook endpoints export --book` wrote; stored secrets need the same `HOOK_KEY`
    #[arg(long, value_name = "FILE", conflicts_with = "remote")]
    book: Option<PathBuf>,
    /// With `--book`: replace the endpoints that have the same id
    #[arg(long, requires = "book")]
    replace: bool,
}

impl ImportArgs {
    pub(super) fn run(&self, endpoints: Endpoints<'_>) -> Result<()> {
        match &self.book {
            Some(file) => endpoints.import_book(file, self.replace),
            None => endpoints.import(),
        }
    }
}

pub(super) fn diff(session: &Session, endpoints: Endpoints<'_>, args: &DiffArgs) -> Result<Exit> {
    let ui = &session.ui;
    let steps = endpoints.plan(args.file.as_deref())?.steps;
    let shown = EndpointSteps(&steps);
    ui.show_now(&shown)?;
    ui.note(&shown.summary());
    for step in &steps {
        for finding in new_events(&session.context, step)? {
            let fact = format!("`{}`: {}", step.name(), finding.fact);
            ui.tell(&Notice::Finding(Finding { fact, ..finding }));
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
    // Refuse before the prompt: a step that the provider cannot do must not be confirmed first.
    endpoints.check(&plan, args.recreate)?;
    if !args.yes {
        for step in &plan.steps {
            ui.note(&step_line(ui.err, step));
        }
        let question = format!("{}. Go on?", shown.summary());
        let flag = "`--yes` goes on, `hook endpoints diff` only shows what would be done";
        prompt::insist(ui, &question, flag)?;
    }
    let options = ApplyOptions {
        rules: args.rules.options(),
        recreate: args.recreate,
        secret: EndpointSecretArgs::default().options(session),
        is_users_word: !args.yes || args.diff.file.is_some(),
    };
    endpoints.apply(&plan, options)?;
    Ok(Exit::Ok)
}

impl ExportArgs {
    pub(super) fn run(&self, session: &Session, endpoints: Endpoints<'_>) -> Result<()> {
        let (text, number) = match &self.book {
            Some(_) => endpoints.export_book()?,
            None => endpoints.export()?,
        };
        let Some(file) = self.book.as_ref().or(self.file.as_ref()) else {
            return session.ui.raw(text.as_bytes());
        };
        write_new(file, &text)?;
        let number = count(number as u64, "endpoint");
        session.ui.note(&format!("{number} in `{}`", file.display()));
        Ok(())
    }
}
