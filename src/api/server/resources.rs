//! Resources that calls create and delete, such as bookings, as the profile describes them. They are kept in memory, up to
//! a limit: the server mocks a provider, it does not replace one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde_json::Value;

use super::MockApi;
use super::object::json_object;
use super::response::{ApiRejection, ApiReply, ApiResult};
use crate::clock::{Precision, Timestamp};
use crate::json::merge_patch;
use crate::message::Mode;
use crate::provider::causes::{Cause, CauseCall, IngredientKind};
use crate::provider::compose::ComposeOptions;
use crate::random::Random;
use crate::server::Incoming;

/// Maximum number of resources; the oldest are removed first.
const MOST: usize = 10_000;

/// Maximum bytes of all resources together.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The resources that exist, by kind and id.
#[derive(Debug, Default)]
pub(super) struct ResourceStore(Mutex<Resources>);

#[derive(Debug, Default)]
struct Resources {
    by_id: IndexMap<(usize, String), Resource>,
    bytes: usize,
}

/// One resource.
#[derive(Debug, Clone)]
struct Resource {
    record: Value,
    /// The values that no other resource of its kind may have.
    unique: Option<String>,
    size: usize,
}

impl MockApi {
    pub(super) async fn create_resource(&self, index: usize, incoming: &Incoming, mode: Mode) -> ApiResult {
        let cause = &self.api.causes[index];
        let given = given(cause, &json_object(incoming)?)?;
        let (id, record) = record(cause, &given, self.options.clock.now(), &self.options.random);
        let resource = Resource {
            size: record.to_string().len(),
            record: record.clone(),
            unique: (!cause.unique.is_empty()).then(|| unique_key(cause, &given)),
        };
        // The key has the kind's index: two kinds may use the same ids.
        let key = (index, id);
        if !self.resources.add(key.clone(), resource) {
            let what = format!(
                "a {} with the same {} already exists",
                cause.name,
                cause.unique.join(" and ")
            );
            return Err(ApiRejection::own(cause.taken.status, &cause.taken.code, what));
        }
        let reply = self.emit_cause(&cause.create, &key.1, record, mode).await;
        if reply.is_err() {
            // An event that could not be recorded did not happen.
            self.resources.take(&key);
        }
        reply
    }

    pub(super) async fn delete_resource(&self, index: usize, id: &str, mode: Mode) -> ApiResult {
        let cause = &self.api.causes[index];
        let key = (index, id.to_owned());
        let (Some(call), Some(resource)) = (&cause.delete, self.resources.take(&key)) else {
            return Err(ApiRejection::unknown(&cause.name));
        };
        let mut record = resource.record.clone();
        merge_patch(&mut record, &call.sets);
        let reply = self.emit_cause(call, id, record, mode).await;
        if reply.is_err() {
            self.resources.add(key, resource);
        }
        reply
    }

    /// Creates the event of a call with the record as its data, and answers the call.
    async fn emit_cause(&self, call: &CauseCall, id: &str, record: Value, mode: Mode) -> ApiResult {
        let compose = ComposeOptions {
            event: call.event.clone(),
            data: Some(record.to_string()),
            mode,
            ..ComposeOptions::default()
        };
        let (message, endpoints) = self.create_event(compose).await?;
        let body = match &call.answer {
            None => record,
            Some(pattern) => pattern.fill(|hole| (hole == "id").then(|| Value::from(id))),
        };
        Ok(ApiReply {
            status: call.status,
            body: Some(body),
            summary: format!("{} goes to {endpoints}", message.event),
            secret: None,
        })
    }
}

impl ResourceStore {
    fn lock(&self) -> MutexGuard<'_, Resources> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a resource. Returns `false` if another one has its unique values.
    fn add(&self, key: (usize, String), resource: Resource) -> bool {
        let mut kept = self.lock();
        let is_same = |(other, have): (&(usize, String), &Resource)| other.0 == key.0 && have.unique == resource.unique;
        if resource.unique.is_some() && kept.by_id.iter().any(is_same) {
            return false;
        }
        // Added first: the new resource counts, and the oldest ones make room for it.
        kept.bytes += resource.size;
        kept.by_id.insert(key, resource);
        while kept.by_id.len() > MOST || kept.bytes > MOST_BYTES {
            let Some((_, oldest)) = kept.by_id.shift_remove_index(0) else {
                break;
            };
            kept.bytes -= oldest.size;
        }
        true
    }

    fn take(&self, key: &(usize, String)) -> Option<Resource> {
        let mut kept = self.lock();
        let resource = kept.by_id.shift_remove(key)?;
        kept.bytes -= resource.size;
        Some(resource)
    }
}

/// The fields of a request, checked; times are normalised.
fn given(cause: &Cause, body: &Value) -> ApiResult<HashMap<String, Value>> {
    let mut given = HashMap::new();
    for (name, kind, is_required) in cause.fields() {
        match body.get(name).filter(|value| !value.is_null()) {
            Some(value) => drop(given.insert(name.to_owned(), checked(name, kind, value)?)),
            None if is_required => return Err(ApiRejection::invalid(format!("`{name}` is missing"))),
            None => {}
        }
    }
    Ok(given)
}

fn checked(name: &str, kind: IngredientKind, value: &Value) -> ApiResult<Value> {
    use IngredientKind as Kind;
    let (fits, wanted) = match kind {
        Kind::Text => (
            value.as_str().is_some_and(|text| !text.is_empty()),
            "a non-empty string",
        ),
        Kind::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        Kind::Number => (value.is_number(), "a number"),
        Kind::Boolean => (value.is_boolean(), "true or false"),
        Kind::Object => (value.is_object(), "an object"),
        Kind::List => (value.is_array(), "a list"),
        Kind::Minutes => (
            value.as_u64().is_some_and(|n| n > 0),
            "a whole number of minutes above 0",
        ),
        Kind::Time => {
            // `Timestamp::parse` also reads Unix seconds.
            let text = value.as_str().filter(|text| text.contains('T'));
            if let Some(at) = text.and_then(Timestamp::parse) {
                return Ok(Value::from(at.rfc3339(Precision::Millis)));
            }
            (false, "a time such as `2030-01-02T14:00:00.000Z`")
        }
    };
    if fits {
        Ok(value.clone())
    } else {
        Err(ApiRejection::invalid(format!("`{name}` must be {wanted}")))
    }
}

fn record(cause: &Cause, given: &HashMap<String, Value>, now: Timestamp, random: &Random) -> (String, Value) {
    let id = cause.id.fresh(random);
    let later = |name: &str| {
        let rule = cause.later.get(name)?;
        let at = Timestamp::parse(given.get(&rule.than)?.as_str()?)?;
        let minutes = i64::try_from(given.get(&rule.by)?.as_u64()?).ok()?;
        let later = at.shifted_us(minutes.saturating_mul(60_000_000));
        Some(Value::from(later.rfc3339(Precision::Millis)))
    };
    let record = cause.record.fill(|hole| match hole {
        "id" => Some(Value::from(id.as_str())),
        "now" => Some(Value::from(now.rfc3339(Precision::Millis))),
        name => given.get(name).cloned().or_else(|| later(name)),
    });
    (id, record)
}

fn unique_key(cause: &Cause, given: &HashMap<String, Value>) -> String {
    let values: Vec<&Value> = cause.unique.iter().filter_map(|name| given.get(name)).collect();
    serde_json::to_string(&values).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(size: usize, unique: &str) -> Resource {
        Resource {
            record: json!({}),
            unique: Some(unique.to_owned()),
            size,
        }
    }

    #[test]
    fn a_resource_is_kept_until_it_is_taken_and_its_unique_values_are_free_again() {
        let store = ResourceStore::default();
        let key = |id: &str| (0, id.to_owned());
        assert!(store.add(key("a"), resource(1, "x")));
        assert!(!store.add(key("b"), resource(1, "x")));
        assert!(store.add((1, "b".into()), resource(1, "x")), "another kind");
        assert!(store.take(&key("a")).is_some());
        assert!(store.take(&key("a")).is_none());
        assert!(store.add(key("b"), resource(1, "x")));
    }

    #[test]
    fn the_oldest_resources_are_removed_when_they_are_too_many_or_too_large() {
        let store = ResourceStore::default();
        for n in 0..=MOST {
            assert!(store.add((0, n.to_string()), resource(1, &n.to_string())));
        }
        assert!(store.take(&(0, "0".into())).is_none());
        assert!(store.add((0, "big".into()), resource(MOST_BYTES, "big")));
        assert_eq!(store.lock().by_id.len(), 1);
        assert_eq!(store.lock().bytes, MOST_BYTES);
    }

    #[test]
    fn fields_are_checked_by_their_kind() {
        use IngredientKind as Kind;
        for (kind, good, bad) in [
            (Kind::Text, json!("a"), json!("")),
            (Kind::Integer, json!(-3), json!(1.5)),
            (Kind::Number, json!(1.5), json!("1.5")),
            (Kind::Boolean, json!(false), json!(0)),
            (Kind::Object, json!({}), json!([])),
            (Kind::List, json!([]), json!({})),
            (Kind::Minutes, json!(30), json!(0)),
            (Kind::Time, json!("2030-01-02T14:00:00.000Z"), json!("1893553445")),
        ] {
            assert_eq!(checked("f", kind, &good).unwrap(), good, "{kind:?}");
            assert!(
                checked("f", kind, &bad).unwrap_err().message.contains("`f` must be "),
                "{kind:?}"
            );
        }
    }
}
