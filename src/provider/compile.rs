//! From a file to a profile: every value checked, every template compiled, every fault named by its key.

use std::time::Duration;

use super::file::{
    AsymmetricFile, DedupeFile, DeliveryFile, DetectFile, EndpointFile, EnvelopeFile, FORMAT, HmacFile, ProviderFile,
    RetryFile, Scalar, ScheduleFile, SignatureFile,
};
use super::policy::{Codes, Exhaustion, Policy, RetryOn, RunFrom, Schedule};
use super::profile::{Dedupe, Detect, Endpoint, Https, Param, ParamType, Place, Profile, Read};
use crate::clock::parse_duration;
use crate::headers::check_line;
use crate::signature::{
    Algorithm, Asymmetric, AsymmetricKind, Carrier, Encoding, Form, Freshness, Hmac, KeyForm, Scheme, Token,
};
use crate::template::{Placeholder, Scope, Template, TimeForm};

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

fn fault<T>(key: &str, what: impl Into<String>) -> Result<T> {
    Err(ProfileError {
        key: key.to_owned(),
        what: what.into(),
    })
}

fn template(key: &str, text: &str, scope: Scope) -> Result<Template> {
    Template::parse(text, scope).or_else(|error| fault(key, error.to_string()))
}

fn duration(key: &str, text: &str) -> Result<Duration> {
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
fn word<T: Copy>(key: &str, text: Option<&str>, words: &[(&str, T)]) -> Result<T> {
    let Some(text) = text else { return Ok(words[0].1) };
    words.iter().find(|(word, _)| *word == text).map_or_else(
        || {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            fault(key, format!("`{text}` is none of {}", names.join(", ")))
        },
        |(_, value)| Ok(*value),
    )
}

impl Profile {
    /// Checks a file and compiles it, with one of its variants over it when named.
    pub fn compile(file: ProviderFile, variant: Option<&str>) -> Result<Self> {
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
        let variants: Vec<_> = file
            .variants
            .iter()
            .map(|(name, v)| (name.clone(), v.summary.clone()))
            .collect();
        let file = match variant {
            Some(variant) => match file.variants.get(variant).cloned() {
                Some(over) => file.with_variant(variant, over),
                None => return fault("variants", format!("there is no variant `{variant}`")),
            },
            None => file,
        };
        check_events(&file)?;
        let headers = headers(&file)?;
        let scheme = match &file.signature {
            Some(signature) => scheme(signature, &headers)?,
            None => return fault("signature", "a table `[signature.KIND]` is missing"),
        };
        let dedupe = dedupe(&file.dedupe)?;
        let secret_form = file
            .secret
            .as_ref()
            .map_or("whsec_${new.hex32}", |secret| secret.form.as_str());
        let id = file
            .message
            .id
            .as_ref()
            .map(|id| template("message.id", id, Scope::Fresh))
            .transpose()?;
        Ok(Self {
            title: file.title.clone().unwrap_or_else(|| file.name.clone()),
            variant: variant.map(str::to_owned),
            scheme,
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
            policy: policy(&file.delivery, file.retry.as_ref())?,
            endpoint: endpoint(&file.endpoint)?,
            detect: detect(&file.detect)?,
            dedupe,
            workflow_context: file.workflow.map(|workflow| workflow.context),
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

fn policy(delivery: &DeliveryFile, retry: Option<&RetryFile>) -> Result<Policy> {
    let success = match &delivery.success {
        Some(items) => codes("delivery.success", Some(items))?,
        None => Codes::parse(&["200-299"]).or_else(|what| fault("delivery.success", what))?,
    };
    if success.is_empty() {
        return fault("delivery.success", "no code counts as success");
    }
    let timeout = duration("delivery.timeout", delivery.timeout.as_deref().unwrap_or("30s"))?;
    if timeout.is_zero() {
        return fault("delivery.timeout", "must not be 0");
    }
    let schedule = match retry {
        Some(RetryFile::Schedule(file)) => schedule(file)?,
        Some(RetryFile::None(file)) => Schedule {
            instead: file.instead.clone(),
            ..Schedule::default()
        },
        None => Schedule::default(),
    };
    Ok(Policy {
        timeout,
        success,
        schedule,
    })
}

fn schedule(file: &ScheduleFile) -> Result<Schedule> {
    let key = |name: &str| format!("retry.schedule.{name}");
    let delays: Vec<_> = file
        .delays
        .iter()
        .flatten()
        .map(|delay| duration(&key("delays"), delay))
        .collect::<Result<_>>()?;
    let from = word(
        &key("from"),
        file.from.as_deref(),
        &[("previous", RunFrom::Previous), ("first", RunFrom::First)],
    )?;
    if from == RunFrom::First && !delays.is_sorted() {
        return fault(&key("delays"), "must not go back when they run from the first attempt");
    }
    let jitter = match file.jitter.as_deref() {
        None => 0.0,
        Some(text) => match text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()) {
            Some(percent) if (0.0..=100.0).contains(&percent) => percent / 100.0,
            _ => return fault(&key("jitter"), format!("`{text}` is not a share such as `10%`")),
        },
    };
    let disables = word(
        &key("then"),
        file.then.as_deref(),
        &[("fail", false), ("disable-endpoint", true)],
    )?;
    let after = file.disable_after_deliveries.unwrap_or(1);
    if after == 0 {
        return fault(&key("disable-after-deliveries"), "must be at least 1");
    }
    let retry_on = match &file.retry_on {
        None => RetryOn::EveryFailure,
        Some(items) => {
            let (errors, numbers): (Vec<_>, Vec<_>) = items.iter().cloned().partition(|item| item == "error");
            RetryOn::Only {
                codes: codes(&key("retry-on"), Some(&numbers))?,
                errors: !errors.is_empty(),
            }
        }
    };
    Ok(Schedule {
        delays,
        from,
        jitter,
        honour_retry_after: codes(&key("honour-retry-after"), file.honour_retry_after.as_ref())?,
        retry_on,
        stop_on: codes(&key("stop-on"), file.stop_on.as_ref())?,
        disable_on: codes(&key("disable-on"), file.disable_on.as_ref())?,
        then: if disables {
            Exhaustion::DisableEndpoint { after }
        } else {
            Exhaustion::Fail
        },
        notify: file.notify.clone(),
        instead: None,
    })
}

fn scheme(file: &SignatureFile, headers: &[(String, Template)]) -> Result<Scheme> {
    match file {
        SignatureFile::Hmac(file) => hmac(file, headers).map(Scheme::Hmac),
        SignatureFile::Token(file) => {
            let key = "signature.token.value";
            let value = template(key, file.value.as_deref().unwrap_or("${secret}"), Scope::TokenValue)?;
            if value.is_constant() {
                return fault(key, "`${secret}` is missing");
            }
            Ok(Scheme::Token(Token {
                header: header("signature.token.header", file.header.as_ref())?,
                value,
            }))
        }
        SignatureFile::Ed25519(file) => asymmetric(AsymmetricKind::Ed25519, "signature.ed25519", file, headers),
        SignatureFile::Rsa(file) => asymmetric(AsymmetricKind::Rsa, "signature.rsa", file, headers),
        SignatureFile::Unsigned(_) => Ok(Scheme::Unsigned),
    }
}

fn hmac(file: &HmacFile, headers: &[(String, Template)]) -> Result<Hmac> {
    let at = |name: &str| format!("signature.hmac.{name}");
    let algorithms = [
        ("sha256", Algorithm::Sha256),
        ("sha1", Algorithm::Sha1),
        ("sha512", Algorithm::Sha512),
    ];
    let keys = [
        ("utf8", KeyForm::Utf8),
        ("hex", KeyForm::Hex),
        ("base64", KeyForm::Base64),
    ];
    let also_accept = file
        .also_accept
        .iter()
        .flatten()
        .map(|form| Form::parse(form).map_or_else(|| fault(&at("also-accept"), format!("`{form}` is not a form")), Ok))
        .collect::<Result<_>>()?;
    let content = content(&at("content"), file.content.as_ref())?;
    let carrier = Carriage {
        table: "signature.hmac",
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
    }
    .compile(headers, &content)?;
    Ok(Hmac {
        algorithm: word(&at("algorithm"), file.algorithm.as_deref(), &algorithms)?,
        key: word(&at("key"), file.key.as_deref(), &keys)?,
        key_prefix: file.key_prefix.clone(),
        content,
        carrier,
        also_accept,
        freshness: freshness(
            "signature.hmac",
            [&file.tolerance, &file.advised_tolerance, &file.clock],
        )?,
    })
}

fn asymmetric(
    kind: AsymmetricKind,
    table: &'static str,
    file: &AsymmetricFile,
    headers: &[(String, Template)],
) -> Result<Scheme> {
    let content = content(&format!("{table}.content"), file.content.as_ref())?;
    let carrier = Carriage {
        table,
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
    }
    .compile(headers, &content)?;
    let freshness = freshness(table, [&file.tolerance, &file.advised_tolerance, &file.clock])?;
    Ok(Scheme::Asymmetric(Asymmetric {
        kind,
        content,
        carrier,
        freshness,
        time_at: file.time_at.clone(),
        private_prefix: file.private_prefix.clone(),
        public_prefix: file.public_prefix.clone(),
    }))
}

fn content(key: &str, text: Option<&String>) -> Result<Template> {
    let content = template(key, text.map_or("${body}", String::as_str), Scope::Content)?;
    if content.is_constant() {
        return fault(key, "nothing of the message is signed");
    }
    Ok(content)
}

fn freshness(table: &str, [tolerance, advised, clock]: [&Option<String>; 3]) -> Result<Freshness> {
    Ok(Freshness {
        tolerance: optional_duration(&format!("{table}.tolerance"), tolerance.as_ref())?,
        advised: optional_duration(&format!("{table}.advised-tolerance"), advised.as_ref())?,
        past_only: word(
            &format!("{table}.clock"),
            clock.as_deref(),
            &[("both", false), ("past", true)],
        )?,
    })
}

fn header(key: &str, name: Option<&String>) -> Result<String> {
    let Some(name) = name else {
        return fault(key, "is missing");
    };
    check_line(name, "").or_else(|what| fault(key, what))?;
    Ok(name.clone())
}

/// What HMAC and asymmetric tables say alike about the signature's header.
struct Carriage<'a> {
    table: &'static str,
    header: Option<&'a String>,
    value: Option<&'a String>,
    pairs: Option<&'a String>,
    list: Option<&'a String>,
    encoding: Option<&'a String>,
}

impl Carriage<'_> {
    fn compile(&self, headers: &[(String, Template)], content: &Template) -> Result<Carrier> {
        let at = |name: &str| format!("{}.{name}", self.table);
        let encodings = [
            ("hex", Encoding::Hex),
            ("base64", Encoding::Base64),
            ("base64url", Encoding::Base64Url),
        ];
        let value = template(
            &at("value"),
            self.value.map_or("${signature}", String::as_str),
            Scope::SignatureValue,
        )?;
        if value.placeholders().filter(|p| **p == Placeholder::Signature).count() != 1 {
            return fault(&at("value"), "`${signature}` must be there once");
        }
        for (name, separator) in [("pairs", self.pairs), ("list", self.list)] {
            if separator.is_some_and(|text| text.len() != 1) {
                return fault(&at(name), "a separator is one character");
            }
        }
        let time_header = headers.iter().find_map(|(name, value)| match value.single() {
            Some(Placeholder::Timestamp(form)) => Some((name.clone(), *form)),
            _ => None,
        });
        let id_header = headers
            .iter()
            .find(|(_, value)| value.single() == Some(&Placeholder::Id))
            .map(|(name, _)| name.clone());
        let signs = |wanted: fn(&Placeholder) -> bool| content.placeholders().any(wanted);
        let in_value = |wanted: fn(&Placeholder) -> bool| value.placeholders().any(wanted);
        let is_time = |p: &Placeholder| matches!(p, Placeholder::Timestamp(_));
        let is_id = |p: &Placeholder| *p == Placeholder::Id;
        if signs(is_time) && !in_value(is_time) && time_header.is_none() {
            return fault(
                &at("content"),
                "the timestamp is signed, but no header carries `${timestamp}`",
            );
        }
        if signs(is_id) && !in_value(is_id) && id_header.is_none() {
            return fault(&at("content"), "the id is signed, but no header carries `${id}`");
        }
        // A timestamp that is not signed proves nothing, so its header is no clock to judge by.
        let time_header: Option<(String, TimeForm)> = time_header.filter(|_| signs(is_time) && !in_value(is_time));
        Ok(Carrier {
            header: header(&at("header"), self.header)?,
            value,
            pairs: self.pairs.cloned(),
            list: self.list.cloned(),
            encoding: word(&at("encoding"), self.encoding.map(String::as_str), &encodings)?,
            time_header,
            id_header: id_header.filter(|_| signs(is_id)),
        })
    }
}
