//! Results of checks: the report of `endpoints doctor` and the verdicts of `endpoints test`.

use std::io;

use serde_json::{Value, json};

use super::attempt::BODY_SHOWN;
use super::request::header_lines;
use super::style::Tone;
use super::{JsonLines, Page, View, millis, short_time};
use crate::app::check::player::Exchange;
use crate::app::endpoints::doctor::{CheckGroup, CheckReport, CheckSubject};
use crate::app::endpoints::probe::ProbeReport;
use crate::exchange::{Answer, Outcome};
use crate::finding::{Finding, Level};
use crate::inflate::readable;
use crate::mask;
use crate::text::printable;

/// Characters of an answer's body in JSON, at most.
const BODY_GIVEN: usize = 4096;

/// Number of requests above which only failures are shown.
const SERIES: usize = 6;

impl View for CheckReport<'_> {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        let (name, title) = match self.subject {
            CheckSubject::Endpoint(endpoint) => {
                let (provider, url) = (printable(&endpoint.provider, 80), mask::url(&endpoint.url));
                (endpoint.name.clone(), format!("{provider}  {url}"))
            }
            CheckSubject::Workflow(name, file) => {
                let url = mask::url(file.url.as_deref().unwrap_or("-"));
                (printable(name, 80), format!("workflow  {url}"))
            }
        };
        page.line(format!("{}  {title}", style.name(&name)));
        for (group, findings) in &self.groups {
            page.line(style.strong(group_title(*group)));
            for finding in findings {
                let word = style.paint(tone(finding.level), &format!("{:<7}", finding.level.name()));
                page.line(format!("  {word}  {}", finding.fact));
                if let Some(hint) = &finding.hint {
                    page.line(style.dim(&format!("           {hint}")));
                }
            }
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let (schema, key, name) = match self.subject {
            CheckSubject::Endpoint(endpoint) => ("hook.endpoint-check/1", "endpoint", endpoint.name.as_str()),
            CheckSubject::Workflow(name, _) => ("hook.workflow-check/1", "workflow", name),
        };
        for (section, findings) in &self.groups {
            let records = findings.iter().map(|finding| {
                json!({
                    key: name,
                    "section": section,
                    "check": finding.code,
                    "result": finding.level.name(),
                    "detail": finding.fact,
                    "hint": finding.hint,
                })
            });
            lines.objects(schema, records)?;
        }
        Ok(())
    }
}

fn group_title(group: CheckGroup) -> &'static str {
    match group {
        CheckGroup::NotReceived => "not being received",
        CheckGroup::VerificationFailing => "verification failing",
        CheckGroup::Timeouts => "timeouts",
        CheckGroup::Duplicates => "duplicates",
    }
}

/// The colour of a result.
pub(super) fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Skipped | Level::Note => Tone::Dim,
        Level::Caution | Level::Unknown => Tone::Caution,
        Level::Problem => Tone::Bad,
    }
}

impl View for ProbeReport {
    fn human(&self, page: &mut Page) {
        let many = self.exchanges.len() > SERIES;
        let is_quiet = |exchange: &&Exchange| {
            many && exchange.is_genuine() && exchange.status().is_some_and(|status| (200..300).contains(&status))
        };
        for exchange in self.exchanges.iter().filter(|exchange| !is_quiet(exchange)) {
            self.exchange(exchange, page);
        }
        page.line("");
        self.findings.iter().for_each(|finding| verdict_lines(finding, page));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let [received, signature_checked, success, in_time] = self.findings.each_ref().map(verdict_json);
        let record = json!({
            "endpoint": self.endpoint.name,
            "provider": self.endpoint.provider,
            "url": mask::url(&self.endpoint.url),
            "event": self.event,
            "active": self.endpoint.is_active(),
            "passed": self.passed(),
            "verdicts": {
                "received": received,
                "signature_checked": signature_checked,
                "success": success,
                "in_time": in_time,
            },
            "accepts_content_type": self.accepts_content_type(),
            "requests": self.exchanges.iter().map(exchange_json).collect::<Vec<_>>(),
        });
        lines.object("hook.endpoint-test/1", &record)
    }
}

fn verdict_json(finding: &Finding) -> Value {
    let is_caution = finding.level == Level::Caution;
    json!({
        "verdict": verdict(finding.level),
        "detail": finding.fact,
        "caution": finding.hint.as_ref().filter(|_| is_caution),
        "hint": finding.hint.as_ref().filter(|_| !is_caution),
    })
}

fn exchange_json(exchange: &Exchange) -> Value {
    let outcome = &exchange.attempt.outcome;
    let (answer, error) = (outcome.answer(), outcome.error());
    let headers = answer.map(|answer| header_lines(&answer.headers, false, &[]));
    let body = answer.map(|answer| String::from_utf8_lossy(&readable(&answer.body)).into_owned());
    let kind = if exchange.is_genuine() {
        "genuine"
    } else {
        exchange.signing.name()
    };
    json!({
        "number": exchange.number,
        "kind": kind,
        "status": outcome.status(),
        "error": error.map(|(kind, _)| kind),
        "detail": error.map(|(_, text)| text),
        "took_ms": millis(exchange.attempt.took),
        "headers": headers.unwrap_or_default(),
        "body": body.map(|body| body.chars().take(BODY_GIVEN).collect::<String>()),
    })
}

impl ProbeReport {
    /// `#12  job.created  200 OK  3.4ms`, and the response body.
    fn exchange(&self, exchange: &Exchange, page: &mut Page) {
        let style = page.style;
        let fault = exchange.signing.fault();
        let fault = fault.map_or_else(String::new, |fault| format!(", {fault}"));
        page.line(format!(
            "{}  {}  {}  {}",
            style.strong(&format!("#{}", exchange.number)),
            style.name(&printable(&format!("{}{fault}", self.event), 100)),
            exchange.attempt.outcome.summary(),
            style.dim(&short_time(exchange.attempt.took))
        ));
        if let Outcome::Answer(answer) = &exchange.attempt.outcome {
            answer_lines(answer, page);
        }
    }
}

fn answer_lines(answer: &Answer, page: &mut Page) {
    let style = page.style;
    if page.verbose {
        for (name, value) in header_lines(&answer.headers, false, &[]) {
            let line = format!("    {}: {}", printable(&name, 100), printable(&value, 500));
            page.line(style.dim(&line));
        }
    }
    let body = readable(&answer.body);
    let text = String::from_utf8_lossy(&body);
    let text = printable(&mask::text(text.trim()), BODY_SHOWN);
    if !text.is_empty() {
        page.line(style.dim(&format!("    response body: {text}")));
    }
}

/// `pass  signature checked  refused: missing, empty (401 Unauthorized)`
fn verdict_lines(finding: &Finding, page: &mut Page) {
    let name = match finding.code {
        "success" => "2xx".to_owned(),
        code => code.replace('_', " "),
    };
    let (style, level) = (page.style, finding.level);
    // A caution passes; its own line is yellow.
    let passed = if level == Level::Caution { Level::Ok } else { level };
    let word = style.paint(tone(passed), &format!("{:<7}", verdict(level)));
    page.line(format!("{word}  {name:<17}  {}", finding.fact));
    if let Some(caution) = finding.hint.as_ref().filter(|_| level == Level::Caution) {
        page.line(format!("{:<28}{}", "", style.caution(caution)));
    }
}

/// The word for the result of a check.
fn verdict(level: Level) -> &'static str {
    match level {
        Level::Ok | Level::Note | Level::Caution => "pass",
        Level::Skipped => "skipped",
        Level::Unknown => "unknown",
        Level::Problem => "fail",
    }
}
