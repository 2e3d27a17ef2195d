//! Delivers a record again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{ActionResult, CollectedNotices, SeenDeliveries};
use crate::app::context::Context;
use crate::app::inspect::select;
use crate::app::outgoing::RequestOptions;
use crate::app::receive::{Observer, ReceiveEvent};
use crate::app::replay::{Editor, Replay, ReplayOptions, ReplayPlan, ReplayRun, Selection};
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::exit::Exit;
use crate::headers::{Headers, check_line};
use crate::mask::{self, MASK};
use crate::shutdown::Shutdown;
use crate::store::{Record, Store};
use crate::target::parse_url;
use crate::transport::HttpOptions;

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
    let options = options(action, &record, secrets)?;
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
    Ok(ActionResult {
        text: format!("#{number} was delivered again{made}: {outcome}"),
        ok: exit == Exit::Ok,
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
        shutdown,
    };
    let seen = SeenDeliveries::default();
    let exit = replay.run(plan, run, seen.clone(), Arc::new(Silent)).await?;
    Ok((exit, seen))
}

fn options(action: &ReplayAction, record: &Record, secrets: &[String]) -> Result<ReplayOptions> {
    let as_captured = action.mode == ReplayMode::AsCaptured;
    let given = |name: &Option<String>| name.clone().filter(|text| !text.trim().is_empty());
    let method = given(&action.method).map(|method| method.trim().to_ascii_uppercase());
    if let Some(method) = &method
        && !method.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return Err(Error::usage(format!("`{method}` is not a method")).hint("`POST`, `PUT`, `GET` or `DELETE`"));
    }
    let path = given(&action.path);
    if let Some(path) = path.as_ref().filter(|path| !path.starts_with('/')) {
        return Err(Error::usage(format!("path `{path}` does not begin with `/`")));
    }
    Ok(ReplayOptions {
        to: given(&action.to).as_deref().map(parse_url).transpose()?,
        secrets: if as_captured || !needs_given_secret(record) {
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
fn needs_given_secret(record: &Record) -> bool {
    match record {
        Record::Capture(capture) => !matches!(capture.request.verdict.secret, Some(SecretKind::Dev)),
        Record::Delivery(record) => matches!(record.delivery.secret, Some(SecretKind::Given(_))),
    }
}

fn recorded_headers(record: &Record) -> &Headers {
    match record {
        Record::Capture(capture) => &capture.request.headers,
        Record::Delivery(record) => &record.delivery.headers,
    }
}

/// The edited headers, with the recorded values where a mask was shown.
fn own_headers(edited: &[(String, String)], record: &Record) -> Result<Headers> {
    let mut headers = Headers::new();
    for (name, value) in edited.iter().filter(|(name, _)| !name.trim().is_empty()) {
        let (name, value) = (name.trim(), value.trim());
        check_line(name, value).map_err(Error::usage)?;
        match recorded_headers(record).get(name).filter(|_| value.contains(MASK)) {
            Some(recorded) => headers.append(name, recorded),
            None => headers.append(name, value),
        }
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
