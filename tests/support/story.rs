//! Commands one after the other in one sandbox, at a fixed time, with everything that they show.

use super::{Listener, Outcome, Run, Sandbox};

/// The time for every command; each look at the clock is a microsecond later.
const NOW: &str = "2030-01-02T03:04:05Z";

/// A sandbox and what was shown in it.
pub(crate) struct Story {
    pub(crate) sandbox: Sandbox,
    told: String,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            told: String::new(),
        }
    }

    /// The same sandbox with nothing told.
    pub(crate) fn silent(mut self) -> Self {
        self.told.clear();
        self
    }

    fn prepare(&self, line: &str) -> Run {
        let words = crate::docs::words(line);
        self.sandbox.hook(words).env("__HOOK_NOW", NOW)
    }

    /// `hook LINE`; what it shows is not told.
    #[track_caller]
    pub(crate) fn quietly(&self, line: &str) -> Outcome {
        self.prepare(line).run()
    }

    /// `hook LINE`, with its whole screen.
    #[track_caller]
    pub(crate) fn run(&mut self, line: &str) -> Outcome {
        let outcome = self.quietly(line);
        self.add(&outcome);
        outcome
    }

    /// `hook LINE`, with each line of its JSON.
    #[track_caller]
    pub(crate) fn json(&mut self, line: &str) {
        let outcome = self.quietly(line);
        let fields = self.sandbox.fields(&outcome);
        self.text(&fields);
    }

    /// `hook listen --port 0 LINE`, ready.
    #[track_caller]
    pub(crate) fn listen(&self, line: &str) -> Listener {
        let words = crate::docs::words(line);
        Listener::ready(self.sandbox.listening(words).env("__HOOK_NOW", NOW))
    }

    /// The whole screen of a command that has ended.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.told += &self.sandbox.screen(outcome);
        self.told += "\n";
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.told += text;
    }

    /// Compares what was told with the recorded snapshot of that name.
    #[track_caller]
    pub(crate) fn compare(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.told));
    }
}
