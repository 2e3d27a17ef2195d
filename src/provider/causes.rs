//! Resources that calls of an API create and delete: what `hook serve` keeps of them, and which events that causes.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::fault::{ProfileError, check_scope, fault};
use crate::template::{Document, Scope, Template};
use crate::words::words;

type Result<T> = std::result::Result<T, ProfileError>;

/// `[api.causes.NAME]`: a kind of resource.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Cause {
    /// The kind of resource.
    #[serde(skip)]
    pub name: String,
    /// Form of its id, a template of `${new.*}`.
    #[serde(default = "usual_id")]
    pub id: Template,
    needs: IndexMap<String, IngredientKind>,
    takes: IndexMap<String, IngredientKind>,
    /// Moments that follow from two fields.
    pub later: IndexMap<String, LaterMoment>,
    /// The resource as JSON text with `${id}`, `${now}`, the fields and the later moments: the event's data.
    pub record: Document<String>,
    /// Fields that must be unique.
    pub unique: Vec<String>,
    /// The refusal of a second one.
    pub taken: TakenRefusal,
    /// The call that creates one.
    pub create: CauseCall,
    /// The call that deletes one.
    pub delete: Option<CauseCall>,
}

fn usual_id() -> Template {
    Template::builtin("${new.uuid}")
}

/// The status of a call that states none.
pub(super) fn usual_status() -> u16 {
    200
}

/// What the file of an API declares beside it.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) is_param: &'a dyn Fn(&str) -> bool,
    pub(super) is_event: &'a dyn Fn(&str) -> bool,
}

words! {
    /// What a field must be.
    pub enum IngredientKind {
        /// Text that is not empty.
        Text = "text",
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "number",
        /// True or false.
        Boolean = "boolean",
        /// A JSON object.
        Object = "object",
        /// A JSON array.
        List = "list",
        /// RFC 3339.
        Time = "time",
        /// A whole number above 0.
        Minutes = "minutes",
    }
}

/// `[api.causes.NAME.later.FIELD]`: a moment some minutes later than another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LaterMoment {
    /// The field with the time.
    pub than: String,
    /// The field with the minutes.
    pub by: String,
}

/// `[api.causes.NAME.taken]`: the refusal of a second resource with the same unique fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TakenRefusal {
    /// Status code.
    pub status: u16,
    /// The value of `${code}`.
    pub code: String,
}

impl Default for TakenRefusal {
    fn default() -> Self {
        Self {
            status: 409,
            code: "taken".to_owned(),
        }
    }
}

/// `[api.causes.NAME.create]` and `[api.causes.NAME.delete]`: a call that creates or deletes a resource.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CauseCall {
    /// `POST` and the like.
    pub method: String,
    /// Below the base; `{id}` is the id of the resource.
    pub path: String,
    /// Of success.
    #[serde(default = "usual_status")]
    pub status: u16,
    /// The catalogue's name of what happens.
    pub event: String,
    /// JSON text that is merged over the resource before the event is emitted.
    #[serde(default = "nothing", deserialize_with = "object")]
    pub sets: Value,
    /// The answer as JSON text with `${id}`; absent: the resource.
    pub answer: Option<Document<String>>,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

fn object<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Value, D::Error> {
    match serde_json::from_str(&String::deserialize(deserializer)?) {
        Ok(object @ Value::Object(_)) => Ok(object),
        _ => Err(de::Error::custom("not a JSON object")),
    }
}

impl Cause {
    /// The fields of a request that creates one, what each must be, and whether it is required.
    pub fn fields(&self) -> impl Iterator<Item = (&str, IngredientKind, bool)> {
        let needs = self.needs.iter().map(|(name, kind)| (name.as_str(), *kind, true));
        let takes = self.takes.iter().map(|(name, kind)| (name.as_str(), *kind, false));
        needs.chain(takes)
    }

    /// Checks the keys against each other.
    pub(super) fn check(&mut self, name: &str, file: Declared<'_>) -> Result<()> {
        let key = |rest: &str| format!("api.causes.{name}.{rest}");
        name.clone_into(&mut self.name);
        check_scope(&key("id"), &self.id, Scope::Fresh)?;
        let is = |field: &str, kind| self.fields().any(|(name, its, _)| name == field && its == kind);
        for (moment, rule) in &self.later {
            if !is(&rule.than, IngredientKind::Time) || !is(&rule.by, IngredientKind::Minutes) {
                let what = "`than` must name a field that is a `time`, and `by` one that is `minutes`";
                return fault(&key(&format!("later.{moment}")), what);
            }
        }
        let names = || self.fields().map(|(name, ..)| name);
        if let Some(strange) = self.unique.iter().find(|unique| !names().any(|name| name == **unique)) {
            return fault(&key("unique"), format!("field `{strange}` not found"));
        }
        let mut known = vec!["id", "now"];
        known.extend(names());
        known.extend(self.later.keys().map(String::as_str));
        self.record.check(&known).or_else(|what| fault(&key("record"), what))?;
        self.create.check(&key("create"), file, false)?;
        match &self.delete {
            Some(delete) => delete.check(&key("delete"), file, true),
            None => Ok(()),
        }
    }
}

impl CauseCall {
    fn check(&self, key: &str, file: Declared<'_>, about_one: bool) -> Result<()> {
        check_place(key, &self.method, &self.path, about_one)?;
        if !(file.is_event)(&self.event) {
            return fault(&format!("{key}.event"), format!("event `{}` not found", self.event));
        }
        let answer = self.answer.as_ref().map_or(Ok(()), |answer| answer.check(&["id"]));
        answer.or_else(|what| fault(&format!("{key}.answer"), what))
    }
}

/// Checks the method and the path of a call.
pub(super) fn check_place(key: &str, method: &str, path: &str, about_one: bool) -> Result<()> {
    if !matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
        let what = format!("`{method}` is none of GET, POST, PUT, PATCH, DELETE");
        return fault(&format!("{key}.method"), what);
    }
    if !path.starts_with('/') || path.contains("{id}") != about_one {
        let id = ["without `{id}`", "with `{id}` in it"][usize::from(about_one)];
        let what = format!("`{path}` is not a path that begins with `/`, {id}");
        return fault(&format!("{key}.path"), what);
    }
    Ok(())
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
        let file: Value = toml::from_str(text).map_err(|error| error.to_string())?;
        let profile = crate::provider::Profile::read(&file, None).map_err(|error| error.to_string())?;
        Ok(profile
            .api
            .into_iter()
            .flat_map(|api| api.causes.into_values())
            .collect())
    }

    #[test]
    fn a_thing_is_described_by_its_fields_its_record_and_its_calls() {
        let causes = compiled(PROVIDER).unwrap();
        let [trip] = causes.as_slice() else {
            panic!("{causes:?}")
        };
        assert_eq!((trip.name.as_str(), &trip.taken), ("trip", &TakenRefusal::default()));
        assert_eq!(trip.fields().count(), 2);
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
                "\"/trips\"",
                "\"/hooks\"",
                "`api.causes.trip.create.path`: `POST /hooks` cannot be told from `POST /hooks` of `api.create`",
            ),
            (
                "\"/trips\"",
                "\"/_hook/trips\"",
                "`api.causes.trip.create.path`: `/_hook/trips` belongs to `hook serve`",
            ),
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
