//! `hook log show`: one record, whole.

use crate::app::inspect::show;
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::view::details::DetailsView;

/// Show one record in full: headers, body, verdict, attempts
#[derive(Debug, clap::Args)]
pub(super) struct LogShowArgs {
    /// A number, an id or its prefix, `last`, `last~2`; without it the newest record
    #[arg(value_name = "ID", add = crate::cli::complete::records())]
    id: Option<String>,
    /// Whole bodies, and the headers of every attempt
    #[arg(long)]
    full: bool,
    /// Explain in sentences: what happened, why, and what helps
    #[arg(long, conflicts_with = "full")]
    why: bool,
    /// Print the raw bytes of the body and nothing else
    #[arg(long, conflicts_with_all = ["full", "why"])]
    body: bool,
    /// Show credentials
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(session: &Session, args: &LogShowArgs) -> Result<Exit> {
    let id = args.id.as_deref();
    if args.body {
        session.ui.raw(&show::body(&session.context, id, args.reveal)?)?;
    } else {
        session.ui.show(&DetailsView {
            details: &show::show(&session.context, id, args.reveal)?,
            full: args.full,
            why: args.why,
        })?;
    }
    Ok(Exit::Ok)
}
