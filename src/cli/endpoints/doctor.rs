//! `hook endpoints doctor`: why an endpoint does not receive its events.

use crate::app::endpoints::doctor::{DoctorOptions, doctor};
use crate::cli::runtime;
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::finding::Level;
use crate::view::count;

/// Diagnose why endpoints do not receive their events; sends none
#[derive(Debug, clap::Args)]
pub(super) struct EndpointDoctorArgs {
    /// Names, ids or id prefixes; default: all endpoints
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    names: Vec<String>,
    /// Check this workflow of the settings (can be repeated); without any name, all workflows are checked too
    #[arg(long = "workflow", value_name = "NAME", add = crate::cli::complete::workflows())]
    workflows: Vec<String>,
}

pub(super) fn run(session: &Session, args: &EndpointDoctorArgs) -> Result<Exit> {
    let (ui, mut reports, mut problems, mut cautions) = (&session.ui, 0, 0, 0);
    let options = DoctorOptions {
        endpoints: args.names.clone(),
        workflows: args.workflows.clone(),
    };
    runtime()?.block_on(doctor(&session.context, &options, |report| {
        if reports > 0 {
            ui.line("")?;
        }
        reports += 1;
        problems += report.count(Level::Problem);
        cautions += report.count(Level::Caution);
        ui.show(&report)
    }))?;
    // The summary on stderr comes after the findings on stdout.
    ui.flush()?;
    let found = [count(problems, "problem"), count(cautions, "caution")];
    ui.note(&found.join(", "));
    Ok(if problems > 0 { Exit::Unmet } else { Exit::Ok })
}
