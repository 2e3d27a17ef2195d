//! Ctrl-C and SIGTERM: the first requests a graceful shutdown, the second an immediate one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// How long work in progress may take after the first signal.
pub const DRAIN: Duration = Duration::from_secs(2);

/// How much longer the responses that are given at the end of that time have to reach their clients.
pub const FLUSH: Duration = Duration::from_millis(500);

/// A file grew beyond the limit that the system sets this process: the same number on Linux and macOS.
const SIGXFSZ: std::ffi::c_int = 25;

/// Two tokens, cancelled by the first and the second signal.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Finish the work in progress.
    pub soft: CancellationToken,
    /// Drop everything.
    pub hard: CancellationToken,
}

impl Shutdown {
    /// Listens for signals from now on. Must be called within a runtime.
    pub fn install() -> Result<Self> {
        Self::catch_signals().map_err(|error| Error::internal("signals cannot be caught").cause(error))
    }

    fn catch_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Left alone it ends the process when a file grows beyond the limit; caught, the write fails, and that is dealt
        // with. The handler stays when the stream is dropped.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        let shutdown = Self::default();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let tokens = shutdown.clone();
        tokio::spawn(async move {
            for token in [&tokens.soft, &tokens.hard] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(shutdown)
    }

    /// Ends with this one, and without it: work that cancels itself when it fails must not end the process.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            soft: self.soft.child_token(),
            hard: self.hard.child_token(),
        }
    }

    /// The drain deadline: fires [`DRAIN`] after the first signal, or at the second.
    pub fn drain_deadline(&self) -> CancellationToken {
        self.within(DRAIN)
    }

    /// Fires that long after the first signal, or at the second.
    pub fn within(&self, patience: Duration) -> CancellationToken {
        self.after(&self.soft, patience)
    }

    /// Fires when connections are cut: [`FLUSH`] after the drain deadline, or at the second signal.
    pub fn cut(&self, drained: &CancellationToken) -> CancellationToken {
        self.after(drained, FLUSH)
    }

    fn after(&self, first: &CancellationToken, patience: Duration) -> CancellationToken {
        let second = self.hard.child_token();
        let (first, token) = (first.clone(), second.clone());
        tokio::spawn(async move {
            first.cancelled().await;
            tokio::time::sleep(patience).await;
            token.cancel();
        });
        second
    }
}
