//! Replay: delivers records again, or resumes interrupted work.

mod original;
mod plan;
mod policy;
mod prepare;
pub mod rerun;
mod resume;
mod run;
mod sealed;
mod secrets;
mod select;
mod shared;

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::notice::Notice;
use super::retry::RetryPlan;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::provider::compose::Edit;
use crate::text::printable;

pub use resume::Resumable;
pub use run::{ReplayRun, resumed};
pub use select::Selection;
pub use shared::Replay;
#[cfg(feature = "inspector")]
pub use {original::received, plan::ReplayPlan};

/// How records are repeated.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// Where to, instead of where it went before.
    pub to: Option<Url>,
    /// The provider that signs, with or without its variant.
    pub provider: Option<String>,
    /// References of the secrets to sign with.
    pub secrets: Vec<String>,
    /// Send the headers as they were captured.
    pub as_captured: bool,
    /// Give the message a new id.
    pub new_id: bool,
    /// Changes of the body.
    pub edits: Vec<Edit>,
    /// Send captured credentials to other hosts too.
    pub send_credentials: bool,
    /// Resume deliveries with attempts left, instead of making new ones.
    pub resume: bool,
    /// Headers that replace the record's.
    pub headers: Headers,
    /// Nothing is sent: a secret that is not available is shown as a mask.
    pub rehearsal: bool,
    /// Another method.
    pub method: Option<String>,
    /// Another time limit of an attempt.
    pub timeout: Option<Duration>,
    /// Which attempts follow the first.
    pub retry: RetryPlan,
    /// Path and query instead of the recorded ones.
    pub path: Option<String>,
    /// Headers instead of all of the record's.
    pub own_headers: Option<Headers>,
    /// Change one signed byte after the request was signed: a receiver must refuse it.
    pub tamper: bool,
}

impl ReplayOptions {
    /// What to type to repeat that record alone.
    fn command(&self, number: u64) -> String {
        let resume = if self.resume { " --resume" } else { "" };
        format!("hook replay{resume} {number}")
    }
}

/// Changes a body before it is sent.
pub type Editor<'a> = &'a dyn Fn(&Bytes) -> Result<Bytes>;

/// The result of preparing a record.
#[derive(Debug)]
enum Prepared {
    /// A delivery that repeats or resumes it.
    Ready(Box<Delivery>, Vec<Notice>),
    /// It is not sent; the error says why.
    Skipped(Error),
}

/// The notices about a record that is not sent.
fn remarks(skipped: Error) -> impl Iterator<Item = Notice> {
    let why = Notice::Warning(printable(&skipped.message, 1000));
    std::iter::once(why).chain(skipped.hints.into_iter().map(Notice::Hint))
}
