//! A list of judged cases for other programs: `JUnit` XML, TAP, JSON, and what GitHub Actions shows. Messages may quote a foreign
//! answer, so that every form is escaped by its own rules, and credentials are masked in all of them.

mod github;
mod junit;
mod tap;

use std::io;

pub use github::{annotations, summary};
pub use junit::junit;
pub use tap::tap;

use super::{JsonRecord, Page};
use crate::case_report::{CaseReport, JudgedCase};
use crate::mask;
use crate::text::{WithSchema, printable_lines, write_json};
use crate::words::words;

/// Characters of a message, at most.
const MESSAGE: usize = 4000;

words! {
    /// The form of a report.
    pub enum ReportForm {
        /// `JUnit` XML.
        Junit = "junit",
        /// The Test Anything Protocol.
        Tap = "tap",
        /// One JSON object.
        Json = "json",
    }
}

impl ReportForm {
    /// The whole report as text.
    pub fn text(self, report: &CaseReport) -> io::Result<String> {
        match self {
            Self::Junit => Ok(junit(report)),
            Self::Tap => Ok(tap(report)),
            Self::Json => json(report),
        }
    }
}

impl JsonRecord for CaseReport {
    const SCHEMA: &'static str = "hook.case-report/1";

    /// Front ends show cases in their own way.
    fn human(&self, _: &mut Page) {}
}

fn json(report: &CaseReport) -> io::Result<String> {
    let masked = CaseReport {
        cases: report.cases.iter().map(masked).collect(),
        ..report.clone()
    };
    let mut text = Vec::new();
    let schema = <CaseReport as JsonRecord>::SCHEMA;
    write_json(
        &mut text,
        &WithSchema {
            schema,
            record: &masked,
        },
    )?;
    text.push(b'\n');
    String::from_utf8(text).map_err(io::Error::other)
}

fn masked(case: &JudgedCase) -> JudgedCase {
    JudgedCase {
        message: case.message.as_deref().map(|text| mask::text(text).into_owned()),
        ..case.clone()
    }
}

/// A text without credentials and without characters that hide or steer. Line feeds and tabs stay.
fn safe(text: &str) -> String {
    printable_lines(&mask::text(text), MESSAGE)
}

/// The same on one line.
fn safe_line(text: &str) -> String {
    safe(text).replace(['\n', '\t'], " ")
}

/// The text about a case: message, cause and link, a line each.
fn details(case: &JudgedCase) -> Vec<String> {
    let message = case.message.as_deref().map(safe);
    let cause = case
        .cause
        .as_deref()
        .map(|cause| format!("cause: {}", safe_line(cause)));
    let link = case.link.as_deref().map(|link| format!("see: {}", safe_line(link)));
    [message, cause, link].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::case_report::CaseOutcome;

    /// A case of each outcome, with texts that every form has to escape.
    pub(super) fn report() -> CaseReport {
        let case = |name: &str, outcome, message: Option<&str>| JudgedCase {
            message: message.map(str::to_owned),
            duration: Duration::from_micros(1500),
            ..JudgedCase::new("signature", name, outcome)
        };
        CaseReport {
            name: "check of <http://a/?b&c>".into(),
            cases: vec![
                case("valid # 1", CaseOutcome::Passed, None),
                JudgedCase {
                    cause: Some("no-check".into()),
                    link: Some("docs/fixes.md#no-check".into()),
                    ..case(
                        "wrong \"secret\"",
                        CaseOutcome::Failed,
                        Some("50% said:\n::error::\u{1b}[31m <b>]]>|`x`\u{0}\u{ffff}"),
                    )
                },
                case("two secrets", CaseOutcome::Skipped, Some("one secret was given")),
                case("charset", CaseOutcome::Advice, Some("answered 415")),
            ],
        }
    }

    #[test]
    fn json_has_a_schema_and_no_raw_control_character() {
        let text = ReportForm::Json.text(&report()).unwrap();
        assert!(
            text.starts_with("{\"schema\":\"hook.case-report/1\",\"name\":"),
            "{text}"
        );
        assert!(!text.trim_end().chars().any(char::is_control), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["cases"][1]["cause"], "no-check");
        assert_eq!(value["cases"][0]["took_ms"], 1.5);
        assert_eq!(value["cases"][3]["outcome"], "advice");
    }
}
