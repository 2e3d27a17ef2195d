//! The words of `[api]`.

use crate::words::words;

words! {
    /// A fact about the rate limit, stated by an answer.
    pub enum RateFact {
        /// How many in a window.
        Limit = "limit",
        /// How many are left in this one.
        Remaining = "remaining",
        /// How long a window is, in milliseconds.
        WindowMs = "window-ms",
        /// How long this one still lasts, in seconds.
        ResetS = "reset-s",
    }
}

words! {
    /// How ids are written.
    #[derive(Default)]
    pub enum IdForm {
        /// As the book has them.
        #[default]
        Own = "own",
        /// The same 128 bits as a uuid.
        Uuid = "uuid",
    }
}

words! {
    /// A part of a subscription.
    pub enum Field {
        /// The provider's id.
        Id = "id",
        /// Where deliveries go.
        Url = "url",
        /// A list of names.
        Events = "events",
        /// What people call it.
        Name = "name",
        /// For people.
        Description = "description",
        /// Whether it gets deliveries.
        Active = "active",
        /// Confirmed or not.
        Status = "status",
        /// What signs, where an answer carries it.
        Secret = "secret",
        /// When it was made.
        Created = "created",
    }
}

words! {
    /// What can be done with subscriptions.
    pub enum Verb {
        /// Make one.
        Create = "create",
        /// Give all.
        List = "list",
        /// Give one.
        Get = "get",
        /// Change one.
        Update = "update",
        /// End one.
        Delete = "delete",
        /// Confirm one by the token that its endpoint was sent.
        Confirm = "confirm",
    }
}

words! {
    /// Why a call is refused.
    pub enum FaultKind {
        /// The token is missing, unknown or expired.
        Unauthorised = "unauthorised",
        /// The limit of the plan is reached.
        Limit = "limit",
        /// The token may not do that.
        Forbidden = "forbidden",
        /// There is no such thing.
        Unknown = "unknown",
        /// It is there already.
        Duplicate = "duplicate",
        /// The request has an invalid value.
        Invalid = "invalid",
        /// Too many calls.
        Rate = "rate",
        /// There is no such call.
        Method = "method",
    }
}

impl FaultKind {
    pub(super) fn usual_status(self) -> u16 {
        match self {
            Self::Unauthorised => 401,
            Self::Limit => 402,
            Self::Forbidden => 403,
            Self::Unknown => 404,
            Self::Duplicate => 409,
            Self::Invalid => 422,
            Self::Rate => 429,
            Self::Method => 405,
        }
    }
}

impl Verb {
    /// Whether a call may be made again when it is not known whether the first one arrived.
    pub fn is_repeatable(self) -> bool {
        self != Self::Create
    }
}
