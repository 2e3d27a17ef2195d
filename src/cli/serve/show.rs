//! What `serve` shows of itself and of calls.

use serde::Serialize;

use super::keys::Keys;
use super::{ServeArgs, ServeContext};
use crate::api::server::ApiCall;
use crate::app::handshake::HandshakeResult;
use crate::cli::session::Session;
use crate::cli::socket::{self, ReadyLine};
use crate::cli::ui::Output;
use crate::endpoints::Endpoint;
use crate::error::Result;
use crate::mask;
use crate::message::Mode;
use crate::provider::Profile;
use crate::provider::file::Limit;
use crate::text::printable;
use crate::view::{count, millis, short_time};

/// The first line of JSON, with what a provider has besides. `key` and `test_key` are there when they were made up.
#[derive(Serialize)]
struct ServingLine<'a> {
    #[serde(flatten)]
    ready: ReadyLine<'a>,
    origin: &'a str,
    provider: String,
    plan: Option<&'a str>,
    key: Option<&'a str>,
    test_key: Option<&'a str>,
    endpoints: String,
}

/// `{"schema":"hook.call/1"}`: a call that was answered.
#[derive(Serialize)]
struct CallLine<'a> {
    schema: &'static str,
    method: &'a str,
    path: String,
    status: u16,
    said: &'a str,
    mode: Option<&'static str>,
    took_ms: f64,
}

/// Says that calls are answered from now on, and where.
pub(super) fn ready(
    session: &Session,
    args: &ServeArgs,
    profile: &Profile,
    place: &ServeContext,
    keys: &Keys,
) -> Result<()> {
    let ui = &session.ui;
    let fresh = |mode: Mode| {
        keys.fresh
            .iter()
            .find(|(of, _)| *of == mode)
            .map(|(_, text)| text.as_str())
    };
    socket::tell_file(args.ready_file.as_deref(), &place.url)?;
    let book = session.book();
    ui.json(&ServingLine {
        ready: ReadyLine::at(&place.url),
        origin: &place.origin,
        provider: profile.label(),
        plan: place.plan.as_deref(),
        key: fresh(Mode::Live),
        test_key: fresh(Mode::Test),
        endpoints: book.path().display().to_string(),
    })?;
    ui.flush()?;
    ui.note(&format!("serving {} on {}", profile.title, ui.err.strong(&place.url)));
    for (mode, text) in &keys.fresh {
        let what = match mode {
            Mode::Live => "key:     ",
            Mode::Test => "test key:",
        };
        ui.hand_over(&format!(
            "{what} {} {}",
            ui.err.strong(text),
            ui.err.dim("(for this run)")
        ));
    }
    if args.no_auth {
        ui.warn("no key is needed: every program on this machine may call");
    }
    if let Some(plan) = &place.plan {
        let limit = match profile.endpoint.plans.get(plan) {
            Some(Limit::Count(most)) => format!(", {} at most", count((*most).into(), "endpoint")),
            Some(Limit::Unlimited) | None => String::new(),
        };
        ui.note(&format!("plan {plan}{limit}"));
    }
    ui.note(&format!("endpoints are kept in {}", book.path().display()));
    if !args.production {
        ui.note("targets on this machine are taken too; `--production` judges them as the provider does");
    }
    Ok(())
}

/// `12:03:04.123  POST /v1/webhooks  201  added crm  3.4ms`
pub(super) fn call(session: &Session, called: &ApiCall) -> Result<()> {
    let ui = &session.ui;
    match ui.output {
        Output::Quiet => Ok(()),
        Output::Json => ui.json(&CallLine {
            schema: "hook.call/1",
            method: &called.method,
            path: mask::url(&called.target),
            status: called.status,
            said: &called.summary,
            mode: called.mode.map(Mode::name),
            took_ms: millis(called.took),
        }),
        Output::Human => {
            let style = ui.out;
            let status = match called.status {
                status @ 200..300 => style.good(&status.to_string()),
                status => style.bad(&status.to_string()),
            };
            let said = match printable(&called.summary, 200) {
                said if said.is_empty() => said,
                said => format!("  {said}"),
            };
            ui.line(&format!(
                "{}  {} {}  {status}{said}  {}",
                style.dim(&session.now().local_clock()),
                printable(&called.method, 20),
                style.name(&printable(&mask::url(&called.target), 120)),
                style.dim(&short_time(called.took)),
            ))
        }
    }
}

/// `12:03:04.123  handshake  crm  confirmed`
pub(super) fn handshake(
    session: &Session,
    endpoint: &Endpoint,
    outcome: std::result::Result<(), String>,
) -> Result<()> {
    let ui = &session.ui;
    let result = HandshakeResult::of_endpoint(endpoint, outcome);
    if ui.output == Output::Json {
        ui.show(&result)?;
    }
    let style = ui.out;
    let came = match &result.why {
        None => style.good("confirmed"),
        Some(why) => format!("{}: {why}", style.caution("not confirmed")),
    };
    ui.line(&format!(
        "{}  handshake  {}  {came}",
        style.dim(&session.now().local_clock()),
        style.name(&endpoint.name)
    ))?;
    ui.flush()?;
    if !result.confirmed {
        ui.hint(&format!(
            "`hook endpoints confirm {0}` asks once more, `hook endpoints confirm {0} TOKEN` takes the token from you",
            endpoint.name
        ));
    }
    Ok(())
}
