//! Queries of the ledger: lists, whole records, statistics, reports and drift.

#[cfg(feature = "inspector")]
pub mod browse;
#[cfg(feature = "inspector")]
pub mod changes;
#[cfg(feature = "inspector")]
pub mod charts;
#[cfg(feature = "inspector")]
pub mod counters;
pub mod difference;
pub mod drift;
#[cfg(feature = "inspector")]
pub mod filter;
pub mod follow;
pub mod json;
pub mod list;
pub mod matching;
pub mod names;
pub mod report;
pub mod select;
pub mod show;
pub mod stats;

use crate::app::context::Context;
use crate::error::Result;
use crate::store::{self, Store, StoreError, Summary};

/// The default limit of a list.
pub const DEFAULT_LIMIT: u32 = 20;

/// A record of a list.
#[derive(Debug)]
pub struct ListedRecord {
    /// What the ledger lists.
    pub summary: Summary,
    /// Whether attempts are left and no living process works on them.
    pub is_abandoned: bool,
}

impl ListedRecord {
    fn new(context: &Context, mut summary: Summary) -> Self {
        let is_abandoned = summary.is_pending() && !is_worked_on(context, summary.owner.as_deref());
        summary.mask_target();
        Self { summary, is_abandoned }
    }
}

/// Whether the process that holds that lease still runs.
fn is_worked_on(context: &Context, owner: Option<&str>) -> bool {
    owner.is_some_and(|owner| context.owners().is_alive(owner))
}

/// The ledger, when there is one. That nothing was recorded yet is a notice, and no failure of a list.
pub fn reader_if_any(context: &Context) -> Result<Option<Box<dyn Store>>> {
    match store::open_read_only(&context.store_place) {
        Err(StoreError::Missing(path)) => {
            let notice = format!("nothing was recorded yet: no ledger at `{path}`");
            context.notices.note(notice);
            Ok(None)
        }
        store => Ok(Some(store?)),
    }
}

#[cfg(all(test, feature = "inspector"))]
pub(crate) mod tests {
    use std::sync::Arc;

    use crate::app::context::Context;
    use crate::app::notice::Notices;
    use crate::clock::SystemClock;
    use crate::config::{Paths, Settings};
    use crate::process::CommandOutput;
    use crate::provider::Registry;
    use crate::random::Random;

    /// A context with folders of its own.
    pub(crate) fn context() -> (Context, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths {
            config: folder.path().join("config"),
            state: folder.path().join("state"),
        };
        let context = Context {
            notices: Notices::to(|_| {}),
            command_output: CommandOutput::to(std::process::Stdio::null, |_| {}),
            settings: Settings::defaults(),
            registry: Registry::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(Random::os()),
            store_place: paths.ledger().into(),
            paths,
        };
        (context, folder)
    }
}
