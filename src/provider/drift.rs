//! Schema drift: where a body differs from the sample of its event in the catalogue.
//!
//! A sample is one example, not a schema. So `null` on either side means that a value may be absent, but for the fields of the
//! envelope, and an empty object or array in the sample allows any content. A field that the sample lacks, or a text that the documents do not list, is
//! reported but is not a problem.

mod compare;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::compose::{ComposeError, ComposeOptions, Composer};
use super::data::DataAt;
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::finding::{Finding, Level};
use crate::id::{Id, IdKind};
use crate::json::{below, document, get, get_mut, insert};
use crate::random::Random;
use compare::{SampleComparison, wanted_type};

/// The part of a path for every item of an array.
const EACH: &str = "*";

/// One difference. Its finding is a problem where a receiver that was written for the sample breaks on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Difference {
    /// Dotted, with `*` for every item of an array; empty for the body itself.
    pub path: String,
    /// `missing`, `retyped`, `other-event`, `added` or `unknown`, and the types in words.
    #[serde(serialize_with = "serialize_code")]
    pub finding: Finding,
    /// The JSON type that the sample has there.
    pub wanted: Option<&'static str>,
    /// The one that the body has.
    pub found: Option<&'static str>,
}

/// The expected shape of one event.
#[derive(Debug, Clone)]
pub struct Measure {
    document: Value,
    data: DataAt,
    grouping: bool,
    /// Fields of the envelope, which are never `null`.
    envelope: Vec<String>,
    paths: Vec<String>,
    /// Texts that the documents list, by their path in the body.
    listed: Vec<(String, Vec<String>)>,
}

impl Difference {
    /// The sample has it, the body does not.
    fn missing(path: &str, wanted: &'static str) -> Self {
        Self::new(path, Finding::problem("missing", wanted), Some(wanted), None)
    }

    /// It is of another type.
    fn retyped(path: &str, wanted: &'static str, found: &'static str) -> Self {
        let finding = Finding::problem("retyped", format!("{wanted} is now {found}"));
        Self::new(path, finding, Some(wanted), Some(found))
    }

    /// The body has it, the sample does not.
    fn added(path: &str, found: &'static str) -> Self {
        Self::new(path, Finding::new(Level::Note, "added", found), None, Some(found))
    }

    /// The body is of another event than the one that it is compared with.
    pub fn of_another_event(path: &str, event: &str) -> Self {
        let fact = format!("the body is of the event `{event}`");
        Self::new(
            path,
            Finding::problem("other-event", fact),
            Some("string"),
            Some("string"),
        )
    }

    /// A text that the documents do not list at a place where they list some.
    fn unlisted(path: &str) -> Self {
        let fact = "a text that the documents do not list";
        Self::new(path, Finding::new(Level::Note, "unknown", fact), None, Some("string"))
    }

    fn new(path: &str, finding: Finding, wanted: Option<&'static str>, found: Option<&'static str>) -> Self {
        Self {
            path: path.to_owned(),
            finding,
            wanted,
            found,
        }
    }

    /// Whether a receiver that was written for the sample breaks on it.
    pub fn is_problem(&self) -> bool {
        self.finding.is_problem()
    }
}

fn serialize_code<S: Serializer>(finding: &Finding, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(finding.code)
}

impl Measure {
    /// The shape of one document.
    pub fn of_sample(document: Value) -> Self {
        let mut paths = Vec::new();
        list_paths(&document, "", &mut paths);
        Self {
            grouping: false,
            envelope: Vec::new(),
            listed: Vec::new(),
            data: DataAt::Whole,
            document,
            paths,
        }
    }

    /// Composes the sample of an event of the catalogue.
    pub fn new(profile: &Profile, event: &str) -> Result<Self, ComposeError> {
        let options = ComposeOptions::example(profile, event);
        let composer = Composer::new(profile, options)?;
        let (now, random) = (Timestamp::from_unix(0), Random::seeded(0));
        let message = composer.compose(Id::new(IdKind::Message, now, &random), now, &random)?;
        let mut document: Value = document(&profile.delivery.content_type, &message.body)
            .map_err(|error| ComposeError::Invalid(error.to_string()))?;
        // What stands there is the sender's own, so that the sample's is as good as any.
        let metadata = profile.message.metadata.as_deref();
        if let Some(own @ Value::Object(_)) = metadata.and_then(|at| get_mut(&mut document, at)) {
            *own = Value::Object(serde_json::Map::new());
        }
        let entry = profile.events.get(composer.event());
        let data = DataAt::of(profile);
        let listed = entry.map(|entry| &entry.values).into_iter().flatten();
        let listed = listed.map(|(path, values)| (data.path(path), values.clone()));
        let mut paths = Vec::new();
        list_paths(&document, "", &mut paths);
        Ok(Self {
            grouping: entry.is_some_and(|entry| entry.grouping),
            envelope: profile.envelope.json.keys().cloned().collect(),
            listed: listed.collect(),
            data,
            document,
            paths,
        })
    }

    /// Every difference once: the sample's fields in its order, then what was added.
    pub fn compare(&self, body: &Value) -> Vec<Difference> {
        // Inside of the data `null` stands for an absent value. A body that is `null` has nothing of the event.
        if body.is_null() {
            return vec![Difference::retyped("", wanted_type(&self.document), "null")];
        }
        let ungrouped = self.ungrouped(body);
        let bodies: Vec<&Value> = match &ungrouped {
            Some(bodies) => bodies.iter().collect(),
            None => vec![body],
        };
        let nulls = self.envelope.iter().filter_map(|name| {
            let wanted = self.document.get(name).filter(|wanted| !wanted.is_null())?;
            let is_null = body.get(name).is_some_and(Value::is_null);
            is_null.then(|| Difference::retyped(name, wanted_type(wanted), "null"))
        });
        let others = SampleComparison::new(&self.listed).of(&self.document, &bodies);
        nulls.chain(others).collect()
    }

    /// The difference of bytes that are no JSON at all.
    pub fn unreadable(&self) -> Difference {
        Difference::retyped("", wanted_type(&self.document), "no JSON")
    }

    /// The position of a difference in a list over several bodies.
    pub fn rank(&self, difference: &Difference) -> usize {
        let known = self.paths.iter().position(|path| *path == difference.path);
        known.unwrap_or(self.paths.len())
    }

    /// A message of several events as one message each, where the event may come so.
    fn ungrouped(&self, body: &Value) -> Option<Vec<Value>> {
        let field = match &self.data {
            DataAt::Field(name) => name.as_str(),
            DataAt::Spread => "data",
            DataAt::Whole => "",
        };
        let (here, there) = match &self.data {
            DataAt::Whole => (Some(body), Some(&self.document)),
            _ => (get(body, field), get(&self.document, field)),
        };
        let Some(Value::Array(items)) = here else { return None };
        if !self.grouping || there.is_some_and(Value::is_array) {
            return None;
        }
        // Of no events nothing can be said but what stands around them.
        let none = [Value::Null];
        let items = if items.is_empty() { &none[..] } else { items };
        // Without the items: a copy of all of them for each of them would take the square of their number.
        let mut around = Value::Null;
        if self.data != DataAt::Whole {
            around = body.clone();
            insert(&mut around, field, Value::Null);
        }
        let one = |item: &Value| match (&self.data, &around, item) {
            (DataAt::Field(name), ..) => {
                let mut one = around.clone();
                insert(&mut one, name, item.clone());
                one
            }
            (DataAt::Spread, Value::Object(around), Value::Object(data)) => {
                let mut one = around.clone();
                one.shift_remove(field);
                one.extend(data.clone());
                Value::Object(one)
            }
            _ => item.clone(),
        };
        Some(items.iter().map(one).collect())
    }
}

/// Every path of the sample in its order, containers before what they hold.
fn list_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    paths.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                list_paths(value, &below(path, name), paths);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                list_paths(first, &below(path, EACH), paths);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
