//! From a file to a profile: every value checked, every template compiled, every fault named by its key.

mod policy;
mod scheme;

use std::time::Duration;

use super::api::Api;
use super::file::{DedupeFile, DetectFile, EndpointFile, EnvelopeFile, FORMAT, NamingFile, ProviderFile, Scalar};
use super::handshake::Handshake;
use super::naming::{Case, Naming, Tense};
use super::policy::Codes;
use super::profile::{Dedupe, Detect, Endpoint, Https, Param, ParamType, Place, Profile, Read};
use crate::clock::parse_duration;
use crate::headers::check_line;
use crate::json::get;
use crate::template::{Placeholder, Scope, Template};

/// A fault in a provider file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {what}")]
pub struct ProfileError {
    /// Dotted key, as in the file.
    pub key: String,
    /// The fact.
    pub what: String,
}

type Result<T> = std::result::Result<T, ProfileError>;

pub(super) fn fault<T>(key: &str, what: impl Into<String>) -> Result<T> {
    Err(ProfileError {
        key: key.to_owned(),
        what: what.into(),
    })
}

pub(super) fn template(key: &str, text: &str, scope: Scope) -> Result<Template> {
    Template::parse(text, scope).or_else(|error| fault(key, error.to_string()))
}

pub(super) fn duration(key: &str, text: &str) -> Result<Duration> {
    parse_duration(text).or_else(|what| fault(key, what))
}

fn optional_duration(key: &str, text: Option<&String>) -> Result<Option<Duration>> {
    text.map(|text| duration(key, text)).transpose()
}

fn codes(key: &str, items: Option<&Vec<String>>) -> Result<Codes> {
    items.map_or_else(
        || Ok(Codes::default()),
        |items| Codes::parse(items).or_else(|what| fault(key, what)),
    )
}

/// One of a few words.
pub(super) fn word<T: Copy>(key: &str, text: Option<&str>, words: &[(&str, T)]) -> Result<T> {
    let Some(text) = text else { return Ok(words[0].1) };
    words.iter().find(|(word, _)| *word == text).map_or_else(
        || {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            fault(key, format!("`{text}` is none of {}", names.join(", ")))
        },
        |(_, value)| Ok(*value),
    )
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

impl Profile {
    /// Checks a file and compiles it, with one of its variants over it when named.
    pub fn compile(file: ProviderFile, variant: Option<&str>) -> Result<Self> {
        check_head(&file)?;
        let variants: Vec<_> = file
            .variants
            .iter()
            .map(|(name, v)| (name.clone(), v.summary.clone()))
            .collect();
        let mut when = None;
        let file = match variant {
            Some(variant) => match file.variants.get(variant).cloned() {
                Some(over) => {
                    when = condition(variant, over.when.as_ref())?;
                    file.with_variant(variant, over)
                }
                None => return fault("variants", format!("there is no variant `{variant}`")),
            },
            None => file,
        };
        check_events(&file)?;
        if file.inbound.as_ref().is_some_and(|inbound| inbound.methods.is_empty()) {
            return fault("inbound.methods", "a trigger takes at least one method");
        }
        let headers = headers(&file)?;
        let scheme = match &file.signature {
            Some(signature) => scheme::scheme(signature, &headers)?,
            None => return fault("signature", "a table `[signature.KIND]` is missing"),
        };
        let dedupe = dedupe(&file.dedupe)?;
        let secret_form = file
            .secret
            .as_ref()
            .map_or("whsec_${new.hex32}", |secret| secret.form.as_str());
        let id = file.message.id.as_ref();
        let id = id.map(|id| template("message.id", id, Scope::Fresh)).transpose()?;
        with_checked_values(Self {
            title: file.title.clone().unwrap_or_else(|| file.name.clone()),
            variant: variant.map(str::to_owned),
            scheme,
            when,
            secret_form: template("secret.form", secret_form, Scope::Fresh)?,
            headers,
            envelope: envelope(file.envelope.as_ref())?,
            id,
            metadata: file.message.metadata.clone(),
            params: file
                .params
                .iter()
                .map(|(name, param)| Ok((name.clone(), param_of(name, param)?)))
                .collect::<Result<_>>()?,
            read: Read::new(
                places("read.event", file.read.event.as_ref())?,
                places("read.id", file.read.id.as_ref())?,
                places("read.time", file.read.time.as_ref())?,
                &dedupe,
            ),
            method: file.delivery.method.clone().unwrap_or_else(|| "POST".into()),
            content_type: file
                .delivery
                .content_type
                .clone()
                .unwrap_or_else(|| "application/json".into()),
            user_agent: file.delivery.user_agent.clone(),
            policy: policy::policy(&file.delivery, file.retry.as_ref())?,
            endpoint: endpoint(&file.endpoint)?,
            detect: detect(&file.detect)?,
            dedupe,
            api: Api::of(&file)?,
            handshakes: handshakes(&file)?,
            workflow_context: file.workflow.map(|workflow| workflow.context),
            inbound: file.inbound,
            naming: naming(&file.naming)?,
            test_event: file.test_event,
            events: file.events,
            variants,
            name: file.name,
            docs: file.docs,
            notes: file.notes,
            assumed: file.assumed,
        })
    }
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
        let is_text = |path: &str| get(&sample, path).is_some_and(serde_json::Value::is_string);
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

fn headers(file: &ProviderFile) -> Result<Vec<(String, Template)>> {
    file.headers
        .iter()
        .map(|(name, value)| {
            let key = format!("headers.{name}");
            check_line(name, value).or_else(|what| fault(&key, what))?;
            Ok((name.clone(), template(&key, value, Scope::Header)?))
        })
        .collect()
}

fn envelope(file: Option<&EnvelopeFile>) -> Result<Vec<(String, Template)>> {
    let Some(EnvelopeFile::Json(fields)) = file else {
        let data = template("envelope.json", "${data}", Scope::Message)?;
        return Ok(vec![("...".into(), data)]);
    };
    fields
        .iter()
        .map(|(name, value)| {
            let key = format!("envelope.json.{name}");
            let value = template(&key, value, Scope::Message)?;
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
            Ok((name.clone(), value))
        })
        .collect()
}

fn places(key: &str, places: Option<&Vec<String>>) -> Result<Vec<Place>> {
    places
        .into_iter()
        .flatten()
        .map(|place| Place::parse(place).or_else(|what| fault(key, what)))
        .collect()
}

fn detect(file: &DetectFile) -> Result<Detect> {
    Ok(Detect {
        any_of: places("detect.any-of", file.any_of.as_ref())?,
        all_of: places("detect.all-of", file.all_of.as_ref())?,
    })
}

fn dedupe(file: &DedupeFile) -> Result<Dedupe> {
    let keys = file
        .key
        .iter()
        .flatten()
        .map(|key| template("dedupe.key", key, Scope::Received))
        .collect::<Result<_>>()?;
    Ok(Dedupe {
        keys,
        documented: file.documented.clone(),
        caution: file.caution.clone(),
    })
}

fn endpoint(file: &EndpointFile) -> Result<Endpoint> {
    let https = [
        ("any", Https::Any),
        ("required", Https::Required),
        ("recommended", Https::Recommended),
    ];
    Ok(Endpoint {
        https: word("endpoint.https", file.https.as_deref(), &https)?,
        ports: file.ports.clone().unwrap_or_default(),
        public: file.public.unwrap_or(false),
        unique_url: file.unique_url.unwrap_or(false),
        plans: file.plans.clone().unwrap_or_default(),
        all_events: file.all_events.clone(),
    })
}

fn handshakes(file: &ProviderFile) -> Result<Vec<Handshake>> {
    let own = file.handshake.iter().map(|file| Handshake::of(None, file));
    let named = file
        .handshakes
        .iter()
        .map(|(name, file)| Handshake::of(Some(name), file));
    own.chain(named).collect()
}

fn naming(file: &NamingFile) -> Result<Naming> {
    if file.separator.as_deref() == Some("") {
        return fault("naming.separator", "it is empty");
    }
    let cases = [("any", Case::Any), ("lower", Case::Lower)];
    let tenses = [("any", Tense::Any), ("past", Tense::Past)];
    Ok(Naming {
        separator: file.separator.clone(),
        case: word("naming.case", file.case.as_deref(), &cases)?,
        tense: word("naming.tense", file.tense.as_deref(), &tenses)?,
    })
}

fn param_of(name: &str, file: &super::file::ParamFile) -> Result<Param> {
    let key = format!("params.{name}");
    let kinds = [
        ("string", ParamType::String),
        ("integer", ParamType::Integer),
        ("number", ParamType::Number),
        ("boolean", ParamType::Boolean),
    ];
    let default = file.default.as_ref().map(|scalar| match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Integer(n) => n.to_string(),
        Scalar::Number(n) => n.to_string(),
        Scalar::Boolean(b) => b.to_string(),
    });
    let param = Param {
        kind: word(&format!("{key}.type"), file.r#type.as_deref(), &kinds)?,
        default,
        summary: file.summary.clone(),
    };
    if let Some(default) = &param.default {
        param
            .value(default)
            .or_else(|what| fault(&format!("{key}.default"), what))?;
    }
    Ok(param)
}
