//! Subscriptions in the provider's JSON form.

use serde_json::Value;

use super::response::ApiReply;
use super::{MockApi, ids};
use crate::api::object::write;
use crate::endpoints::{Endpoint, Reference};
use crate::json::insert;
use crate::provider::api::{Call, Extra, Field, Verb};
use crate::secret::Secret;

impl MockApi {
    /// The reply of a call about one endpoint.
    pub(super) fn done(&self, call: &Call, endpoint: &Endpoint, summary: String) -> ApiReply {
        let id = || Value::from(ids::shown(self.api.id, &endpoint.id));
        let body = match &call.answer {
            None => Some(self.object(call, endpoint)),
            Some(document) if document.text().is_some() => None,
            Some(document) => Some(document.fill(|hole| (hole == "id").then(id))),
        };
        ApiReply {
            status: call.status,
            body,
            summary,
        }
    }

    pub(super) fn object(&self, call: &Call, endpoint: &Endpoint) -> Value {
        let shows_secret = !call.hides.contains(&Field::Secret) && self.api.field(Field::Secret).is_some();
        let secret = if shows_secret { self.secret(endpoint) } else { None };
        let shown = Endpoint {
            id: ids::shown(self.api.id, &endpoint.id),
            ..endpoint.clone()
        };
        let has = |field| !call.hides.contains(&field);
        let mut object = write(&self.options.profile, &self.api, (&shown, secret.as_ref()), has);
        let with = self.api.call(Verb::Create).map(|create| create.with.as_slice());
        for (name, extra) in with.unwrap_or_default() {
            let value = match extra {
                Extra::Text(text) => Some(text.as_str()),
                Extra::Param(param) => endpoint.params.get(param).map(String::as_str),
            };
            insert(&mut object, name, Value::from(value));
        }
        object
    }

    /// The secret that the receiver verifies with. Only secrets of hook's own store are shown: another reference was
    /// written by hand, and what it leads to is not handed out. Neither is a secret that a project must not use.
    fn secret(&self, endpoint: &Endpoint) -> Option<Secret> {
        let current = endpoint.active_secrets(self.options.clock.now()).into_iter().next()?;
        let book = &self.options.book;
        let stored = matches!(current.reference, Reference::Stored(_)) && book.may_use(endpoint, current);
        stored.then(|| book.vault().verifying(current).ok()).flatten()
    }
}
