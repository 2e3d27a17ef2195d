//! `JUnit` XML, in the form that Jenkins, GitLab and the `junitparser` of `PyPI` read. It has no word for advice: such a case
//! passes, and its text is its output.

use std::fmt::Write as _;
use std::time::Duration;

use super::{details, safe_line};
use crate::case_report::{CaseOutcome, CaseReport, JudgedCase};

/// The report as XML.
pub fn junit(report: &CaseReport) -> String {
    let attributes = format!(
        "name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{}\"",
        attribute(&report.name),
        report.cases.len(),
        report.count(CaseOutcome::Failed),
        report.count(CaseOutcome::Skipped),
        seconds(report.duration())
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(xml, "<testsuites {attributes}>\n  <testsuite {attributes}>");
    report.cases.iter().for_each(|case| test_case(case, &mut xml));
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn test_case(case: &JudgedCase, xml: &mut String) {
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        attribute(&case.name),
        attribute(&case.group),
        seconds(case.duration)
    );
    let details = details(case);
    let message = attribute(case.message.as_deref().unwrap_or_default());
    let text = content(&details.join("\n"));
    let inner = match case.outcome {
        CaseOutcome::Failed => {
            let cause = attribute(case.cause.as_deref().unwrap_or("failed"));
            format!("<failure message=\"{message}\" type=\"{cause}\">{text}</failure>")
        }
        CaseOutcome::Skipped => format!("<skipped message=\"{message}\"/>"),
        CaseOutcome::Advice => format!("<system-out>advice: {text}</system-out>"),
        CaseOutcome::Passed if details.is_empty() => return xml.push_str("/>\n"),
        CaseOutcome::Passed => format!("<system-out>{text}</system-out>"),
    };
    let _ = writeln!(xml, ">\n      {inner}\n    </testcase>");
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

fn attribute(text: &str) -> String {
    content(&safe_line(text)).replace('"', "&quot;")
}

/// Text between tags. XML has no form for most control characters, which `safe` has escaped, nor for the last two code points of
/// the basic plane.
fn content(text: &str) -> String {
    let text = text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn every_outcome_has_its_element_and_no_text_becomes_markup() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="check of &lt;http://a/?b&amp;c&gt;" tests="4" failures="1" errors="0" skipped="1" time="0.006">
  <testsuite name="check of &lt;http://a/?b&amp;c&gt;" tests="4" failures="1" errors="0" skipped="1" time="0.006">
    <testcase name="valid # 1" classname="signature" time="0.002"/>
    <testcase name="wrong &quot;secret&quot;" classname="signature" time="0.002">
      <failure message="50% said: ::error::\u{1b}[31m &lt;b&gt;]]&gt;|`x`\u{0}�" type="no-check">50% said:
::error::\u{1b}[31m &lt;b&gt;]]&gt;|`x`\u{0}�
cause: no-check
see: docs/fixes.md#no-check</failure>
    </testcase>
    <testcase name="two secrets" classname="signature" time="0.002">
      <skipped message="one secret was given"/>
    </testcase>
    <testcase name="charset" classname="signature" time="0.002">
      <system-out>advice: answered 415</system-out>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(junit(&report()), expected);
    }
}
