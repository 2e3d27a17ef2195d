//! What is decided about a request.

use super::challenge::Challenge;
use super::inbound::TriggerReading;
use super::router::RoutedWork;
use super::script::ScriptedResponse;
use crate::answered::Answered;
use crate::event_filter::ExpectationSet;
use crate::verification::VerificationResult;

/// What is decided about a request before it is recorded.
pub(super) struct Decision {
    pub(super) judged: VerificationResult,
    pub(super) wrong_type: Option<String>,
    pub(super) challenge: Challenge,
    pub(super) reading: Option<TriggerReading>,
    pub(super) response: ScriptedResponse,
    pub(super) answered: Answered,
    /// Identifies duplicates; absent when the provider will send the event again anyway.
    pub(super) dedupe_key: Option<String>,
    pub(super) routed: RoutedWork,
    /// Whether a filter hides it.
    pub(super) hidden: bool,
    /// Of each event, which expectations it meets.
    pub(super) met: Vec<ExpectationSet>,
}

impl Decision {
    pub(super) fn is_refused(&self) -> bool {
        self.judged.verdict.is_refused()
    }

    /// What the record says about the answer.
    pub(super) fn recorded(&self) -> Answered {
        match self.routed.answering {
            // What an app will answer is not known yet.
            Some(_) => Answered::ByApp,
            None => self.answered,
        }
    }

    /// The text of an answer that no app gives.
    pub(super) fn text(&self) -> &'static str {
        match &self.reading {
            // Providers that ask with a wrong signature on purpose want nothing but the status.
            _ if self.is_refused() && matches!(self.challenge, Challenge::Refused) => "",
            _ if self.is_refused() => "refused\n",
            _ if self.answered.is_success() => "ok\n",
            Some(reading) if !reading.is_readable() => "no record\n",
            _ => "failed on purpose\n",
        }
    }
}
