//! `hook endpoints doctor`: why an endpoint does not get what it should. The questions are those of the providers'
//! own lists, in their order: not being received, verification failing, timeouts, duplicates.

mod book;
mod history;
mod network;
mod workflow;

use std::sync::Arc;

use serde::Serialize;

use super::super::runtime;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::Level;
use crate::mask;
use crate::provider::Profile;
use crate::text::printable;
use crate::view::count;

/// Look for reasons why endpoints do not get their events; sends none
#[derive(Debug, clap::Args)]
pub(super) struct EndpointDoctorArgs {
    /// Names, ids, or the beginnings of ids; all endpoints unless given
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    names: Vec<String>,
    /// Look at this workflow of the settings; at all of them too when nothing is named (can be repeated)
    #[arg(long = "workflow", value_name = "NAME", add = crate::cli::complete::workflows())]
    workflows: Vec<String>,
}

/// What is complained about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum CheckGroup {
    NotReceived,
    VerificationFailing,
    Timeouts,
    Duplicates,
}

/// One question and its answer.
#[derive(Debug, Clone, Serialize)]
struct Check {
    section: CheckGroup,
    /// A stable word for scripts.
    #[serde(rename = "check")]
    name: &'static str,
    #[serde(serialize_with = "level_name")]
    result: Level,
    detail: String,
    /// What to do.
    hint: Option<String>,
}

fn level_name<S: serde::Serializer>(level: &Level, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(level.name())
}

/// `{"schema":"hook.endpoint-check/1"}`: a check of one endpoint.
#[derive(Serialize)]
struct CheckLine<'a> {
    schema: &'static str,
    endpoint: &'a str,
    #[serde(flatten)]
    check: &'a Check,
}

/// An endpoint on the couch.
struct Subject<'a> {
    session: &'a Session,
    endpoint: &'a Endpoint,
    all: &'a [Endpoint],
    profile: Arc<Profile>,
}

impl CheckGroup {
    fn title(self) -> &'static str {
        match self {
            Self::NotReceived => "not being received",
            Self::VerificationFailing => "verification failing",
            Self::Timeouts => "timeouts",
            Self::Duplicates => "duplicates",
        }
    }
}

impl Check {
    fn new(section: CheckGroup, name: &'static str, result: Level, detail: impl Into<String>) -> Self {
        Self {
            section,
            name,
            result,
            detail: detail.into(),
            hint: None,
        }
    }

    fn ok(section: CheckGroup, name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(section, name, Level::Ok, detail)
    }

    fn caution(section: CheckGroup, name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(section, name, Level::Caution, detail)
    }

    fn problem(section: CheckGroup, name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(section, name, Level::Problem, detail)
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

pub(super) fn run(session: &Session, args: &EndpointDoctorArgs) -> Result<Exit> {
    let all = session.book().read()?;
    let chosen: Vec<&Endpoint> = match args.names.as_slice() {
        [] if !args.workflows.is_empty() => Vec::new(),
        [] => all.iter().collect(),
        names => names
            .iter()
            .map(|name| crate::endpoints::select(&all, name))
            .collect::<std::result::Result<_, _>>()?,
    };
    let workflows = workflow::chosen(session, &args.workflows, args.names.is_empty())?;
    if chosen.is_empty() && workflows.is_empty() {
        return Err(Error::nothing("there are no endpoints to look at").hint("`hook endpoints add` makes one"));
    }
    let runtime = runtime()?;
    let mut sum = Sum::default();
    for endpoint in chosen {
        let checks = runtime.block_on(examine(session, endpoint, &all))?;
        sum.next(session, &checks)?;
        let title = format!("{}  {}", printable(&endpoint.provider, 80), mask::url(&endpoint.url));
        let line = |check| CheckLine {
            schema: "hook.endpoint-check/1",
            endpoint: &endpoint.name,
            check,
        };
        print(&session.ui, &endpoint.name, &title, &checks, line)?;
    }
    for (name, file) in workflows {
        let checks = workflow::examine(session, name, file);
        sum.next(session, &checks)?;
        let title = format!("workflow  {}", mask::url(file.url.as_deref().unwrap_or("-")));
        let line = |check| workflow::line(name, check);
        print(&session.ui, &printable(name, 80), &title, &checks, line)?;
    }
    session.ui.flush()?;
    let said = format!("{}, {}", count(sum.problems, "problem"), count(sum.cautions, "caution"));
    session.ui.note(&said);
    Ok(if sum.problems > 0 { Exit::Unmet } else { Exit::Ok })
}

/// What was found in all of them.
#[derive(Default)]
struct Sum {
    patients: u64,
    problems: u64,
    cautions: u64,
}

impl Sum {
    /// Counts the checks of one more, which is set apart from the one before.
    fn next(&mut self, session: &Session, checks: &[Check]) -> Result<()> {
        let found = |level| checks.iter().filter(|check| check.result == level).count() as u64;
        self.problems += found(Level::Problem);
        self.cautions += found(Level::Caution);
        self.patients += 1;
        if self.patients > 1 {
            session.ui.line("")?;
        }
        Ok(())
    }
}

async fn examine(session: &Session, endpoint: &Endpoint, all: &[Endpoint]) -> Result<Vec<Check>> {
    let profile = match session.registry.get(&endpoint.provider) {
        Ok(profile) => profile,
        Err(error) => {
            let hint = "`hook providers list` shows all of them";
            let check = Check::problem(CheckGroup::NotReceived, "provider", printable(&error.to_string(), 400));
            return Ok(vec![check.hint(hint)]);
        }
    };
    let patient = Subject {
        session,
        endpoint,
        all,
        profile,
    };
    let past = history::recent(&patient)?;
    let mut checks = vec![book::active(&patient), book::events(&patient)];
    checks.extend(book::rules(&patient));
    checks.extend(network::checks(&patient).await);
    checks.push(history::deliveries(&patient, &past));
    checks.extend(book::secrets(&patient));
    checks.extend(history::refusals(&past));
    checks.push(history::times(&patient, &past));
    checks.push(book::registrations(&patient));
    checks.push(book::dedupe(&patient));
    checks.extend(history::repeats(&past));
    Ok(checks)
}

/// The checks of one patient under their sections; `line` makes the JSON of a check.
fn print<'c, L: Serialize>(
    ui: &Ui,
    name: &str,
    title: &str,
    checks: &'c [Check],
    line: impl Fn(&'c Check) -> L,
) -> Result<()> {
    ui.line(&format!("{}  {title}", ui.out.name(name)))?;
    let mut section = None;
    for check in checks {
        if section.replace(check.section) != Some(check.section) {
            ui.line(&ui.out.strong(check.section.title()))?;
        }
        say(ui, check)?;
        ui.json(&line(check))?;
    }
    Ok(())
}

fn say(ui: &Ui, check: &Check) -> Result<()> {
    let style = ui.out;
    let word = match check.result {
        Level::Ok | Level::Skipped | Level::Note => style.good("ok     "),
        Level::Caution | Level::Unknown => style.caution("caution"),
        Level::Problem => style.bad("problem"),
    };
    ui.line(&format!("  {word}  {}", check.detail))?;
    match &check.hint {
        Some(hint) => ui.line(&style.dim(&format!("           {hint}"))),
        None => Ok(()),
    }
}
