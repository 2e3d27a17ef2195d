//! A terminal with a shell in it: `tmux` without its own settings, driven from outside. A state of the screen is waited for,
//! never a time.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Sandbox};

/// What the shell sets, so that a program that changes it is found.
pub(super) const TITLE: &str = "shell-of-the-test";

/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(30);

pub(super) struct Terminal {
    pub(super) sandbox: Sandbox,
    socket: PathBuf,
}

impl Terminal {
    /// A shell with job control in a terminal of that size; `None` on a developer's machine without `tmux`.
    #[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
    #[track_caller]
    pub(super) fn start(width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            let must = std::env::var_os("HOOK_TEST_PEERS").is_some() || std::env::var_os("CI").is_some();
            assert!(!must, "`tmux` is not installed, and must be");
            eprintln!("skipped: `tmux` is not installed");
            return None;
        }
        let sandbox = Sandbox::new();
        sandbox.write("bin/xdg-open", "#!/bin/sh\nprintf '%s' \"$1\" > opened\n");
        make_executable(&sandbox, "bin/xdg-open");
        // A path of a socket must be short.
        let socket = sandbox.home().join("t");
        let terminal = Self { sandbox, socket };
        let size = [width.to_string(), height.to_string()];
        let shell = "bash --noprofile --norc -i";
        let begin = ["new-session", "-d", "-s", "t", "-x", &size[0], "-y", &size[1], shell];
        terminal.tmux(begin);
        terminal.tmux(["set-option", "-g", "status", "off"]);
        terminal.tmux(["set-option", "-s", "set-clipboard", "on"]);
        terminal.tmux(["set-option", "-s", "escape-time", "0"]);
        terminal.tmux(["select-pane", "-T", TITLE]);
        terminal.type_line("PS1='ready> '; clear");
        terminal.wait("the shell", |screen| screen.trim() == "ready>");
        Some(terminal)
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.program("tmux", [""; 0]).command();
        let path = std::env::var("PATH").unwrap_or_default();
        let own = self.sandbox.path("bin");
        command
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(&self.socket)
            .env("PATH", format!("{}:{path}", own.display()))
            .env("LC_ALL", "C.UTF-8")
            .env("SHELL", "/bin/bash")
            .env("TERM", "xterm-256color");
        command
    }

    #[track_caller]
    fn tmux<const N: usize>(&self, args: [&str; N]) -> String {
        let output = self.command().args(args).output().expect("tmux runs");
        text(&output, &args)
    }

    /// Types a line into the shell.
    #[track_caller]
    pub(super) fn type_line(&self, line: &str) {
        self.tmux(["send-keys", "-t", "t", "-l", line]);
        self.tmux(["send-keys", "-t", "t", "Enter"]);
    }

    /// Runs `hook LINE` in the shell.
    #[track_caller]
    pub(super) fn run(&self, line: &str) {
        self.start_hook("", line);
    }

    /// The number of the process is in a file, for signals.
    #[track_caller]
    fn start_hook(&self, env: &str, line: &str) {
        let hook = env!("CARGO_BIN_EXE_hook");
        self.sandbox
            .write("start.sh", format!("echo $$ > pid\nexec {hook} \"$@\"\n"));
        self.type_line(&format!("clear; {env} sh start.sh {line}"));
    }

    /// Runs `hook listen --tui --port 0 LINE` and waits for its view; its URL.
    #[track_caller]
    pub(super) fn listen(&self, line: &str) -> String {
        self.listen_with("", line)
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub(super) fn listen_with(&self, env: &str, line: &str) -> String {
        self.start_hook(env, &format!("listen --tui --port 0 --ready-file ready {line}"));
        self.wait("the view", |screen| screen.contains("? keys"));
        let url = std::fs::read_to_string(self.sandbox.path("ready")).expect("the file of the URL");
        url.trim().to_owned()
    }

    /// Presses keys, by the names that `tmux` has for them.
    #[track_caller]
    pub(super) fn keys<const N: usize>(&self, keys: [&str; N]) {
        for key in keys {
            self.tmux(["send-keys", "-t", "t", key]);
        }
    }

    /// What is on the screen.
    #[track_caller]
    pub(super) fn screen(&self) -> String {
        self.tmux(["capture-pane", "-p", "-t", "t"])
    }

    /// The same with colours.
    #[track_caller]
    pub(super) fn escapes(&self) -> String {
        self.tmux(["capture-pane", "-p", "-e", "-t", "t"])
    }

    /// Waits until the screen is as wanted, and returns it.
    #[track_caller]
    pub(super) fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{what} does not appear:\n{screen}");
            std::thread::sleep(LOOK);
        }
    }

    /// The title of the terminal.
    #[track_caller]
    pub(super) fn title(&self) -> String {
        self.fact("pane_title")
    }

    /// What the terminal put into the clipboard last.
    #[track_caller]
    pub(super) fn clipboard(&self, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let output = self.command().arg("show-buffer").output().expect("tmux runs");
            let found = String::from_utf8_lossy(&output.stdout).into_owned();
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < end, "in the clipboard is {found:?}\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }

    #[track_caller]
    pub(super) fn resize(&self, width: u16, height: u16) {
        let size = [width.to_string(), height.to_string()];
        self.tmux(["resize-window", "-t", "t", "-x", &size[0], "-y", &size[1]]);
    }

    #[track_caller]
    pub(super) fn fact(&self, name: &str) -> String {
        let format = format!("#{{{name}}}");
        let fact = self.tmux(["display-message", "-p", "-t", "t", &format]);
        fact.trim_end().to_owned()
    }

    /// Sends a signal to the program in front.
    #[track_caller]
    pub(super) fn signal(&self, name: &str) {
        let number = std::fs::read_to_string(self.sandbox.path("pid")).expect("a number");
        let number = number.trim();
        let sent = Command::new("kill").args([&format!("-{name}"), number]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{number} gets no signal");
    }

    /// Fails unless the shell is in front again and the terminal as it was: no alternate screen, a cursor, line editing, echo.
    #[track_caller]
    pub(super) fn is_restored(&self, after: &str) {
        self.wait("the prompt", |screen| screen.trim_end().ends_with("ready>"));
        assert_eq!(self.fact("alternate_on"), "0", "after {after}");
        assert_eq!(self.fact("cursor_flag"), "1", "after {after}");
        // A program reads the modes, as the shell's own line editor sets others while it waits.
        self.type_line("clear; stty -a < /dev/tty | tr ';' '\\n'; echo done");
        let modes = self.wait("the modes", |screen| screen.contains("\ndone\n"));
        for mode in ["icanon", "echo", "isig", "opost", "icrnl"] {
            let is_set = modes.split_whitespace().any(|word| word == mode);
            assert!(is_set, "{mode} after {after}:\n{modes}");
        }
    }

    /// Pastes a text as a terminal does: in brackets, where the program wants them.
    #[track_caller]
    pub(super) fn paste(&self, text: &str) {
        self.tmux(["set-buffer", "-b", "paste", text]);
        self.tmux(["paste-buffer", "-p", "-b", "paste", "-t", "t"]);
    }

    /// Presses Escape, and waits until it was taken: a key right behind it would be one with Alt.
    #[track_caller]
    pub(super) fn escape(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.keys(["Escape"]);
        self.wait(what, wanted);
    }

    /// The stretches of the screen in reverse video.
    #[track_caller]
    pub(super) fn marked(&self) -> Vec<String> {
        let (mut marked, mut is_marked) = (Vec::new(), false);
        for line in self.escapes().lines() {
            marked.push(String::new());
            for (index, part) in line.split('\u{1b}').enumerate() {
                let (codes, text) = match part.strip_prefix('[').and_then(|rest| rest.split_once('m')) {
                    Some((codes, text)) if index > 0 => (Some(codes), text),
                    _ => (None, part),
                };
                for code in codes.unwrap_or_default().split(';').filter(|_| codes.is_some()) {
                    is_marked = match code {
                        "7" => true,
                        "" | "0" | "27" => false,
                        _ => is_marked,
                    };
                }
                match marked.last_mut() {
                    Some(last) if is_marked => last.push_str(text),
                    _ => marked.push(String::new()),
                }
            }
        }
        marked.retain(|text| !text.is_empty());
        marked
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}

#[track_caller]
fn text(output: &Output, args: &[&str]) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tmux {args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Lets a file of the sandbox run.
pub(super) fn make_executable(sandbox: &Sandbox, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path(name), mode).expect("a mode is set");
}
