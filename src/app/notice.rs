//! Notices of a use case, beside its result. The front end decides where and how they are shown.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::finding::Finding;
use crate::health::DisabledEndpoint;

/// One remark, in order of occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A fact.
    Note(String),
    /// Something that is probably a mistake.
    Warning(String),
    /// What can be typed next.
    Hint(String),
    /// A fact for `--verbose`.
    Detail(String),
    /// Something that a check found and that does not stop the use case.
    Finding(Finding),
    /// A fact that cannot be looked up later: shown even with `--quiet`.
    Always(String),
    /// A fact that is data too: a line for people, and an object for programs.
    Data(Fact),
}

/// A fact that is data too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An endpoint does not get an event.
    Skipped(SkippedEndpoint),
    /// An endpoint was disabled because of failed deliveries.
    Disabled(DisabledEndpoint),
}

/// An endpoint that does not get an event: `hook.skip/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedEndpoint {
    /// Its name.
    pub endpoint: String,
    /// The event.
    pub event: String,
    /// Why, for people.
    pub reason: String,
    /// How wide the names of a list are that it is a line of.
    #[serde(skip)]
    pub width: usize,
}

/// Where the notices of a use case go. The front end gives it; a test collects them.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(Notice) + Send + Sync>);

impl Notices {
    /// Hands each notice to that function, on whichever thread it comes up.
    pub fn to(show: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// A fact.
    pub fn note(&self, text: impl Into<String>) {
        (self.0)(Notice::Note(text.into()));
    }

    /// Something that is probably a mistake.
    pub fn warn(&self, text: impl Into<String>) {
        (self.0)(Notice::Warning(text.into()));
    }

    /// What can be typed next.
    pub fn hint(&self, text: impl Into<String>) {
        (self.0)(Notice::Hint(text.into()));
    }

    /// A fact for `-v`.
    pub fn detail(&self, text: impl Into<String>) {
        (self.0)(Notice::Detail(text.into()));
    }

    /// A fact that is never dropped.
    pub fn always(&self, text: impl Into<String>) {
        (self.0)(Notice::Always(text.into()));
    }

    /// A fact that is data too.
    pub fn fact(&self, fact: Fact) {
        (self.0)(Notice::Data(fact));
    }

    /// Every finding that is not a problem: problems are reported by the error.
    pub fn findings<'a>(&self, findings: impl IntoIterator<Item = &'a Finding>) {
        for finding in findings {
            if !finding.is_problem() {
                (self.0)(Notice::Finding(finding.clone()));
            }
        }
    }

    /// A notice that was made elsewhere.
    pub fn emit(&self, notice: Notice) {
        (self.0)(notice);
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}
