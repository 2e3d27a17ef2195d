//! Reads the JSON body of a request by the provider's field names.

use serde_json::Value;

use super::MockApi;
use super::response::{ApiRejection, ApiResult};
use crate::api::object::read_events;
use crate::endpoints::Change;
use crate::json::get;
use crate::provider::api::{Call, Field};
use crate::server::Incoming;

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

impl MockApi {
    /// The fields of a subscription that the call accepts. A description of null is an empty one, which removes it.
    pub(super) fn requested_change(&self, call: &Call, object: &Value) -> ApiResult<Change> {
        let mut change = Change::default();
        for field in &call.takes {
            let Some(name) = self.api.field(*field) else { continue };
            let Some(value) = get(object, name) else { continue };
            let wrong = |what: &str| ApiRejection::invalid(format!("`{name}` {what}"));
            let text = || {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| wrong("is not a string"))
            };
            match field {
                Field::Url => change.url = Some(text()?),
                Field::Name => change.name = Some(text()?),
                Field::Description if value.is_null() => change.description = Some(String::new()),
                Field::Description => change.description = Some(text()?),
                Field::Events => {
                    let events = read_events(&self.options.profile, Some(value));
                    change.events = Some(events.map_err(|what| wrong(&what))?);
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
