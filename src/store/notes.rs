//! Notes about a capture: the verdict, why it was refused, commands that failed for it. And the ack of a change.

use serde::Serialize;

use super::{SecretKind, TakenDelivery};
use crate::clock::Timestamp;
use crate::health::DisabledEndpoint;

/// A verdict as it is stored: names and texts that outlive the types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerdictNote {
    /// `verified`, `token-only`, `refused`, `unsigned` or `unchecked`.
    pub name: String,
    /// The machine-readable cause of a refusal.
    pub reason: Option<String>,
    /// Which secret matched, or why it was refused, for people.
    pub detail: Option<String>,
    /// Which secret matched, for programs; absent in records of older formats.
    pub secret: Option<SecretKind>,
}

/// The diagnosis of a refused capture; never contains a secret or a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosisNote {
    /// The machine-readable cause.
    pub cause: String,
    /// The fact, for people.
    pub text: String,
    /// A possible fix.
    pub hint: Option<String>,
}

/// A command that failed for a capture. One that succeeds at once is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Processing {
    /// As the user wrote it.
    pub command: String,
    /// How often it failed.
    pub tries: u32,
    /// When it failed first.
    pub first_at: Timestamp,
    /// When it failed last.
    pub last_at: Timestamp,
    /// How it failed last.
    pub error: String,
    /// The process that runs it again, or did until it ended.
    #[serde(skip)]
    pub owner: Option<String>,
    /// When a later run succeeded.
    pub mended_at: Option<Timestamp>,
}

impl SecretKind {
    /// The kind of a secret that a verdict names.
    fn of_name(name: &str) -> Self {
        match name.strip_prefix("endpoint:") {
            Some(endpoint) => Self::Endpoint(endpoint.to_owned()),
            None if name == crate::secret::DEV_SECRET => Self::Dev,
            None => Self::Given(Vec::new()),
        }
    }
}

impl VerdictNote {
    /// What is kept of a verdict.
    pub fn of(verdict: &crate::signature::Verdict) -> Self {
        Self {
            name: verdict.name().to_owned(),
            reason: verdict.reason().map(str::to_owned),
            detail: verdict.detail(),
            secret: verdict.secret().map(SecretKind::of_name),
        }
    }
}

/// The result of a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ack {
    /// The number of the new or changed record; 0 when it was pruned, never there, or claimed by another process. For
    /// changes of a lane: how many deliveries were changed.
    pub number: u64,
    /// For a capture: the first one of the same event within the window.
    pub duplicate_of: Option<u64>,
    /// Whether that one has another event id.
    pub other_id: bool,
    /// For an intake: the answer of an earlier call with the same key; nothing was recorded.
    pub answer: Option<String>,
    /// Whether that call had another body.
    pub is_conflict: bool,
    /// For an intake: its deliveries were made from endpoints that were changed meanwhile; nothing was recorded.
    pub is_outdated: bool,
    /// What was taken from the queue.
    pub taken: Vec<TakenDelivery>,
    /// The numbers of those that are parked instead, because their records cannot be read.
    pub unreadable: Vec<u64>,
    /// For an intake: the numbers of the deliveries whose first attempt does not begin at once, though it should, because another
    /// process works on their lanes.
    pub not_taken: Vec<u64>,
    /// Whether an attempt was kept without changing its delivery, because the lease of the process had ended.
    pub is_fenced: bool,
    /// When the next one of the same lane and class is due.
    pub next_due: Option<Timestamp>,
    /// The endpoint that the change disabled.
    pub disabled: Option<Box<DisabledEndpoint>>,
}
