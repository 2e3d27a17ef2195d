//! The endpoint book: who subscribed to what, by which URL and with which secret. The book is a JSON file made for
//! people and version control; a provider's REST API can stand behind the same trait.
//!
//! - [`Endpoint`] is the record, [`Book`] the file, [`EndpointStore`] the seam between the two kinds of places.
//! - [`Vault`] keeps generated secrets out of the file, which holds references only.
//! - [`rules`] judges an endpoint by its provider's profile; [`Endpoint::wants`] says who gets an event.
//!
//! Nothing here knows a provider, looks a name up in DNS, or prints.

mod binding;
mod book;
mod confirmation;
mod endpoint;
mod error;
mod failures;
mod form;
mod matching;
mod names;
mod plan;
mod rotation;
pub mod rules;
mod secrets;
mod store;
mod stored;
mod validation;
mod watch;

pub use crate::target::normalised;
pub use book::Book;
pub use confirmation::Confirmed;
pub use endpoint::{Change, Disabled, DisabledBy, Endpoint, EndpointSecret, Events, Reference};
pub use error::{ApiError, ApiErrorKind, EndpointError};
pub use failures::{Ending, note_delivery};
pub use matching::{SkipReason, Wanted};
pub use names::{check_name, name_for, select, select_mut};
pub use plan::{Entry, Step, Target, steps};
pub use rotation::rotate;
pub use secrets::{Fresh, Vault, generate};
pub use store::{Added, EndpointStore};
pub use validation::{admit, admit_change};
pub use watch::{BookChange, BookWatch};

#[cfg(test)]
pub(crate) mod testing {
    use super::{Endpoint, Events};
    use crate::clock::Timestamp;
    use crate::id::{Id, IdKind};
    use crate::random::Random;

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(second)
    }

    /// An endpoint of an invented provider.
    pub(crate) fn endpoint(name: &str) -> Endpoint {
        let id = Id::new(IdKind::Endpoint, at(1_893_553_445), &Random::os());
        let events = Events::Only(vec!["job.paid".into()]);
        Endpoint::new(id, name, "https://example.com/hooks", "acme", events, at(0))
    }
}
