//! How the sockets that a process may have open are shared out.

use crate::app::notice::Notices;
use crate::engine;
use crate::process::open_files;
use crate::server::ServerLimits;

/// Files beside sockets: the ledger, its log, the endpoint file, the standard streams.
const FILES: usize = 64;

/// The shares of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SocketShares {
    /// Attempts at once.
    pub(super) attempts: usize,
    /// Connections to targets that wait for their next request.
    pub(super) idle: usize,
    /// Connections of clients.
    pub(super) clients: usize,
}

impl SocketShares {
    /// What a service wants.
    fn wanted() -> Self {
        Self {
            attempts: engine::TOTAL,
            // Each attempt can leave its connection behind.
            idle: engine::TOTAL,
            clients: ServerLimits::default().connections,
        }
    }

    fn files(self) -> usize {
        FILES + self.attempts + self.idle + self.clients
    }

    /// What fits into that many open files.
    fn within(files: usize) -> Self {
        let wanted = Self::wanted();
        if files >= wanted.files() {
            return wanted;
        }
        let left = files.saturating_sub(FILES).max(8);
        Self {
            attempts: wanted.attempts.min(left / 4),
            idle: wanted.idle.min(left / 4),
            clients: wanted.clients.min(left / 2),
        }
    }

    /// What the system allows, after its limit was raised as far as that goes. Warns when it is less than wanted.
    pub(super) fn of_process(notices: &Notices) -> Self {
        let wanted = Self::wanted().files();
        let files = usize::try_from(open_files(wanted as u64)).unwrap_or(usize::MAX);
        let shares = Self::within(files);
        if files < wanted {
            notices.warn(format!(
                "only {files} files may be open at once: {} attempts and {} clients at a time",
                shares.attempts, shares.clients
            ));
            notices.hint(format!("`ulimit -n {wanted}` before the start raises the limit"));
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_shared_out_and_never_exceeded() {
        assert_eq!(SocketShares::within(100_000), SocketShares::wanted());
        for files in [80, 256, 1024, 1500] {
            let shares = SocketShares::within(files);
            assert!(shares.files() <= files && shares.attempts > 0, "{files}: {shares:?}");
        }
        assert_eq!(SocketShares::within(0).attempts, 2);
    }
}
