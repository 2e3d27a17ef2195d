//! A provider's management API: calls, answers, names of fields. Both the client and the mock server use it.

mod names;
mod paths;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};
use url::Url;

pub use names::{FaultKind, Field, IdForm, RateFact, Verb};

use super::causes::{Cause, Declared, check_place};
use super::fault::{ProfileError, check_scope, fault};
use super::value::DurationText;
use crate::glob::Glob;
use crate::headers::check_line;
use crate::template::{self, Document, Scope, Template};

/// Where the calls of `hook serve` itself are, beside those of a provider.
pub const OWN_PATHS: &str = "/_hook";

type Result<T> = std::result::Result<T, ProfileError>;

/// `[api]`: a management API for subscriptions, what `hook endpoints --remote` calls and `hook serve` plays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Api {
    /// Where it is, without a `/` at the end, e.g. `https://api.example.com/v1`. Absent: the user gives it by `--api-url`.
    #[serde(deserialize_with = "base_url")]
    pub base: Option<Url>,
    /// Headers that every call must carry beside its token.
    pub headers: IndexMap<String, String>,
    /// Form of a key, a template of `${new.*}`; the text before the first placeholder is the prefix of every key.
    #[serde(default = "usual_key")]
    pub key: Template,
    /// The same of a key whose calls cause test events only.
    pub test_key: Option<Template>,
    /// How ids are written.
    pub id: IdForm,
    /// Their names of our fields. What is absent the provider does not keep.
    pub fields: IndexMap<Field, String>,
    /// The `status` of a subscription that is not confirmed yet.
    pub pending: Option<String>,
    create: Option<Call>,
    list: Option<Call>,
    get: Option<Call>,
    update: Option<Call>,
    delete: Option<Call>,
    confirm: Option<Call>,
    /// How a long list is cut into pages. Absent: it never is.
    pub paging: Option<Paging>,
    /// What refusals look like.
    #[serde(rename = "errors")]
    pub faults: Faults,
    /// Scope = the events that need it.
    pub scopes: IndexMap<String, Vec<Glob>>,
    /// How many calls are taken.
    pub rate: Option<Rate>,
    /// Resources that calls create and delete, and the events that this causes.
    pub causes: IndexMap<String, Cause>,
}

fn usual_key() -> Template {
    Template::builtin("key_${new.alnum32}")
}

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let sound = |url: &Url| matches!(url.scheme(), "http" | "https") && url.query().is_none();
    let url = Url::parse(&text).ok().filter(sound);
    let wrong = || de::Error::custom(format_args!("`{text}` is not the URL of an API"));
    url.map(Some).ok_or_else(wrong)
}

/// `[api.VERB]`: one call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Call {
    /// `GET` and the like.
    pub method: String,
    /// Below the base; `{id}` is the subscription's.
    pub path: String,
    /// Of success.
    #[serde(default = "super::causes::usual_status")]
    pub status: u16,
    /// What the request may carry.
    pub takes: Vec<Field>,
    /// What the answer leaves out.
    pub hides: Vec<Field>,
    /// More that the request must carry, and the answer repeats: name = text or `${param.NAME}`.
    pub with: IndexMap<String, Extra>,
    /// Where the answer has the list; absent: the answer is the list.
    pub items: Option<String>,
    /// The path of the total number in the answer.
    pub total: Option<String>,
    /// The request's body as JSON text with `${id}` and `${token}`, where it is no subscription.
    pub body: Option<Document<String>>,
    /// The answer as JSON text with `${id}`. Empty: there is no body. Absent: the subscription, or all of them.
    #[serde(deserialize_with = "template::body")]
    pub answer: Option<Document<String>>,
}

/// What else a request carries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Extra {
    /// Fixed text.
    Text(String),
    /// A parameter of the envelope.
    Param(String),
}

impl TryFrom<String> for Extra {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let param = |name: &str| name.strip_prefix("param.").map(str::to_owned);
        let template = Template::parse_with(&text, param).map_err(|error| error.to_string())?;
        match (template.single(), template.render(|_| None)) {
            (Some(param), _) => Ok(Self::Param(param.clone())),
            (None, Some(text)) => Ok(Self::Text(text)),
            (None, None) => Err("a placeholder must stand alone".to_owned()),
        }
    }
}

/// `[api.paging]`: a cursor that each page names for the next, or numbered pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Paging {
    /// The query parameter that asks for a page.
    pub param: String,
    /// The query parameter of the number of items on a page.
    pub size_param: String,
    /// How many are asked for; at least 1.
    pub size: u32,
    /// Where the answer names the next page; absent: pages are numbered from 1.
    pub next: Option<String>,
}

/// `[api.errors]`: what refusals look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Faults {
    /// JSON text with `${code}`, `${message}` and `${status}`.
    pub answer: Document<String>,
    kinds: IndexMap<FaultKind, FaultTable>,
}

impl Default for Faults {
    fn default() -> Self {
        let plain = serde_json::json!({ "error": "${code}", "message": "${message}" });
        Self {
            answer: Document::builtin(plain),
            kinds: IndexMap::new(),
        }
    }
}

/// `[api.errors.kinds.KIND]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct FaultTable {
    /// Status code; the usual one of the kind when absent.
    status: Option<u16>,
    /// The value of `${code}`; the kind's name when absent.
    code: Option<String>,
}

/// `[api.rate]`: how many calls are taken.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Rate {
    /// So many calls,
    pub calls: u32,
    /// in so long.
    pub per: DurationText,
    /// The headers in which answers state the limit.
    pub headers: IndexMap<String, RateFact>,
}

impl Api {
    /// Checks the keys against each other.
    pub(super) fn check(&mut self, file: Declared<'_>) -> Result<()> {
        for (name, value) in &self.headers {
            check_line(name, value).or_else(|what| fault(&format!("api.headers.{name}"), what))?;
        }
        for name in self.rate.iter().flat_map(|rate| rate.headers.keys()) {
            check_line(name, "").or_else(|what| fault(&format!("api.rate.headers.{name}"), what))?;
        }
        check_scope("api.key", &self.key, Scope::Fresh)?;
        if let Some(form) = &self.test_key {
            check_scope("api.test-key", form, Scope::Fresh)?;
        }
        for needed in [Field::Id, Field::Url, Field::Events] {
            if self.field(needed).is_none() {
                return fault("api.fields", format!("`{needed}` is missing"));
            }
        }
        let paging = self.paging.as_ref();
        if paging.is_some_and(|p| p.param.is_empty() || p.size_param.is_empty() || p.size == 0) {
            return fault("api.paging", "`param`, `size-param` and a `size` above 0 are needed");
        }
        let answer = self.faults.answer.check(&["code", "message", "status"]);
        answer.or_else(|what| fault("api.errors.answer", what))?;
        // Without these three calls neither the client nor the mock server can manage subscriptions.
        for &verb in Verb::ALL {
            match self.call(verb) {
                Some(call) => call.check(verb, file)?,
                None if matches!(verb, Verb::Create | Verb::List | Verb::Delete) => {
                    return fault("api", format!("a table `[api.{verb}]` is missing"));
                }
                None => {}
            }
        }
        let mut causes = self.causes.iter_mut();
        causes.try_for_each(|(name, cause)| cause.check(name, file))?;
        self.check_paths()
    }

    /// Of two calls whose method and path fit the same request, the second would never be made.
    fn check_paths(&self) -> Result<()> {
        let verbs = self
            .calls()
            .map(|(verb, call)| (format!("api.{verb}"), &call.method, &call.path));
        let mut seen: Vec<(String, &String, &String)> = verbs.collect();
        for (name, cause) in &self.causes {
            let (create, delete) = (&cause.create, cause.delete.iter());
            seen.push((format!("api.causes.{name}.create"), &create.method, &create.path));
            seen.extend(delete.map(|call| (format!("api.causes.{name}.delete"), &call.method, &call.path)));
        }
        let base = self.base.as_ref().map_or("", |base| base.path().trim_end_matches('/'));
        for (index, (key, method, path)) in seen.iter().enumerate() {
            let rest = base.is_empty().then(|| path.strip_prefix(OWN_PATHS)).flatten();
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                let what = format!("`{path}` belongs to `hook serve`, as all paths below `{OWN_PATHS}` do");
                return fault(&format!("{key}.path"), what);
            }
            let mut earlier = seen.iter().take(index);
            let clash = earlier.find(|(_, other, there)| other == method && paths::overlap(there, path));
            if let Some((other, _, there)) = clash {
                let what = format!("`{method} {path}` cannot be told from `{method} {there}` of `{other}`");
                return fault(&format!("{key}.path"), what);
            }
        }
        Ok(())
    }

    /// Their name of a field; `None` where they do not have it.
    pub fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// The call for a verb; `None` where the API has none. [`Verb::Create`], [`Verb::List`] and [`Verb::Delete`] always exist.
    pub fn call(&self, verb: Verb) -> Option<&Call> {
        match verb {
            Verb::Create => &self.create,
            Verb::List => &self.list,
            Verb::Get => &self.get,
            Verb::Update => &self.update,
            Verb::Delete => &self.delete,
            Verb::Confirm => &self.confirm,
        }
        .as_ref()
    }

    /// All calls of the API.
    pub fn calls(&self) -> impl Iterator<Item = (Verb, &Call)> {
        Verb::ALL.iter().filter_map(|&verb| Some((verb, self.call(verb)?)))
    }

    /// Whether the request of a verb has a place for a field.
    pub fn takes(&self, verb: Verb, field: Field) -> bool {
        self.call(verb).is_some_and(|call| call.takes.contains(&field))
    }

    /// The prefixes of all keys: the texts before the first placeholder of their forms.
    pub fn key_prefixes(&self) -> Vec<&str> {
        let forms = std::iter::once(&self.key).chain(&self.test_key);
        let starts = forms.map(Template::fixed_start);
        starts.filter(|start| !start.is_empty()).collect()
    }
}

impl Call {
    fn check(&self, verb: Verb, file: Declared<'_>) -> Result<()> {
        let key = format!("api.{verb}");
        check_place(
            &key,
            &self.method,
            &self.path,
            !matches!(verb, Verb::Create | Verb::List),
        )?;
        for extra in self.with.values() {
            if let Extra::Param(param) = extra
                && !(file.is_param)(param)
            {
                return fault(&format!("{key}.with"), format!("parameter `{param}` not found"));
            }
        }
        let answer = self.answer.as_ref().and_then(Document::text);
        if answer.is_some_and(|text| !text.is_empty()) {
            return fault(&format!("{key}.answer"), "it is not JSON");
        }
        for (name, document) in [("body", &self.body), ("answer", &self.answer)] {
            let checked = document
                .as_ref()
                .map_or(Ok(()), |document| document.check(&["id", "token"]));
            checked.or_else(|what| fault(&format!("{key}.{name}"), what))?;
        }
        Ok(())
    }
}

impl Faults {
    /// Status and code of a kind.
    pub fn of(&self, kind: FaultKind) -> (u16, &str) {
        let table = self.kinds.get(&kind);
        let status = table.and_then(|table| table.status);
        let code = table.and_then(|table| table.code.as_deref());
        (status.unwrap_or(kind.usual_status()), code.unwrap_or(kind.name()))
    }

    /// The kind of a status and a code. Several kinds may share them: then the first of the file counts. With an unknown code
    /// the status decides.
    pub fn kind(&self, status: u16, code: Option<&str>) -> Option<FaultKind> {
        let stated = || self.kinds.keys().copied().filter(|kind| self.of(*kind).0 == status);
        let told = stated().find(|kind| Some(self.of(*kind).1) == code);
        let mut all = FaultKind::ALL.iter().copied();
        told.or_else(|| stated().next())
            .or_else(|| all.find(|kind| kind.usual_status() == status))
    }
}
