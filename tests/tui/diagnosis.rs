//! Requests with a planted mistake: at most five keys after the view is open, its cause and its fix are on the screen.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::terminal::Terminal;
use crate::support::{Listener, ROOT, Sandbox, post};

/// The most common mistakes that a listener can be sent, one of each kind.
const CASES: [&str; 20] = [
    "secret-env-newline",
    "secret-leading-blank",
    "secret-one-quote",
    "secret-k8s-base64",
    "secret-literal-backslash-n",
    "secret-prefix-off-text",
    "form-base64-for-hex",
    "form-no-prefix",
    "form-alg-prefix",
    "form-base64-of-hex",
    "hash-sha1",
    "hash-sha512",
    "hash-plain-body",
    "body-go-encoder",
    "body-strip",
    "body-curl-d",
    "body-autocrlf",
    "body-bom-notepad",
    "body-latin1-sent",
    "json-express-stripe",
];

/// A case of the set. Fields that are not needed here are left out.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    body_base64: String,
}

impl Case {
    fn value(&self, flag: &str) -> Option<&str> {
        let at = self.args.iter().position(|arg| arg == flag)?;
        self.args.get(at + 1).map(String::as_str)
    }

    fn headers(&self) -> Vec<(String, String)> {
        let lines = self.args.windows(2).filter(|pair| pair[0] == "-H");
        let lines = lines.filter_map(|pair| pair[1].split_once(':'));
        lines
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect()
    }

    fn body(&self) -> Vec<u8> {
        use base64::Engine as _;
        let decoded = base64::engine::general_purpose::STANDARD.decode(&self.body_base64);
        decoded.expect("base64")
    }

    /// What `hook verify` finds: its causes are checked by the diagnosis set.
    fn verdict(&self, sandbox: &Sandbox) -> serde_json::Value {
        sandbox.write("body", self.body());
        let body = format!("@{}", sandbox.path("body").display());
        let args = ["verify", "--json", "--body", &body].into_iter();
        let mut run = sandbox.hook(args.chain(self.args.iter().map(String::as_str)));
        for (name, value) in &self.env {
            run = run.env(name, value);
        }
        run.run().object()
    }

    /// Sends it to a listener that has its secret, at its time.
    fn send(&self, sandbox: &Sandbox) -> Listener {
        let mut args = vec!["-p", self.value("-p").expect("a provider")];
        args.extend(["-s", self.value("-s").expect("a secret")]);
        let mut run = sandbox.listening(args);
        for (name, value) in &self.env {
            run = run.env(name, value);
        }
        if let Some(at) = self.value("--at") {
            run = run.env("__HOOK_NOW", at);
        }
        let listener = Listener::ready(run);
        let headers = self.headers();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        post(&listener.url, &headers, &self.body());
        listener
    }
}

/// The text without blanks, as lines are broken at some.
fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn cause_and_fix_of_a_refused_request_are_at_most_five_keys_away() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("tests/diagnosis/cases.json")).expect("the cases");
    let all: Vec<Case> = serde_json::from_str(&text).expect("JSON");
    let mut missed = Vec::new();
    for name in CASES {
        let case = all
            .iter()
            .find(|case| case.id == name)
            .unwrap_or_else(|| panic!("{name} is no case"));
        let Some(terminal) = Terminal::start(80, 24) else {
            return;
        };
        let listener = case.send(&terminal.sandbox);
        terminal.run("ui --tui");
        terminal.wait("the row", |screen| screen.contains("#1") && screen.contains("refused"));
        // Explained a moment after it was answered; at its end the listener has said it.
        listener.process.signal("TERM");
        listener.process.wait();
        let stored = terminal
            .sandbox
            .hook(["log", "show", "1", "--json"])
            .run()
            .ok()
            .object();
        terminal.keys(["4"]);
        let screen = terminal.wait("the verdict", |screen| {
            screen.contains("4 Why") && !screen.contains(" ...")
        });
        let verdict = case.verdict(&terminal.sandbox);
        let shown = words(&screen);
        let is_shown = |text: &serde_json::Value| shown.contains(&words(text.as_str().unwrap_or("none")));
        let is_named =
            stored["cause"].is_string() && stored["cause"] == verdict["cause"] && is_shown(&stored["diagnosis"]);
        if !is_named || !is_shown(&verdict["hint"]) || shown.contains("Noknownmistake") {
            missed.push(format!("{name}: {} {}\n{screen}", stored["cause"], verdict["hint"]));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
