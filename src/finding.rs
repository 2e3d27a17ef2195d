//! The result of a check, shared by the rules of endpoints, `endpoints doctor`, `endpoints test`, the comparison with the
//! catalogue and the check of a provider's file.

use serde::{Serialize, Serializer};

use crate::words::words;

words! {
    /// The severity of a finding, the least first.
    #[derive(PartialOrd, Ord)]
    pub enum Level {
        /// As it must be.
        Ok = "ok",
        /// There was nothing to check.
        Skipped = "skipped",
        /// Worth knowing.
        Note = "note",
        /// It works, and something may go wrong with it.
        Caution = "caution",
        /// It could not be checked.
        Unknown = "unknown",
        /// Not as it must be: a provider refuses it, or nothing arrives because of it.
        Problem = "problem",
    }
}

/// In `hook.endpoint/1`, a problem is what the provider refuses.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn severity<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    let is_problem = *level == Level::Problem;
    serializer.serialize_str(if is_problem { "refused" } else { level.name() })
}

/// One result of a check. As JSON it has the form of `findings` in `hook.endpoint/1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// Its severity.
    #[serde(rename = "severity", serialize_with = "severity")]
    pub level: Level,
    /// Which check; stable, for scripts.
    pub code: &'static str,
    /// A lower-case fact that names the object in backticks.
    #[serde(rename = "message")]
    pub fact: String,
    /// What to do.
    pub hint: Option<String>,
    /// The field that it is about, as a JSON pointer (RFC 6901); empty: the whole. For callers who send JSON.
    #[serde(skip)]
    pub pointer: String,
}

impl Finding {
    /// A finding without a hint.
    pub fn new(level: Level, code: &'static str, fact: impl Into<String>) -> Self {
        Self {
            level,
            code,
            fact: fact.into(),
            hint: None,
            pointer: String::new(),
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

    /// The same about a field, by the names that lead to it.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Self {
        let step = |name: &&str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        Self {
            pointer: path.iter().map(step).collect(),
            ..self
        }
    }

    /// Whether it is not as it must be.
    pub fn is_problem(&self) -> bool {
        self.level == Level::Problem
    }
}
