//! The contract: the `OpenAPI` document of the service's own calls. What the handlers say of themselves is completed by what is the
//! same for all of them: the key, the refusals, and which answers lead to which calls.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::events::MOST_EVENTS;
use super::problem::Problem;
use super::schema;

/// What the document is about.
#[derive(OpenApi)]
#[openapi(
    info(title = "hook serve", description = "Events in, signed and retried deliveries out."),
    components(schemas(Problem))
)]
struct Described;

/// Calls that need no key.
const WITHOUT_KEY: [&str; 2] = ["readHealth", "readContract"];

/// Calls that an answer leads to: the call, the member of its answer, and the parameter and the calls that it is for.
const LINKS: [(&str, &str, &str, &[&str]); 3] = [
    ("addEvent", "/id", "id", &["readEvent"]),
    (
        "addEndpoint",
        "/id",
        "endpoint",
        &[
            "readEndpoint",
            "changeEndpoint",
            "removeEndpoint",
            "rotateSecret",
            "enableEndpoint",
            "disableEndpoint",
            "pauseEndpoint",
            "resumeEndpoint",
            "readEndpointHealth",
            "recoverEndpoint",
            "testEndpoint",
        ],
    ),
    (
        "listDeliveries",
        "/items/0/id",
        "id",
        &["readDelivery", "listAttempts", "retryDelivery"],
    ),
];

/// The calls that have no list of their own parameters.
pub(super) fn described() -> Document {
    Described::openapi()
}

/// The document with what is the same for all calls.
pub(super) fn finished(document: &Document) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "key": {"type": "http", "scheme": "bearer", "description": "A key of `hook serve`"}
    });
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            finish(path, operation);
        }
    }
    document
}

fn finish(path: &str, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let has_key = !WITHOUT_KEY.contains(&id.as_str());
    if has_key {
        operation["security"] = json!([{"key": []}]);
    }
    set_filter_schemas(operation);
    if id == "addEvents" {
        let batch = &mut operation["requestBody"]["content"]["application/json"]["schema"];
        (batch["minItems"], batch["maxItems"]) = (json!(1), json!(MOST_EVENTS));
    }
    let body = operation.get_mut("requestBody");
    let has_body = body.is_some();
    // A body may be missing, but it is never null.
    if let Some(schema) = body.map(|body| &mut body["content"]["application/json"]["schema"])
        && let Some(of_body) = schema["oneOf"].as_array()
        && let Some(named) = of_body.iter().find(|one| one.get("$ref").is_some()).cloned()
    {
        *schema = named;
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    let mut refusals = vec![("400", "The call is not valid")];
    if has_key {
        refusals.extend([
            ("401", "The key is missing or unknown"),
            (
                "403",
                "The key does not allow it, or without keys: a web page or a foreign host",
            ),
            ("429", "Too many calls with this key; `Retry-After`"),
            ("503", "The store cannot be used now; `Retry-After`"),
        ]);
    }
    if path.contains('{') || id == "listDeliveries" || id == "retryDeliveries" {
        refusals.push(("404", "There is nothing of that name"));
    }
    if has_body {
        refusals.extend([
            ("413", "The body, or the data of an event, is too large"),
            ("415", "The body is not sent as JSON"),
            (
                "422",
                "It is understood, and refused by a rule, or cannot be delivered as it is",
            ),
        ]);
    }
    for (status, description) in refusals {
        responses.insert(status.to_owned(), json!({ "description": description }));
    }
    for (status, response) in responses.iter_mut() {
        if status.starts_with(['4', '5']) {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            response["content"] = json!({"application/problem+json": {"schema": schema}});
        } else if let Some(links) = links(&id) {
            response["links"] = links;
        }
    }
    responses.sort_keys();
}

/// Texts of a query whose form is that of a body.
fn set_filter_schemas(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let schema = match parameter["name"].as_str() {
            Some("state") => schema::state(),
            Some("since") => schema::since(),
            _ => {
                // A parameter is there or not, it is never null.
                if let Some(kind) = parameter["schema"]["type"].as_array() {
                    parameter["schema"]["type"] = kind.first().cloned().unwrap_or_default();
                }
                continue;
            }
        };
        parameter["schema"] = serde_json::to_value(schema).unwrap_or_default();
    }
}

fn links(operation: &str) -> Option<Value> {
    let found = LINKS.iter().filter(|(from, ..)| *from == operation);
    let links: Map<String, Value> = found
        .flat_map(|(_, member, parameter, to)| {
            to.iter().map(move |to| {
                let expression = format!("$response.body#{member}");
                let link = json!({"operationId": to, "parameters": {*parameter: expression}});
                ((*to).to_owned(), link)
            })
        })
        .collect();
    (!links.is_empty()).then_some(Value::Object(links))
}
