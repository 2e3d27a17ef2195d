//! Delivering again what was recorded: which records, with which secret, by which rules.

mod original;
mod policy;
mod prepare;
mod run;
mod sealed;
mod secrets;
mod select;

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::notice::Notice;
use super::retry::RetryPlan;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::provider::compose::Edit;

pub use prepare::Replay;
pub use run::{Run, run};
pub use select::{Selection, select};

/// What the caller wants of every repetition.
#[derive(Debug, Clone, Default)]
pub struct Options {
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
    /// Go on with deliveries that have attempts left, instead of making new ones.
    pub resume: bool,
    /// Headers that replace the record's.
    pub headers: Headers,
    /// Nothing is sent: what is not at hand is shown as a mask.
    pub rehearsal: bool,
    /// Another method.
    pub method: Option<String>,
    /// Another time limit of an attempt.
    pub timeout: Option<Duration>,
    /// Which attempts follow the first.
    pub retry: RetryPlan,
}

/// Changes a body before it is sent.
pub type Editor<'a> = &'a dyn Fn(&Bytes) -> Result<Bytes>;

/// What became of a record.
#[derive(Debug)]
pub enum Prepared {
    /// A delivery that repeats it, or goes on with it.
    Ready(Box<Delivery>, Vec<Notice>),
    /// It is left as it is.
    Left(Left),
}

/// A record that is left as it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Why, with the record's number.
    pub why: String,
    /// What to type.
    pub hints: Vec<String>,
    /// How the command ends because of it.
    pub exit: Exit,
}

impl Left {
    /// The same as remarks, where it is no obstacle.
    pub(super) fn into_notices(self) -> impl Iterator<Item = Notice> {
        std::iter::once(Notice::Warning(self.why)).chain(self.hints.into_iter().map(Notice::Hint))
    }
}

impl From<Left> for Error {
    fn from(left: Left) -> Self {
        let error = Self::new(left.exit, left.why);
        left.hints.into_iter().fold(error, Self::hint)
    }
}
