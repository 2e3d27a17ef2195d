//! `hook endpoints diff`, `apply`, `import` and `export`: a reviewed file, and stores that match it.

mod afar;
mod here;
mod import;
mod show;
mod targets;

use std::path::PathBuf;

use super::remote::RemoteProvider;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::endpoints::rules::judge_events;
use crate::endpoints::{Endpoint, EndpointError, Step, steps};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::text::printable;

pub(super) use import::{ExportArgs, ImportArgs, export, import};

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
    rules: super::judge::RuleArgs,
}

pub(super) fn diff(session: &Session, place: Option<&RemoteProvider>, args: &DiffArgs) -> Result<Exit> {
    let (steps, _) = plan(session, place, args)?;
    show::plan(session, &steps)?;
    for step in &steps {
        for finding in new_events(session, step, false)? {
            let said = format!("`{}`: {}", step.name(), finding.fact);
            session.ui.warn(&printable(&said, 1000));
            if let Some(hint) = &finding.hint {
                session.ui.hint(&printable(hint, 1000));
            }
        }
    }
    Ok(if args.check && !steps.is_empty() {
        Exit::Unmet
    } else {
        Exit::Ok
    })
}

pub(super) fn apply(session: &Session, place: Option<&RemoteProvider>, args: &ApplyArgs) -> Result<Exit> {
    if args.diff.check {
        return diff(session, place, &args.diff);
    }
    // One apply at a time on this machine: two could both find the same endpoint missing.
    let _held = match place {
        Some(place) => place.notes.hold()?,
        None => session.book().hold()?,
    };
    let (steps, targets) = plan(session, place, &args.diff)?;
    if steps.is_empty() {
        return show::plan(session, &steps).map(|()| Exit::Ok);
    }
    if let Some(place) = place {
        for step in &steps {
            let findings = new_events(session, step, args.rules.new_events())?;
            if !findings.is_empty() {
                return Err(EndpointError::Rule(findings).into());
            }
        }
        afar::check(session, place, &steps, args.recreate)?;
    }
    if !args.yes {
        show::lines(session, &steps);
        let question = format!("{}. Go on?", show::summary(&steps));
        if !prompt::confirm(
            &session.ui,
            &question,
            "`--yes` goes on, `hook endpoints diff` only shows what would be done",
        )? {
            return Err(Error::silent(Exit::Interrupted));
        }
    }
    match place {
        Some(place) => afar::apply(session, place, &steps, &targets),
        None => {
            // What the user has just read and confirmed, or named, is the user's word; a project's file is not.
            let users_word = !args.yes || args.diff.file.is_some();
            here::apply(session, &steps, &targets, &args.rules, users_word)
        }
    }
}

/// What is to be done, and what the file wants.
fn plan(
    session: &Session,
    place: Option<&RemoteProvider>,
    args: &DiffArgs,
) -> Result<(Vec<Step>, Vec<crate::endpoints::Target>)> {
    let mut targets = targets::read(session, place, args.file.as_deref())?;
    let current = current(session, place)?;
    targets::unmask(&mut targets, &current)?;
    Ok((steps(&targets, &current), targets))
}

fn current(session: &Session, place: Option<&RemoteProvider>) -> Result<Vec<Endpoint>> {
    match place {
        Some(place) => place.endpoints(),
        None => Ok(session.book().read()?),
    }
}

/// Those whose names stay taken.
fn staying(mut current: Vec<Endpoint>, planned: &[Step]) -> Vec<Endpoint> {
    let goes = |endpoint: &Endpoint| {
        planned
            .iter()
            .any(|step| matches!(step, Step::Remove(gone) if gone.id == endpoint.id))
    };
    current.retain(|endpoint| !goes(endpoint));
    current
}

/// What the catalogue does not have of the events that a step would make an endpoint want: a typo more often than not.
fn new_events(session: &Session, step: &Step, allowed: bool) -> Result<Vec<Finding>> {
    let (endpoint, events) = match step {
        Step::Add(target) => (&target.endpoint, Some(&target.endpoint.events)),
        Step::Change { before, change, .. } => (&**before, change.events.as_ref()),
        Step::Remove(_) => return Ok(Vec::new()),
    };
    let Some(events) = events else { return Ok(Vec::new()) };
    let profile = session.registry.get(&endpoint.provider)?;
    let mut findings = judge_events(&profile, events, allowed);
    findings.retain(Finding::is_problem);
    Ok(findings)
}

/// The store is not what the plan was made for.
fn changed_meanwhile() -> Error {
    Error::new(
        Exit::Store,
        "the endpoints changed while the plan was looked at: nothing is done",
    )
    .hint("run it once more: the plan is made anew")
}
