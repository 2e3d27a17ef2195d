//! A copy of the ledger while other processes use it.

use std::path::Path;

use serde::Serialize;

use crate::app::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::shell::quote;
use crate::shutdown::Shutdown;
use crate::store::{self, BackupProgress};

/// A backup that was made, as `hook.backup/1` has it.
#[derive(Debug, Serialize)]
pub struct MadeBackup {
    /// The new file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// Copies the ledger to a new file. After a signal nothing is left of it.
pub async fn backup(
    context: &Context,
    to: &Path,
    shutdown: &Shutdown,
    mut observer: impl FnMut(BackupProgress) + Send + 'static,
) -> Result<MadeBackup> {
    let file = to.display().to_string();
    if to.symlink_metadata().is_ok() {
        let what = format!("file `{file}` exists already");
        return Err(Error::usage(what).hint("a backup replaces nothing: name a new file"));
    }
    let instead = format!(
        "`pg_dump --format=custom --file={} URL` makes a copy of a database",
        quote(&file)
    );
    let ledger = context.store_place.require_file("a backup by hook", &instead)?;
    let (ledger, to, stop) = (ledger.to_owned(), to.to_owned(), shutdown.soft.clone());
    let copying = tokio::task::spawn_blocking(move || {
        store::backup(&ledger, &to, &mut |progress| {
            observer(progress);
            !stop.is_cancelled()
        })
    });
    let copied = copying.await;
    let copied = copied.map_err(|error| Error::internal("the copying broke down").cause(error))??;
    let stopped = || Error::new(Exit::Interrupted, format!("stopped: `{file}` was not made"));
    let bytes = copied.ok_or_else(stopped)?;
    Ok(MadeBackup { file, bytes })
}
