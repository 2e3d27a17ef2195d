//! `hook endpoints enable`, `disable` and `remove`.

use super::show::EndpointLine;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::endpoints::{DisabledBy, Endpoint, Reference, select, select_mut};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;
use crate::view::count;

/// Deliver to endpoints again, and forget the deliveries that failed
#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// Names, ids, or the beginnings of ids
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
}

/// Remove endpoints and their stored secrets
#[derive(Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// Names, ids, or the beginnings of ids
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn enable(session: &Session, args: &NameArgs) -> Result<Exit> {
    if let Some(endpoint) = chosen(session, &args.names)?
        .iter()
        .find(|endpoint| endpoint.is_pending())
    {
        let what = format!("endpoint `{}` is not confirmed yet", endpoint.name);
        return Err(Error::new(Exit::Refused, what)
            .hint(format!("`hook endpoints confirm {}` asks it once more", endpoint.name)));
    }
    change_each(session, &args.names, |endpoint| {
        let (failed, was_off) = (endpoint.failed_deliveries, endpoint.enable(session.now()));
        let forgotten = match failed {
            0 => String::new(),
            1 => "; its failed delivery is forgotten".to_owned(),
            n => format!("; its {n} failed deliveries are forgotten"),
        };
        let since = if was_off { "again" } else { "already" };
        format!("is active {since}{forgotten}")
    })
}

pub(super) fn disable(session: &Session, args: &NameArgs) -> Result<Exit> {
    let exit = change_each(session, &args.names, |endpoint| {
        if endpoint.disable(DisabledBy::Hand, None, session.now()) {
            "is disabled: nothing is delivered to it".to_owned()
        } else {
            "is disabled already".to_owned()
        }
    })?;
    session.ui.hint(&format!(
        "`hook endpoints enable {}` turns it on again",
        args.names.join(" ")
    ));
    Ok(exit)
}

/// Changes all of them or none; `change` says what became of one.
fn change_each(session: &Session, names: &[String], change: impl Fn(&mut Endpoint) -> String) -> Result<Exit> {
    // An unknown name must not make a book.
    chosen(session, names)?;
    let done = session.edit_book(|endpoints| {
        names
            .iter()
            .map(|name| {
                let endpoint = select_mut(endpoints, name)?;
                let said = change(endpoint);
                Ok((endpoint.clone(), said))
            })
            .collect::<std::result::Result<Vec<_>, _>>()
    })?;
    for (endpoint, said) in done {
        let ui = &session.ui;
        ui.line(&format!("{} {said}", ui.out.name(&endpoint.name)))?;
        ui.json(&EndpointLine::new(session, &endpoint))?;
    }
    session.ui.flush()?;
    Ok(Exit::Ok)
}

fn chosen(session: &Session, names: &[String]) -> Result<Vec<Endpoint>> {
    pick(&session.book().read()?, names)
}

/// Those of the names, each once.
pub(super) fn pick(all: &[Endpoint], names: &[String]) -> Result<Vec<Endpoint>> {
    let mut found: Vec<Endpoint> = Vec::new();
    for name in names {
        let endpoint = select(all, name)?;
        if !found.iter().any(|known| known.id == endpoint.id) {
            found.push(endpoint.clone());
        }
    }
    Ok(found)
}

pub(super) fn remove(session: &Session, args: &RemoveArgs) -> Result<Exit> {
    let found = chosen(session, &args.names)?;
    confirm(session, args, &found)?;
    // By id: a name may belong to another endpoint by the time the answer is given.
    let removed = session.edit_book(|endpoints| {
        found
            .iter()
            .map(|gone| {
                select(endpoints, &gone.id)?;
                endpoints.retain(|endpoint| endpoint.id != gone.id);
                Ok(gone)
            })
            .collect::<std::result::Result<Vec<_>, _>>()
    })?;
    for endpoint in removed {
        announce_removed(session, endpoint)?;
        say_kept(session, endpoint);
    }
    Ok(Exit::Ok)
}

/// Names the stored secrets that stay, since the original of a copied project may need them.
fn say_kept(session: &Session, endpoint: &Endpoint) {
    let book = session.book();
    for secret in &endpoint.secrets {
        let Reference::Stored(_) = secret.reference else {
            continue;
        };
        if let Some(path) = book.vault().path(&secret.reference).filter(|path| path.exists()) {
            session.ui.note(&format!(
                "`{}` stays: another copy of the project may use this secret; delete the file when none does",
                path.display()
            ));
        }
    }
}

pub(super) fn announce_removed(session: &Session, endpoint: &Endpoint) -> Result<()> {
    let ui = &session.ui;
    ui.line(&format!("{} {}", ui.out.bad("removed"), ui.out.name(&endpoint.name)))?;
    ui.json(&EndpointLine::new(session, endpoint))
}

/// Asks whether they are to go, unless that is said.
pub(super) fn confirm(session: &Session, args: &RemoveArgs, found: &[Endpoint]) -> Result<()> {
    if !args.yes {
        for endpoint in found {
            let name = session.ui.err.name(&endpoint.name);
            session
                .ui
                .note(&format!("{name}  {}  {}", endpoint.provider, mask::url(&endpoint.url)));
        }
        let question = match found {
            [one] => format!("Remove endpoint `{}` with its secret?", one.name),
            several => format!("Remove {} with their secrets?", count(several.len() as u64, "endpoint")),
        };
        if !prompt::confirm(&session.ui, &question, "add `--yes`")? {
            return Err(Error::silent(Exit::Interrupted));
        }
    }
    Ok(())
}
