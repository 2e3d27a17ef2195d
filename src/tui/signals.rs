//! Job control: Ctrl-Z of a shell, and `fg`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::process::{CONTINUED, STOP_REQUEST};

/// What the shell asked for since the last look.
#[derive(Debug, Clone, Default)]
pub struct JobControl {
    stop: Arc<AtomicBool>,
    continued: Arc<AtomicBool>,
}

impl JobControl {
    /// Catches the signals from now on. Must be called within a runtime, which must go on running.
    pub fn install() -> io::Result<Self> {
        let control = Self::default();
        for (kind, flag) in [(STOP_REQUEST, &control.stop), (CONTINUED, &control.continued)] {
            let (signals, flag) = (signal(SignalKind::from_raw(kind))?, Arc::clone(flag));
            tokio::spawn(note(signals, flag));
        }
        // Left alone it would end the process at once, and leave the terminal as the view needs it.
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            hangup.recv().await;
            let _ = crate::process::interrupt_self();
        });
        Ok(control)
    }

    /// Whether the process is asked to stop.
    pub fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::SeqCst)
    }

    /// Whether the process was continued.
    pub fn take_continued(&self) -> bool {
        self.continued.swap(false, Ordering::SeqCst)
    }
}

async fn note(mut signals: Signal, flag: Arc<AtomicBool>) {
    while signals.recv().await.is_some() {
        flag.store(true, Ordering::SeqCst);
    }
}
