//! From a file to a profile: what one key alone does not tell is checked, every fault named by its key.

mod policy;
mod scheme;

use indexmap::IndexMap;
use serde_json::Value;

use super::causes::Declared;
use super::fault::{ProfileError, fault, key_of};
use super::file::{Dedupe, EnvelopeTable, FORMAT, ProviderFile};
use super::handshake::Handshake;
use super::overlay;
use super::profile::Profile;
use crate::headers::check_line;
use crate::json::get;
use crate::template::{Placeholder, Scope, Template};

type Result<T> = std::result::Result<T, ProfileError>;

/// Refuses placeholders that the place of a template does not know.
fn check(key: &str, template: &Template, scope: Scope) -> Result<()> {
    template.check(scope).or_else(|error| fault(key, error.to_string()))
}

impl Profile {
    /// Reads a whole file, with one of its variants over it when named.
    pub fn read(file: &Value, variant: Option<&str>) -> Result<Self> {
        let merged = variant.map(|name| overlay::with_variant(file, name));
        let file = merged.as_ref().unwrap_or(file);
        let file = serde_path_to_error::deserialize::<_, ProviderFile>(file).map_err(|error| ProfileError {
            key: key_of(error.path()),
            what: error.into_inner().to_string(),
        })?;
        Self::compile(file, variant)
    }

    fn compile(mut file: ProviderFile, variant: Option<&str>) -> Result<Self> {
        check_head(&file)?;
        let when = match variant {
            Some(name) => condition(name, file.variants.get(name).and_then(|variant| variant.when.as_ref()))?,
            None => None,
        };
        check_events(&file)?;
        if file.inbound.as_ref().is_some_and(|inbound| inbound.methods.is_empty()) {
            return fault("inbound.methods", "a trigger takes at least one method");
        }
        if file.naming.separator.as_deref() == Some("") {
            return fault("naming.separator", "it is empty");
        }
        check_headers(&file)?;
        let scheme = match file.signature.take() {
            Some(signature) => scheme::scheme(signature, &file.headers)?,
            None => return fault("signature", "a table `[signature.KIND]` is missing"),
        };
        check_dedupe(&file.dedupe)?;
        let secret_form = match file.secret.take() {
            Some(secret) => secret.form,
            None => Template::builtin("whsec_${new.hex32}"),
        };
        check("secret.form", &secret_form, Scope::Fresh)?;
        if let Some(id) = &file.message.id {
            check("message.id", id, Scope::Fresh)?;
        }
        check_params(&file)?;
        let mut api = file.api.take();
        if let Some(api) = &mut api {
            api.check(Declared {
                is_param: &|name| file.params.contains_key(name),
                is_event: &|name| file.events.contains_key(name),
            })?;
        }
        let variants = file.variants.into_iter().map(|(name, variant)| (name, variant.summary));
        with_checked_values(Self {
            title: file.title.unwrap_or_else(|| file.name.clone()),
            name: file.name,
            variant: variant.map(str::to_owned),
            docs: file.docs,
            notes: file.notes,
            assumed: file.assumed,
            scheme,
            when,
            secret_form,
            headers: file.headers,
            envelope: envelope(file.envelope)?,
            id: file.message.id,
            metadata: file.message.metadata,
            params: file.params,
            read: file.read.with_paths(&file.dedupe),
            policy: policy::policy(&file.delivery, file.retry)?,
            method: file.delivery.method,
            content_type: file.delivery.content_type,
            user_agent: file.delivery.user_agent,
            endpoint: file.endpoint,
            detect: file.detect,
            dedupe: file.dedupe,
            api,
            handshakes: handshakes(file.handshake, file.handshakes)?,
            workflow_context: file.workflow.map(|workflow| workflow.context),
            inbound: file.inbound,
            naming: file.naming,
            test_event: file.test_event,
            events: file.events,
            variants: variants.collect(),
        })
    }
}

fn check_head(file: &ProviderFile) -> Result<()> {
    if file.format != FORMAT {
        return fault("format", format!("must be {FORMAT}, is {}", file.format));
    }
    let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if file.name.is_empty() || !file.name.bytes().all(named) {
        return fault(
            "name",
            format!("`{}` is not made of lower-case letters, digits and `-`", file.name),
        );
    }
    Ok(())
}

/// Reads `header:NAME=VALUE`.
fn condition(variant: &str, text: Option<&String>) -> Result<Option<(String, String)>> {
    let Some(text) = text else { return Ok(None) };
    match text.strip_prefix("header:").and_then(|text| text.split_once('=')) {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_ascii_lowercase(), value.to_owned()))),
        _ => fault(
            &format!("variants.{variant}.when"),
            format!("`{text}` is not `header:NAME=VALUE`"),
        ),
    }
}

/// Listed values are those of a text in the sample: a mistyped path would otherwise be passed over for ever.
fn with_checked_values(profile: Profile) -> Result<Profile> {
    for (name, event) in profile.events.iter().filter(|(_, event)| !event.values.is_empty()) {
        let key = format!("events.\"{name}\".values");
        let sample = profile.sample(name).or_else(|what| fault(&key, what))?;
        let is_text = |path: &str| get(&sample, path).is_some_and(Value::is_string);
        if let Some(path) = event.values.keys().find(|path| !is_text(path)) {
            return fault(&key, format!("the sample has no text at `{path}`"));
        }
    }
    Ok(profile)
}

fn check_events(file: &ProviderFile) -> Result<()> {
    for (name, event) in &file.events {
        let key = format!("events.\"{name}\"");
        match &event.like {
            Some(like) if !file.events.contains_key(like) => {
                return fault(&format!("{key}.like"), format!("there is no event `{like}`"));
            }
            None if event.sample.is_none() => return fault(&key, "it has neither `sample` nor `like`"),
            _ => {}
        }
    }
    match &file.test_event {
        Some(event) if !file.events.contains_key(event) => fault("test-event", format!("there is no event `{event}`")),
        _ => Ok(()),
    }
}

fn check_headers(file: &ProviderFile) -> Result<()> {
    file.headers.iter().try_for_each(|(name, value)| {
        let key = format!("headers.{name}");
        check_line(name, &value.to_string()).or_else(|what| fault(&key, what))?;
        check(&key, value, Scope::Header)
    })
}

fn check_dedupe(dedupe: &Dedupe) -> Result<()> {
    let mut keys = dedupe.keys.iter();
    keys.try_for_each(|key| check("dedupe.key", key, Scope::Received))
}

fn check_params(file: &ProviderFile) -> Result<()> {
    file.params.iter().try_for_each(|(name, param)| {
        let default = param
            .default
            .as_ref()
            .map_or(Ok(()), |text| param.value(text).map(drop));
        default.or_else(|what| fault(&format!("params.{name}.default"), what))
    })
}

fn envelope(table: Option<EnvelopeTable>) -> Result<IndexMap<String, Template>> {
    let Some(EnvelopeTable::Json(fields)) = table else {
        return Ok(IndexMap::from([("...".to_owned(), Template::builtin("${data}"))]));
    };
    for (name, value) in &fields {
        let key = format!("envelope.json.{name}");
        check(&key, value, Scope::Message)?;
        let is_data = value.single() == Some(&Placeholder::Data);
        if !is_data
            && value
                .placeholders()
                .any(|placeholder| *placeholder == Placeholder::Data)
        {
            return fault(&key, "`${data}` must stand alone");
        }
        if name == "..." && !is_data {
            return fault(&key, "only `${data}` can be spread");
        }
    }
    Ok(fields)
}

fn handshakes(own: Option<Handshake>, named: IndexMap<String, Handshake>) -> Result<Vec<Handshake>> {
    let own = own.into_iter().map(|handshake| handshake.check(None));
    let named = named.into_iter().map(|(name, handshake)| handshake.check(Some(&name)));
    own.chain(named).collect()
}
