//! Subscriptions in the provider's JSON form: how they are answered, and how the body of a request is read.

use serde_json::Value;

use super::response::{ApiRejection, ApiReply, ApiResult};
use super::{MockApi, ids};
use crate::api::object::{read_events, write};
use crate::endpoints::{Change, Endpoint, Events, Reference};
use crate::json::{get, insert};
use crate::provider::Profile;
use crate::provider::api::{Call, Extra, Field, Verb};
use crate::secret::Secret;
use crate::server::Incoming;
use crate::text::printable;

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
            secret: None,
        }
    }

    /// Whether answers of that call contain the secret.
    pub(super) fn shows_secret(&self, call: &Call) -> bool {
        !call.hides.contains(&Field::Secret) && self.api.field(Field::Secret).is_some()
    }

    pub(super) fn object(&self, call: &Call, endpoint: &Endpoint) -> Value {
        let secret = if self.shows_secret(call) {
            self.secret(endpoint)
        } else {
            None
        };
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
    pub(super) fn secret(&self, endpoint: &Endpoint) -> Option<Secret> {
        let current = endpoint.active_secrets(self.options.clock.now()).into_iter().next()?;
        let book = &self.options.book;
        let stored = matches!(current.reference, Reference::Stored(_)) && book.may_use(endpoint, current);
        stored.then(|| book.vault().verifying(current).ok()).flatten()
    }

    /// The fields of a subscription that the call accepts. A description of null is an empty one, which removes it.
    pub(super) fn requested_change(&self, call: &Call, object: &Value) -> ApiResult<Change> {
        let mut change = Change::default();
        for field in &call.takes {
            let Some(name) = self.api.field(*field) else { continue };
            let Some(value) = get(object, name) else { continue };
            let wrong = |what: &str| ApiRejection::invalid(format!("`{name}` {what}"));
            let text = value.as_str().map(str::to_owned);
            let text = text.ok_or_else(|| wrong("is not a string"));
            match field {
                Field::Url => change.url = Some(text?),
                Field::Name => change.name = Some(text?),
                Field::Description if value.is_null() => change.description = Some(String::new()),
                Field::Description => change.description = Some(text?),
                Field::Events => {
                    let profile = &self.options.profile;
                    let events = read_events(profile, Some(value)).map_err(|what| wrong(&what))?;
                    check_wildcard(profile, value, &events)?;
                    change.events = Some(events);
                }
                Field::Active => {
                    let active = value.as_bool();
                    change.active = Some(active.ok_or_else(|| wrong("is neither true nor false"))?);
                }
                // The server's own: never set by a request.
                Field::Id | Field::Status | Field::Secret | Field::Created => {}
            }
        }
        Ok(change)
    }
}

/// Rejects a name beside a wildcard that is not an event, such as hook's own word for all events: the wildcard hides it from
/// the rules.
fn check_wildcard(profile: &Profile, value: &Value, events: &Events) -> ApiResult<()> {
    let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let is_known =
        |name: &str| profile.endpoint.all_events.as_deref() == Some(name) || profile.canonical_event(name).is_some();
    match names.filter(|_| *events == Events::All).find(|name| !is_known(name)) {
        Some(name) => Err(ApiRejection::invalid(format!(
            "`{}` has no event `{}`",
            profile.label(),
            printable(name, 200)
        ))),
        None => Ok(()),
    }
}

/// The JSON object in the body of a request.
pub(super) fn json_object(incoming: &Incoming) -> ApiResult<Value> {
    let kind = incoming.headers.get_text("content-type").unwrap_or("application/json");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") && !essence.to_ascii_lowercase().ends_with("+json") {
        let what = format!("the body must be JSON: send `Content-Type: application/json`, not `{essence}`");
        return Err(ApiRejection::invalid(what));
    }
    match serde_json::from_slice(&incoming.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(ApiRejection::invalid("the body is not a JSON object")),
        Err(error) => Err(ApiRejection::invalid(format!("the body is not JSON: {error}"))),
    }
}
