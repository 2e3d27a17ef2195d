//! `hook endpoints`: subscriptions in the local book or at a provider.

mod add;
mod apply;
mod ask;
mod change;
mod doctor;
mod flags;
mod probe;
mod rekey;
mod remote;

use clap::Subcommand;

use crate::app::context::Context;
use crate::app::endpoints::{EndpointEvent, EndpointFilter, Endpoints, with_secret};
use crate::app::notice::{Notice, Notices};
use crate::cli::complete;
use crate::cli::session::Session;
use crate::endpoints::EndpointStore;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::view::endpoint::{EndpointsView, step_line};

/// Manage subscriptions: which events go to which URL, with which secret
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
    /// List the endpoints
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this provider, with or without its variant
        #[arg(short, long, value_name = "NAME", add = complete::providers())]
        provider: Option<String>,
        /// Only those of this environment
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
    },
    /// Show endpoints in full, without their secrets
    Show {
        /// Names, ids or id prefixes
        #[arg(required = true, value_name = "NAME", add = complete::endpoints())]
        names: Vec<String>,
    },
    Update(Box<change::UpdateArgs>),
    #[command(visible_alias = "rm")]
    Remove(change::RemoveArgs),
    Enable(change::EnableArgs),
    Disable(change::NameArgs),
    /// Let deliveries to endpoints wait until they are resumed; events are accepted as before
    Pause(change::PauseArgs),
    /// End a pause: what has waited is delivered
    Resume(change::PauseArgs),
    /// Confirm an endpoint with the token that its provider sent to it
    Confirm {
        /// Name, id or id prefix
        #[arg(value_name = "NAME", add = complete::endpoints())]
        endpoint: String,
        /// The token; without one, a new token is sent to the endpoint, which must return it
        token: Option<String>,
    },
    Test(Box<probe::EndpointProbeArgs>),
    RotateSecret(change::RotateArgs),
    Rekey(rekey::RekeyArgs),
    Doctor(doctor::EndpointDoctorArgs),
    Diff(apply::DiffArgs),
    Apply(Box<apply::ApplyArgs>),
    Import(apply::ImportArgs),
    Export(apply::ExportArgs),
}

pub(super) fn run(session: &Session, args: &EndpointsArgs) -> Result<Exit> {
    let Some((store, flags)) = args.remote.open(session)? else {
        return command(session, &session.context.book(), None, &args.command);
    };
    // A hint that can be pasted must lead to the same store.
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
        context: &session.context,
        store,
        on: &on,
    };
    match command {
        EndpointsCommand::Add(args) => return add::run(session, endpoints, args),
        EndpointsCommand::List { provider, env } => {
            let (provider, env) = (provider.clone(), env.clone());
            let endpoints = endpoints.list(&EndpointFilter { provider, env })?;
            session.ui.show(&EndpointsView { endpoints, full: false })?;
        }
        EndpointsCommand::Show { names } => {
            let endpoints = endpoints.show(names)?;
            session.ui.show(&EndpointsView { endpoints, full: true })?;
        }
        EndpointsCommand::Update(args) => endpoints.update(&args.endpoint, args.options(session))?,
        EndpointsCommand::Remove(args) => endpoints.remove(args.confirmed(session, endpoints.pick(&args.names)?)?)?,
        EndpointsCommand::Enable(args) => endpoints.enable(&args.names, args.replay_parked)?,
        EndpointsCommand::Disable(args) => endpoints.disable(&args.names)?,
        EndpointsCommand::Pause(args) => args.set(endpoints, true)?,
        EndpointsCommand::Resume(args) => args.set(endpoints, false)?,
        EndpointsCommand::Confirm { endpoint, token } => endpoints.confirm(endpoint, token.as_deref())?,
        EndpointsCommand::Test(args) => {
            let endpoint = with_secret(store, &args.endpoint)?;
            return probe::run(session, args, endpoint, flags.map(|flags| (store, flags)));
        }
        EndpointsCommand::RotateSecret(args) => {
            endpoints.rotate(&args.endpoint, args.overlap, args.secret.options(session))?;
        }
        EndpointsCommand::Rekey(_) if flags.is_some() => {
            return Err(Error::usage("`rekey` is about the secrets on this machine").hint("omit `--remote`"));
        }
        EndpointsCommand::Rekey(args) => args.run(session)?,
        EndpointsCommand::Doctor(_) if flags.is_some() => {
            return Err(Error::usage("`doctor` checks local endpoints only")
                .hint("omit `--remote`; `hook endpoints import` copies remote endpoints into the local book"));
        }
        EndpointsCommand::Doctor(args) => return doctor::run(session, args),
        EndpointsCommand::Diff(args) => return apply::diff(session, endpoints, args),
        EndpointsCommand::Apply(args) => return apply::apply(session, endpoints, args),
        EndpointsCommand::Import(args) => args.run(endpoints)?,
        EndpointsCommand::Export(args) => args.run(session, endpoints)?,
    }
    Ok(Exit::Ok)
}

/// Shows the change of an endpoint.
fn show(session: &Session, event: &EndpointEvent) -> Result<()> {
    let ui = &session.ui;
    ui.show_now(event)?;
    if let EndpointEvent::NotDone(steps) = event {
        ui.note("not done because of that error:");
        for step in steps {
            ui.note(&step_line(ui.err, step));
        }
    }
    if let Some(remark) = event.remark() {
        ui.note(&remark);
    }
    Ok(())
}
