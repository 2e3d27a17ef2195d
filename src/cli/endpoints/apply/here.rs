//! A plan done in the local book: all of it, or nothing.

use super::super::judge::RuleArgs;
use super::super::new_secret::{NewSecret, SecretArgs};
use super::super::{add, change, switch};
use super::{changed_meanwhile, staying};
use crate::cli::session::Session;
use crate::endpoints::{
    DisabledBy, Endpoint, EndpointError, Step, Target, admit, admit_change, name_for, select_mut, steps,
};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::Finding;

/// A new endpoint with the secret that was made for it.
struct Fresh {
    endpoint: Endpoint,
    active: Option<bool>,
    new: NewSecret,
}

/// Does the plan. Where it is not the user's word, secrets of endpoints stay bound to where these went before.
pub(super) fn apply(
    session: &Session,
    planned: &[Step],
    targets: &[Target],
    args: &RuleArgs,
    users_word: bool,
) -> Result<Exit> {
    let changed = || planned.iter().filter_map(changed_endpoint);
    let unbound = if users_word {
        Vec::new()
    } else {
        changed().map(|endpoint| endpoint.id.clone()).collect()
    };
    let bound: Vec<&Endpoint> = changed().filter(|endpoint| session.book().is_bound(endpoint)).collect();
    let mut fresh = Vec::new();
    let made = make_all(session, planned, &mut fresh);
    let done = made.and_then(|()| {
        session.prepare_book();
        let book = session.book().without_binding(unbound);
        let done = book.edit(|endpoints| {
            if steps(targets, endpoints) != planned {
                return Ok(None);
            }
            change_book(session, endpoints, planned, &fresh, args).map(Some)
        });
        done.map_err(Error::from)?.ok_or_else(changed_meanwhile)
    });
    match done {
        Ok(findings) => {
            announce(session, planned, &fresh, &findings)?;
            warn_of_unbound(session, &bound)?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            for one in fresh {
                one.new.take_back(session);
            }
            Err(error)
        }
    }
}

fn changed_endpoint(step: &Step) -> Option<&Endpoint> {
    match step {
        Step::Change { before, .. } => Some(before),
        Step::Add(_) | Step::Remove(_) => None,
    }
}

/// Says which endpoints may not use their secrets any more.
fn warn_of_unbound(session: &Session, bound: &[&Endpoint]) -> Result<()> {
    let book = session.book();
    let after = book.read()?;
    for endpoint in after
        .iter()
        .filter(|endpoint| bound.iter().any(|old| old.id == endpoint.id))
    {
        if !book.is_bound(endpoint) {
            let what = format!(
                "endpoint `{}` goes elsewhere now, and its secret is not used there before that is allowed",
                endpoint.name
            );
            session.ui.warn(&what);
            session.ui.hint(crate::app::trust::HINT);
        }
    }
    Ok(())
}

/// Makes the secrets of new endpoints, before the book is locked.
fn make_all(session: &Session, planned: &[Step], fresh: &mut Vec<Fresh>) -> Result<()> {
    let mut taken = staying(session.book().read()?, planned);
    for step in planned {
        let Step::Add(target) = step else { continue };
        let mut endpoint = target.endpoint.clone();
        if endpoint.name.is_empty() {
            endpoint.name = name_for(&endpoint.url, &taken);
        }
        let profile = session.registry.get(&endpoint.provider)?;
        let secret = SecretArgs {
            secret: target.secret.clone(),
            secret_file: None,
        };
        secret.check(session, &profile)?;
        let new = secret.make(session, &profile, &endpoint.name)?;
        endpoint.secrets = new.secret.clone().into_iter().collect();
        taken.push(endpoint.clone());
        fresh.push(Fresh {
            endpoint,
            active: target.active,
            new,
        });
    }
    Ok(())
}

fn change_book(
    session: &Session,
    endpoints: &mut Vec<Endpoint>,
    planned: &[Step],
    fresh: &[Fresh],
    args: &RuleArgs,
) -> std::result::Result<Vec<Finding>, EndpointError> {
    let (now, options) = (session.now(), args.options(session));
    let profile = |endpoint: &Endpoint| {
        let found = session.registry.get(&endpoint.provider);
        found.map_err(|error| EndpointError::Unsupported(error.to_string()))
    };
    let mut findings = Vec::new();
    for step in planned {
        match step {
            Step::Remove(gone) => endpoints.retain(|endpoint| endpoint.id != gone.id),
            Step::Change { before, change, .. } => {
                let existing = endpoints.clone();
                let endpoint = select_mut(endpoints, &before.id)?;
                let change = (**change).clone();
                findings.extend(admit_change(
                    &*profile(endpoint)?,
                    endpoint,
                    change,
                    &existing,
                    (&options, now),
                )?);
            }
            Step::Add(_) => {}
        }
    }
    for one in fresh {
        let mut endpoint = one.endpoint.clone();
        findings.extend(admit(&*profile(&endpoint)?, &mut endpoint, endpoints, &options)?);
        if one.active == Some(false) {
            endpoint.disable(DisabledBy::Hand, None, now);
        }
        endpoints.push(endpoint);
    }
    Ok(findings)
}

fn announce(session: &Session, planned: &[Step], fresh: &[Fresh], findings: &[Finding]) -> Result<()> {
    session.notices.findings(findings);
    let after = session.book().read()?;
    let now = |id: &str| after.iter().find(|endpoint| endpoint.id == id);
    for step in planned {
        match step {
            Step::Remove(endpoint) => switch::announce_removed(session, endpoint)?,
            Step::Change { before, after, .. } => {
                change::announce(session, before, now(&before.id).unwrap_or(after), &[])?;
            }
            Step::Add(_) => {}
        }
    }
    for one in fresh {
        add::announce(session, now(&one.endpoint.id).unwrap_or(&one.endpoint), &[], &one.new)?;
    }
    session.ui.flush()
}
