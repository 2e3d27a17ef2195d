//! What an inspector does with one record or endpoint. Each action is a use case of its own with plain values in and out;
//! its notices are part of the result, since a view has no stderr.

mod endpoint;
mod record;
mod replay;
mod sample;

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

pub use endpoint::{EndpointAction, endpoint, endpoints, pause_all};
pub use record::{curl, delete};
pub use replay::{HEADER_SHOWN, ReplayAction, ReplayMode, replay, resume};
pub use sample::{Sample, SampleAction, samples, send};

use crate::app::context::Context;
use crate::app::notice::{Fact, Notice, Notices};
use crate::engine::Event;
use crate::error::Result;
use crate::pipeline::DeliveryObserver;
use crate::text::printable;

/// Characters of a notice.
const NOTICE_SHOWN: usize = 1000;

/// The result of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ActionResult {
    /// What was done, as a sentence.
    pub text: String,
    /// Whether it had the effect that was wanted.
    pub ok: bool,
    /// Records that it made or changed.
    pub records: Vec<u64>,
    /// What came up meanwhile.
    pub notices: Vec<ActionNotice>,
}

/// A remark on an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionNotice {
    /// How serious it is.
    pub level: NoticeLevel,
    /// The remark, harmless on a terminal.
    pub text: String,
}

/// How serious a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    /// A fact.
    Note,
    /// Probably a mistake.
    Warning,
    /// What can be done next.
    Hint,
}

impl ActionNotice {
    /// A notice as a line; none for those of `--verbose`.
    pub fn of(notice: &Notice) -> Option<Self> {
        let (level, text) = match notice {
            Notice::Note(text) | Notice::Always(text) => (NoticeLevel::Note, text.clone()),
            Notice::Warning(text) => (NoticeLevel::Warning, text.clone()),
            Notice::Hint(text) => (NoticeLevel::Hint, text.clone()),
            Notice::Finding(finding) => (NoticeLevel::Warning, finding.fact.clone()),
            Notice::Data(Fact::Disabled(endpoint)) => (
                NoticeLevel::Warning,
                format!("endpoint `{}` was disabled", endpoint.endpoint),
            ),
            Notice::Data(Fact::Skipped(skipped)) => {
                let text = format!(
                    "`{}` does not get `{}`: {}",
                    skipped.endpoint, skipped.event, skipped.reason
                );
                (NoticeLevel::Note, text)
            }
            Notice::Detail(_) => return None,
        };
        let text = printable(&text, NOTICE_SHOWN);
        Some(Self { level, text })
    }
}

/// Notices of one action.
#[derive(Clone, Default)]
struct CollectedNotices(Arc<Mutex<Vec<ActionNotice>>>);

impl CollectedNotices {
    /// The same context, whose notices are collected.
    fn of(context: &Context) -> (Context, Self) {
        let collected = Self::default();
        let into = collected.clone();
        let notices = Notices::to(move |notice| into.add(&notice));
        let context = Context {
            notices,
            ..context.clone()
        };
        (context, collected)
    }

    fn add(&self, notice: &Notice) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(ActionNotice::of(notice));
    }

    fn take(&self) -> Vec<ActionNotice> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The deliveries of an action, and the outcome of the last attempt.
#[derive(Clone, Default)]
struct SeenDeliveries(Arc<Mutex<(Vec<u64>, Option<String>)>>);

impl DeliveryObserver for SeenDeliveries {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.0.contains(&number) {
            seen.0.push(number);
        }
        seen.1 = event.attempt.as_ref().map(|attempt| attempt.outcome.summary());
        Ok(())
    }
}

impl SeenDeliveries {
    fn take(&self) -> (Vec<u64>, Option<String>) {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
