//! The calls that `docs/serve.md` shows are answered with the status that stands behind them.

use std::fs;
use std::path::Path;

use crate::docs::words;
use crate::support::{CLOSED_PORT, ROOT, Sandbox};

#[test]
fn calls_in_the_document_are_answered_as_is_shown() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/serve.md")).expect("the document");
    let sandbox = Sandbox::new();
    sandbox.endpoint("crm", "generic", CLOSED_PORT);
    let mut service = sandbox.service(&[]);
    let mut count = 0;
    let (durable, _) = text.split_once("\n## Mock a provider").expect("two parts");
    for line in durable.lines().filter(|line| line.starts_with("call ")) {
        let (_, status) = line.rsplit_once("  # ").expect("a status behind the call");
        let words = words(line);
        let (method, path) = (&words[1], &words[2]);
        let mut body = "";
        let mut headers = Vec::new();
        for option in words[3..].chunks(2) {
            match option {
                [flag, value] if flag == "-d" => body = value,
                [flag, value] if flag == "-H" => headers.push(value.split_once(": ").expect("a header")),
                other => panic!("{line}: {other:?}"),
            }
        }
        service.without("idempotency-key");
        for (name, value) in headers {
            service.with(&name.to_lowercase(), value);
        }
        let answer = service.answer(method, path, body);
        let said = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status.to_string(), status, "{line}: {said}");
        count += 1;
    }
    assert!(count >= 15, "the calls are found: {count}");
}
