//! Results of audits: a line for each case, the causes, and the score.

use std::io;

use serde::Serialize;
use serde_json::json;

use super::style::Tone;
use super::{JsonLines, JsonRecord, Page, View, count};
use crate::app::check::{AuditCase, AuditReport, CaseInfo, Cause, FoundCause, Incomplete, Requirement, Score};
use crate::case_report::CaseOutcome;
use crate::text::{printable, wrapped};

/// Characters of a line of text, where the width is not known.
const WIDTH: usize = 100;

/// An audit, and whose code is shown for its causes.
pub struct AuditPage<'a> {
    /// The audit.
    pub report: &'a AuditReport,
    /// What `docs/fixes.md` has for a cause, a line each.
    pub fixes: &'a [(Cause, Vec<String>)],
}

impl View for AuditPage<'_> {
    fn human(&self, page: &mut Page) {
        let (report, style) = (self.report, page.style);
        if let Some(unjudged) = &report.unjudged {
            page.line(format!(
                "{}  {}",
                style.bad("cannot judge"),
                printable(&unjudged.fact, 300)
            ));
            page.line(format!("              {}", printable(&unjudged.reason, 400)));
            if let Some(answer) = &unjudged.answer {
                page.line(style.dim(&format!("              its answer: {answer}")));
            }
            if let Some(cause) = unjudged.cause {
                page.line(style.dim(&format!("              see {}", cause.link())));
                self.fix(cause, page);
            }
            return;
        }
        let mut events = report.cases.iter().filter(|case| case.event.is_some()).peekable();
        // A long catalogue says little when all of it is accepted.
        let all_pass = events.peek().is_some() && events.all(|case| case.outcome == CaseOutcome::Passed);
        let mut is_first_event = true;
        for case in &report.cases {
            if case.event.is_some() && all_pass && !page.verbose {
                if std::mem::take(&mut is_first_event) {
                    let accepted = report.cases.iter().filter(|case| case.event.is_some()).count() as u64;
                    let word = style.paint(Tone::Good, &format!("{:<8}", "pass"));
                    page.line(format!(
                        "{word}{:<15}accepts {}",
                        case.info.group,
                        count(accepted, "event")
                    ));
                }
                continue;
            }
            case_lines(case, page);
        }
        for found in &report.causes {
            page.line("");
            self.cause(found, page);
        }
        page.line("");
        if let Some(why) = report.incomplete {
            page.line(style.caution(match why {
                Incomplete::Late => {
                    "the time was over before all cases were run: `--only` and `--events` select a part"
                }
                Incomplete::Interrupted => "interrupted: the other cases were not run",
                Incomplete::Ended => "the receiver ended: the other cases were not run",
            }));
        }
        if !report.has_judged() && report.incomplete.is_none() {
            page.line(style.caution("no case was judged: `-v` shows why each was skipped"));
        }
        page.line(score_line(report));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.objects("hook.check-case/1", &self.report.cases)?;
        lines.object("hook.check/1", &summary(self.report))
    }
}

impl AuditPage<'_> {
    /// The cause, the cases that it explains, and where its fix is described.
    fn cause(&self, found: &FoundCause, page: &mut Page) {
        let style = page.style;
        page.line(format!(
            "{}  {}",
            style.strong(&format!("cause: {}", found.cause)),
            found.cause.title()
        ));
        let cases: Vec<String> = found.cases.iter().map(ToString::to_string).collect();
        for line in wrapped(
            &format!("explains {}", cases.join(", ")),
            page.columns.unwrap_or(WIDTH).max(40) - 8,
        ) {
            page.line(style.dim(&format!("       {line}")));
        }
        page.line(style.dim(&format!("       see {}", found.cause.link())));
        self.fix(found.cause, page);
    }

    fn fix(&self, cause: Cause, page: &mut Page) {
        let fix = self.fixes.iter().find(|(of, _)| *of == cause);
        for line in fix.into_iter().flat_map(|(_, lines)| lines) {
            page.line(format!("       {line}").trim_end());
        }
    }
}

fn case_lines(case: &AuditCase, page: &mut Page) {
    let style = page.style;
    let (word, tone) = match case.outcome {
        CaseOutcome::Passed => ("pass", Tone::Good),
        CaseOutcome::Failed => ("fail", Tone::Bad),
        CaseOutcome::Skipped => ("skipped", Tone::Dim),
        CaseOutcome::Advice => ("advice", Tone::Caution),
    };
    if case.outcome == CaseOutcome::Skipped && !page.verbose {
        return;
    }
    let event = case
        .event
        .as_ref()
        .map_or_else(String::new, |event| format!(" {}", printable(event, 100)));
    let word = style.paint(tone, &format!("{word:<8}"));
    page.line(format!("{word}{:<15}{}{event}", case.info.group, case.info.title));
    if let Some(message) = &case.message {
        page.line(style.dim(&format!("{:<23}{}", "", printable(message, 400))));
    }
}

/// `31 of 33 required passed, 9 of 10 advised, 4 skipped`
fn score_line(report: &AuditReport) -> String {
    let of = |requirement| {
        let Score { passed, of } = report.score(requirement);
        format!("{passed} of {of}")
    };
    let skipped = report
        .cases
        .iter()
        .filter(|case| case.outcome == CaseOutcome::Skipped)
        .count();
    let skipped = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    format!(
        "{} required passed, {} advised passed{skipped}",
        of(Requirement::Required),
        of(Requirement::Advised)
    )
}

fn summary(report: &AuditReport) -> serde_json::Value {
    let causes = report.causes.iter().map(|found| {
        json!({
            "cause": found.cause,
            "title": found.cause.title(),
            "link": found.cause.link(),
            "cases": found.cases,
        })
    });
    let unjudged = report.unjudged.as_ref().map(|unjudged| {
        json!({
            "fact": unjudged.fact,
            "reason": unjudged.reason,
            "cause": unjudged.cause,
            "answer": unjudged.answer,
        })
    });
    json!({
        "url": report.url,
        "provider": report.provider,
        "judged": report.unjudged.is_none(),
        "unjudged": unjudged,
        "complete": report.incomplete.is_none(),
        "passed": report.exit() == crate::exit::Exit::Ok,
        "required": report.score(Requirement::Required),
        "advised": report.score(Requirement::Advised),
        "causes": causes.collect::<Vec<_>>(),
    })
}

/// The cases, without an audit.
#[derive(Serialize)]
pub struct CaseList {
    /// Those that would be run.
    pub cases: Vec<CaseInfo>,
}

impl JsonRecord for CaseList {
    const SCHEMA: &'static str = "hook.check-cases/1";

    fn human(&self, page: &mut Page) {
        for info in &self.cases {
            let word = page.style.name(&format!("{:<21}", info.case.name()));
            page.line(format!(
                "{word}{:<15}{:<10}{}",
                info.group,
                info.requirement.name(),
                info.title
            ));
        }
    }
}
