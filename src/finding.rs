//! The result of a check, shared by the rules of endpoints, `endpoints doctor`, `endpoints test`, the comparison with the
//! catalogue and the check of a provider's file.

use serde::Serialize;

/// The severity of a finding, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it must be.
    Ok,
    /// There was nothing to check.
    Skipped,
    /// Worth knowing.
    Note,
    /// It works, and something may go wrong with it.
    Caution,
    /// It could not be checked.
    Unknown,
    /// Not as it must be: a provider refuses it, or nothing arrives because of it.
    #[serde(rename = "refused")]
    Problem,
}

/// One result of a check. As JSON it has the form of `findings` in `hook.endpoint/1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// Its severity.
    #[serde(rename = "severity")]
    pub level: Level,
    /// Which check; stable, for scripts.
    pub code: &'static str,
    /// A lower-case fact that names the object in backticks.
    #[serde(rename = "message")]
    pub fact: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Level {
    /// The name in `hook.endpoint-check/1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Note => "note",
            Self::Caution => "caution",
            Self::Unknown => "unknown",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    /// A finding without a hint.
    pub fn new(level: Level, code: &'static str, fact: impl Into<String>) -> Self {
        Self {
            level,
            code,
            fact: fact.into(),
            hint: None,
        }
    }

    /// What is as it must be.
    pub fn ok(code: &'static str, fact: impl Into<String>) -> Self {
        Self::new(Level::Ok, code, fact)
    }

    /// What works, and may go wrong.
    pub fn caution(code: &'static str, fact: impl Into<String>) -> Self {
        Self::new(Level::Caution, code, fact)
    }

    /// What could not be found out.
    pub fn unknown(code: &'static str, fact: impl Into<String>) -> Self {
        Self::new(Level::Unknown, code, fact)
    }

    /// What is not as it must be.
    pub fn problem(code: &'static str, fact: impl Into<String>) -> Self {
        Self::new(Level::Problem, code, fact)
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Whether it is not as it must be.
    pub fn is_problem(&self) -> bool {
        self.level == Level::Problem
    }
}
