//! The endpoint book: subscriptions with their events, URL and secret. The book is a JSON file made for
//! people and version control; a provider's REST API implements the same trait.
//!
//! - [`Endpoint`] is the record, [`Book`] the file, [`EndpointStore`] the trait that the book and the API implement.
//! - [`Vault`] keeps generated secrets out of the file, which holds references only.
//! - [`rules`] checks an endpoint by its provider's profile; [`Endpoint::wants`] selects the receivers of an event.
//!
//! Nothing here knows a provider, looks a name up in DNS, or prints.

mod batch;
mod binding;
mod book;
mod confirmation;
mod endpoint;
mod error;
mod form;
mod joined;
mod limits;
mod lock;
mod matching;
mod names;
mod plan;
mod reference;
mod rotation;
mod rows;
pub mod rules;
mod secrets;
mod store;
mod stored;
mod watch;
mod whole;

pub use crate::health::{Disabled, DisabledBy};
pub use crate::target::normalised;
pub use batch::{AddedEndpoint, Batch, StepOutcome};
pub use book::Book;
pub use confirmation::Confirmed;
pub use endpoint::{Change, Endpoint, EndpointSecret, Events};
pub use error::EndpointError;
pub use joined::HealthStore;
pub use limits::{AttemptTimeout, EndpointLimits, LimitChange, LimitsChange, Rate};
pub use matching::{SkipReason, WantedEvent};
pub use names::{check_name, check_tenant, name_for, select, select_mut};
pub use plan::{EndpointEntry, PlannedEndpoint, Step, steps};
pub use reference::Reference;
pub use rules::{validate, validate_change};
pub use secrets::{Vault, generate};
pub use store::{EndpointStore, RemotePlace};
pub use stored::NewSecret;
pub use watch::{BookChange, BookWatch};
pub use whole::{AbsentSecret, Imported, WholeBook};

#[cfg(test)]
pub(crate) mod testing {
    use super::names::position;
    use super::{Book, Change, Endpoint, EndpointError, Events, select_mut};
    use crate::clock::Timestamp;
    use crate::exit::Exit;
    use crate::id::{Id, IdKind};
    use crate::random::Random;

    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(second)
    }

    /// An endpoint of an invented provider.
    pub(crate) fn endpoint(name: &str) -> Endpoint {
        let id = Id::new(IdKind::Endpoint, at(1_893_553_445), &Random::os());
        let events = Events::Only(vec!["job.paid".into()]);
        Endpoint::new(id.to_string(), name, "https://example.com/hooks", "acme", events, at(0))
    }

    impl Book {
        pub(crate) fn add(&self, endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
            self.edit(|endpoints| {
                endpoints.push(endpoint.clone());
                Ok(endpoint)
            })
        }

        pub(crate) fn update(&self, selector: &str, change: Change, now: Timestamp) -> Result<Endpoint, EndpointError> {
            self.edit(|endpoints| {
                let endpoint = select_mut(endpoints, selector)?;
                endpoint.apply(change, now);
                Ok(endpoint.clone())
            })
        }

        pub(crate) fn remove(&self, selector: &str) -> Result<Endpoint, EndpointError> {
            self.edit(|endpoints| {
                let index = position(endpoints, selector)?;
                Ok(endpoints.remove(index))
            })
        }
    }

    impl EndpointError {
        /// The kind in one word.
        pub(crate) fn code(&self) -> &'static str {
            match self {
                Self::Unknown { .. } => "unknown",
                Self::Duplicate { .. } => "duplicate",
                Self::Rule(_) => "rule",
                Self::Secret(_) => "secret",
                Self::Other(error) if error.exit == Exit::Store => "store",
                Self::LeftBehind { .. } | Self::Outdated | Self::Other(_) => "other",
            }
        }
    }
}
