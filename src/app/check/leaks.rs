//! What an answer to a refused request must not have.

use super::case::SymptomKind;

/// Lines that only a stack trace has, of the usual languages.
const TRACES: &[&str] = &[
    "Traceback (most recent call last)",
    "File \"/",
    "\n    at ",
    "&nbsp; &nbsp;at ",
    "<br>    at ",
    "node_modules/",
    "goroutine ",
    "panic: ",
    "panicked at ",
    "stack backtrace:",
    "Exception in thread",
    "\n\tat ",
    ".java:",
    ".rb:",
    ".php:",
    ".php on line",
    "   at System.",
    "Werkzeug Debugger",
];

/// The shortest part of a signature that is no accident.
const PART: usize = 16;

/// What the answer gives away that the request did not say, and a word about it. `signatures` are those that would have been
/// accepted, `secrets` the forms of the secrets.
pub(super) fn leak(
    answer: &str,
    request: &str,
    signatures: &[String],
    secrets: &[String],
) -> Option<(SymptomKind, String)> {
    let (answer_text, request_text) = (answer.to_ascii_lowercase(), request.to_ascii_lowercase());
    let is_new = |part: &str| {
        let part = part.to_ascii_lowercase();
        answer_text.contains(&part) && !request_text.contains(&part)
    };
    let is_digits = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_exact = |secret: &String| answer.contains(secret.as_str()) && !request.contains(secret.as_str());
    let is_secret = |secret: &&String| is_exact(secret) || is_digits(secret) && is_new(secret);
    if secrets.iter().any(|secret| is_secret(&secret)) {
        return Some((SymptomKind::Secret, "the answer has the secret".into()));
    }
    let shown = signatures.iter().find(|signature| {
        let whole = signature.len() >= PART && is_new(signature);
        whole || signature.get(..PART).is_some_and(is_new)
    });
    if shown.is_some() {
        let what = "the answer has the signature that would have been accepted";
        return Some((SymptomKind::Signature, what.into()));
    }
    let is_trace = |trace: &&&str| answer.contains(**trace) && !request.contains(**trace);
    let trace = TRACES.iter().find(is_trace)?;
    let what = format!("the answer has a stack trace (`{}`)", trace.trim());
    Some((SymptomKind::StackTrace, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_secrets_and_traces_are_found_and_plain_answers_pass() {
        let signatures = ["0123456789abcdef0123456789abcdef".to_owned()];
        let secrets = ["whsec_topsecret", "topsecret", "deadbeef00"].map(str::to_owned);
        for (answer, expected) in [
            ("", None),
            ("{\"error\":\"invalid signature\"}", None),
            (
                "expected 0123456789ABCDEF0123456789abcdef",
                Some(SymptomKind::Signature),
            ),
            ("expected 0123456789abcdef...", Some(SymptomKind::Signature)),
            ("0123456789abcde", None),
            ("key whsec_topsecret", Some(SymptomKind::Secret)),
            ("key topsecret", Some(SymptomKind::Secret)),
            ("key TopSecret", None),
            ("key DEADBEEF00", Some(SymptomKind::Secret)),
            (
                "Error: x\n    at verify (/app/index.js:3:4)",
                Some(SymptomKind::StackTrace),
            ),
            (
                "Traceback (most recent call last):\n  File \"/a.py\"",
                Some(SymptomKind::StackTrace),
            ),
            ("thread 'main' panicked at src/main.rs:3", Some(SymptomKind::StackTrace)),
        ] {
            assert_eq!(
                leak(answer, "", &signatures, &secrets).map(|(kind, _)| kind),
                expected,
                "{answer}"
            );
        }
    }

    #[test]
    fn what_the_request_said_is_no_leak() {
        let signatures = ["0123456789abcdef0123456789abcdef".to_owned()];
        let secrets = ["topsecret".to_owned()];
        for (answer, request, expected) in [
            (
                "got 0123456789abcdef0123456789abcdefAAAA",
                "x: 0123456789abcdef0123456789abcdefAAAA",
                None,
            ),
            (
                "got 0123456789abcdef0123456789abcdef",
                "x: 0123456789ABCDEF0123456789ABCDEF",
                None,
            ),
            ("got 0123456789abcdef01", "x: 0123456789abcdef01", None),
            (
                "got 0123456789abcdef0123456789abcdef",
                "x: 0123456789abcdef01",
                Some(SymptomKind::Signature),
            ),
            ("got topsecret", "x: topsecret", None),
            ("body {\"at\":\"\n    at x\"}", "{\"at\":\"\n    at x\"}", None),
        ] {
            assert_eq!(
                leak(answer, request, &signatures, &secrets).map(|(kind, _)| kind),
                expected,
                "{answer}"
            );
        }
    }
}
