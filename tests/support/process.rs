//! A process that runs while a test goes on. Threads read what it prints, so that nothing has to be waited for blindly.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Outcome;

/// Longer than anything takes on a loaded machine; only a hang is ended by it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running command, killed when dropped.
pub(crate) struct Process {
    child: Child,
    shown: String,
    stdout: Stream,
    stderr: Stream,
}

/// What a process prints on one of its streams, line by line.
struct Stream {
    lines: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Stream {
    fn of(source: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        Self {
            lines,
            seen: Vec::new(),
        }
    }

    /// The next line for which `wanted` holds, without its line feed.
    fn find(&mut self, wanted: impl Fn(&str) -> bool) -> Result<String, RecvTimeoutError> {
        let end = Instant::now() + DEADLINE;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))?;
            self.seen.extend_from_slice(&line);
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            if wanted(&text) {
                return Ok(text);
            }
        }
    }
}

impl Process {
    /// Starts another program, as it is found on this machine.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = format!("{command:?}");
        Self::start(&mut command, shown, Vec::new())
    }

    #[track_caller]
    pub(super) fn start(command: &mut Command, shown: String, input: Vec<u8>) -> Self {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{shown} does not start: {error}"));
        let (mut stdin, stdout, stderr) = (
            child.stdin.take().expect("stdin is piped"),
            child.stdout.take().expect("stdout is piped"),
            child.stderr.take().expect("stderr is piped"),
        );
        // A command that does not read its stdin must not block the test; the pipe closes with the thread.
        std::thread::spawn(move || stdin.write_all(&input));
        Self {
            child,
            shown,
            stdout: Stream::of(stdout),
            stderr: Stream::of(stderr),
        }
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had so far, in MiB; nothing where the system does not tell.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes / 1024)
    }

    /// The next line of stdout for which `wanted` holds, without its line feed. Fails when the process ends first.
    #[track_caller]
    pub(crate) fn wait_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.stdout.find(wanted);
        found.unwrap_or_else(|error| panic!("no such line of stdout: {error}\n{}", self.stop()))
    }

    /// The next line of stderr for which `wanted` holds, without its line feed. Fails when the process ends first.
    #[track_caller]
    pub(crate) fn wait_said(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.stderr.find(wanted);
        found.unwrap_or_else(|error| panic!("no such line of stderr: {error}\n{}", self.stop()))
    }

    /// Sends a signal: `INT`, `TERM`, `KILL`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let number = self.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &number]).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{} cannot be signalled",
            self.shown
        );
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        // Whoever closes stdout is about to end.
        match self.stdout.find(|_| false) {
            Err(RecvTimeoutError::Disconnected) => self.outcome(),
            _ => panic!("it does not end\n{}", self.stop()),
        }
    }

    fn stop(&mut self) -> Outcome {
        let _ = self.child.kill();
        self.outcome()
    }

    fn outcome(&mut self) -> Outcome {
        let status = self.child.wait().expect("a child can be waited for");
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        let _ = self.stdout.find(|_| false);
        let _ = self.stderr.find(|_| false);
        Outcome {
            shown: self.shown.clone(),
            code: code.unwrap_or(-1),
            stdout: std::mem::take(&mut self.stdout.seen),
            stderr: std::mem::take(&mut self.stderr.seen),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
