//! What a service works under.

use super::Service;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::store::Lease;

impl Service<'_> {
    /// What this process works under: of durable services there is one for a ledger.
    pub(super) fn lease(&self) -> Result<Lease> {
        if self.mock.is_some() {
            return self.context.lease();
        }
        let path = &self.context.ledger_path;
        Lease::claim_service(path).map_err(|error| {
            let ledger = path.display();
            if error.kind() != std::io::ErrorKind::WouldBlock {
                return self.context.unclaimed(&error);
            }
            let pid = error.to_string();
            let who = if pid.is_empty() {
                String::new()
            } else {
                format!(" (process {pid})")
            };
            let what = format!("another `hook serve`{who} works on ledger `{ledger}`");
            Error::new(Exit::Store, what).hint("stop it, or use another ledger: `--ledger FILE`")
        })
    }
}
