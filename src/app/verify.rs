//! Verifies one request, and diagnoses a rejection.

use serde::Serialize;

use super::context::{Context, DEV_SECRET, Purpose, Secrets};
use super::inspect::select;
use super::outgoing::endpoint_secrets;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::mask;
use crate::request_file::ExportedRequest;
use crate::signature::{Diagnosis, Explanation, HintCaller, Received, RejectReason, SignedBytes, Verdict};
use crate::store::Record;
use crate::verification::{Verification, VerificationResult};

/// The request to check.
#[derive(Debug, Clone)]
pub enum RequestSource {
    /// A record: a request as it came, or the last attempt of a delivery.
    Record(String),
    /// These headers and this body.
    Given(Headers, Vec<u8>),
    /// A request of a file.
    Exported(ExportedRequest),
}

/// What is checked, and how.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// The request.
    pub request: RequestSource,
    /// The provider; else the record's, the settings', or recognised by the headers.
    pub provider: Option<String>,
    /// References of secrets to check with.
    pub secrets: Vec<String>,
    /// The moment to check as of; else the record's, or now.
    pub at: Option<Timestamp>,
    /// The method, where it is signed.
    pub method: Option<String>,
    /// The whole URL as the sender has it.
    pub url: Option<String>,
    /// Whether the signature that was expected is computed.
    pub reveal: bool,
}

/// The result of a check: `hook.verdict/1`.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// The verdict's name.
    pub verdict: &'static str,
    /// The provider that decided.
    pub provider: Option<String>,
    /// The secret that matched.
    pub secret: Option<String>,
    /// The code of the reason for a refusal.
    pub reason: Option<&'static str>,
    /// The verdict in words.
    pub detail: Option<String>,
    /// The code of the mistake that was found.
    pub cause: Option<&'static str>,
    /// The codes of all mistakes that were found, in the order of the words.
    pub causes: Vec<&'static str>,
    /// The mistake in words.
    pub diagnosis: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Causes that were not looked for within the time limit.
    pub not_tried: Vec<&'static str>,
    /// The expected signature, on request: it is valid for this body, so treat it as a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Parts of the request that are not covered by the signature.
    pub unsigned: Vec<String>,
    /// The verdict itself.
    #[serde(skip)]
    pub judged: Verdict,
    /// Causes that were ruled out.
    #[serde(skip)]
    pub excluded: Vec<&'static str>,
    /// What the signature covers, without the secrets that are known; absent where it covers nothing or is not there.
    #[serde(skip)]
    pub bytes: Option<SignedBytes>,
}

/// A request, with the facts of its record.
#[derive(Default)]
struct VerifyRequest {
    method: String,
    /// The whole URL, when it is known.
    url: Option<String>,
    /// Path and query of a request that was received.
    target: Option<String>,
    headers: Headers,
    body: Vec<u8>,
    /// The moment as of which it is verified; absent: now.
    at: Option<Timestamp>,
    /// Its number in the ledger.
    number: Option<u64>,
    /// The provider that it was recorded with.
    provider: Option<String>,
    /// The endpoint that it was sent to.
    endpoint: Option<String>,
}

/// Checks the signature of a request, and explains a refusal.
pub fn verify(context: &Context, options: VerifyOptions) -> Result<VerifyReport> {
    let is_targeted = options.method.is_some() || options.url.is_some();
    // Resolved before the record is read: what is given is also what a record may need to be whole again.
    let given = (!options.secrets.is_empty())
        .then(|| context.secrets_for(&options.secrets, Vec::new(), Purpose::Verify))
        .transpose()?;
    let request = VerifyRequest::new(context, options.request, options.method, options.url)?;
    let named = options.provider.or_else(|| request.provider.clone());
    let named = named.or_else(|| context.settings.provider.clone());
    let secrets = match given {
        Some(given) => given,
        None => secrets(context, named.as_deref(), request.endpoint.as_deref())?,
    };
    let is_dev = secrets.is_dev();
    let is_detected = named.is_none();
    let labels: Vec<String> = named.into_iter().collect();
    let verification = Verification::new(&context.registry, &labels, Some(secrets))?;
    let now = options.at.or(request.at).unwrap_or_else(|| context.now());
    if let Some(number) = request.number {
        context.notices.note(format!("#{number} is checked as of {now}"));
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
    remark(context, &judged, &request.headers, is_dev, is_detected);
    let profile = judged.profile.as_ref();
    if is_targeted && !profile.is_some_and(|profile| profile.scheme.signs_target()) {
        let what = "method and URL are no part of this signature, so `--method` and `--url` change nothing";
        context.notices.note(what);
    }
    Ok(report(context, &verification, judged, &received, options.reveal))
}

fn report(
    context: &Context,
    verification: &Verification,
    judged: VerificationResult,
    received: &Received<'_>,
    reveal: bool,
) -> VerifyReport {
    let diagnosis = diagnosis(context, verification, &judged, received);
    let is_revealed = reveal && judged.verdict.is_refused();
    let accepted = judged.profile.as_ref().filter(|_| judged.verdict.is_accepted());
    let has_query = received.url.is_some_and(|url| url.contains('?'));
    let unsigned = accepted.map(|profile| profile.unsigned_parts(received.headers, received.body, has_query));
    VerifyReport {
        verdict: judged.verdict.name(),
        provider: judged.label.as_ref().map(ToString::to_string),
        secret: judged.verdict.secret().map(str::to_owned),
        reason: judged.verdict.reason(),
        detail: match &judged.verdict {
            Verdict::Unsigned => Some("this provider signs nothing, so there is nothing to verify".to_owned()),
            verdict => verdict.detail(),
        },
        cause: diagnosis.found.as_ref().map(|found| found.cause),
        causes: diagnosis.found.as_ref().map(Explanation::causes).unwrap_or_default(),
        diagnosis: diagnosis.found.as_ref().map(Explanation::said),
        hint: verification.advice(&diagnosis, &judged, received, HintCaller::Verify),
        not_tried: diagnosis.not_tried,
        expected: is_revealed.then(|| verification.expected(&judged, received)).flatten(),
        unsigned: unsigned.unwrap_or_default(),
        bytes: covered(&judged, received).or(diagnosis.bytes).map(masked),
        judged: judged.verdict,
        excluded: diagnosis.excluded,
    }
}

/// What an accepted signature covers.
fn covered(judged: &VerificationResult, received: &Received<'_>) -> Option<SignedBytes> {
    let Verdict::Verified(proof) = &judged.verdict else {
        return None;
    };
    let scheme = &judged.profile.as_ref()?.scheme;
    let bytes = scheme.look_at_signed(received, proof.url_form, |bytes, _| Some(bytes.to_vec()))?;
    Some(SignedBytes {
        arrived: bytes.clone(),
        signed: Some(bytes),
    })
}

fn masked(bytes: SignedBytes) -> SignedBytes {
    let masked = |bytes: Vec<u8>| mask::bytes(&bytes).into_owned();
    SignedBytes {
        arrived: masked(bytes.arrived),
        signed: bytes.signed.map(masked),
    }
}

/// The secrets that a record's endpoint has, or those of the settings.
fn secrets(context: &Context, provider: Option<&str>, endpoint: Option<&str>) -> Result<Secrets> {
    let own = match provider {
        Some(label) => endpoint_secrets(context, endpoint, &*context.registry.get(label)?)?,
        None => Vec::new(),
    };
    context.secrets_for(&[], own, Purpose::Verify)
}

/// Why the request was rejected.
fn diagnosis(
    context: &Context,
    verification: &Verification,
    judged: &VerificationResult,
    received: &Received<'_>,
) -> Diagnosis {
    if !judged.verdict.is_refused() {
        return Diagnosis::default();
    }
    let profile = judged.profile.as_ref();
    let others = profile.map_or_else(Vec::new, |profile| context.secrets_for_diagnosis(profile));
    verification.explain(judged, received, &others)
}

impl VerifyRequest {
    fn new(context: &Context, source: RequestSource, method: Option<String>, url: Option<String>) -> Result<Self> {
        let mut request = match source {
            RequestSource::Record(id) => Self::recorded(context, &id)?,
            RequestSource::Given(headers, body) => Self {
                method: "POST".into(),
                headers,
                body,
                ..Self::default()
            },
            RequestSource::Exported(exported) => {
                exported.notes.into_iter().for_each(|note| context.notices.warn(note));
                Self {
                    method: exported.method,
                    url: exported.url,
                    headers: exported.headers,
                    body: exported.body,
                    ..Self::default()
                }
            }
        };
        request.method = method.unwrap_or(request.method);
        request.url = url.or(request.url);
        Ok(request)
    }

    /// A request of the ledger, verified as of its arrival; of a delivery the last attempt, as of its start.
    fn recorded(context: &Context, id: &str) -> Result<Self> {
        let store = &*select::reader(context)?;
        let number = select::number(store, id)?;
        let mut record = select::record(store, number)?;
        context.restore(&mut record);
        Ok(match record {
            Record::Capture(capture) => Self {
                method: capture.request.method,
                target: Some(capture.request.target),
                headers: capture.request.headers,
                body: capture.request.body.to_vec(),
                at: Some(capture.request.at),
                number: Some(number),
                provider: capture.request.provider,
                ..Self::default()
            },
            Record::Delivery(record) => {
                let mut delivery = record.delivery;
                let attempt = delivery.attempts.pop().ok_or_else(|| {
                    Error::nothing(format!(
                        "delivery `#{number}` has no attempt yet, so nothing was signed"
                    ))
                    .hint(format!("`hook log show {number} --why` tells what it waits for"))
                })?;
                Self {
                    method: delivery.method,
                    url: Some(delivery.url),
                    headers: attempt.request_headers,
                    body: attempt.request_body.unwrap_or(delivery.message.body).to_vec(),
                    at: Some(attempt.at),
                    number: Some(number),
                    provider: delivery.provider,
                    endpoint: delivery.endpoint,
                    ..Self::default()
                }
            }
        })
    }
}

/// Notes the choices that the caller did not make.
fn remark(context: &Context, judged: &VerificationResult, headers: &Headers, is_dev: bool, is_detected: bool) {
    let notices = &context.notices;
    if let Some(label) = judged.label.as_ref().filter(|_| is_detected) {
        notices.note(format!("provider: {label}, recognised by its headers"));
    }
    if !judged.ties.is_empty() {
        let ties: Vec<String> = judged.ties.iter().map(|label| format!("`{label}`")).collect();
        let ties = ties.join(", ");
        notices.note(format!("these fit as well: {ties}; pick one with `--provider`"));
    }
    if let Some(header) = judged.profile.as_ref().and_then(|profile| profile.scheme.header())
        && let count @ 2.. = headers.all(header).count()
        && judged.verdict.is_accepted()
    {
        notices.warn(format!(
            "`{header}` is there {count} times (more than once): other receivers read the first only, or all of them joined"
        ));
    }
    let is_unrecognised = matches!(judged.verdict, Verdict::Refused(RejectReason::Unrecognised));
    // Where there was no signature to compare, the secret made no difference.
    let was_tried = match &judged.verdict {
        Verdict::Refused(reason) => !matches!(
            reason,
            RejectReason::Unrecognised
                | RejectReason::HeaderMissing { .. }
                | RejectReason::PartMissing { .. }
                | RejectReason::Malformed { .. }
        ),
        verdict => *verdict != Verdict::Unsigned,
    };
    if is_dev && was_tried {
        notices.note(format!("no secret is given: checked with the {DEV_SECRET}"));
    }
    if is_unrecognised {
        for error in context.registry.broken() {
            notices.warn(format!("skipped: {error}"));
        }
    }
}
