//! The names of choices, as they stand in JSON and in the ledger.

use super::{DeliveryState, SealedForm, SealedPlace, SigningMode, WorkKind};
use crate::names::names;

names!(WorkKind { Forward = "forward", Command = "command" });
names!(SealedForm { Plain = "plain", Escaped = "escaped" });
names!(SealedPlace {
    Target = "target",
    Headers = "headers",
    Url = "url",
    Forwarded = "forwarded",
    Request = "request",
});
names!(SigningMode { Fresh = "fresh", AsCaptured = "as-captured" });
names!(DeliveryState {
    Pending = "pending",
    Delivered = "delivered",
    Failed = "failed",
    Parked = "parked",
    Skipped = "skipped",
    Rehearsed = "rehearsed",
});
