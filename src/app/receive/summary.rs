//! The totals of a listener and its workers.

use super::retry_judge::RetryTotals;
use crate::exit::Exit;
use crate::pipeline::Tally;

/// The totals of forwards and commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkSummary {
    /// Forwards that were delivered.
    pub delivered: u64,
    /// Forwards without an attempt left.
    pub failed: u64,
    /// Commands that succeeded.
    pub commands_succeeded: u64,
    /// Commands that failed.
    pub commands_failed: u64,
    /// Forwards and commands that are left to do.
    pub interrupted: u64,
    /// The worst exit code of a forward.
    pub exit: Option<Exit>,
}

impl From<&Tally> for WorkSummary {
    fn from(tally: &Tally) -> Self {
        Self {
            delivered: tally.delivered,
            failed: tally.failed,
            interrupted: tally.interrupted,
            exit: tally.exit,
            ..Self::default()
        }
    }
}

impl WorkSummary {
    /// Adds another worker's.
    pub(super) fn merge(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.commands_succeeded += other.commands_succeeded;
        self.commands_failed += other.commands_failed;
        self.interrupted += other.interrupted;
        self.exit = self.exit.into_iter().chain(other.exit).reduce(Exit::worse);
    }
}

/// The totals of a listener.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListenSummary {
    /// Requests, challenges apart.
    pub received: u64,
    /// Requests with a valid signature or token.
    pub verified: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that were received before.
    pub duplicates: u64,
    /// Challenges of providers.
    pub handshakes: u64,
    /// Requests that the filter kept from being reported and passed on.
    pub hidden: u64,
    /// The flags that did so.
    pub hidden_by: &'static str,
    /// Requests that could not be recorded.
    pub not_kept: u64,
    /// Forwards and commands.
    pub work: WorkSummary,
    /// What was seen of the retries that are expected.
    pub retries: Option<RetryTotals>,
    /// Requests to wait for.
    pub expected: Option<u64>,
    /// Whether what arrived is what was expected; absent: nothing was.
    pub as_expected: Option<bool>,
    /// Whether the time limit ended the run.
    pub time_over: bool,
    /// How the command beside the listener ended.
    pub command: Option<Exit>,
}

impl ListenSummary {
    /// Whether the expected number of requests was received.
    pub fn is_met(&self) -> bool {
        self.expected.is_none_or(|expected| self.received >= expected)
    }

    /// Whether the retries that were seen are the expected ones.
    pub fn retries_are_met(&self) -> bool {
        self.retries.is_none_or(|retries| retries.is_met())
    }

    /// How the run ends: as the command beside it did, when that failed.
    pub fn exit(&self) -> Exit {
        let command = match (self.command.unwrap_or(Exit::Ok), self.as_expected) {
            // The limit of the wait ended the command too, which is no failure of its own.
            (Exit::Interrupted, Some(_)) if self.time_over => Exit::Ok,
            (command, _) => command,
        };
        match command {
            Exit::Ok if self.as_expected == Some(false) => Exit::Unmet,
            Exit::Ok if !self.is_met() || !self.retries_are_met() => Exit::Unmet,
            Exit::Ok if self.work.interrupted > 0 => Exit::Interrupted,
            command => command,
        }
    }
}
