//! Receiving: a listener that verifies, diagnoses, records and answers requests, and the work that they cause: forwards,
//! commands, inbound triggers, confirmed subscriptions. Work is taken from the ledger's queue, one worker per target, so
//! that a slow or dead target costs disk and holds up no other.

mod answer;
mod cases;
mod child;
mod command;
mod diagnosis;
mod dispatch;
mod event;
mod forward;
mod forwarded;
mod keys;
mod listen;
mod options;
mod policy;
mod preflight;
mod retries;
mod retry_judge;
pub(in crate::app) mod routes;
mod source;
mod subscription_confirm;
mod summary;
pub mod takeover;
#[cfg(test)]
mod tests;
mod trigger;
mod work_context;
mod workers;

pub use crate::listener::{AnswerRules, ResponseRule, Responses};
pub use event::{Observer, ReceiveEvent};
pub use listen::listen;
pub use options::{ListenOptions, TlsOptions, TriggerOptions};
pub use policy::WorkPolicy;
pub use retry_judge::{RetryReport, RetryTotals};
pub use summary::{ListenSummary, WorkSummary};
pub use trigger::{SampleFit, TriggerReport};
pub use work_context::{WorkContext, WorkEnds};
pub use workers::{WorkTarget, Workers};
