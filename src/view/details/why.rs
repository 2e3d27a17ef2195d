//! A record in sentences: what happened, and what helps.

use super::delivery::{CRASHED, maker, next, said};
use super::outcome;
use crate::answered::Answered;
use crate::app::inspect::show::{RecordDetails, WaitingWork};
use crate::app::receive::takeover::described;
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::shell::quote;
use crate::store::queue::ParkReason;
use crate::store::{Capture, DeliveryRecord, DeliveryState, NewDelivery, ORPHAN, Processing};
use crate::text::printable;
use crate::view::{count, short_size, short_time, status_line};

/// Characters of a text from the network in one sentence, at most.
const MOST: usize = 400;

fn short(text: &str) -> String {
    printable(text, MOST)
}

/// The story of a received request.
pub(super) fn of_capture(details: &RecordDetails, capture: &Capture) -> Vec<String> {
    let request = &capture.request;
    let line = short(&format!("{} {}", request.method, request.target));
    let (size, remote) = (short_size(details.size as u64), short(&request.remote));
    let mut said = vec![format!("`{line}` with {size} of body came from {remote}.")];
    said.push(match &request.provider {
        Some(provider) => format!("It was checked as a request of `{}`.", short(provider)),
        None => "No provider was detected: no known signature header is present.".to_owned(),
    });
    said.extend(verdict(capture));
    said.push(match request.workflow {
        // Of the statuses of a trigger only this one is its own judgement.
        Some(_) if request.status == 400 => "It was answered 400 Bad Request: its body is no record.".to_owned(),
        _ => answer(request.status, request.verdict.name == "refused"),
    });
    if let Some(first) = capture.duplicate_of {
        let same = if details.same_content {
            "has the same signed content as"
        } else {
            "is the same event as"
        };
        said.push(format!(
            "It {same} #{first}, so no command was run for it again; it was still forwarded."
        ));
    }
    said.extend(forwards(details, capture));
    said.extend(details.waiting.iter().map(waiting));
    said.extend(capture.processing.iter().flat_map(processing));
    said
}

/// The verdict, and what helps after a refusal.
fn verdict(capture: &Capture) -> Vec<String> {
    let (request, number) = (&capture.request, capture.number);
    let verdict = &request.verdict;
    let detail = verdict.detail.as_deref().map(short);
    match (verdict.name.as_str(), detail) {
        ("verified", Some(detail)) => vec![format!("Its signature is valid, {detail}.")],
        ("token-only", _) => vec![
            "It has the right token: the sender knows the secret, but nothing of the request is signed.".to_owned(),
        ],
        ("verified", None) => vec!["Its signature is valid.".to_owned()],
        ("refused", detail) => {
            let reason = verdict.reason.as_deref().unwrap_or_default();
            let detail = detail.unwrap_or_else(|| short(reason));
            let mut words = vec![format!("It was refused: {detail}.")];
            if let Some(note) = &capture.diagnosis {
                words.push(format!("The cause: {}.", short(&note.text)));
                let hint = note.hint.as_deref().map(short);
                words.extend(hint.map(|hint| format!("What helps: {hint}.")));
            } else {
                words.extend(refusal_help(reason, request.provider.as_deref(), number));
            }
            words
        }
        ("unsigned", _) => {
            vec!["This provider signs nothing, so the sender is unknown.".to_owned()]
        }
        _ => vec![format!(
            "Nothing was verified: `hook listen` had no `--secret`. `hook verify {number} --secret REF` does it now."
        )],
    }
}

/// What helps against a refusal.
fn refusal_help(reason: &str, provider: Option<&str>, number: u64) -> Option<String> {
    let name = short(provider.unwrap_or("NAME"));
    Some(match reason {
        "no-match" | "malformed" | "part-missing" => {
            format!(
                "`hook verify {number} --secret REF` checks it with a secret and names the mistake when it is a known one."
            )
        }
        "header-missing" => format!(
            "Either the sender signs nothing, or it is of another provider: `hook verify {number}` looks for that."
        ),
        "unrecognised" => "Name the provider: `hook listen --provider NAME`.".to_owned(),
        "too-old" | "too-new" => format!(
            "Signatures expire quickly. `hook verify {number}` judges it as of its arrival, `hook replay \
             {number} --secret REF --to URL` sends it with a fresh one; if it came straight from its sender, one of \
             the clocks is wrong."
        ),
        "address" => "`hook listen --allow-ip CIDR` lets addresses in.".to_owned(),
        "bearer" => "The sender must carry the token that `hook listen --require-bearer` names.".to_owned(),
        "path" => "The sender must use the whole URL that `hook listen --inbound` says.".to_owned(),
        "unusable-secret" => format!("`hook secret new --provider {name}` makes a secret of the right form."),
        _ => return None,
    })
}

fn answer(status: u16, refused: bool) -> String {
    let answered = Answered::from_code(status);
    let line = answered.summary();
    let why = match answered {
        Answered::ByApp => return "It was answered by the app that it was forwarded to.".to_owned(),
        _ if answered.is_success() => return format!("It was answered {line}: for the sender it is delivered."),
        // The reason would help a forger.
        _ if refused => "without a reason: those are for the operator alone. A",
        _ => "as `--respond`, `--status` or `--fail-first` asked: a",
    };
    format!("It was answered {line}, {why} sender with a schedule tries again.")
}

fn forwards(details: &RecordDetails, capture: &Capture) -> Vec<String> {
    if !details.later.is_empty() {
        return again(details);
    }
    let number = capture.number;
    match capture.forwarded_to.as_deref().map(short) {
        Some(url) => vec![format!(
            "It was forwarded to {url}; that delivery is no longer recorded."
        )],
        None if capture.request.verdict.name == "refused" => {
            vec!["Nothing was forwarded or run: refused requests are only recorded.".to_owned()]
        }
        None if !capture.processing.is_empty() || !details.waiting.is_empty() => Vec::new(),
        None => vec![format!(
            "It was not forwarded: `hook replay {number} --to URL` does that."
        )],
    }
}

/// A forward or a command that is not done yet.
fn waiting(waiting: &WaitingWork) -> String {
    let what = short(&described(&waiting.lane));
    if waiting.is_worked_on {
        format!("Pending in a running `hook`: {what}.")
    } else {
        format!("Pending: {what}. `hook replay --resume` runs it.")
    }
}

/// Runs of a command that failed at least once.
fn processing(processing: &Processing) -> [String; 2] {
    let (command, error) = (short(&processing.command), short(&processing.error));
    let tries = count(processing.tries.into(), "time");
    let first = format!("`{command}` ran for it and failed {tries}, the last time with `{error}`.");
    if let Some(at) = processing.mended_at {
        let at = at.local_datetime();
        return [first, format!("It succeeded later ({at}); nothing is left to do.")];
    }
    // Cut or escaped it would be another command.
    let again = if command == processing.command {
        quote(&command)
    } else {
        "CMD".to_owned()
    };
    let rest = format!(
        "The sender already has its response and will not send it again: `hook replay --failed --exec {again}` does \
         what is left."
    );
    [first, rest]
}

/// Deliveries that forward or repeat the record.
fn again(details: &RecordDetails) -> Vec<String> {
    let sentences = details.later.iter().map(|summary| {
        let (number, outcome) = (summary.number, outcome(details, summary));
        match summary.state.as_str() {
            "delivered" => format!("It went on as {outcome}."),
            _ => format!("It went on as {outcome}; `hook log show {number} --why` tells more."),
        }
    });
    sentences.collect()
}

/// The story of a delivery.
pub(super) fn of_delivery(details: &RecordDetails, record: &DeliveryRecord) -> Vec<String> {
    let delivery = &record.delivery;
    let event = match (delivery.message.event.as_str(), &delivery.execution) {
        (_, Some(of)) => format!("The request of workflow `{}`", short(&of.workflow)),
        ("", None) => "An event of unknown type".to_owned(),
        (event, None) => format!("`{}`", short(event)),
    };
    let url = short(&delivery.url);
    let mut said = vec![format!("{event} was to go to {url}, by {}.", maker(delivery))];
    if record.is_orphan {
        said.push(format!("It cannot be sent again: {ORPHAN}."));
    }
    let mut helped: Option<String> = None;
    for attempt in &delivery.attempts {
        let is_last = delivery.attempts.last() == Some(attempt);
        let is_success = is_last && delivery.state == DeliveryState::Delivered;
        said.push(attempt_words(details, attempt, is_success));
        // Advice is not repeated while the outcome stays the same.
        let help = attempt_help(attempt, delivery);
        if help != helped {
            said.extend(help.clone());
            helped = help;
        }
    }
    let crashed = details.crashes.iter();
    said.extend(crashed.map(|at| format!("{}: {CRASHED}.", at.local_datetime())));
    said.extend(outlook(details, record.number, delivery));
    said.extend(again(details));
    said
}

fn attempt_words(details: &RecordDetails, attempt: &Attempt, delivered: bool) -> String {
    let (seq, took) = (attempt.seq, short_time(attempt.took));
    let at = attempt.at.local_datetime();
    match &attempt.outcome {
        Outcome::Answer(answer) => {
            let says = match said(details, &answer.body).as_str() {
                "" => String::new(),
                text => format!(", saying `{}`", printable(text, 200)),
            };
            let so = if delivered { ": success" } else { "" };
            let status = status_line(answer.status);
            format!("Attempt {seq} ({at}) was answered {status} after {took}{says}{so}.")
        }
        Outcome::Error { kind, text } => {
            let (what, text) = (kind.words(), short(text));
            format!("Attempt {seq} ({at}) got no answer: {what}, after {took}: {text}.")
        }
    }
}

/// The usual meaning of an outcome.
fn attempt_help(attempt: &Attempt, delivery: &NewDelivery) -> Option<String> {
    let words = match (&attempt.outcome, delivery.signing.fault()) {
        (Outcome::Answer(answer), Some(fault)) if answer.status >= 400 => {
            return Some(format!("The request was sent {fault}: refusing it is right."));
        }
        (Outcome::Answer(answer), Some(fault)) if answer.status < 300 => {
            return Some(format!(
                "The request was sent {fault}: the receiver should have refused it."
            ));
        }
        (Outcome::Answer(answer), _) => status_help(answer.status)?,
        (Outcome::Error { kind, .. }, _) => error_help(*kind, delivery.url.starts_with("https:")),
    };
    Some(words.to_owned())
}

fn status_help(status: u16) -> Option<&'static str> {
    Some(match status {
        200..300 => return None,
        300..400 => "Redirects are not followed: use the final URL as the target.",
        401 | 403 => {
            "That is how a receiver refuses a signature: do both sides have the same secret? With `hook listen` on the \
             other side, its terminal and its `hook log --failed` say why."
        }
        404 => "The app has nothing at that path.",
        405 => "The app does not accept that method there.",
        408 | 504 => "The app, or a proxy in front of it, took too long: respond first, process afterwards.",
        410 => "The receiver wants no more of these events.",
        413 => "The body is larger than the receiver accepts.",
        415 => "The receiver does not accept that content type.",
        429 | 503 => "The receiver asks for a pause.",
        400..500 => "The receiver rejected the request: its log says why.",
        _ => "The app failed to handle the request: its log says why.",
    })
}

fn error_help(kind: ErrorKind, https: bool) -> &'static str {
    match kind {
        ErrorKind::Dns => "The host name does not resolve: is the URL right?",
        ErrorKind::Resolver => "The resolver of this machine does not answer: is it online?",
        ErrorKind::Connect => "Nothing listens there: is the app running, on that port and address?",
        ErrorKind::Tls => "The certificate was not accepted: `--cacert FILE` trusts a private one.",
        ErrorKind::Timeout => "The receiver took too long: respond first, process afterwards.",
        ErrorKind::Protocol if https => "The connection was cut: does a proxy in between close it?",
        ErrorKind::Protocol => "The response is not HTTP, or the connection was cut: does the port speak https?",
        ErrorKind::Cancelled => "The attempt was interrupted.",
        ErrorKind::Signing => "Its private key cannot sign: nothing was sent.",
        ErrorKind::Blocked => "The address policy does not allow that address.",
    }
}

/// What comes next, and which command helps.
fn outlook(details: &RecordDetails, number: u64, delivery: &NewDelivery) -> Vec<String> {
    let planned = delivery.delays.len() + 1;
    let made = delivery.attempts.len();
    match delivery.state {
        DeliveryState::Delivered if delivery.signing.fault().is_some() => Vec::new(),
        DeliveryState::Delivered => vec!["It is delivered; nothing is left to do.".to_owned()],
        DeliveryState::Pending => {
            let mut said = vec![format!("It is pending: {}.", next(details, delivery))];
            if !details.is_worked_on {
                said.push(format!("`hook replay {number}` makes a new delivery instead."));
            }
            said
        }
        DeliveryState::Skipped | DeliveryState::Rehearsed => {
            let note = delivery.execution.as_ref().and_then(|of| of.note.as_ref());
            let why = note.map_or_else(String::new, |note| format!(": {}", short(note)));
            let mut said = vec![format!("Nothing was sent{why}.")];
            // Without a type there was no request yet.
            if !delivery.message.content_type.is_empty() {
                said.push(format!("`hook replay {number}` delivers it anyway."));
            }
            said
        }
        DeliveryState::Tested => vec![format!(
            "It is a faulty request of `hook endpoints test` or `hook send --tamper`, which the receiver must refuse. `hook replay {number}` delivers it again."
        )],
        DeliveryState::Cancelled => vec![format!(
            "It was cancelled, since its endpoint was removed: `hook replay {number} --to URL` delivers it again."
        )],
        DeliveryState::Parked => {
            let why = details
                .parked
                .map_or_else(String::new, |reason| format!(", since {}", reason.words()));
            if details.parked == Some(ParkReason::Locked) {
                return vec![format!(
                    "It is parked{why}. `hook serve` with the right key delivers it."
                )];
            }
            vec![
                format!("It is parked{why}: it waits until it is released by hand."),
                format!("`hook replay {number}` delivers it again."),
            ]
        }
        DeliveryState::Failed => {
            let why = match made {
                _ if planned == 1 => "One attempt was asked for (`--retry` makes more)".to_owned(),
                made if made >= planned => format!("All {} of the schedule are made", count(made as u64, "attempt")),
                made => format!("The last answer ended it after {made} of {planned} attempts"),
            };
            let mut said = vec![format!("{why}: it failed.")];
            said.extend(details.provider_schedule.clone());
            said.push(format!("`hook replay {number}` delivers it again."));
            said
        }
    }
}
