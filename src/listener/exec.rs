//! Commands that run for an event: body on standard input, facts in the environment. Nothing from the network becomes
//! part of a command line.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::human_duration;
use crate::mask;
use crate::process::{CommandOutput, GroupChild};
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::NewCapture;
use crate::text::printable;

/// Characters of a command's last line on stderr that are kept.
const KEPT: usize = 200;

/// Bytes of a line that are read for it.
const LINE: usize = 4 * KEPT;

/// How long a command's stderr is read after its end: a process that it left in the background may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// It failed; says how, safe for a terminal.
    Failed(String),
    /// It was stopped before it ended.
    Stopped,
}

/// When a command is stopped, and where it runs.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// Its time limit.
    pub limit: Option<Duration>,
    /// Asks the process group to end.
    pub stop: &'a CancellationToken,
    /// Kills the process group.
    pub kill: &'a CancellationToken,
    /// Its folder; absent: that of this process.
    pub folder: Option<&'a Path>,
}

/// Runs one command for a capture and waits for its end, within these bounds.
pub async fn run(
    command: &str,
    number: u64,
    capture: &NewCapture,
    bounds: Bounds<'_>,
    output: &CommandOutput,
) -> Result<(), CommandError> {
    run_shell(shell(command, number, capture), &capture.body, bounds, output).await
}

/// Runs a command with that standard input and waits for its end, within these bounds.
pub async fn run_shell(
    mut command: Command,
    input: &[u8],
    bounds: Bounds<'_>,
    output: &CommandOutput,
) -> Result<(), CommandError> {
    if let Some(folder) = bounds.folder {
        command.current_dir(folder);
    }
    let started = GroupChild::piped(&mut command, output);
    let mut child = started.map_err(|error| CommandError::Failed(format!("cannot be started: {error}")))?;
    let said = Arc::new(Mutex::new(LastLine::default()));
    // Read from the beginning: a command that says much before it reads its input would block, and so would this.
    let reader = child
        .errors()
        .map(|errors| tokio::spawn(pass_on(errors, output.clone(), Arc::clone(&said))));
    match end_of(&mut child, input, bounds).await {
        Err(CommandError::Failed(words)) => {
            if let Some(reader) = reader {
                let _ = timeout(LAST_WORDS, reader).await;
            }
            Err(CommandError::Failed(lock(&said).after(words)))
        }
        ended => ended,
    }
}

/// Feeds the command its input and waits for its end.
async fn end_of(child: &mut GroupChild, body: &[u8], bounds: Bounds<'_>) -> Result<(), CommandError> {
    let (input, limit) = (child.input(), bounds.limit.unwrap_or(Duration::MAX));
    let own = async {
        if let Some(mut input) = input {
            // A command that does not read its input closes the pipe early, which is no failure.
            let _ = input.write_all(body).await;
        }
        child.wait().await
    };
    let ended = tokio::select! {
        biased;
        () = bounds.stop.cancelled() => None,
        ended = timeout(limit, own) => Some(ended),
    };
    let failure = match ended {
        Some(Ok(Ok(status))) if status.success() => return Ok(()),
        Some(Ok(Ok(status))) => ending(status),
        Some(Ok(Err(error))) => error.to_string(),
        Some(Err(_)) => {
            let _ = child.stop(bounds.kill).await;
            format!("took longer than {}", human_duration(limit))
        }
        // A command that cleans up when it is stopped and reports success has done its work.
        None => match child.stop(bounds.kill).await {
            Ok(status) if status.success() => return Ok(()),
            _ => return Err(CommandError::Stopped),
        },
    };
    Err(CommandError::Failed(failure))
}

fn shell(command: &str, number: u64, capture: &NewCapture) -> Command {
    let text = |value: &Option<String>| value.as_deref().map(|text| text.replace('\0', "")).unwrap_or_default();
    let verified = match capture.verdict.name.as_str() {
        VERIFIED => "true",
        TOKEN_ONLY => "token",
        _ => "false",
    };
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .env("WEBHOOK_NUMBER", number.to_string())
        .env("WEBHOOK_CAPTURE", capture.id.to_string())
        .env("WEBHOOK_ID", text(&capture.event_id))
        .env("WEBHOOK_EVENT", text(&capture.event))
        .env("WEBHOOK_PROVIDER", text(&capture.provider))
        .env("WEBHOOK_VERIFIED", verified)
        .env("WEBHOOK_METHOD", &capture.method)
        .env("WEBHOOK_TARGET", capture.target.replace('\0', ""));
    shell
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

/// Hands over a command's stderr as it comes, and keeps its last line.
async fn pass_on(mut errors: ChildStderr, output: CommandOutput, said: Arc<Mutex<LastLine>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut buffer).await {
        lock(&said).take(&buffer[..read]);
        output.write(&buffer[..read]);
    }
}

fn lock(said: &Mutex<LastLine>) -> MutexGuard<'_, LastLine> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last line with something in it.
#[derive(Debug, Default)]
struct LastLine {
    whole: Vec<u8>,
    begun: Vec<u8>,
}

impl LastLine {
    fn take(&mut self, bytes: &[u8]) {
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LINE.saturating_sub(self.begun.len()).min(part.len());
            self.begun.extend_from_slice(&part[..room]);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if !line.trim_ascii().is_empty() {
            self.whole = line;
        }
    }

    /// `exit 3: cannot connect`
    fn after(&mut self, words: String) -> String {
        self.end_line();
        match String::from_utf8_lossy(&self.whole).trim() {
            "" => words,
            line => format!("{words}: {}", printable(&mask::text(line), KEPT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_kept_harmless_and_short() {
        let long = "é".repeat(10_000);
        let cut = format!("exit 3: {}…", "é".repeat(KEPT));
        for (said, kept) in [
            (vec!["", "\n \n"], "exit 3"),
            (vec!["first\nsecond\n"], "exit 3: second"),
            (vec!["one\ntw", "o\r\n\n  \n"], "exit 3: two"),
            (vec!["old\n", "unfinished"], "exit 3: unfinished"),
            (vec!["\u{1b}[31mred"], "exit 3: \\u{1b}[31mred"),
            (vec![&long], &cut),
        ] {
            let mut line = LastLine::default();
            for part in &said {
                line.take(part.as_bytes());
            }
            assert_eq!(line.after("exit 3".to_owned()), kept, "{said:?}");
        }
    }
}
