//! `hook endpoints`: subscriptions, kept in the local book or by a provider.

mod add;
mod apply;
mod ask;
mod change;
mod confirm;
mod doctor;
mod judge;
mod list;
mod new_secret;
mod probe;
mod remote;
mod show;
mod switch;

use clap::Subcommand;

use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;

pub(super) use show::events_shown;

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
    List(list::ListArgs),
    Show(list::ShowArgs),
    Update(Box<change::UpdateArgs>),
    #[command(visible_alias = "rm")]
    Remove(switch::RemoveArgs),
    Enable(switch::NameArgs),
    /// Stop deliveries to endpoints until they are enabled again
    Disable(switch::NameArgs),
    Confirm(confirm::EndpointConfirmArgs),
    Test(Box<probe::EndpointProbeArgs>),
    RotateSecret(change::RotateArgs),
    Doctor(doctor::EndpointDoctorArgs),
    Diff(apply::DiffArgs),
    Apply(Box<apply::ApplyArgs>),
    Import(apply::ImportArgs),
    Export(apply::ExportArgs),
}

pub(super) fn run(session: &Session, args: &EndpointsArgs) -> Result<Exit> {
    if let Some(place) = args.remote.open(session)? {
        return remote::run(session, &place, &args.command);
    }
    match &args.command {
        EndpointsCommand::Add(args) => add::run(session, args),
        EndpointsCommand::List(args) => list::list(session, args),
        EndpointsCommand::Show(args) => list::show(session, args),
        EndpointsCommand::Update(args) => change::update(session, args),
        EndpointsCommand::Remove(args) => switch::remove(session, args),
        EndpointsCommand::Enable(args) => switch::enable(session, args),
        EndpointsCommand::Disable(args) => switch::disable(session, args),
        EndpointsCommand::Confirm(args) => confirm::run(session, args),
        EndpointsCommand::Test(args) => probe::run(session, args, session.endpoint(args.endpoint())?, None),
        EndpointsCommand::RotateSecret(args) => change::rotate_secret(session, args),
        EndpointsCommand::Doctor(args) => doctor::run(session, args),
        EndpointsCommand::Diff(args) => apply::diff(session, None, args),
        EndpointsCommand::Apply(args) => apply::apply(session, None, args),
        EndpointsCommand::Import(args) => apply::import(session, None, args),
        EndpointsCommand::Export(args) => apply::export(session, None, args),
    }
}
