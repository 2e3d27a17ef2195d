//! The names of choices, as they stand in JSON and in the ledger.

use super::{DeliveryState, RecordKind, SealedForm, SealedPlace, Signing, WorkKind};

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
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
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
