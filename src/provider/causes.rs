//! ResourceStore that calls make and end, after everything was checked: what a provider's face keeps of them, and when events
//! happen.

use serde_json::Value;

use super::compile::{ProfileError, fault, template, word};
use super::file::ProviderFile;
use super::file::causes::{CauseCallFile, CauseFile};
use super::pattern::Pattern;
use crate::template::{Scope, Template};

type Result<T> = std::result::Result<T, ProfileError>;

/// A kind of thing.
#[derive(Debug, Clone)]
pub struct Cause {
    /// What such a thing is called.
    pub name: String,
    /// Form of its id.
    pub id: Template,
    /// What the request carries.
    pub fields: Vec<Ingredient>,
    /// Moments that follow from two fields.
    pub later: Vec<Later>,
    /// The thing: the event's data.
    pub record: Pattern,
    /// Fields that no two things may share.
    pub unique: Vec<String>,
    /// Status and code of the refusal of a second one.
    pub taken: (u16, String),
    /// Makes one.
    pub create: CauseCall,
    /// Ends one.
    pub delete: Option<CauseCall>,
}

/// A field of a request that makes a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    /// In the request.
    pub name: String,
    /// What it must be.
    pub kind: IngredientKind,
    /// Whether it must be there.
    pub needed: bool,
}

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngredientKind {
    /// Text that is not empty.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A JSON object.
    Object,
    /// A JSON array.
    List,
    /// RFC 3339.
    Time,
    /// A whole number above 0.
    Minutes,
}

/// A moment some minutes later than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// What it is called in the record.
    pub name: String,
    /// The field with the time.
    pub than: String,
    /// The field with the minutes.
    pub by: String,
}

/// A call that makes or ends a thing.
#[derive(Debug, Clone)]
pub struct CauseCall {
    /// `POST` and the like.
    pub method: String,
    /// Below the base; `{id}` is the thing's.
    pub path: String,
    /// Of success.
    pub status: u16,
    /// The catalogue's name of what happens.
    pub event: String,
    /// Merged over the thing before the event happens.
    pub sets: Value,
    /// The answer; absent: the thing.
    pub answer: Option<Pattern>,
}

const KINDS: [(&str, IngredientKind); 8] = [
    ("text", IngredientKind::Text),
    ("integer", IngredientKind::Integer),
    ("number", IngredientKind::Number),
    ("boolean", IngredientKind::Boolean),
    ("object", IngredientKind::Object),
    ("list", IngredientKind::List),
    ("time", IngredientKind::Time),
    ("minutes", IngredientKind::Minutes),
];

impl Cause {
    /// Checks the tables of a file.
    pub(super) fn all(file: &ProviderFile) -> Result<Vec<Self>> {
        let causes = file.api.iter().flat_map(|api| &api.causes);
        causes.map(|(name, cause)| Self::compile(file, name, cause)).collect()
    }

    fn compile(provider: &ProviderFile, name: &str, file: &CauseFile) -> Result<Self> {
        let key = |rest: &str| format!("api.causes.{name}.{rest}");
        let fields = fields(file, key)?;
        let is = |field: &str, kind| fields.iter().any(|have| have.name == field && have.kind == kind);
        let mut later = Vec::new();
        for (moment, rule) in &file.later {
            if !is(&rule.than, IngredientKind::Time) || !is(&rule.by, IngredientKind::Minutes) {
                let what = "`than` must name a field that is a `time`, and `by` one that is `minutes`";
                return fault(&key(&format!("later.{moment}")), what);
            }
            later.push(Later {
                name: moment.clone(),
                than: rule.than.clone(),
                by: rule.by.clone(),
            });
        }
        if let Some(strange) = file
            .unique
            .iter()
            .find(|name| !fields.iter().any(|have| have.name == **name))
        {
            return fault(&key("unique"), format!("there is no field `{strange}`"));
        }
        let mut holes = vec!["id", "now"];
        holes.extend(fields.iter().map(|field| field.name.as_str()));
        holes.extend(later.iter().map(|moment| moment.name.as_str()));
        let record = Pattern::parse(&file.record, &holes).or_else(|what| fault(&key("record"), what))?;
        let taken = file.taken.clone().unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            id: template(&key("id"), file.id.as_deref().unwrap_or("${new.uuid}"), Scope::Fresh)?,
            record,
            later,
            unique: file.unique.clone(),
            taken: (
                taken.status.unwrap_or(409),
                taken.code.unwrap_or_else(|| "taken".to_owned()),
            ),
            create: call(provider, &key("create"), &file.create, false)?,
            delete: match &file.delete {
                Some(delete) => Some(call(provider, &key("delete"), delete, true)?),
                None => None,
            },
            fields,
        })
    }
}

fn fields(file: &CauseFile, key: impl Fn(&str) -> String) -> Result<Vec<Ingredient>> {
    let of = |table: &str, (name, kind): (&String, &String), needed| {
        Ok(Ingredient {
            name: name.clone(),
            kind: word(&key(&format!("{table}.{name}")), Some(kind), &KINDS)?,
            needed,
        })
    };
    let needs = file.needs.iter().map(|field| of("needs", field, true));
    let takes = file.takes.iter().map(|field| of("takes", field, false));
    needs.chain(takes).collect()
}

fn call(provider: &ProviderFile, key: &str, file: &CauseCallFile, about_one: bool) -> Result<CauseCall> {
    super::api::check_place(key, &file.method, &file.path, about_one)?;
    if !provider.events.contains_key(&file.event) {
        return fault(&format!("{key}.event"), format!("there is no event `{}`", file.event));
    }
    let sets = match &file.sets {
        None => Value::Object(serde_json::Map::new()),
        Some(text) => match serde_json::from_str(text) {
            Ok(sets @ Value::Object(_)) => sets,
            _ => return fault(&format!("{key}.sets"), "it is no JSON object"),
        },
    };
    let answer = file.answer.as_ref().map(|text| Pattern::parse(text, &["id"]));
    Ok(CauseCall {
        method: file.method.clone(),
        path: file.path.clone(),
        status: file.status.unwrap_or(200),
        event: file.event.clone(),
        sets,
        answer: answer
            .transpose()
            .or_else(|what| fault(&format!("{key}.answer"), what))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = r#"
        format = 1
        name = "acme"
        [signature.unsigned]
        [events."trip.booked"]
        sample = "{}"
        [api]
        fields = { id = "id", url = "url", events = "events" }
        create = { method = "POST", path = "/hooks" }
        list = { method = "GET", path = "/hooks" }
        delete = { method = "DELETE", path = "/hooks/{id}" }
        [api.causes.trip]
        needs = { at = "time", lasts = "minutes" }
        later.back = { than = "at", by = "lasts" }
        unique = ["at"]
        record = '{"id":"${id}","at":"${at}","back":"${back}"}'
        create = { method = "POST", path = "/trips", event = "trip.booked" }
    "#;

    fn compiled(text: &str) -> std::result::Result<Vec<Cause>, String> {
        let file: ProviderFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let profile = crate::provider::Profile::compile(file, None).map_err(|error| error.to_string())?;
        Ok(profile.api.map(|api| api.causes).unwrap_or_default())
    }

    #[test]
    fn a_thing_is_described_by_its_fields_its_record_and_its_calls() {
        let causes = compiled(PROVIDER).unwrap();
        let [trip] = causes.as_slice() else {
            panic!("{causes:?}")
        };
        assert_eq!((trip.name.as_str(), &trip.taken), ("trip", &(409, "taken".to_owned())));
        assert_eq!(trip.fields.len(), 2);
        assert!(trip.delete.is_none());
    }

    #[test]
    fn a_fault_in_the_description_names_its_key() {
        for (from, to, key) in [
            ("\"minutes\"", "\"hours\"", "api.causes.trip.needs.lasts"),
            ("by = \"lasts\"", "by = \"at\"", "api.causes.trip.later.back"),
            ("unique = [\"at\"]", "unique = [\"who\"]", "api.causes.trip.unique"),
            ("${back}", "${home}", "api.causes.trip.record"),
            ("\"/trips\"", "\"/trips/{id}\"", "api.causes.trip.create.path"),
            (
                "event = \"trip.booked\"",
                "event = \"trip.made\"",
                "api.causes.trip.create.event",
            ),
            ("/trips\",", "/trips\", sets = \"7\",", "api.causes.trip.create.sets"),
            (
                "/trips\",",
                "/trips\", answer = \"{\",",
                "api.causes.trip.create.answer",
            ),
        ] {
            assert!(PROVIDER.contains(from), "{from}");
            let error = compiled(&PROVIDER.replace(from, to)).unwrap_err();
            assert!(error.contains(key), "{from} -> {to}: {error}");
        }
    }
}
