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

/// What the answer gives away, and a word about it. `signatures` are those that would have been accepted.
pub(super) fn leak(answer: &str, signatures: &[String], secrets: &[&[u8]]) -> Option<(SymptomKind, String)> {
    let text = answer.to_ascii_lowercase();
    let has = |part: &str| text.contains(&part.to_ascii_lowercase());
    let is_secret =
        |secret: &&&[u8]| secret.len() >= 8 && std::str::from_utf8(secret).is_ok_and(|secret| answer.contains(secret));
    if secrets.iter().any(|secret| is_secret(&secret)) {
        return Some((SymptomKind::Secret, "the answer has the secret".into()));
    }
    let shown = signatures.iter().find(|signature| {
        let whole = signature.len() >= PART && has(signature);
        whole || signature.get(..PART).is_some_and(has)
    });
    if shown.is_some() {
        let what = "the answer has the signature that would have been accepted";
        return Some((SymptomKind::Signature, what.into()));
    }
    let trace = TRACES.iter().find(|trace| answer.contains(**trace))?;
    let what = format!("the answer has a stack trace (`{}`)", trace.trim());
    Some((SymptomKind::StackTrace, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_secrets_and_traces_are_found_and_plain_answers_pass() {
        let signatures = ["0123456789abcdef0123456789abcdef".to_owned()];
        let secrets: [&[u8]; 1] = [b"whsec_topsecret"];
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
                leak(answer, &signatures, &secrets).map(|(kind, _)| kind),
                expected,
                "{answer}"
            );
        }
    }
}
