//! The Test Anything Protocol, version 14, in the part that readers of version 13 know too. Advice is a `TODO`: not as it should be,
//! and no failure.

use std::fmt::Write as _;

use super::{safe, safe_line};
use crate::case_report::{CaseOutcome, CaseReport, JudgedCase};

/// The report as TAP.
pub fn tap(report: &CaseReport) -> String {
    let mut tap = format!("TAP version 14\n1..{}\n", report.cases.len());
    for (index, case) in report.cases.iter().enumerate() {
        let word = match case.outcome {
            CaseOutcome::Passed | CaseOutcome::Skipped => "ok",
            CaseOutcome::Failed | CaseOutcome::Advice => "not ok",
        };
        let title = description(&format!("{}: {}", case.group, case.name));
        let directive = directive(case);
        // Writing to a string does not fail.
        let _ = writeln!(tap, "{word} {} - {title}{directive}", index + 1);
        diagnostics(case, &mut tap);
    }
    tap
}

fn directive(case: &JudgedCase) -> String {
    let reason = || description(case.message.as_deref().unwrap_or_default());
    match case.outcome {
        CaseOutcome::Passed | CaseOutcome::Failed => String::new(),
        CaseOutcome::Skipped => format!(" # SKIP {}", reason()),
        CaseOutcome::Advice => format!(" # TODO advice: {}", reason()),
    }
}

/// A number sign begins a directive.
fn description(text: &str) -> String {
    safe_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML block. Texts are JSON strings, which are YAML too.
fn diagnostics(case: &JudgedCase, tap: &mut String) {
    if case.outcome != CaseOutcome::Failed {
        return;
    }
    let fields = [("message", &case.message), ("cause", &case.cause), ("see", &case.link)];
    tap.push_str("  ---\n");
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = writeln!(tap, "  {name}: {}", serde_json::Value::from(safe(value)));
        }
    }
    let _ = writeln!(tap, "  duration_ms: {:.3}\n  ...", case.duration.as_secs_f64() * 1000.0);
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn every_outcome_has_its_line_and_no_text_becomes_a_directive() {
        let expected = r#"TAP version 14
1..4
ok 1 - signature: valid \# 1
not ok 2 - signature: wrong "secret"
  ---
  message: "50% said:\n::error::\\u{1b}[31m <b>]]>|`x`\\u{0}￿"
  cause: "no-check"
  see: "docs/fixes.md#no-check"
  duration_ms: 1.500
  ...
ok 3 - signature: two secrets # SKIP one secret was given
not ok 4 - signature: charset # TODO advice: answered 415
"#;
        assert_eq!(tap(&report()), expected);
    }
}
