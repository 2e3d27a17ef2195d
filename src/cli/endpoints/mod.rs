//! `hook endpoints`: subscriptions, kept in the local book or by a provider.

mod add;
mod ask;
mod change;
mod confirm;
mod doctor;
mod fresh;
mod judge;
mod list;
mod remote;
mod reviewed;
mod show;
mod switch;
mod trial;

use clap::Subcommand;

use crate::error::Result;
use crate::exit::Exit;
use crate::session::Session;

pub(super) use show::events_shown;

/// Subscriptions: who gets which events, at which URL and with which secret
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: remote::RemoteArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Box<add::Args>),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    Show(list::ShowArgs),
    Update(Box<change::UpdateArgs>),
    #[command(visible_alias = "rm")]
    Remove(switch::RemoveArgs),
    Enable(switch::NameArgs),
    /// Stop deliveries to endpoints until they are enabled again
    Disable(switch::NameArgs),
    Confirm(confirm::Args),
    Test(Box<trial::Args>),
    RotateSecret(change::RotateArgs),
    Doctor(doctor::Args),
    Diff(reviewed::DiffArgs),
    Apply(Box<reviewed::ApplyArgs>),
    Import(reviewed::ImportArgs),
    Export(reviewed::ExportArgs),
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Exit> {
    if let Some(place) = args.remote.open(session)? {
        return remote::run(session, &place, &args.command);
    }
    match &args.command {
        Command::Add(args) => add::run(session, args),
        Command::List(args) => list::list(session, args),
        Command::Show(args) => list::show(session, args),
        Command::Update(args) => change::update(session, args),
        Command::Remove(args) => switch::remove(session, args),
        Command::Enable(args) => switch::enable(session, args),
        Command::Disable(args) => switch::disable(session, args),
        Command::Confirm(args) => confirm::run(session, args),
        Command::Test(args) => trial::run(session, args, &session.endpoint(args.endpoint())?, None),
        Command::RotateSecret(args) => change::rotate_secret(session, args),
        Command::Doctor(args) => doctor::run(session, args),
        Command::Diff(args) => reviewed::diff(session, None, args),
        Command::Apply(args) => reviewed::apply(session, None, args),
        Command::Import(args) => reviewed::import(session, None, args),
        Command::Export(args) => reviewed::export(session, None, args),
    }
}
