//! Where a service is, once it takes calls.

use std::path::PathBuf;

use serde::Serialize;

use super::Service;
use crate::api::server::base_path;
use crate::app::socket::Ready;
use crate::message::Mode;

/// Where a service is, and in which account; the first line of JSON.
#[derive(Debug, Serialize)]
pub struct ServeReady {
    /// What clients are given.
    #[serde(flatten)]
    pub ready: Ready,
    /// The same without the path of the API.
    pub origin: String,
    /// The provider that is played; absent: this is the durable service.
    pub provider: Option<String>,
    /// For people.
    #[serde(skip)]
    pub title: String,
    /// The account's plan.
    pub plan: Option<String>,
    /// How many endpoints the plan allows.
    #[serde(skip)]
    pub most_endpoints: Option<u32>,
    /// A generated key.
    pub key: Option<String>,
    /// A generated test key.
    pub test_key: Option<String>,
    /// How many keys of the ledger are valid.
    #[serde(skip)]
    pub stored_keys: usize,
    /// Where endpoints are kept.
    pub endpoints: PathBuf,
}

impl Service<'_> {
    /// Describes the service at its start.
    pub(super) fn ready(&self, address: &str, stored_keys: usize) -> ServeReady {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{address}");
        let generated = |mode: Mode| {
            let key = self.keys.generated.iter().find(|(of, _)| *of == mode);
            key.map(|(_, text)| text.clone())
        };
        let mock = self.mock.as_ref();
        let plan = mock.and_then(|mock| mock.plan.clone());
        let limit = mock.and_then(|mock| mock.profile.endpoint.plans.get(mock.plan.as_ref()?));
        let base = mock.map_or("", |mock| base_path(&mock.api));
        ServeReady {
            ready: Ready {
                url: format!("{origin}{base}"),
                ..Ready::default()
            },
            origin,
            provider: mock.map(|mock| mock.profile.label()),
            title: mock.map_or_else(|| "events".to_owned(), |mock| mock.profile.title.clone()),
            most_endpoints: limit.and_then(|limit| limit.0),
            plan,
            key: generated(Mode::Live),
            test_key: generated(Mode::Test),
            stored_keys,
            endpoints: self.context.book().path().to_owned(),
        }
    }
}
