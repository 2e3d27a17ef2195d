//! `hook listen` beside a test, ready for requests.

use std::ffi::OsStr;

use super::{Outcome, Process, Run, Sandbox};

/// A listener that runs; killed when dropped.
pub(crate) struct Listener {
    pub(crate) process: Process,
    /// Without a slash at the end.
    pub(crate) url: String,
}

impl Sandbox {
    /// `hook listen --port 0 ARGS`, ready.
    #[track_caller]
    pub(crate) fn listen<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Listener {
        Listener::ready(self.listening(args))
    }

    /// The same, not yet started.
    pub(crate) fn listening<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let given = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.hook(["listen", "--port", "0"].map(Into::into).into_iter().chain(given))
    }
}

impl Listener {
    /// Starts it and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn ready(run: Run) -> Self {
        let mut process = run.spawn();
        let said = process.wait_said(|line| line.starts_with("listening on "));
        let url = said.trim_start_matches("listening on ").split(',').next();
        Self {
            url: url.expect("a URL is said").to_owned(),
            process,
        }
    }

    /// Waits for a line of stdout that holds this.
    #[track_caller]
    pub(crate) fn shows(&mut self, part: &str) -> String {
        self.process.wait_line(|line| line.contains(part))
    }

    /// Waits for a line of stderr that holds this.
    #[track_caller]
    pub(crate) fn says(&mut self, part: &str) -> String {
        self.process.wait_said(|line| line.contains(part))
    }

    /// Asks it to end, as Ctrl-C does, and waits.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.process.signal("INT");
        self.process.wait()
    }
}
