//! A plan on the screen.

use serde::Serialize;

use super::super::change::differences;
use super::super::events_shown;
use crate::cli::session::Session;
use crate::endpoints::Step;
use crate::error::Result;
use crate::mask;
use crate::secret::SecretRef;
use crate::text::printable;

/// `{"schema":"hook.step/1"}`: one thing that a plan does.
#[derive(Serialize)]
struct StepLine<'a> {
    schema: &'static str,
    action: &'static str,
    name: &'a str,
    provider: &'a str,
    url: String,
    differs: Vec<&'static str>,
}

/// What would be done: data.
pub(super) fn plan(session: &Session, steps: &[Step]) -> Result<()> {
    for step in steps {
        session.ui.json(&line(step))?;
        session.ui.line(&text(session.ui.out, step))?;
    }
    session.ui.flush()?;
    session.ui.note(&summary(steps));
    Ok(())
}

/// The same beside a question.
pub(super) fn lines(session: &Session, steps: &[Step]) {
    for step in steps {
        session.ui.note(&text(session.ui.err, step));
    }
}

/// How much there is to do.
pub(super) fn summary(steps: &[Step]) -> String {
    let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count();
    let parts = [
        (count(|step| matches!(step, Step::Add(_))), "to add"),
        (count(|step| matches!(step, Step::Change { .. })), "to change"),
        (count(|step| matches!(step, Step::Remove(_))), "to remove"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        parts.join(", ")
    }
}

fn line(step: &Step) -> StepLine<'_> {
    let (action, endpoint, differs) = match step {
        Step::Remove(endpoint) => ("remove", endpoint, Vec::new()),
        Step::Change { before, after, .. } => ("change", &**before, differences(before, after)),
        Step::Add(target) => ("add", &target.endpoint, Vec::new()),
    };
    StepLine {
        schema: "hook.step/1",
        action,
        name: &endpoint.name,
        provider: &endpoint.provider,
        url: mask::url(&endpoint.url),
        differs,
    }
}

fn text(style: crate::view::style::Style, step: &Step) -> String {
    match step {
        Step::Remove(endpoint) => {
            let url = printable(&mask::url(&endpoint.url), 200);
            format!("{} {}  {url}", style.bad("-"), style.name(&endpoint.name))
        }
        Step::Change { before, after, .. } => {
            let mut what = differences(before, after).join(", ");
            if before.url != after.url {
                what = format!("{what}: {}", printable(&mask::url(&after.url), 200));
            }
            format!("{} {}  {what}", style.caution("~"), style.name(&before.name))
        }
        Step::Add(target) => {
            let endpoint = &target.endpoint;
            let name = if endpoint.name.is_empty() {
                "(new)"
            } else {
                &endpoint.name
            };
            let (events, url) = (
                events_shown(&endpoint.events, 80),
                printable(&mask::url(&endpoint.url), 200),
            );
            // Where a secret comes from is for whoever confirms the plan to see.
            let secret = target.secret.as_deref().map(|text| SecretRef::parse(text).to_string());
            let secret = secret.map_or_else(String::new, |secret| format!(", secret {}", printable(&secret, 200)));
            format!(
                "{} {}  {} delivers {events} to {url}{secret}",
                style.good("+"),
                style.name(name),
                endpoint.provider
            )
        }
    }
}
