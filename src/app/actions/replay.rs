//! Delivers a record again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{ActionResult, CollectedNotices, SeenDeliveries};
use crate::app::context::Context;
use crate::app::inspect::select;
use crate::app::outgoing::RequestOptions;
use crate::app::receive::{Observer, ReceiveEvent};
use crate::app::replay::{Editor, Replay, ReplayOptions, ReplayPlan, ReplayRun, Selection, received};
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::exit::Exit;
use crate::headers::{Headers, check_line};
use crate::mask::{self, MASK};
use crate::shutdown::Shutdown;
use crate::store::{Capture, Record, SigningMode, Store};
use crate::target::parse_url;
use crate::text::{halves, printable};
use crate::transport::HttpOptions;

/// Characters of a header's value that a form shows.
pub const HEADER_SHOWN: usize = 4000;

/// How a record is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayMode {
    /// Signed afresh.
    #[default]
    Fresh,
    /// With the headers that were captured, signature included.
    AsCaptured,
    /// Signed afresh, and one signed byte changed after that: a receiver must refuse it.
    Tampered,
}

/// A replay, and what is changed before it is signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayAction {
    /// How it is signed.
    pub mode: ReplayMode,
    /// Where to, instead of where it went before: a URL, `localhost:3000`, or a port.
    pub to: Option<String>,
    /// Another method.
    pub method: Option<String>,
    /// Another path, with its query.
    pub path: Option<String>,
    /// Headers instead of all recorded ones. A value with a mask stays as it is recorded.
    pub headers: Option<Vec<(String, String)>>,
    /// Another body. One that has a mask in place of a secret is refused.
    pub body: Option<String>,
}

/// Says nothing: what a view shows is in the ledger.
struct Silent;

impl Observer for Silent {
    fn on(&self, _: ReceiveEvent<'_>) -> Result<()> {
        Ok(())
    }
}

/// Delivers a record again. `secrets` are references for records whose own secret is not known here.
pub async fn replay(
    context: &Context,
    number: u64,
    action: &ReplayAction,
    secrets: &[String],
    shutdown: &Shutdown,
) -> Result<ActionResult> {
    let (context, notices) = CollectedNotices::of(context);
    let store = select::reader(&context)?;
    let record = select::record(&*store, number)?;
    let options = options(action, (&*store, &record), secrets)?;
    let body = edited_body(action, &record)?;
    let edit = |_: &Bytes| Ok(body.clone().unwrap_or_default());
    let replay = Replay::new(&context, &*store, &options);
    let plan = replay.plan(
        &Selection::Named(vec![number]),
        body.is_some().then_some(&edit as Editor<'_>),
    )?;
    let (exit, seen) = run(&replay, plan, shutdown).await?;
    let (records, outcome) = seen.take();
    let outcome = outcome.unwrap_or_else(|| "nothing was sent".to_owned());
    let made = records
        .first()
        .map_or_else(String::new, |number| format!(" as #{number}"));
    let (how, wanted) = match action.mode {
        ReplayMode::Tampered => ("was delivered as a forged twin", Exit::Refused),
        _ => ("was delivered again", Exit::Ok),
    };
    let accepted = if wanted == Exit::Refused && exit == Exit::Ok {
        ": the receiver accepts a forged request"
    } else {
        ""
    };
    Ok(ActionResult {
        text: format!("#{number} {how}{made}: {outcome}{accepted}"),
        ok: exit == wanted,
        records,
        notices: notices.take(),
    })
}

/// Resumes what earlier processes left: deliveries with attempts left, forwards and commands.
pub async fn resume(context: &Context, secrets: &[String], shutdown: &Shutdown) -> Result<ActionResult> {
    let (context, notices) = CollectedNotices::of(context);
    let store = select::reader(&context)?;
    let options = ReplayOptions {
        resume: true,
        secrets: secrets.to_vec(),
        ..ReplayOptions::default()
    };
    let replay = Replay::new(&context, &*store, &options);
    let plan = match replay.plan(&Selection::Abandoned(Vec::new()), None) {
        Err(error) if error.exit == Exit::Nothing => {
            return Ok(ActionResult {
                text: "nothing was interrupted".to_owned(),
                ok: true,
                ..ActionResult::default()
            });
        }
        plan => plan?,
    };
    let (exit, seen) = run(&replay, plan, shutdown).await?;
    let records = seen.take().0;
    Ok(ActionResult {
        text: "interrupted work was resumed".to_owned(),
        ok: exit == Exit::Ok,
        records,
        notices: notices.take(),
    })
}

async fn run(replay: &Replay<'_>, plan: ReplayPlan, shutdown: &Shutdown) -> Result<(Exit, SeenDeliveries)> {
    let shutdown = shutdown.child();
    let request = RequestOptions {
        transport: HttpOptions {
            proxy_from_env: true,
            ..HttpOptions::default()
        },
        ..RequestOptions::default()
    };
    let run = ReplayRun {
        transport: request.transport()?,
        time_scale: 1.0,
        rate: None,
        shutdown: &shutdown,
    };
    let seen = SeenDeliveries::default();
    let exit = replay.run(plan, run, seen.clone(), Arc::new(Silent)).await?;
    Ok((exit, seen))
}

fn options(action: &ReplayAction, (store, record): (&dyn Store, &Record), secrets: &[String]) -> Result<ReplayOptions> {
    let as_captured = action.mode == ReplayMode::AsCaptured;
    let given = |name: &Option<String>| name.clone().filter(|text| !text.trim().is_empty());
    let method = given(&action.method).map(|method| method.trim().to_ascii_uppercase());
    if let Some(method) = &method
        && !method.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return Err(Error::usage(format!("`{method}` is not a method")).hint("`POST`, `PUT`, `GET` or `DELETE`"));
    }
    let path = given(&action.path);
    let path = path.map(|path| unmasked_path(path, record)).transpose()?;
    if let Some(path) = path.as_ref().filter(|path| !path.starts_with('/')) {
        return Err(Error::usage(format!("path `{path}` does not begin with `/`")));
    }
    Ok(ReplayOptions {
        to: unmasked_target(given(&action.to), record)?
            .as_deref()
            .map(parse_url)
            .transpose()?,
        secrets: if as_captured || !needs_given_secret(store, record)? {
            Vec::new()
        } else {
            secrets.to_vec()
        },
        as_captured,
        method,
        path,
        own_headers: action
            .headers
            .as_ref()
            .map(|edited| own_headers(edited, record))
            .transpose()?,
        tamper: action.mode == ReplayMode::Tampered,
        ..ReplayOptions::default()
    })
}

/// Whether the record was signed with a secret of a command line, which no other place has.
fn needs_given_secret(store: &dyn Store, record: &Record) -> Result<bool> {
    let is_given = |capture: &Capture| !matches!(capture.request.verdict.secret, Some(SecretKind::Dev));
    Ok(match record {
        Record::Capture(capture) => is_given(capture),
        // A forward was signed as the request that came.
        Record::Delivery(record) if record.delivery.signing == SigningMode::AsCaptured => {
            received(store, record.delivery.origin)?.is_some_and(|capture| is_given(&capture))
        }
        Record::Delivery(record) => matches!(record.delivery.secret, Some(SecretKind::Given(_))),
    })
}

/// Where the record went, or where what was received was forwarded to.
fn recorded_url(record: &Record) -> &str {
    match record {
        Record::Capture(capture) => capture.forwarded_to.as_deref().unwrap_or_default(),
        Record::Delivery(record) => &record.delivery.url,
    }
}

fn masked(what: &str) -> Error {
    Error::usage(format!("the edited {what} has a mask in place of a secret")).hint("write the value itself")
}

/// The edited path, with the recorded query where the shown one was left as it is.
fn unmasked_path(path: String, record: &Record) -> Result<String> {
    if !path.contains(MASK) {
        return Ok(path);
    }
    let recorded = match record {
        Record::Capture(capture) => &capture.request.target,
        Record::Delivery(record) => &record.delivery.url,
    };
    let shown = mask::url(recorded);
    match (halves(&path, '?'), halves(&shown, '?').1, halves(recorded, '?').1) {
        ((path, Some(query)), Some(shown), Some(recorded)) if query == shown && !path.contains(MASK) => {
            Ok(format!("{path}?{recorded}"))
        }
        _ => Err(masked("path")),
    }
}

/// The edited target; none where it is the recorded one, as it was shown.
fn unmasked_target(to: Option<String>, record: &Record) -> Result<Option<String>> {
    match to {
        Some(to) if to.contains(MASK) && to != mask::url(recorded_url(record)) => Err(masked("target")),
        to => Ok(to.filter(|to| !to.contains(MASK))),
    }
}

fn recorded_headers(record: &Record) -> &Headers {
    match record {
        Record::Capture(capture) => &capture.request.headers,
        Record::Delivery(record) => &record.delivery.headers,
    }
}

/// The edited headers. What was left as it was shown keeps the recorded value, which may be masked, cut or escaped there.
fn own_headers(edited: &[(String, String)], record: &Record) -> Result<Headers> {
    let shown = |(name, value): (&str, &[u8])| {
        let shown = printable(&mask::header(name, value, &[]), HEADER_SHOWN);
        (name.to_owned(), shown.trim().to_owned(), value.to_vec())
    };
    let mut recorded: Vec<_> = recorded_headers(record).iter().map(shown).collect();
    let mut headers = Headers::new();
    for (name, value) in edited.iter().filter(|(name, _)| !name.trim().is_empty()) {
        let (name, value) = (name.trim(), value.trim());
        let has_value = |shown: &str| shown == value || value.contains(MASK);
        let found = recorded
            .iter()
            .position(|(known, shown, _)| known.eq_ignore_ascii_case(name) && has_value(shown));
        // Each line once: a header may have several.
        if let Some(index) = found {
            headers.append(name, recorded.remove(index).2);
            continue;
        }
        check_line(name, value).map_err(Error::usage)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The edited body; none when it is the recorded one.
fn edited_body(action: &ReplayAction, record: &Record) -> Result<Option<Bytes>> {
    let Some(body) = &action.body else { return Ok(None) };
    let recorded = match record {
        Record::Capture(capture) => &capture.request.body,
        Record::Delivery(record) => &record.delivery.message.body,
    };
    let shown = mask::bytes(recorded);
    if *shown == *body.as_bytes() {
        return Ok(None);
    }
    let is_masked = shown.len() != recorded.len() || *shown != **recorded;
    if is_masked && body.contains(MASK) {
        return Err(Error::usage("the edited body has a mask in place of a secret")
            .hint("`hook replay NUMBER --set PATH=VALUE` changes a value and leaves the others as they are recorded"));
    }
    Ok(Some(Bytes::copy_from_slice(body.as_bytes())))
}

/// Whether the store has the record.
pub(super) fn must_exist(store: &dyn Store, number: u64) -> Result<()> {
    store.get(number)?.map(drop).ok_or_else(|| select::gone(number))
}
