//! Work that earlier processes left in the queue, and how it is claimed.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::mask;
use crate::store::{Lane, LaneSummary, Lease, Ledger, LedgerReader, Op, Owners, Store, StoreError, WorkKind};
use crate::text::{count, printable};

/// Work that earlier processes left.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// For each own lane: the claimed lanes of the same target, left by processes that crashed.
    pub resumed: Vec<Vec<LaneSummary>>,
    /// The rest, for `hook replay --resume`.
    pub left: Vec<LaneSummary>,
}

/// Finds what is left, and claims what has the same target, folder and trust.
pub async fn take_over(
    reader: &LedgerReader,
    ledger: &Ledger,
    owners: &Arc<dyn Owners>,
    owner: Option<&Lease>,
    own: &[Arc<Lane>],
    now: Timestamp,
) -> Result<Leftovers, StoreError> {
    let mut found = Leftovers {
        resumed: own.iter().map(|_| Vec::new()).collect(),
        left: Vec::new(),
    };
    let owners = Arc::clone(owners);
    for summary in reader.ask(move |store| abandoned(store, &*owners)).await? {
        let same = own.iter().position(|own| is_same_work(own, &summary.lane));
        match (same, owner) {
            // A lane without an owner was released by an orderly end: its user decides when it is resumed.
            (Some(at), Some(owner)) if summary.lane.owner.is_some() => {
                if claim(ledger, &summary.lane, owner, now).await? {
                    found.resumed[at].push(summary);
                }
            }
            _ => found.left.push(summary),
        }
    }
    Ok(found)
}

/// Lanes with work to do that no living process has.
pub fn abandoned(store: &dyn Store, owners: &dyn Owners) -> Result<Vec<LaneSummary>, StoreError> {
    let mut lanes = store.lanes()?;
    lanes.retain(|summary| {
        let owner = summary.lane.owner.as_deref();
        summary.total() > 0 && !owner.is_some_and(|owner| owners.is_alive(owner))
    });
    Ok(lanes)
}

/// Makes a lane this process's; `false` when another one was faster.
pub async fn claim(ledger: &Ledger, lane: &Lane, owner: &Lease, now: Timestamp) -> Result<bool, StoreError> {
    let claim = Op::ClaimLane {
        lane: lane.id,
        from: lane.owner.clone(),
        owner: Some(owner.name().to_owned()),
        now,
    };
    Ok(ledger.write(claim).await?.number != 0)
}

fn is_same_work(own: &Lane, left: &Lane) -> bool {
    (own.kind, &own.target, &own.folder, &own.trust) == (left.kind, &left.target, &left.folder, &left.trust)
}

/// ``forwarding to `http://...` ``
pub fn described(lane: &Lane) -> String {
    match lane.kind {
        WorkKind::Forward => format!("forwarding to {}", printable(&mask::url(&lane.target), 200)),
        WorkKind::Command => format!("running `{}`", printable(&mask::text(&lane.target), 200)),
    }
}

/// `44 forwards and 16 commands`
pub fn amount(lanes: &[&LaneSummary]) -> String {
    let kinds = [(WorkKind::Forward, "forward"), (WorkKind::Command, "command")];
    let parts = kinds.into_iter().filter_map(|(kind, what)| {
        let of_kind = lanes.iter().filter(|summary| summary.lane.kind == kind);
        let total: u64 = of_kind.map(|summary| summary.total()).sum();
        (total > 0).then(|| count(total, what))
    });
    parts.collect::<Vec<_>>().join(" and ")
}
