//! Notices to the owner of an endpoint: which there are, on which channels they go, and what is in them. The ledger
//! keeps them; `hook serve` hands them over.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::words::words;

words! {
    /// What a notice is about.
    pub enum NoticeKind {
        /// An endpoint will be disabled unless a delivery to it succeeds.
        EndpointDisabling = "endpoint.disabling",
        /// Failed deliveries have disabled an endpoint.
        EndpointDisabled = "endpoint.disabled",
        /// An attempt of a delivery failed.
        AttemptFailed = "attempt.failed",
        /// A delivery failed for good.
        DeliveryFailed = "delivery.failed",
    }
}

words! {
    /// A way on which notices go.
    pub enum NoticeChannel {
        /// To the recipients of the endpoint.
        Mail = "mail",
        /// To an endpoint of the book.
        Webhook = "webhook",
        /// To a command.
        Exec = "exec",
    }
}

impl NoticeKind {
    /// The kinds whose records are dropped after they were sent: there may be very many.
    pub const PASSING: [Self; 2] = [Self::AttemptFailed, Self::DeliveryFailed];
}

/// Which notices go on which channels; by default none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoticePlan {
    kinds: [bool; NoticeKind::ALL.len()],
    channels: [bool; NoticeChannel::ALL.len()],
}

impl NoticePlan {
    /// All of these kinds on all of these channels.
    pub fn new(kinds: &[NoticeKind], channels: &[NoticeChannel]) -> Self {
        let mut plan = Self::default();
        for kind in kinds {
            plan.kinds[*kind as usize] = true;
        }
        for channel in channels {
            plan.channels[*channel as usize] = true;
        }
        plan
    }

    /// The channels of a notice of that kind.
    pub fn channels(self, kind: NoticeKind) -> impl Iterator<Item = NoticeChannel> {
        let wanted = move |channel: &NoticeChannel| self.kinds[kind as usize] && self.channels[*channel as usize];
        NoticeChannel::ALL.iter().copied().filter(wanted)
    }

    /// Whether a notice of that kind goes anywhere.
    pub fn wants(self, kind: NoticeKind) -> bool {
        self.channels(kind).next().is_some()
    }
}

/// An attempt that failed, as it stands in a notice. Credentials are masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Where it went.
    pub url: String,
    /// Of which delivery.
    pub delivery: String,
    /// Of which event.
    pub event: String,
    /// Its number in the delivery.
    pub attempt: u32,
    /// The status, or what failed.
    pub failure: String,
}

/// What is in a notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeData {
    /// The name of the endpoint.
    pub endpoint: String,
    /// Its id.
    pub endpoint_id: String,
    /// The provider of the delivery.
    pub provider: String,
    /// Why, for people.
    pub reason: String,
    /// How the provider notifies the owner, where it does.
    pub notified_by: Option<String>,
    /// What led to it.
    #[serde(flatten)]
    pub attempt: Option<FailedAttempt>,
}

/// A notice that a channel has still to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeTask {
    /// The number of the notice in the ledger.
    pub number: u64,
    /// How often it was tried.
    pub tries: u32,
    /// When it came up.
    pub at: Timestamp,
    /// What it is about.
    pub kind: NoticeKind,
    /// What is in it.
    pub data: NoticeData,
}

/// A change of what a channel has still to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeChange {
    /// The number of the notice.
    pub number: u64,
    /// Which channel.
    pub channel: NoticeChannel,
    /// When it is tried again; absent: it was sent, or is given up.
    pub due: Option<Timestamp>,
}

impl NoticeTask {
    /// The same for every try: receivers recognize a duplicate by it.
    pub fn id(&self) -> String {
        let attempt = self.data.attempt.clone().unwrap_or_default();
        format!("{}_{}_{}", self.kind, attempt.delivery, attempt.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::NoticeChannel::{Exec, Mail};
    use super::NoticeKind::{AttemptFailed, EndpointDisabled};
    use super::*;

    #[test]
    fn a_notice_goes_on_the_channels_that_are_set_up_when_its_kind_is_wanted() {
        let plan = NoticePlan::new(&[EndpointDisabled], &[Exec, Mail]);
        assert_eq!(plan.channels(EndpointDisabled).collect::<Vec<_>>(), [Mail, Exec]);
        assert!(!plan.wants(AttemptFailed));
        assert!(!NoticePlan::new(&[EndpointDisabled], &[]).wants(EndpointDisabled));
        assert!(!NoticePlan::default().wants(EndpointDisabled));
    }
}
