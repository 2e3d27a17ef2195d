//! Running the binary so that nothing of the user's machine leaks in: an empty HOME, an empty environment, a folder of
//! its own, and a deadline instead of sleeping.

mod app;
mod face;
mod http;
mod ledger;
mod listener;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(target_os = "linux")]
mod preload;
mod process;
mod service;
mod snapshot;
mod story;
mod vector;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use app::{App, Reply, Seen};
pub(crate) use face::{Api, KEY, MockApi, TEST_KEY};
pub(crate) use http::{Answer, connect, post, raw, request, try_post, try_request};
pub(crate) use listener::Listener;
pub(crate) use process::{DEADLINE, Process};
pub(crate) use service::{Queue, event, number, soak};
pub(crate) use story::Story;
pub(crate) use vector::Vector;

/// The project's folder.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A target where no program listens: only the superuser could.
pub(crate) const CLOSED_PORT: &str = "http://127.0.0.1:1";

/// The folder of what `.ci/run` prepared: programs and libraries that are not hook's, which hook must get on with. Where it
/// is named, nothing may be missing.
pub(crate) fn peers() -> Option<PathBuf> {
    std::env::var_os("HOOK_TEST_PEERS").map(PathBuf::from)
}

/// A machine with nothing on it. What is in it is gone when it is dropped.
pub(crate) struct Sandbox {
    root: TempDir,
}

/// One command line, not yet run.
pub(crate) struct Run {
    command: Command,
    shown: String,
    stdin: Vec<u8>,
}

/// How a command ended.
pub(crate) struct Outcome {
    /// The command line.
    pub(crate) shown: String,
    /// 128+n for a signal.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("work")).expect("a folder in it");
        Self { root }
    }

    /// A path in the folder in which commands run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        // The system may name its temporary folder by a link, which a process does not see in its own folder's name.
        let root = self.root.path().canonicalize().expect("the folder is there");
        root.join("work").join(name)
    }

    /// The user's home.
    pub(crate) fn home(&self) -> &Path {
        self.root.path()
    }

    /// A path in the user's settings.
    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.root.path().join("config/hook").join(name)
    }

    /// A path in the user's state.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.root.path().join("state/hook").join(name)
    }

    /// Writes a file, by default in the work folder, and the folders around it.
    pub(crate) fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path("").join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders");
        fs::write(path, text).expect("the file is written");
    }

    /// Trusts the project in the work folder as it is now.
    #[track_caller]
    pub(crate) fn trust(&self) {
        self.hook(["config", "trust"]).run().ok();
    }

    /// `hook endpoints add LINE`, which succeeds.
    #[track_caller]
    pub(crate) fn add_endpoint(&self, line: &str) -> Outcome {
        let add = ["endpoints", "add"].into_iter().chain(line.split_whitespace());
        self.hook(add).run().ok()
    }

    /// `hook ARGS`, to be run in the work folder.
    pub(crate) fn hook<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.program(env!("CARGO_BIN_EXE_hook"), args)
    }

    /// Another program, to be run in the same way.
    pub(crate) fn program<S: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Run {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let shown: Vec<String> = args.iter().map(|arg| format!("{:?}", arg.to_string_lossy())).collect();
        let mut command = Command::new(program);
        command
            .args(&args)
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("HOME", self.root.path())
            .env("XDG_CONFIG_HOME", self.root.path().join("config"))
            .env("XDG_STATE_HOME", self.root.path().join("state"));
        Run {
            command,
            shown: format!("{} {}", program.rsplit('/').next().unwrap_or(program), shown.join(" ")),
            stdin: Vec::new(),
        }
    }
}

impl Run {
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Lets it write no file beyond that size; the shell counts in blocks of half a KiB or of a whole one.
    pub(crate) fn file_limit(self, blocks: u32) -> Self {
        self.limited(&format!("-f {blocks}"))
    }

    /// Lets it have no more files and sockets open than that.
    pub(crate) fn open_files(self, count: u32) -> Self {
        self.limited(&format!("-n {count}"))
    }

    fn limited(mut self, limit: &str) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit {limit}; exec \"$@\""), "sh"])
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(self.command.get_current_dir().expect("a folder is set"))
            .env_clear();
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        self.command = command;
        self
    }

    /// For a test that deals with the streams itself.
    pub(crate) fn command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it; it is killed when the handle is dropped.
    #[track_caller]
    pub(crate) fn spawn(mut self) -> Process {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Process::start(&mut self.command, self.shown, self.stdin)
    }
}

impl Outcome {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless the command ended with that code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of {self}");
        self
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Fails unless stdout holds each of these.
    #[track_caller]
    pub(crate) fn prints<const N: usize>(self, parts: [&str; N]) -> Self {
        for part in parts {
            assert!(self.stdout().contains(part), "stdout lacks {part:?}\n{self}");
        }
        self
    }

    /// Fails unless stderr holds each of these.
    #[track_caller]
    pub(crate) fn says<const N: usize>(self, parts: [&str; N]) -> Self {
        for part in parts {
            assert!(self.stderr().contains(part), "stderr lacks {part:?}\n{self}");
        }
        self
    }

    /// Fails when stdout or stderr holds one of these.
    #[track_caller]
    pub(crate) fn never<const N: usize>(self, parts: [&str; N]) -> Self {
        for part in parts {
            let found = self.stdout().contains(part) || self.stderr().contains(part);
            assert!(!found, "{part:?} must not be shown\n{self}");
        }
        self
    }

    /// Every line of stdout as JSON; fails when one is none, or has no schema.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}"));
            assert!(value["schema"].is_string(), "no schema: {line}\n{self}");
            value
        };
        self.stdout().lines().map(parse).collect()
    }

    /// The only line of stdout as JSON.
    #[track_caller]
    pub(crate) fn object(&self) -> Value {
        let mut all = self.json();
        assert_eq!(all.len(), 1, "one object is expected\n{self}");
        all.remove(0)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n--- code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown,
            self.code,
            self.stdout(),
            self.stderr()
        )
    }
}

/// The keys of an object, in their order.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}
