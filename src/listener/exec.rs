//! Commands that run for an event: body on standard input, facts in the environment. Nothing from the network is put
//! into a command line.

use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::store::NewCapture;
use crate::ui::printable;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// With success.
    Well,
    /// With a failure: words for people.
    Badly(String),
}

/// Runs one command for a capture and waits for its end. What it prints goes to stderr: stdout is hook's data.
pub async fn run(command: &str, number: u64, capture: &NewCapture) -> Ran {
    let text = |value: &Option<String>| value.as_deref().map(|text| text.replace('\0', "")).unwrap_or_default();
    let started = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("WEBHOOK_NUMBER", number.to_string())
        .env("WEBHOOK_CAPTURE", capture.id.to_string())
        .env("WEBHOOK_ID", text(&capture.event_id))
        .env("WEBHOOK_EVENT", text(&capture.event))
        .env("WEBHOOK_PROVIDER", text(&capture.provider))
        .env(
            "WEBHOOK_VERIFIED",
            if capture.verdict.name == "verified" {
                "true"
            } else {
                "false"
            },
        )
        .env("WEBHOOK_METHOD", &capture.method)
        .env("WEBHOOK_TARGET", capture.target.replace('\0', ""))
        .stdin(Stdio::piped())
        .stdout(std::io::stderr())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ran::Badly(format!("cannot be started: {error}")),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input closes the pipe early, which is no failure.
        let _ = stdin.write_all(&capture.body).await;
    }
    match child.wait().await {
        Ok(status) if status.success() => Ran::Well,
        Ok(status) => Ran::Badly(ending(status)),
        Err(error) => Ran::Badly(error.to_string()),
    }
}

/// `exit 3`, `signal 9`.
fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => printable(&status.to_string(), 80),
    }
}
