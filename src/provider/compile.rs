//! From a file to a profile: checks the keys against each other. Every fault is named by its key.

mod policy;
mod scheme;

use indexmap::IndexMap;
use serde_json::Value;

use super::causes::Declared;
use super::fault::{ProfileError, check_scope, fault, key_of};
use super::file::EnvelopeField;
use super::overlay;
use super::profile::{FORMAT, Profile};
use crate::headers::check_line;
use crate::json::get;
use crate::signature::Scheme;
use crate::template::{Placeholder, Scope, Template};

type Result<T> = std::result::Result<T, ProfileError>;

impl Profile {
    /// Reads a whole file, with one of its variants over it when named.
    pub fn read(file: &Value, variant: Option<&str>) -> Result<Self> {
        let merged = variant.map(|name| overlay::with_variant(file, name));
        let file = merged.as_ref().unwrap_or(file);
        let mut profile = serde_path_to_error::deserialize::<_, Self>(file)
            .map_err(|error| ProfileError::new(&key_of(error.path()), error.inner().to_string()))?;
        profile.check()?;
        profile.compile(variant, file)?;
        if variant.is_none() {
            profile.beside = profile.schemes_beside(file)?;
        }
        Ok(profile)
    }

    /// The schemes of the variants whose signatures are sent too.
    fn schemes_beside(&self, file: &Value) -> Result<Vec<Scheme>> {
        let scheme = |name: &String| match self.variants.get(name) {
            Some(variant) if variant.signature.is_some() => Ok(Self::read(file, Some(name))?.scheme),
            _ => fault("sends-also", format!("no variant `{name}` has a signature of its own")),
        };
        self.sends_also.iter().map(scheme).collect()
    }

    fn check(&self) -> Result<()> {
        self.check_head()?;
        self.check_events()?;
        if self.inbound.as_ref().is_some_and(|inbound| inbound.methods.is_empty()) {
            return fault("inbound.methods", "a trigger takes at least one method");
        }
        if self.naming.separator.as_deref() == Some("") {
            return fault("naming.separator", "it is empty");
        }
        check_headers("headers", &self.headers)?;
        check_headers("test-mode.headers", &self.test_mode.headers)?;
        for key in &self.dedupe.keys {
            check_scope("dedupe.key", key, Scope::Received)?;
        }
        check_scope("secret.form", &self.secret.form, Scope::Fresh)?;
        if let Some(id) = &self.message.id {
            check_scope("message.id", id, Scope::Fresh)?;
        }
        for (name, param) in &self.params {
            let default = param.default.as_ref().map(|text| param.value(text));
            let default = default.transpose();
            default.or_else(|what| fault(&format!("params.{name}.default"), what))?;
        }
        self.check_envelope()
    }

    /// Fills in what is compiled from several keys.
    fn compile(&mut self, variant: Option<&str>, file: &Value) -> Result<()> {
        if self.title.is_empty() {
            self.title.clone_from(&self.name);
        }
        if let Some(name) = variant {
            self.variant = Some(name.to_owned());
            self.when = condition(name, self.variants.get(name).and_then(|variant| variant.when.as_ref()))?;
        }
        self.scheme = match self.signature.take() {
            Some(table) => scheme::scheme(table, &file["signature"], &self.headers)?,
            None => return fault("signature", "a table `[signature.KIND]` is missing"),
        };
        if let Some(api) = &mut self.api {
            api.check(Declared {
                is_param: &|name| self.params.contains_key(name),
                is_event: &|name| self.events.contains_key(name),
            })?;
        }
        // The tables are taken, not copied: what they compile to replaces them.
        let is_assumed = self.is_assumed("retry.schedule.then");
        self.policy = policy::policy(&self.delivery, self.retry.take(), is_assumed)?;
        if let Some(table) = overlay::test_mode_retry(file) {
            let table = serde_path_to_error::deserialize(&table).map_err(|error| ProfileError {
                key: format!("test-mode.retry.{}", key_of(error.path())),
                what: error.into_inner().to_string(),
            })?;
            self.test_policy = Some(policy::policy(&self.delivery, Some(table), is_assumed)?);
        }
        self.read.index_paths(&self.dedupe);
        let own = self.handshake.take().into_iter().map(|handshake| handshake.check(None));
        let named = std::mem::take(&mut self.named_handshakes).into_iter();
        let named = named.map(|(name, handshake)| handshake.check(Some(&name)));
        self.handshakes = own.chain(named).collect::<Result<_>>()?;
        self.check_values()
    }

    fn check_head(&self) -> Result<()> {
        if self.format != FORMAT {
            return fault("format", format!("must be {FORMAT}, is {}", self.format));
        }
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.name.is_empty() || !self.name.bytes().all(named) {
            let what = format!("`{}` is not made of lower-case letters, digits and `-`", self.name);
            return fault("name", what);
        }
        Ok(())
    }

    fn check_events(&self) -> Result<()> {
        for (name, event) in &self.events {
            let key = format!("events.\"{name}\"");
            match &event.like {
                Some(like) if !self.events.contains_key(like) => {
                    return fault(&format!("{key}.like"), format!("event `{like}` not found"));
                }
                None if event.sample.is_none() => return fault(&key, "it has neither `sample` nor `like`"),
                _ => {}
            }
        }
        match &self.test_event {
            Some(event) if !self.events.contains_key(event) => {
                fault("test-event", format!("event `{event}` not found"))
            }
            _ => Ok(()),
        }
    }

    fn check_envelope(&self) -> Result<()> {
        for (name, EnvelopeField(value)) in &self.envelope.json {
            let key = format!("envelope.json.{name}");
            let is_data = |placeholder: &Placeholder| *placeholder == Placeholder::Data;
            for template in value.templates() {
                check_scope(&key, template, Scope::Message)?;
                if template.placeholders().any(is_data) && !template.single().is_some_and(is_data) {
                    return fault(&key, "`${data}` must be the whole value");
                }
            }
            if name == "..." && !value.single().is_some_and(is_data) {
                return fault(&key, "only `${data}` can be spread");
            }
        }
        Ok(())
    }

    /// Listed values are those of a text in the sample: a mistyped path would otherwise never be noticed.
    fn check_values(&self) -> Result<()> {
        for (name, event) in self.events.iter().filter(|(_, event)| !event.values.is_empty()) {
            let key = format!("events.\"{name}\".values");
            let sample = self.sample(name).or_else(|what| fault(&key, what))?;
            let is_text = |path: &str| get(&sample, path).is_some_and(Value::is_string);
            if let Some(path) = event.values.keys().find(|path| !is_text(path)) {
                return fault(&key, format!("the sample has no text at `{path}`"));
            }
        }
        Ok(())
    }
}

fn check_headers(table: &str, headers: &IndexMap<String, Template>) -> Result<()> {
    for (name, value) in headers {
        let key = format!("{table}.{name}");
        check_line(name, &value.to_string()).or_else(|what| fault(&key, what))?;
        check_scope(&key, value, Scope::Header)?;
    }
    Ok(())
}

/// A header's name in lower case, and its value where one is wanted.
type HeaderCondition = (String, Option<String>);

/// Reads `header:NAME` or `header:NAME=VALUE`.
fn condition(variant: &str, text: Option<&String>) -> Result<Option<HeaderCondition>> {
    let Some(text) = text else { return Ok(None) };
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text.as_str(), None),
    };
    match name.strip_prefix("header:") {
        Some(name) if !name.is_empty() => Ok(Some((name.to_ascii_lowercase(), value))),
        _ => fault(
            &format!("variants.{variant}.when"),
            format!("`{text}` is neither `header:NAME` nor `header:NAME=VALUE`"),
        ),
    }
}
