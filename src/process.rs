//! Child processes in process groups of their own, so that what a command starts ends with the command.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getrlimit, kill_process, kill_process_group, setrlimit,
    test_kill_process_group,
};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a group may take to end after it was asked to, before it is killed.
pub const GRACE: Duration = Duration::from_secs(2);

/// Names the ledger to a `hook` that a command runs.
pub const STORE_VARIABLE: &str = "HOOK_STORE";

/// The old name of [`STORE_VARIABLE`]. Both at once are an error.
pub const OLD_STORE_VARIABLE: &str = "HOOK_LEDGER";

/// How often a group is checked for remaining processes. The system reports the end of a child, not of its children.
const POLL: Duration = Duration::from_millis(20);

/// Takes what a command printed.
type WriteOutput = dyn Fn(&[u8]) + Send + Sync;

/// Where commands print. The front end gives it.
#[derive(Clone)]
pub struct CommandOutput {
    connect: fn() -> Stdio,
    write: Arc<WriteOutput>,
}

impl CommandOutput {
    /// `connect` gives what the standard output of a command is connected to, so that a command which asks whether it prints
    /// to a terminal gets the right answer; `write` gets what it prints to its standard error.
    pub fn to(connect: fn() -> Stdio, write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        let write = Arc::new(write);
        Self { connect, write }
    }

    /// Hands over what a command printed to its standard error.
    pub fn write(&self, bytes: &[u8]) {
        (self.write)(bytes);
    }
}

/// A running child. Dropped before its end, it is killed with its group.
#[derive(Debug)]
pub struct GroupChild {
    child: Child,
    /// Absent once the child has ended and nothing of its group is to be touched any more.
    pid: Option<Pid>,
    own_group: bool,
}

impl GroupChild {
    /// Starts it in a process group of its own, with an input that is written and errors that are read by the caller. Ctrl-C
    /// in a terminal does not reach it: the caller passes it on.
    pub fn piped(command: &mut Command, output: &CommandOutput) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        Self::start(command, output, true)
    }

    /// Starts it in a process group of its own, or in this process's group, as a program that reads the terminal needs: in
    /// another group it would be stopped by its first read. There, Ctrl-C reaches it and everything that it started; a signal
    /// from here reaches it alone.
    pub fn start(command: &mut Command, output: &CommandOutput, own_group: bool) -> io::Result<Self> {
        command.stdout((output.connect)());
        rename_store_variable(command);
        if own_group {
            command.process_group(0);
        }
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, pid, own_group })
    }

    /// Its standard input, when that is piped.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard error, when that is piped.
    pub fn errors(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for the child itself. What it left in the background stays.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.pid = None;
        Ok(status)
    }

    /// Waits for the child itself. What it left in the background still belongs to the group: [`Self::stop_rest`] ends it.
    pub async fn wait_for_leader(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // Without its processes the number of the group may become another one's.
        if !self.is_group_alive() {
            self.pid = None;
        }
        Ok(status)
    }

    /// Ends what the child left in the background: asks first, and kills what is there after [`GRACE`], or as soon as
    /// `hurry` fires.
    pub async fn stop_rest(&mut self, hurry: &CancellationToken) {
        let deadline = Instant::now() + GRACE;
        self.signal(Signal::TERM);
        while self.is_group_alive() && Instant::now() < deadline && !hurry.is_cancelled() {
            sleep(POLL).await;
        }
        if self.is_group_alive() {
            self.signal(Signal::KILL);
        }
        self.pid = None;
    }

    /// Asks the group to end, and kills what is left of it after [`GRACE`], or as soon as `hurry` fires.
    pub async fn stop(&mut self, hurry: &CancellationToken) -> io::Result<ExitStatus> {
        self.stop_within(GRACE, hurry).await
    }

    async fn stop_within(&mut self, grace: Duration, hurry: &CancellationToken) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + grace;
        self.signal(Signal::TERM);
        let ended = tokio::select! {
            ended = self.ended_by(deadline) => ended,
            () = hurry.cancelled() => None,
        };
        if ended.is_none() {
            self.signal(Signal::KILL);
        }
        let status = match ended {
            Some(status) => status,
            // A killed process ends, unless the system holds it in a call that cannot be broken off.
            None => timeout(GRACE, self.child.wait())
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?,
        };
        self.pid = None;
        Ok(status)
    }

    /// The child's status when it and all of its group have ended by then.
    async fn ended_by(&mut self, deadline: Instant) -> Option<ExitStatus> {
        let status = timeout_at(deadline, self.child.wait()).await.ok()?.ok()?;
        while self.is_group_alive() {
            if Instant::now() >= deadline {
                return None;
            }
            sleep(POLL).await;
        }
        Some(status)
    }

    fn is_group_alive(&self) -> bool {
        let group = self.pid.filter(|_| self.own_group);
        group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // It fails when no process is left, which is fine.
        let _ = if self.own_group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }
}

impl Drop for GroupChild {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Hands down the name of the ledger under its new name only: a command that sets that one would contradict the old one.
fn rename_store_variable(command: &mut Command) {
    let inherited = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_given = command.as_std().get_envs().any(|(name, _)| name == STORE_VARIABLE);
    if let (Some(place), None, false) = (inherited(OLD_STORE_VARIABLE), inherited(STORE_VARIABLE), is_given) {
        command.env(STORE_VARIABLE, place);
    }
    command.env_remove(OLD_STORE_VARIABLE);
}

/// A command line of the user's, for the shell, that reads nothing.
pub fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null());
    shell
}

/// What a command line prints, at most so many bytes, when it succeeds within that time.
pub async fn printed(command: &str, most: u64, limit: Duration) -> io::Result<String> {
    let mut shell = shell(command);
    rename_store_variable(&mut shell);
    let mut child = shell.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let reading = async {
        let mut text = String::new();
        if let Some(output) = child.stdout.take() {
            output.take(most).read_to_string(&mut text).await?;
        }
        child.wait().await.map(|status| (status, text))
    };
    match timeout(limit, reading).await {
        Ok(Ok((status, text))) if status.success() => Ok(text),
        Ok(Ok((status, _))) => Err(io::Error::other(format!("the command ended with {status}"))),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Ctrl-Z in a terminal: asks this process to stop until it is continued.
pub const STOP_REQUEST: i32 = Signal::TSTP.as_raw();

/// This process goes on after it was stopped.
pub const CONTINUED: i32 = Signal::CONT.as_raw();

/// Stops this process until it is continued.
pub fn stop_self() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Does what Ctrl-C in a terminal does to this process.
pub fn interrupt_self() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::INT)?)
}

/// How many files and sockets this process may have open at once: its limit, which is raised to `wanted` where that is allowed.
pub fn open_files(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < wanted) else {
        return current.unwrap_or(u64::MAX);
    };
    let raised = maximum.map_or(wanted, |most| most.min(wanted));
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).map_or(current, |()| raised)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    /// A shell that has said something after it has set everything up; the pipe ends when all of its processes have.
    async fn started(script: &str) -> (GroupChild, ChildStderr) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let output = CommandOutput::to(Stdio::null, |_| {});
        let mut child = GroupChild::piped(&mut command, &output).unwrap();
        let mut said = child.errors().unwrap();
        said.read_exact(&mut [0; 1]).await.unwrap();
        (child, said)
    }

    async fn end(mut said: ChildStderr) {
        said.read_to_end(&mut Vec::new()).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_command_started_ends_with_it() {
        let (mut child, said) = started("sleep 600 & echo >&2; wait").await;
        // No grace is long enough on a machine that is busy enough: which signal ended it says that it was not killed.
        let grace = Duration::from_secs(24 * 3600);
        let status = child.stop_within(grace, &CancellationToken::new()).await.unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        end(said).await;
    }

    #[tokio::test]
    async fn what_does_not_want_to_end_is_killed_after_the_grace_or_in_a_hurry() {
        let (mut child, said) = started("trap '' TERM; sleep 600 & echo >&2; exit").await;
        let begun = Instant::now();
        child.stop(&CancellationToken::new()).await.unwrap();
        assert!(begun.elapsed() >= GRACE);
        end(said).await;

        let (mut child, said) = started("trap '' TERM; echo >&2; sleep 600; sleep 600").await;
        let hurry = CancellationToken::new();
        hurry.cancel();
        child.stop(&hurry).await.unwrap();
        end(said).await;
    }

    #[tokio::test]
    async fn a_child_that_is_dropped_is_killed_with_its_group() {
        let (child, said) = started("sleep 600 & echo >&2; wait").await;
        drop(child);
        end(said).await;
    }
}
