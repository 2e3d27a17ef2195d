//! `hook log backup`: a copy of the ledger.

use std::path::PathBuf;

use crate::app::backup;
use crate::cli::runtime;
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::view::progress::CopyProgress;

/// Copy the ledger to a new file, consistently, also while `hook serve` or `hook listen` writes to it
///
/// The copy is a ledger: `hook --store FILE log` reads it. A file that is copied by other means while a process writes to it
/// is no backup, since its newest records are in a second file beside it.
#[derive(Debug, clap::Args)]
pub(super) struct LogBackupArgs {
    /// The new file; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(session: &Session, args: &LogBackupArgs) -> Result<Exit> {
    let ui = &session.ui;
    let progress = CopyProgress::new(ui.shows_progress());
    let observer = move |at: crate::store::BackupProgress| progress.at(at.done, at.all);
    let made = runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        backup::backup(&session.context, &args.file, &shutdown, observer).await
    })?;
    ui.show(&made)?;
    Ok(Exit::Ok)
}
