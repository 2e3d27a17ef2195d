//! What GitHub Actions shows: annotations, which are lines of output that the runner reads, and the summary of the job in
//! Markdown.

use std::fmt::Write as _;

use super::{details, safe_line};
use crate::case_report::{CaseOutcome, CaseReport, JudgedCase};

/// The runner shows ten annotations of a kind for each step, and drops the others.
const ANNOTATIONS: usize = 10;

/// A line for each failure and each piece of advice.
pub fn annotations(report: &CaseReport) -> Vec<String> {
    let of = |outcome, command: &'static str| {
        let cases = report.cases.iter().filter(move |case| case.outcome == outcome);
        cases.take(ANNOTATIONS).map(move |case| annotation(command, case))
    };
    let failures = of(CaseOutcome::Failed, "error");
    failures.chain(of(CaseOutcome::Advice, "notice")).collect()
}

fn annotation(command: &str, case: &JudgedCase) -> String {
    let title = format!("{}: {}", safe_line(&case.group), safe_line(&case.name));
    let title = escaped(&title).replace(':', "%3A").replace(',', "%2C");
    format!("::{command} title={title}::{}", escaped(&details(case).join("\n")))
}

/// A line feed would end the command, and what follows it could be another one.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The counts, and a row for each case that is not passed.
pub fn summary(report: &CaseReport) -> String {
    let count = |outcome: CaseOutcome| format!("{} {outcome}", report.count(outcome));
    let counts: Vec<String> = CaseOutcome::ALL.iter().map(|outcome| count(*outcome)).collect();
    let mut lines = vec![
        format!("### {}", markdown(&report.name)),
        String::new(),
        counts.join(", "),
        String::new(),
    ];
    let mut rows = report
        .cases
        .iter()
        .filter(|case| case.outcome != CaseOutcome::Passed)
        .peekable();
    if rows.peek().is_some() {
        lines.push("| case | result | cause | what was seen |".into());
        lines.push("| --- | --- | --- | --- |".into());
    }
    for case in rows {
        let text = |text: Option<&String>| markdown(text.map_or("", String::as_str));
        lines.push(format!(
            "| {}: {} | {} | {} | {} |",
            markdown(&case.group),
            markdown(&case.name),
            case.outcome,
            text(case.cause.as_ref()),
            text(case.message.as_ref())
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Text of a cell: no markup, no link, no end of the row. References by number are shown as the character.
fn markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in safe_line(text).chars() {
        match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' | '@' => {
                // Writing to a string does not fail.
                let _ = write!(shown, "&#{};", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_message_cannot_begin_a_command_of_its_own() {
        let expected = [
            "::error title=signature%3A wrong \"secret\"::50%25 said:%0A::error::\\u{1b}[31m <b>]]>|`x`\\u{0}\u{ffff}\
             %0Acause: no-check%0Asee: docs/fixes.md#no-check",
            "::notice title=signature%3A charset::answered 415",
        ];
        assert_eq!(annotations(&report()), expected);
    }

    #[test]
    fn the_summary_has_counts_and_no_foreign_markup() {
        let text = summary(&report());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "### check of &#60;http://a/?b&#38;c&#62;");
        assert_eq!(lines[2], "1 passed, 1 failed, 1 skipped, 1 advice");
        assert_eq!(lines.len(), 9, "{text}");
        assert!(lines[6].starts_with("| signature: wrong \"secret\" | failed | no-check | 50% said: ::error::"));
        assert_eq!(lines[6].matches('|').count(), 5, "{text}");
    }
}
