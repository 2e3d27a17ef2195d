//! `hook endpoints`: subscriptions, kept in the local book or by a provider.

mod add;
mod apply;
mod ask;
mod change;
mod doctor;
mod flags;
mod probe;
mod remote;

use clap::Subcommand;

use crate::app::context::Context;
use crate::app::endpoints::{EndpointEvent, Endpoints, with_secret};
use crate::app::notice::{Notice, Notices};
use crate::cli::session::Session;
use crate::endpoints::EndpointStore;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::view::endpoint::{EndpointPages, EndpointTable, step_line};

/// Subscriptions: who gets which events, at which URL and with which secret
#[derive(Debug, clap::Args)]
pub(super) struct EndpointsArgs {
    #[command(flatten)]
    remote: remote::RemoteArgs,
    #[command(subcommand)]
    command: EndpointsCommand,
}

#[derive(Debug, Subcommand)]
enum EndpointsCommand {
    Add(Box<add::EndpointAddArgs>),
    #[command(visible_alias = "ls")]
    List(flags::ListArgs),
    Show(flags::ShowArgs),
    Update(Box<change::UpdateArgs>),
    #[command(visible_alias = "rm")]
    Remove(change::RemoveArgs),
    Enable(change::NameArgs),
    /// Stop deliveries to endpoints until they are enabled again
    Disable(change::NameArgs),
    Confirm(flags::EndpointConfirmArgs),
    Test(Box<probe::EndpointProbeArgs>),
    RotateSecret(change::RotateArgs),
    Doctor(doctor::EndpointDoctorArgs),
    Diff(apply::DiffArgs),
    Apply(Box<apply::ApplyArgs>),
    /// Take the endpoints that a provider keeps (`--remote NAME`) into the local book; those that are there already stay as they are
    Import,
    Export(apply::ExportArgs),
}

pub(super) fn run(session: &Session, args: &EndpointsArgs) -> Result<Exit> {
    let Some((store, flags)) = args.remote.open(session)? else {
        return command(session, &session.book(), None, &args.command);
    };
    // What is to be typed next is about the same place.
    let prefix = format!("`hook endpoints {flags} ");
    let there = move |hint: &str| hint.replace("`hook endpoints ", &prefix);
    let (ui, hints) = (session.ui.clone(), there.clone());
    let session = Session::new(session.ui.clone(), |_| Context {
        notices: Notices::to(move |notice| {
            ui.tell(&match notice {
                Notice::Hint(hint) => Notice::Hint(hints(&hint)),
                other => other,
            });
        }),
        ..session.context.clone()
    });
    command(&session, &store, Some(&flags), &args.command).map_err(|mut error| {
        error.hints.iter_mut().for_each(|hint| *hint = there(hint));
        error
    })
}

/// Runs a command on a store; `flags` lead to that of a provider.
fn command(
    session: &Session,
    store: &dyn EndpointStore,
    flags: Option<&str>,
    command: &EndpointsCommand,
) -> Result<Exit> {
    let on = |event: EndpointEvent| show(session, &event);
    let endpoints = Endpoints {
        context: session,
        store,
        on: &on,
    };
    match command {
        EndpointsCommand::Add(args) => return add::run(session, endpoints, args),
        EndpointsCommand::List(args) => session.ui.show(&EndpointTable(endpoints.list(&args.filter())?))?,
        EndpointsCommand::Show(args) => session.ui.show(&EndpointPages(endpoints.show(&args.names)?))?,
        EndpointsCommand::Update(args) => endpoints.update(&args.endpoint, args.options(session)?)?,
        EndpointsCommand::Remove(args) => endpoints.remove(args.confirmed(session, endpoints.pick(&args.names)?)?)?,
        EndpointsCommand::Enable(args) => endpoints.switch(&args.names, true)?,
        EndpointsCommand::Disable(args) => endpoints.switch(&args.names, false)?,
        EndpointsCommand::Confirm(args) => endpoints.confirm(&args.endpoint, args.token.as_deref())?,
        EndpointsCommand::Test(args) => {
            let endpoint = with_secret(store, args.endpoint())?;
            return probe::run(session, args, endpoint, flags.map(|flags| (store, flags)));
        }
        EndpointsCommand::RotateSecret(args) => {
            endpoints.rotate(&args.endpoint, args.overlap, args.secret.options(session))?;
        }
        EndpointsCommand::Doctor(_) if flags.is_some() => {
            return Err(Error::usage("`doctor` looks at endpoints that are kept here")
                .hint("leave out `--remote`; `hook endpoints import` takes in what is kept there"));
        }
        EndpointsCommand::Doctor(args) => return doctor::run(session, args),
        EndpointsCommand::Diff(args) => return apply::diff(session, endpoints, args),
        EndpointsCommand::Apply(args) => return apply::apply(session, endpoints, args),
        EndpointsCommand::Import => endpoints.import()?,
        EndpointsCommand::Export(args) => args.write(session, endpoints.export()?)?,
    }
    Ok(Exit::Ok)
}

/// Shows what became of an endpoint.
fn show(session: &Session, event: &EndpointEvent) -> Result<()> {
    let ui = &session.ui;
    ui.show(event)?;
    ui.flush()?;
    if let EndpointEvent::NotDone(steps) = event {
        ui.note("not done after that:");
        for step in steps {
            ui.note(&step_line(ui.err, step));
        }
    }
    if let Some(remark) = event.remark() {
        ui.note(&remark);
    }
    Ok(())
}
