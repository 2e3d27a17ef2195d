//! `hook sign`: the headers of a signed request, without sending it.

use bytes::Bytes;
use serde::Serialize;

use super::input;
use crate::app::context::{DEV_SECRET, Purpose};
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::{Headers, check_line};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::{Profile, Target};
use crate::signature::Scheme;

/// Print the signature headers of a body
#[derive(Debug, clap::Args)]
pub(super) struct SignArgs {
    /// `NAME` or `NAME@VARIANT`; else found by the event
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
    /// Sign with this secret: `env:VAR`, `file:PATH`, `endpoint:NAME`, `literal:TEXT` or `-`; else with the dev secret
    #[arg(short, long, value_name = "[NAME=]REF", add = super::complete::secrets())]
    secret: Vec<String>,
    /// The body: `@FILE`, `-` for stdin, or the text
    #[arg(long, value_name = "BODY", add = super::complete::at_file())]
    body: String,
    /// The event, where a header names it; else read from the body
    #[arg(long, add = super::complete::events())]
    event: Option<String>,
    /// The message's id, where it is signed; else read from the body, or a fresh one
    #[arg(long)]
    id: Option<String>,
    /// Sign as of this moment: Unix seconds or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = input::moment)]
    at: Option<Timestamp>,
    /// The request's method, where it is signed
    #[arg(long, default_value = "POST")]
    method: String,
    /// The whole URL that the request goes to, where it is signed
    #[arg(long, value_parser = input::whole_url)]
    url: Option<String>,
}

#[derive(Serialize)]
struct Signature<'a> {
    schema: &'static str,
    provider: String,
    secret: Option<&'a str>,
    event: Option<&'a str>,
    id: &'a str,
    timestamp: i64,
    headers: Vec<Line>,
    /// The body with the signature in it, where it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The URL with the body's hash in it, where that is how the body is covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

/// What signing made.
struct Parts<'a> {
    headers: &'a Headers,
    /// The body with the signature in it.
    body: Option<String>,
    /// The URL, where it is not the one given.
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    value: String,
}

pub(super) fn run(session: &Session, args: SignArgs) -> Result<Exit> {
    input::one_stdin(&args.body, &args.secret)?;
    let profile = session.provider_for(args.provider.as_deref(), args.event.as_deref())?;
    if matches!(profile.scheme, Scheme::Unsigned) {
        return Err(Error::usage(format!("`{}` signs nothing", profile.label())));
    }
    let given = session.secrets_for(&args.secret, Vec::new(), Purpose::Sign)?;
    let secrets = given.for_profile(&profile, Purpose::Sign)?;
    let signer = profile.scheme.signer(&secrets).map_err(|error| {
        let new = format!("hook secret new --provider {}", profile.label());
        Error::usage(error.to_string()).hint(format!("`{new}` makes one of the right form"))
    })?;
    let body = input::source(&args.body, "--body")?;
    let now = args.at.unwrap_or_else(|| session.now());
    let target = (args.method.clone(), args.url.clone());
    if profile.scheme.signs_target() && target.1.is_none() {
        let what = format!("`{}` signs the URL that the request goes to", profile.label());
        return Err(Error::usage(what).hint("give it: `--url https://example.com/hook`"));
    }
    let message = message(session, &profile, args, body.into(), now);
    let given_url = target.1.as_deref().unwrap_or_default();
    let address = profile.scheme.address(given_url, &message.content_type, &message.body);
    let target = Target {
        method: &target.0,
        url: address.as_deref().unwrap_or(given_url),
        retries: 0,
    };
    let (headers, signed) = profile.own(&message, Some(&signer), now, target)?;
    for (name, value) in headers.iter() {
        // What stands in the body may end up in a header, and must not make two of it.
        check_line(name, &String::from_utf8_lossy(value)).map_err(Error::usage)?;
    }
    if given.is_dev() {
        session.ui.note(&format!("signed with the {DEV_SECRET}"));
    } else if secrets.len() > 1 && !profile.scheme.carries_several() {
        session
            .ui
            .warn("the header carries one signature: only the first secret signs");
    }
    let body = (signed != message.body).then(|| String::from_utf8_lossy(&signed).into_owned());
    if body.is_none() && profile.scheme.header().is_none() {
        return Err(Error::usage(format!(
            "the signature of `{}` stands in the body, and this one has no place for it",
            profile.label()
        )));
    }
    let parts = Parts {
        headers: &headers,
        body,
        url: address.as_deref().filter(|address| *address != given_url),
    };
    print(session, &profile, &message, secrets[0].name(), parts, now)
}

/// The message that this body would be. What the arguments leave open is read from the body.
fn message(session: &Session, profile: &Profile, args: SignArgs, body: Bytes, now: Timestamp) -> Message {
    let facts = profile.facts(&Headers::new(), &body);
    let id = Id::new(IdKind::Message, now, &session.random);
    let fresh = || match &profile.id {
        Some(form) => form.fresh(&session.random),
        None => id.to_string(),
    };
    let event = args.event.as_deref();
    let event = event.map(|name| profile.canonical_event(name).unwrap_or(name).to_owned());
    Message {
        id,
        wire_id: args.id.or(facts.id).unwrap_or_else(fresh),
        event: event.or(facts.event).unwrap_or_default(),
        time: facts.time.unwrap_or(now),
        mode: Mode::default(),
        content_type: profile.type_of(&body).to_owned(),
        body,
    }
}

fn print(
    session: &Session,
    profile: &Profile,
    message: &Message,
    secret: Option<&str>,
    parts: Parts<'_>,
    now: Timestamp,
) -> Result<Exit> {
    let ui = &session.ui;
    let lines = || {
        let headers = parts.headers.iter();
        headers.map(|(name, value)| (name, String::from_utf8_lossy(value)))
    };
    for (name, value) in lines() {
        ui.line(&format!("{name}: {value}"))?;
    }
    if let Some(body) = &parts.body {
        ui.line(body)?;
    }
    if let Some(url) = parts.url {
        ui.line(url)?;
    }
    ui.json(&Signature {
        schema: "hook.signature/1",
        provider: profile.label(),
        secret,
        event: Some(message.event.as_str()).filter(|event| !event.is_empty()),
        id: &message.wire_id,
        timestamp: now.unix(),
        headers: lines()
            .map(|(name, value)| Line {
                name: name.to_owned(),
                value: value.into_owned(),
            })
            .collect(),
        body: parts.body,
        url: parts.url,
    })?;
    Ok(Exit::Ok)
}
