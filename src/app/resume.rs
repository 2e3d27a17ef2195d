//! Taking up the work that earlier runs of `listen` promised and did not do: forwards and commands, each with its recorded
//! target, folder and policy.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::app::receive::takeover::{abandoned, claim};
use crate::app::receive::{WorkContext, WorkSummary, WorkTarget, Workers};
use crate::error::Result;
use crate::store::{Lane, LaneSummary, Store, WorkKind};
use crate::transport::Transport;

/// What may be resumed.
#[derive(Debug, Default)]
pub struct Resumable {
    /// With what is not begun.
    pub lanes: Vec<LaneSummary>,
    /// Work that a project's file named which does not name it any more, or is not trusted now: it stays.
    pub untrusted: Vec<LaneSummary>,
}

impl Resumable {
    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.untrusted.is_empty()
    }
}

/// Finds what no living process works on. Forwards whose first attempt is on record are deliveries and not listed here.
/// `is_trusted` says whether the project's file that named a target still does, and may.
pub fn find(store: &dyn Store, ledger_path: &Path, is_trusted: &dyn Fn(&Lane) -> bool) -> Result<Resumable> {
    let mut found = Resumable::default();
    for summary in abandoned(store, ledger_path)? {
        if summary.waiting == 0 {
            continue;
        }
        let trusted = summary.lane.trust.is_none() || is_trusted(&summary.lane);
        let list = if trusted {
            &mut found.lanes
        } else {
            &mut found.untrusted
        };
        list.push(summary);
    }
    Ok(found)
}

/// Does it all: targets beside each other, each target's work in order. What another process is faster to take is left to
/// that. No more is promised meanwhile, so that it ends when everything is done, or with the tokens of the options.
pub async fn run<T: Transport>(work: WorkContext, transport: &Arc<T>, lanes: Vec<LaneSummary>) -> Result<WorkSummary> {
    let mut targets: BTreeMap<(WorkKind, String, String), WorkTarget> = BTreeMap::new();
    for summary in lanes {
        if !claim(&work.ledger, &summary.lane, &work.owner).await? {
            continue;
        }
        let lane = &summary.lane;
        let target = (lane.kind, lane.target.clone(), lane.folder.clone());
        targets.entry(target).or_default().left.push(summary);
    }
    work.ends.no_more.cancel();
    let workers = Workers::start(work, transport, targets.into_values().collect());
    let (summary, ended) = workers.finish().await;
    ended.map(|()| summary)
}
