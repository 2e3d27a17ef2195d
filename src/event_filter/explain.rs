//! Why a filter does not match a request.

use serde_json::{Map, Value, json};

use super::{EventFilter, RequestView, Rule};
use crate::expression::{Expression, Variables};
use crate::headers::Headers;
use crate::json::get;
use crate::mask;

/// How near a request comes to a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmetParts {
    /// How many parts hold.
    pub held: usize,
    /// Those that do not.
    pub parts: Vec<UnmetPart>,
}

/// A part of an expression that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmetPart {
    /// As it was written.
    pub source: String,
    /// The path and the value that it is compared with.
    pub expected: Option<(String, Value)>,
    /// What is at the paths that it looks at. Credentials are masked.
    pub found: Vec<(String, Option<Value>)>,
}

impl EventFilter {
    /// How near the request comes, by the event of it that comes nearest.
    pub fn explain(&self, view: &RequestView<'_>) -> UnmetParts {
        let parts = match &self.rule {
            Rule::Pattern(_) => Vec::new(),
            Rule::Expression(expression) => expression.parts(),
        };
        let mut best: Option<UnmetParts> = None;
        view.any_event(true, |event, also| {
            let unmet = match &self.rule {
                Rule::Expression(_) if !parts.is_empty() => unmet_of(&parts, event),
                _ => UnmetParts {
                    held: 0,
                    parts: if self.holds(event, also) {
                        Vec::new()
                    } else {
                        vec![self.as_one_part(event)]
                    },
                },
            };
            if best.as_ref().is_none_or(|best| unmet.held > best.held) {
                best = Some(unmet);
            }
            false
        });
        best.unwrap_or(UnmetParts {
            held: 0,
            parts: Vec::new(),
        })
    }

    fn as_one_part(&self, event: &Variables<'_>) -> UnmetPart {
        UnmetPart {
            source: self.source(),
            expected: None,
            found: vec![("event".to_owned(), event.event.map(Value::from))],
        }
    }
}

fn unmet_of(parts: &[Expression], event: &Variables<'_>) -> UnmetParts {
    let unmet: Vec<&Expression> = parts.iter().filter(|part| part.evaluate(event) != Ok(true)).collect();
    let facts = facts(event);
    let part = |part: &&Expression| {
        let outline = part.outline();
        let found = outline
            .paths
            .iter()
            .map(|path| (path.clone(), get(&facts, path).cloned()));
        UnmetPart {
            source: part.source().to_owned(),
            expected: outline.equals.clone(),
            found: found.collect(),
        }
    };
    UnmetParts {
        held: parts.len() - unmet.len(),
        parts: unmet.iter().map(part).collect(),
    }
}

/// The variables as a document, without the body, and with credentials masked.
fn facts(event: &Variables<'_>) -> Value {
    let headers = event.headers.into_iter().flat_map(Headers::iter);
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), mask::header(name, value, &[])));
    let query = url::form_urlencoded::parse(event.query.as_bytes());
    let query = query.map(|(name, value)| (name.into_owned(), value.into_owned()));
    let data = event.data.as_ref().map_or(Value::Null, |data| mask::value(data));
    json!({
        "event": event.event,
        "id": event.id,
        "provider": event.provider,
        "verified": event.verified,
        "reason": event.reason,
        "method": event.method,
        "path": event.path,
        "query": mask::value(&lists(query)),
        "headers": lists(headers),
        "data": data,
        "duplicate": event.duplicate,
        "direction": event.direction,
        "status": event.status,
        "time": event.time.map(|time| time.rfc3339(crate::clock::Precision::Millis)),
        "size": event.size,
        "remote": mask::url(event.remote),
        "endpoint": event.endpoint,
        "mode": event.mode,
    })
}

fn lists(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut lists = Map::new();
    for (name, value) in pairs {
        let list = lists.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::from(value));
        }
    }
    Value::Object(lists)
}
