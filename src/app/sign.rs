//! The headers of a signed request, without sending it.

use bytes::Bytes;
use serde::Serialize;

use super::context::{Context, DEV_SECRET, Purpose};
use crate::clock::Timestamp;
use crate::engine::{Delivery, Signing};
use crate::error::{Error, Result};
use crate::form::is_urlencoded;
use crate::headers::{Headers, check_line};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::{Profile, RequestTarget};
use crate::signature::{Scheme, SignError};

/// What is signed, and how.
#[derive(Debug, Clone)]
pub struct SignOptions {
    /// The provider; else found by the event.
    pub provider: Option<String>,
    /// References of secrets; else the settings' or the dev secret.
    pub secrets: Vec<String>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The event, where a header names it; else read from the body.
    pub event: Option<String>,
    /// The message's id, where it is signed; else read from the body, or a fresh one.
    pub id: Option<String>,
    /// The moment of the signature; else now.
    pub at: Option<Timestamp>,
    /// The request's method.
    pub method: String,
    /// The whole URL that the request goes to.
    pub url: Option<String>,
}

/// A signature, where it stands in a request: `hook.signature/1`.
#[derive(Debug, Serialize)]
pub struct SignedRequest {
    /// Whose signature it is.
    pub provider: String,
    /// The name of the secret that signed, when it has one.
    pub secret: Option<String>,
    /// The event, when it is known.
    pub event: Option<String>,
    /// The message's id.
    pub id: String,
    /// When it was signed, in Unix seconds.
    pub timestamp: i64,
    /// The provider's headers.
    pub headers: Vec<SignedHeader>,
    /// The body with the signature in it, where it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The URL with the body's hash in it, where that is how the body is covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One of the provider's headers.
#[derive(Debug, Serialize)]
pub struct SignedHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Signs a body like a provider.
pub fn sign(context: &Context, options: &SignOptions) -> Result<SignedRequest> {
    let profile = context.provider_for(options.provider.as_deref(), options.event.as_deref())?;
    let label = profile.label();
    if matches!(profile.scheme, Scheme::Unsigned) {
        return Err(Error::usage(format!("`{label}` signs nothing")));
    }
    let given = context.secrets_for(&options.secrets, Vec::new(), Purpose::Sign)?;
    let secrets = given.for_profile(&profile, Purpose::Sign)?;
    let signer = profile.signer(&secrets).map_err(|error| {
        Error::usage(error.to_string()).hint(format!(
            "`hook secret new --provider {label}` makes one of the right form"
        ))
    })?;
    if profile.scheme.signs_target() && options.url.is_none() {
        let what = format!("`{label}` signs the URL that the request goes to");
        return Err(Error::usage(what).hint("give it: `--url https://example.com/hook`"));
    }
    let now = options.at.unwrap_or_else(|| context.now());
    let message = message(context, &profile, options, now);
    let given_url = options.url.as_deref().unwrap_or_default();
    // Some schemes cover the body by a hash in the URL, which is added here.
    let address = profile.scheme.address(given_url, &message.content_type, &message.body);
    let target = RequestTarget {
        method: &options.method,
        url: address.as_deref().unwrap_or(given_url),
        retries: 0,
        retry_reason: None,
    };
    let mut headers = Headers::new();
    // The signature, or its place in the body, depends on the type.
    if profile.scheme.signs_form() || profile.scheme.looks_into_body() && is_urlencoded(&message.content_type) {
        headers.append("content-type", message.content_type.as_str());
    }
    let signed = profile.signed(&message, Some(&signer), now, target, headers);
    let (headers, signed) = signed.map_err(|error| unsignable(context, &profile, error))?;
    let body = (signed != message.body).then(|| String::from_utf8_lossy(&signed).into_owned());
    let headers = lines(&headers)?;
    if given.is_dev() {
        context.notices.note(format!("signed with the {DEV_SECRET}"));
    } else if secrets.len() > 1 && !profile.scheme.carries_several() {
        let what = "the header carries one signature: only the first secret signs";
        context.notices.warn(what);
    }
    Ok(SignedRequest {
        provider: label,
        secret: secrets.first().and_then(|secret| secret.name().map(str::to_owned)),
        event: Some(message.event).filter(|event| !event.is_empty()),
        id: message.wire_id,
        timestamp: now.unix(),
        headers,
        body,
        url: address.filter(|address| address != given_url),
    })
}

/// Refuses a delivery that cannot be signed, before anything is sent.
pub fn check_signature(context: &Context, delivery: &Delivery) -> Result<()> {
    let Signing::Fresh { profile, .. } = &delivery.signing else {
        return Ok(());
    };
    let request = delivery.request(delivery.at, delivery.progress);
    request.map(drop).map_err(|error| unsignable(context, profile, error))
}

/// The error for a message that the profile cannot sign, with the variants that can.
pub fn unsignable(context: &Context, profile: &Profile, error: SignError) -> Error {
    let (is_key, is_place) = (error == SignError::BrokenKey, matches!(error, SignError::NoPlace(_)));
    let mut error = Error::from(error);
    if is_key {
        return error;
    }
    error.message = format!("`{}` cannot sign this message: {}", profile.label(), error.message);
    // A signature in a header fits every body.
    let labels = std::iter::once(profile.name.clone()).chain(
        profile
            .variants
            .keys()
            .map(|variant| format!("{}@{variant}", profile.name)),
    );
    let fits = |label: &String| {
        let variant = context.registry.get(label);
        is_place && variant.is_ok_and(|variant| variant.scheme.header().is_some() && !variant.scheme.looks_into_body())
    };
    match labels.filter(|label| *label != profile.label()).find(fits) {
        Some(label) => error.hint(format!("`--provider {label}` signs it in a header")),
        None => error.hint(format!(
            "`hook providers show {}` describes what is signed",
            profile.label()
        )),
    }
}

/// The message that this body would be. What the options leave open is read from the body.
fn message(context: &Context, profile: &Profile, options: &SignOptions, now: Timestamp) -> Message {
    let body = Bytes::copy_from_slice(&options.body);
    let content_type = profile.type_of(&body);
    let facts = profile.facts(&[("content-type", content_type)].into_iter().collect(), &body);
    let id = Id::new(IdKind::Message, now, &context.random);
    let fresh = || match &profile.message.id {
        Some(form) => form.fresh(&context.random),
        None => id.to_string(),
    };
    let event = options.event.as_deref();
    let event = event.map(|name| profile.canonical_event(name).unwrap_or(name).to_owned());
    Message {
        id,
        wire_id: options.id.clone().or(facts.id).unwrap_or_else(fresh),
        event: event.or(facts.event).unwrap_or_default(),
        time: facts.time.unwrap_or(now),
        mode: Mode::default(),
        content_type: content_type.to_owned(),
        body,
    }
}

fn lines(headers: &Headers) -> Result<Vec<SignedHeader>> {
    let line = |(name, value): (&str, &[u8])| {
        let value = String::from_utf8_lossy(value).into_owned();
        // What stands in the body may end up in a header, and must not make two of it.
        check_line(name, &value).map_err(Error::usage)?;
        let name = name.to_owned();
        Ok(SignedHeader { name, value })
    };
    headers.iter().map(line).collect()
}
