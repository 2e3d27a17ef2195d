//! Which process works on a ledger.

use super::Service;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::store::{ClaimError, Lease};

impl Service<'_> {
    /// What this process works under: of durable services there is one for a ledger.
    pub(super) fn lease(&self) -> Result<Lease> {
        if self.mock.is_some() {
            return self.context.lease();
        }
        self.context.owners().claim_service().map_err(|error| {
            let process = match error {
                ClaimError::Taken { process } => process,
                error => return self.context.unclaimed(error),
            };
            let who = process.map_or_else(String::new, |pid| format!(" (process {pid})"));
            let ledger = &self.context.store_place;
            let what = format!("another `hook serve`{who} works on ledger `{ledger}`");
            Error::new(Exit::Store, what).hint("stop it, or use another ledger: `--store FILE`")
        })
    }
}
