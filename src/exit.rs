//! Exit codes: one table, documented in `docs/exit-codes.md`.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Delivered, met, or stopped after a clean drain.
    Ok,
    /// A bug or an unexpected I/O failure.
    Internal,
    /// Command line, configuration, provider file.
    Usage,
    /// The target answered, but never with success; or a rule refused.
    Refused,
    /// No answer after all attempts.
    Unreachable,
    /// A signature did not verify.
    Unverified,
    /// A selector matched nothing; an unknown endpoint or event.
    Nothing,
    /// The ledger or the endpoint file.
    Store,
    /// An expectation was not met.
    Unmet,
    /// Second Ctrl-C, or Ctrl-C with deliveries unfinished.
    Interrupted,
    /// A child command's own code; 128+n for a signal.
    Child(u8),
}

impl Exit {
    /// The number that the process returns.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Unverified => 5,
            Self::Nothing => 6,
            Self::Store => 7,
            Self::Unmet => 8,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }

    /// Of several deliveries the worst ends the command: interrupted, unreachable, refused, ok.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        // Codes that no delivery gives rank above a failed delivery, and below Ctrl-C.
        let rank = |exit: Self| match exit {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Unreachable => 2,
            Self::Interrupted => 4,
            _ => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}
