//! A process that runs while a test goes on. Threads read what it prints, so that nothing has to be waited for blindly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Outcome;

/// Longer than anything takes on a loaded machine; only a hang is ended by it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running command, killed when dropped.
pub(crate) struct Process {
    child: Child,
    shown: String,
    lines: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Process {
    #[track_caller]
    pub(super) fn start(command: &mut Command, shown: String, input: Vec<u8>) -> Self {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{shown} does not start: {error}"));
        let (mut stdin, stdout, mut stderr) = (
            child.stdin.take().expect("stdin is piped"),
            child.stdout.take().expect("stdout is piped"),
            child.stderr.take().expect("stderr is piped"),
        );
        // A command that does not read its stdin must not block the test; the pipe closes with the thread.
        std::thread::spawn(move || stdin.write_all(&input));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            text
        });
        Self {
            child,
            shown,
            lines,
            seen: Vec::new(),
            stderr: Some(stderr),
        }
    }

    /// The next line of stdout for which `wanted` holds, without its line feed. Fails when the process ends first.
    #[track_caller]
    pub(crate) fn wait_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.extend_from_slice(&line);
                    let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                    if wanted(&text) {
                        return text;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no such line in time\n{}", self.stop()),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without such a line\n{}", self.stop()),
            }
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.extend_from_slice(&line),
                // Whoever closes stdout is about to end.
                Err(RecvTimeoutError::Disconnected) => return self.outcome(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end\n{}", self.stop()),
            }
        }
    }

    fn stop(&mut self) -> Outcome {
        let _ = self.child.kill();
        self.outcome()
    }

    fn outcome(&mut self) -> Outcome {
        let status = self.child.wait().expect("a child can be waited for");
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        Outcome {
            shown: self.shown.clone(),
            code: code.unwrap_or(-1),
            stdout: std::mem::take(&mut self.seen),
            stderr: self
                .stderr
                .take()
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
