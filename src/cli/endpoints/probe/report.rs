//! What a test shows.

use serde::Serialize;

use super::verdict::{State, Verdict, Verdicts};
use super::{Exchange, Trial};

use crate::cli::ui::Ui;
use crate::error::Result;
use crate::exchange::{Answer, Outcome};
use crate::mask;
use crate::text::printable;
use crate::view::delivery::BODY_SHOWN;
use crate::view::request::header_lines;
use crate::view::{millis, short_time};

/// `{"schema":"hook.endpoint-test/1"}`: a test and its verdicts.
#[derive(Serialize)]
struct TestLine<'a> {
    schema: &'static str,
    endpoint: &'a str,
    provider: &'a str,
    url: String,
    event: &'a str,
    active: bool,
    passed: bool,
    verdicts: &'a Verdicts,
    /// Absent when there was no answer.
    accepts_content_type: Option<bool>,
    requests: Vec<RequestPart<'a>>,
}

#[derive(Serialize)]
struct RequestPart<'a> {
    number: u64,
    kind: &'static str,
    status: Option<u16>,
    error: Option<&'static str>,
    detail: Option<&'a str>,
    took_ms: f64,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

pub(super) fn print(trial: &Trial<'_>, exchanges: &[Exchange], verdicts: &Verdicts) -> Result<()> {
    let ui = &trial.session.ui;
    ui.json(&TestLine {
        schema: "hook.endpoint-test/1",
        endpoint: &trial.endpoint.name,
        provider: &trial.endpoint.provider,
        url: mask::url(&trial.endpoint.url),
        event: &trial.event,
        active: trial.endpoint.is_active(),
        passed: verdicts.passed(),
        verdicts,
        accepts_content_type: accepts(exchanges),
        requests: exchanges.iter().map(RequestPart::new).collect(),
    })?;
    // A long series is told by its verdicts; what went wrong in it is shown all the same.
    let many = exchanges.len() > 6;
    for exchange in exchanges {
        let quiet = many
            && exchange.genuine
            && exchange
                .attempt
                .outcome
                .status()
                .is_some_and(|s| (200..300).contains(&s));
        if !quiet {
            show(ui, &trial.event, exchange)?;
        }
    }
    ui.line("")?;
    for (name, verdict) in verdicts.all() {
        say(ui, name, verdict)?;
    }
    ui.flush()?;
    for (_, verdict) in verdicts.all() {
        if let Some(hint) = verdict.hint.as_ref().filter(|_| verdict.state == State::Fail) {
            ui.hint(hint);
        }
    }
    Ok(())
}

/// Whether the body's type was no reason to refuse.
fn accepts(exchanges: &[Exchange]) -> Option<bool> {
    let mut statuses = exchanges
        .iter()
        .filter(|exchange| exchange.genuine)
        .filter_map(|exchange| exchange.attempt.outcome.status())
        .peekable();
    statuses.peek()?;
    Some(statuses.all(|status| status != 415))
}

impl<'a> RequestPart<'a> {
    fn new(exchange: &'a Exchange) -> Self {
        let (answer, error) = match &exchange.attempt.outcome {
            Outcome::Answer(answer) => (Some(answer), None),
            Outcome::Error { kind, text } => (None, Some((kind.name(), text.as_str()))),
        };
        Self {
            number: exchange.number,
            kind: if exchange.genuine { "genuine" } else { "tampered" },
            status: answer.map(|answer| answer.status),
            error: error.map(|(kind, _)| kind),
            detail: error.map(|(_, text)| text),
            took_ms: millis(exchange.attempt.took),
            headers: answer.map_or_else(Vec::new, |answer| header_lines(&answer.headers, false, &[])),
            body: answer.map(|answer| String::from_utf8_lossy(&answer.body).chars().take(4096).collect()),
        }
    }
}

/// `#12  job.created  200 OK  3.4ms`, and what the receiver said.
fn show(ui: &Ui, event: &str, exchange: &Exchange) -> Result<()> {
    let style = ui.out;
    let what = if exchange.genuine {
        event.to_owned()
    } else {
        format!("{event}, tampered")
    };
    let outcome = exchange.attempt.outcome.summary();
    ui.line(&format!(
        "{}  {}  {outcome}  {}",
        style.strong(&format!("#{}", exchange.number)),
        style.name(&printable(&what, 100)),
        style.dim(&short_time(exchange.attempt.took))
    ))?;
    match &exchange.attempt.outcome {
        Outcome::Answer(answer) => said(ui, answer),
        Outcome::Error { .. } => Ok(()),
    }
}

fn said(ui: &Ui, answer: &Answer) -> Result<()> {
    if ui.verbose > 0 {
        for (name, value) in header_lines(&answer.headers, false, &[]) {
            let line = format!("    {}: {}", printable(&name, 100), printable(&value, 500));
            ui.line(&ui.out.dim(&line))?;
        }
    }
    let text = String::from_utf8_lossy(&answer.body);
    match printable(&mask::text(text.trim()), BODY_SHOWN).as_str() {
        "" => Ok(()),
        text => ui.line(&ui.out.dim(&format!("    it says: {text}"))),
    }
}

/// `pass  signature checked  the tampered twin was refused with 401 Unauthorized`
fn say(ui: &Ui, name: &str, verdict: &Verdict) -> Result<()> {
    let style = ui.out;
    let word = match verdict.state {
        State::Pass => style.good("pass   "),
        State::Fail => style.bad("fail   "),
        State::Unknown => style.caution("unknown"),
        State::Skipped => style.dim("skipped"),
    };
    ui.line(&format!("{word}  {name:<17}  {}", verdict.detail))?;
    match &verdict.caution {
        Some(caution) => ui.line(&format!("{:<28}{}", "", style.caution(caution))),
        None => Ok(()),
    }
}
