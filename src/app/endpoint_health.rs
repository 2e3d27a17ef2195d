//! The health of endpoints in the ledger, and the notices about those that deliveries disable.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::notice::{Fact, Notices};
use crate::endpoints::{BookWatch, EndpointError, HealthStore};
use crate::error::Error;
use crate::health::{DisabledEndpoint, HealthById, HealthChange};
use crate::pipeline::DisableObserver;
use crate::store::{self, Access, Op, QueueOp, Store, StoreError, StoreOptions, StorePlace};
use crate::text::printable;

/// Deliveries of a removed endpoint that are cancelled in one transaction.
const AT_ONCE: usize = 500;

/// The ledger as the place where the health of endpoints is kept. It is opened when it is needed, and never made for an
/// endpoint of which nothing is known.
pub struct LedgerHealth {
    place: StorePlace,
    reader: Mutex<Option<Box<dyn Store>>>,
}

impl LedgerHealth {
    /// In that ledger.
    pub fn new(place: StorePlace) -> Self {
        let reader = Mutex::default();
        Self { place, reader }
    }

    fn try_read(&self) -> Result<HealthById, StoreError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let store = match reader.take().filter(|store| store.is_current()) {
            Some(store) => store,
            None => store::open_read_only(&self.place)?,
        };
        reader.insert(store).health()
    }

    fn try_write(&self, changes: &[HealthChange]) -> Result<(), StoreError> {
        let mut store = store::open(&self.place, Access::ReadWrite, StoreOptions::default())?;
        let ops: Vec<Op> = changes.iter().cloned().map(Op::Health).collect();
        store.write(&ops)?;
        for change in changes {
            let HealthChange::Removed { id } = change else { continue };
            let cancel = Op::Queue(QueueOp::CancelLane {
                lane: id.clone(),
                limit: AT_ONCE,
            });
            while store
                .write(std::slice::from_ref(&cancel))?
                .iter()
                .any(|ack| ack.number > 0)
            {}
        }
        Ok(())
    }
}

impl HealthStore for LedgerHealth {
    fn read(&self) -> Result<HealthById, EndpointError> {
        match self.try_read() {
            Err(StoreError::Missing(_)) => Ok(HealthById::new()),
            read => Ok(read.map_err(Error::from)?),
        }
    }

    fn write(&self, changes: &[HealthChange]) -> Result<(), EndpointError> {
        let is_new = |change: &HealthChange| matches!(change, HealthChange::Kept { .. });
        // Without a ledger nothing is known that could change.
        if !self.place.exists() && !changes.iter().any(is_new) {
            return Ok(());
        }
        Ok(self.try_write(changes).map_err(Error::from)?)
    }
}

impl fmt::Debug for LedgerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerHealth")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Reports endpoints that deliveries disable, and withholds from them what waits.
pub struct DisableNotices {
    /// Where the notices go.
    pub notices: Notices,
    /// The endpoints that a gate asks for.
    pub book: Arc<BookWatch>,
}

impl DisableObserver for DisableNotices {
    fn disabled(&self, _: &DisabledEndpoint) {
        self.book.outdate();
    }

    fn shown(&self, endpoint: &DisabledEndpoint) {
        report(&self.notices, endpoint);
    }
}

/// Reports an endpoint that a delivery disabled.
pub fn report(notices: &Notices, endpoint: &DisabledEndpoint) {
    notices.fact(Fact::Disabled(endpoint.clone()));
    if let Some(how) = &endpoint.notified_by {
        notices.note(format!(
            "{} would tell the endpoint's owner by {}",
            printable(&endpoint.provider, 80),
            printable(how, 80)
        ));
    }
    notices.hint(format!(
        "`hook endpoints enable {}` turns it on again",
        endpoint.endpoint
    ));
}
