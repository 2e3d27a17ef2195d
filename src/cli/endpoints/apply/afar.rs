//! A plan done at a provider: one call after the other, each told when it is done. A second run goes on where the first
//! one stopped, since it compares what is there with what is wanted.

use super::super::new_secret::SecretArgs;
use super::super::remote::{RemoteProvider, add_with, check_secret, recreate, say_added, say_pending};
use super::super::{change, switch};
use super::{changed_meanwhile, show, staying};
use crate::cli::session::Session;
use crate::endpoints::{Change, Endpoint, EndpointStore as _, Step, Target, name_for, steps};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::api::{Field, Verb};

/// Refuses a plan that the provider cannot do, before anything is done.
pub(super) fn check(session: &Session, place: &RemoteProvider, planned: &[Step], may_recreate: bool) -> Result<()> {
    let label = place.client.profile.label();
    let makes = |step: &Step| match step {
        Step::Add(target) => target.secret.is_none(),
        Step::Change { change, .. } => needs_recreation(place, change),
        Step::Remove(_) => false,
    };
    if planned.iter().any(makes) {
        check_secret(session, place, &SecretArgs::default())?;
    }
    for step in planned {
        let (name, problem) = match step {
            Step::Add(target)
                if target.active == Some(false) && !place.client.api.takes(Verb::Update, Field::Active) =>
            {
                (step.name(), Some("has no endpoints that are switched off"))
            }
            Step::Add(target)
                if target.endpoint.description.is_some()
                    && !place.client.api.takes(Verb::Create, Field::Description) =>
            {
                (step.name(), Some("has no place for a description"))
            }
            Step::Change { change, .. } => (step.name(), unchangeable(place, change, may_recreate)),
            _ => continue,
        };
        if let Some(problem) = problem {
            let error = Error::usage(format!(
                "endpoint `{name}` cannot be as the file wants it: `{label}` {problem}"
            ));
            return Err(match problem {
                NEEDS_RECREATION => {
                    error.hint("`--recreate` removes it and makes it anew, with a new id and a new secret")
                }
                _ => error,
            });
        }
    }
    Ok(())
}

const NEEDS_RECREATION: &str = "cannot change endpoints";

fn unchangeable(place: &RemoteProvider, change: &Change, may_recreate: bool) -> Option<&'static str> {
    if change.active.is_some() && !place.client.api.takes(Verb::Update, Field::Active) {
        return Some("cannot switch endpoints on and off");
    }
    let removes = change.description.as_ref().is_some_and(String::is_empty);
    if change.description.is_some() && !removes && !place.client.api.takes(Verb::Create, Field::Description) {
        return Some("has no place for a description");
    }
    (needs_recreation(place, change) && !may_recreate).then_some(NEEDS_RECREATION)
}

/// Whether a change is about something that no call can change.
fn needs_recreation(place: &RemoteProvider, change: &Change) -> bool {
    let takes = |field| place.client.api.takes(Verb::Update, field);
    change.url.is_some() && !takes(Field::Url)
        || change.events.is_some() && !takes(Field::Events)
        || change.description.is_some() && !takes(Field::Description)
}

pub(super) fn apply(session: &Session, place: &RemoteProvider, planned: &[Step], targets: &[Target]) -> Result<Exit> {
    let current = place.endpoints()?;
    if steps(targets, &current) != planned {
        return Err(changed_meanwhile());
    }
    let mut taken = staying(current, planned);
    for (done, step) in planned.iter().enumerate() {
        let told = one(session, place, step, &mut taken);
        session.ui.flush()?;
        told.map_err(|error| {
            let left = &planned[done + 1..];
            if !left.is_empty() {
                session.ui.note("not done after that:");
                show::lines(session, left);
            }
            let said = format!("{} of {} done", done, planned.len());
            Error {
                message: format!("{said}, then `{}`: {}", step.name(), error.message),
                ..error
            }
            .hint("run it once more when the cause is gone: it does what is left")
        })?;
    }
    Ok(Exit::Ok)
}

fn one(session: &Session, place: &RemoteProvider, step: &Step, taken: &mut Vec<Endpoint>) -> Result<()> {
    match step {
        Step::Remove(endpoint) => {
            place.wait(place.remove(&endpoint.id))?;
            switch::announce_removed(session, endpoint)
        }
        Step::Change { before, after, change } if needs_recreation(place, change) => {
            recreate(session, place, before, (**after).clone()).map(|_| ())
        }
        Step::Change { before, change, .. } => {
            let change = Change {
                plan: None,
                ..(**change).clone()
            };
            let after = place.wait(place.update(&before.id, change, session.now()))?;
            change::announce(session, before, &after, &[])?;
            say_pending(session, place, &after);
            Ok(())
        }
        Step::Add(target) => {
            let mut endpoint = target.endpoint.clone();
            if endpoint.name.is_empty() {
                endpoint.name = name_for(&endpoint.url, taken);
            }
            let added = add_with(session, place, endpoint, target.secret.as_deref())?;
            let id = added.endpoint.id.clone();
            taken.push(added.endpoint.clone());
            say_added(session, place, added, &SecretArgs::default())?;
            if target.active == Some(false) {
                let off = Change {
                    active: Some(false),
                    ..Change::default()
                };
                place.wait(place.update(&id, off, session.now()))?;
            }
            Ok(())
        }
    }
}
