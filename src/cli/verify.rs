//! `hook verify`: the verdict on one request, and an autopsy when it is refused.

use serde::Serialize;

use super::{input, targets};
use crate::app::context::{DEV_SECRET, Purpose};
use crate::app::inspect::select;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::signature::{Diagnosis, Place, Received, RejectReason, Verdict};
use crate::store::Record;
use crate::verification::{Verification, VerificationResult};

/// Check the signature of a request, and explain when it does not match
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// A record instead of `--header` and `--body`: a request as it came, or the last attempt of a delivery
    #[arg(value_name = "ID", add = super::complete::records(), conflicts_with_all = ["header", "body"])]
    id: Option<String>,
    /// `NAME` or `NAME@VARIANT`; else recognised by the headers
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
    /// Check with this secret: `env:VAR`, `file:PATH`, `endpoint:NAME`, `literal:TEXT` or `-`; else with the dev secret
    #[arg(short, long, value_name = "[NAME=]REF", add = super::complete::secrets())]
    secret: Vec<String>,
    /// A header of the request; can be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = input::header)]
    header: Vec<(String, String)>,
    /// The raw body: `@FILE`, `-` for stdin, or the text
    #[arg(long, value_name = "BODY", add = super::complete::at_file(), required_unless_present = "id")]
    body: Option<String>,
    /// Check as of this moment: Unix seconds or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = input::moment)]
    at: Option<Timestamp>,
    /// The request's method, where it is signed
    #[arg(long)]
    method: Option<String>,
    /// The whole URL as the sender has it, where it is signed
    #[arg(long, value_parser = input::whole_url)]
    url: Option<String>,
    /// Show the signature that was expected: whoever sees it can sign this body
    #[arg(long)]
    reveal: bool,
}

/// A request as it came.
struct Request {
    method: String,
    /// The whole URL, when it is known.
    url: Option<String>,
    /// Path and query of a request that was received.
    target: Option<String>,
    headers: Headers,
    body: Vec<u8>,
    /// The moment at which to judge it; absent: now.
    at: Option<Timestamp>,
    /// Its number in the ledger.
    number: Option<u64>,
    /// The provider that it was recorded with.
    provider: Option<String>,
    /// The endpoint that it was sent to.
    endpoint: Option<String>,
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    schema: &'static str,
    verdict: &'static str,
    provider: Option<&'a str>,
    secret: Option<&'a str>,
    reason: Option<&'static str>,
    detail: Option<String>,
    cause: Option<&'static str>,
    diagnosis: Option<String>,
    hint: Option<String>,
    not_tried: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    unsigned: Vec<String>,
}

pub(super) fn run(session: &Session, args: VerifyArgs) -> Result<Exit> {
    input::one_stdin(args.body.as_deref().unwrap_or_default(), &args.secret)?;
    let targeted = args.method.is_some() || args.url.is_some();
    // What is given is also what a record may need to be whole again.
    let given = !args.secret.is_empty();
    let given = given.then(|| session.secrets_for(&args.secret, Vec::new(), Purpose::Verify));
    let given = given.transpose()?;
    let mut request = match args.id {
        Some(id) => recorded(session, &id)?,
        None => typed(&args.header, &args.body.unwrap_or_default())?,
    };
    if let Some(method) = args.method {
        request.method = method;
    }
    request.url = args.url.or(request.url);
    let named = args.provider.or_else(|| request.provider.clone());
    let named = named.or_else(|| session.settings.provider.clone());
    let labels: Vec<String> = named.into_iter().collect();
    let secrets = match (given, labels.first()) {
        (Some(given), _) => given,
        (None, Some(label)) => {
            let profile = session.registry.get(label)?;
            let own = targets::endpoint_secrets(session, request.endpoint.as_deref(), &profile)?;
            session.secrets_for(&[], own, Purpose::Verify)?
        }
        (None, None) => session.secrets_for(&[], Vec::new(), Purpose::Verify)?,
    };
    let dev = secrets.is_dev();
    let verification = Verification::new(&session.registry, &labels, Some(secrets))?;
    let now = args.at.or(request.at).unwrap_or_else(|| session.now());
    if let Some(number) = request.number {
        session.ui.note(&format!("#{number} is checked as of {now}"));
    }
    let url = request.url.clone().or_else(|| {
        let target = request.target.as_ref()?;
        verification.url(&request.headers, target)
    });
    let received = Received {
        method: &request.method,
        url: url.as_deref(),
        headers: &request.headers,
        body: &request.body,
        now,
    };
    let judged = verification.check(&received);
    remark(session, &judged, dev, labels.is_empty());
    let signed = judged
        .profile
        .as_ref()
        .is_some_and(|profile| profile.scheme.signs_target());
    if targeted && !signed {
        session
            .ui
            .note("method and URL are no part of this signature, so `--method` and `--url` change nothing");
    }
    let autopsy = autopsy(session, &verification, &judged, &received);
    let hint = verification.advice(&autopsy, &judged, &request.headers, Place::Verify);
    let expected = args.reveal && judged.verdict.is_refused();
    let expected = expected.then(|| verification.expected(&judged, &received)).flatten();
    let accepted = judged.profile.as_ref().filter(|_| judged.verdict.is_accepted());
    let has_query = url.as_ref().is_some_and(|url| url.contains('?'));
    let unsigned = accepted.map(|profile| profile.unsigned_parts(&request.headers, &request.body, has_query));
    print(
        session,
        &judged,
        &autopsy,
        hint,
        expected.as_deref(),
        unsigned.unwrap_or_default(),
    )
}

/// Why it was refused.
fn autopsy(
    session: &Session,
    verification: &Verification,
    judged: &VerificationResult,
    received: &Received<'_>,
) -> Diagnosis {
    if !judged.verdict.is_refused() {
        return Diagnosis::default();
    }
    let profile = judged.profile.as_ref();
    let others = profile.map_or_else(Vec::new, |profile| session.known_secrets(profile));
    verification.explain(judged, received, &others)
}

/// The request of the arguments.
fn typed(headers: &[(String, String)], body: &str) -> Result<Request> {
    Ok(Request {
        method: "POST".into(),
        url: None,
        target: None,
        headers: headers.iter().map(|(name, value)| (name, value.as_bytes())).collect(),
        body: input::source(body, "--body")?,
        at: None,
        number: None,
        provider: None,
        endpoint: None,
    })
}

/// A request of the ledger, to be judged as of its arrival; of a delivery the last attempt, as of its beginning.
fn recorded(session: &Session, id: &str) -> Result<Request> {
    let store = &*select::reader(session)?;
    let number = select::number(store, id)?;
    let mut record = select::record(store, number)?;
    session.restore(&mut record);
    Ok(match record {
        Record::Capture(capture) => Request {
            method: capture.request.method,
            url: None,
            target: Some(capture.request.target),
            headers: capture.request.headers,
            body: capture.request.body.to_vec(),
            at: Some(capture.request.at),
            number: Some(number),
            provider: capture.request.provider,
            endpoint: None,
        },
        Record::Delivery(record) => {
            let mut delivery = record.delivery;
            let attempt = delivery.attempts.pop().ok_or_else(|| {
                Error::nothing(format!(
                    "delivery `#{number}` was never tried, so that nothing was signed"
                ))
                .hint(format!("`hook log show {number} --why` tells what it waits for"))
            })?;
            Request {
                method: delivery.method,
                url: Some(delivery.url),
                target: None,
                headers: attempt.request_headers,
                body: attempt.request_body.unwrap_or(delivery.message.body).to_vec(),
                at: Some(attempt.at),
                number: Some(number),
                provider: delivery.provider,
                endpoint: delivery.endpoint,
            }
        }
    })
}

/// What is said beside the verdict: choices that were not the user's.
fn remark(session: &Session, judged: &VerificationResult, dev: bool, detected: bool) {
    let ui = &session.ui;
    if let Some(label) = judged.label.as_ref().filter(|_| detected) {
        ui.note(&format!("provider: {}, recognised by its headers", ui.err.name(label)));
    }
    if !judged.ties.is_empty() {
        let ties: Vec<String> = judged.ties.iter().map(|label| format!("`{label}`")).collect();
        ui.note(&format!(
            "these fit as well: {}; pick one with `--provider`",
            ties.join(", ")
        ));
    }
    let tried = !matches!(
        judged.verdict,
        Verdict::Unsigned
            | Verdict::Refused(
                RejectReason::Unrecognised
                    | RejectReason::HeaderMissing { .. }
                    | RejectReason::PartMissing { .. }
                    | RejectReason::Malformed { .. }
            )
    );
    if dev && tried {
        ui.note(&format!("no secret is given: checked with the {DEV_SECRET}"));
    }
    if matches!(judged.verdict, Verdict::Refused(RejectReason::Unrecognised)) {
        for error in session.registry.broken() {
            ui.warn(&format!("passed over: {error}"));
        }
    }
}

fn print(
    session: &Session,
    judged: &VerificationResult,
    autopsy: &Diagnosis,
    hint: Option<String>,
    expected: Option<&str>,
    unsigned: Vec<String>,
) -> Result<Exit> {
    let ui = &session.ui;
    if !unsigned.is_empty() {
        ui.detail(&format!("not signed: {}", unsigned.join(", ")));
    }
    let name = judged.verdict.name();
    let mut line = match &judged.verdict {
        Verdict::Verified(_) => ui.out.good(&format!("{name}:")),
        Verdict::TokenOnly(_) => ui.out.good("token only:"),
        Verdict::Refused(_) => ui.out.bad(&format!("{name}:")),
        Verdict::Unsigned | Verdict::Unchecked => ui.out.caution(&format!("{name}:")),
    };
    if let Some(label) = &judged.label {
        line = format!("{line} {}", ui.out.name(label));
    }
    let detail = match &judged.verdict {
        Verdict::Unsigned => Some("this provider signs nothing, so nothing can be said".to_owned()),
        verdict => verdict.detail(),
    };
    if let Some(detail) = &detail {
        // Without a provider the colon after the verdict is there already.
        let joint = judged.label.as_ref().map_or("", |_| judged.verdict.joint());
        line = format!("{line}{joint} {detail}");
    }
    ui.line(&line)?;
    ui.json(&VerdictLine {
        schema: "hook.verdict/1",
        verdict: name,
        provider: judged.label.as_deref(),
        secret: judged.secret(),
        reason: judged.verdict.reason(),
        detail,
        cause: autopsy.found.as_ref().map(|found| found.cause),
        diagnosis: autopsy.found.as_ref().map(crate::signature::Explanation::said),
        hint: hint.clone(),
        not_tried: &autopsy.not_tried,
        expected,
        unsigned,
    })?;
    ui.flush()?;
    diagnosis(session, autopsy, hint, expected);
    Ok(if judged.verdict.is_accepted() {
        Exit::Ok
    } else {
        Exit::Unverified
    })
}

/// What is said beside the verdict: the mistake, what was looked for, and what to do.
fn diagnosis(session: &Session, autopsy: &Diagnosis, hint: Option<String>, expected: Option<&str>) {
    let ui = &session.ui;
    if !autopsy.excluded.is_empty() {
        ui.detail(&format!("did not fit: {}", autopsy.excluded.join(", ")));
    }
    if let Some(found) = &autopsy.found {
        ui.note(&format!("caused by: {}", found.said()));
    }
    if !autopsy.not_tried.is_empty() {
        let names = autopsy.not_tried.join(", ");
        ui.note(&format!(
            "the body is large and the time was over before these were tried: {names}"
        ));
    }
    if let Some(expected) = expected {
        ui.hand_over(&format!("expected: {expected}"));
    }
    if let Some(hint) = hint {
        ui.hint(&hint);
    }
}
