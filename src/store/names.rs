//! Choices, and their names as they stand in JSON and in the ledger.

use super::{RecordKind, SealedForm, SealedPlace, WorkKind};

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// Anew on every attempt, with the provider's scheme.
    #[default]
    Fresh,
    /// With the headers that were captured.
    AsCaptured,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryState {
    /// Attempts are left.
    #[default]
    Pending,
    /// The target answered with success.
    Delivered,
    /// No attempts are left.
    Failed,
    /// Set aside by a person or a rule: nothing is tried until somebody asks.
    Parked,
    /// A workflow's condition did not hold: nothing was sent.
    Skipped,
    /// A workflow in test: its request was made, and not sent.
    Rehearsed,
}

/// Gives an enum its names for JSON and the ledger, and reads them back.
macro_rules! names {
    ($type:ty { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
            /// The name in JSON and in the ledger.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
            /// Reads [`Self::name`].
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names!(RecordKind { Capture = "capture", Delivery = "delivery" });
names!(WorkKind { Forward = "forward", Command = "command" });
names!(SealedForm { Plain = "plain", Escaped = "escaped" });
names!(SealedPlace {
    Target = "target",
    Headers = "headers",
    Url = "url",
    Forwarded = "forwarded",
    Request = "request",
});
names!(Signing { Fresh = "fresh", AsCaptured = "as-captured" });
names!(DeliveryState {
    Pending = "pending",
    Delivered = "delivered",
    Failed = "failed",
    Parked = "parked",
    Skipped = "skipped",
    Rehearsed = "rehearsed",
});
