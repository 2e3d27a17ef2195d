//! What a request says: a JSON object, read field by field by the provider's names.

use serde_json::Value;

use super::response::{ApiRejection, ApiResult};
use crate::api::object::read_events;
use crate::endpoints::Events;
use crate::json::get;
use crate::provider::Profile;
use crate::provider::api::{Api, Call, Field};
use crate::server::Incoming;

/// What a request says about a subscription; what is absent it does not mention.
#[derive(Debug, Default)]
pub(super) struct SubscriptionRequest {
    pub(super) url: Option<String>,
    pub(super) events: Option<Events>,
    pub(super) name: Option<String>,
    /// Empty where the request says null.
    pub(super) description: Option<String>,
    pub(super) active: Option<bool>,
}

/// The JSON object that a request carries.
pub(super) fn object(incoming: &Incoming) -> ApiResult<Value> {
    let kind = incoming.headers.get_text("content-type").unwrap_or("application/json");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") && !essence.to_ascii_lowercase().ends_with("+json") {
        let what = format!("the body must be JSON: send `Content-Type: application/json`, not `{essence}`");
        return Err(ApiRejection::invalid(what));
    }
    let body: Value = serde_json::from_slice(&incoming.body)
        .map_err(|error| ApiRejection::invalid(format!("the body is not JSON: {error}")))?;
    if !body.is_object() {
        return Err(ApiRejection::invalid("the body is no JSON object"));
    }
    Ok(body)
}

impl SubscriptionRequest {
    /// Reads the fields that the call takes.
    pub(super) fn read(profile: &Profile, api: &Api, call: &Call, object: &Value) -> ApiResult<Self> {
        let mut wanted = Self::default();
        for field in &call.takes {
            let Some(name) = api.field(*field) else { continue };
            let Some(value) = get(object, name) else { continue };
            let no_text = || ApiRejection::invalid(format!("`{name}` is no text"));
            let text = || value.as_str().map(str::to_owned).ok_or_else(no_text);
            match field {
                Field::Url => wanted.url = Some(text()?),
                Field::Events => {
                    let events = read_events(profile, Some(value));
                    wanted.events = Some(events.map_err(|what| ApiRejection::invalid(format!("`{name}` {what}")))?);
                }
                Field::Name => wanted.name = Some(text()?),
                Field::Description if value.is_null() => wanted.description = Some(String::new()),
                Field::Description => wanted.description = Some(text()?),
                Field::Active => {
                    let active = value.as_bool();
                    let wrong = || ApiRejection::invalid(format!("`{name}` is neither true nor false"));
                    wanted.active = Some(active.ok_or_else(wrong)?);
                }
                Field::Id | Field::Status | Field::Secret | Field::Created => {}
            }
        }
        Ok(wanted)
    }
}

/// A field of the subscription that must be there.
pub(super) fn needed<T>(api: &Api, field: Field, value: Option<T>) -> ApiResult<T> {
    let missing = || ApiRejection::invalid(format!("`{}` is missing", api.field(field).unwrap_or_default()));
    value.ok_or_else(missing)
}
