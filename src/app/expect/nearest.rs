//! The request that comes nearest to an expectation, and what it lacks.

use serde_json::{Map, Value};

use super::report::{FoundValue, NearestRequest, SeenRequest};
use crate::app::context::Context;
use crate::app::inspect::difference::document_differences;
use crate::event_filter::{EventFilter, RequestView, UnmetParts};
use crate::json::insert;
use crate::store::{Record, Store};
use crate::text::printable;

/// Characters of a value that are given.
const SHOWN: usize = 200;

/// The newest of the requests for which the most parts of the expression hold; before all others one that matches, and did not
/// count.
pub(super) fn nearest(
    context: &Context,
    ledger: &dyn Store,
    filter: &EventFilter,
    seen: &[SeenRequest],
) -> Option<NearestRequest> {
    let mut best: Option<(&SeenRequest, UnmetParts)> = None;
    for request in seen.iter().rev() {
        let Ok(Some(Record::Capture(capture))) = ledger.get(request.number) else {
            continue;
        };
        let provider = capture.request.provider.as_deref();
        let profile = provider.and_then(|label| context.registry.get(label).ok());
        let unmet = filter.explain(&RequestView::of_capture(&capture, profile));
        // What matches and was counted is not what is missing.
        if unmet.parts.is_empty() && request.counted_as == "counted" {
            continue;
        }
        let rank = |unmet: &UnmetParts| (unmet.parts.is_empty(), unmet.held);
        if best.as_ref().is_none_or(|(_, known)| rank(&unmet) > rank(known)) {
            best = Some((request, unmet));
        }
    }
    let (request, unmet) = best?;
    Some(NearestRequest {
        number: request.number,
        event: request.event.clone(),
        not_counted: unmet.parts.is_empty().then_some(request.counted_as),
        differences: differences(&unmet),
        found: found(&unmet),
        unmet_parts: unmet.parts.into_iter().map(|part| part.source).collect(),
    })
}

/// Where a part compares with a value: what is expected, and what is there.
fn differences(unmet: &UnmetParts) -> Vec<crate::app::inspect::difference::ValueDifference> {
    let (mut expected, mut came) = (Value::Object(Map::new()), Value::Object(Map::new()));
    for part in &unmet.parts {
        let Some((path, value)) = &part.expected else { continue };
        set(&mut expected, path, value.clone());
        if let Some((_, Some(found))) = part.found.iter().find(|(found, _)| found == path) {
            set(&mut came, path, found.clone());
        }
    }
    document_differences(&expected, &came)
}

/// What is at the paths of the other parts.
fn found(unmet: &UnmetParts) -> Vec<FoundValue> {
    let others = unmet.parts.iter().filter(|part| part.expected.is_none());
    let found = others.flat_map(|part| &part.found).map(|(path, value)| FoundValue {
        path: path.clone(),
        value: value.as_ref().map(|value| printable(&value.to_string(), SHOWN)),
    });
    found.collect()
}

/// Sets a value at a dotted path, with the objects around it.
fn set(document: &mut Value, path: &str, value: Value) {
    let mut at = String::new();
    let keys: Vec<&str> = path.split('.').collect();
    for key in &keys[..keys.len() - 1] {
        at = crate::json::below(&at, key);
        if crate::json::get(document, &at).is_none() {
            insert(document, &at, Value::Object(Map::new()));
        }
    }
    insert(document, path, value);
}
