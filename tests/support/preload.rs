//! A machine whose clock is set, and whose resolver fails: a library that is loaded into hook answers for the C library.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{ROOT, Run, Sandbox};

impl Sandbox {
    /// Makes hook run on such a machine.
    #[track_caller]
    pub(crate) fn on_odd_machine(&self, run: Run) -> Run {
        let library = self.path("preload.so");
        if !library.exists() {
            let source = format!("{ROOT}/tests/support/preload.c");
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library);
            let status = compiler.args([&source, "-ldl"]).status();
            assert!(status.is_ok_and(|status| status.success()), "`cc` compiles {source}");
        }
        run.env("LD_PRELOAD", library)
            .env("TEST_CLOCK_AHEAD", self.path("ahead"))
            .env("TEST_LOOKUPS_DOWN", self.path("down"))
    }

    /// Sets its clock so many hours ahead of the real one, while hook runs.
    pub(crate) fn set_clock(&self, hours: i64) {
        self.change("ahead", &(hours * 3600).to_string());
    }

    /// Its resolver gives no answer for that name, for any with `all`, and for none with an empty one.
    pub(crate) fn fail_lookups(&self, name: &str) {
        self.change("down", name);
    }

    /// At once, as hook may read the file at any time.
    fn change(&self, name: &str, text: &str) {
        let (new, path): (PathBuf, PathBuf) = (self.path("new"), self.path(name));
        fs::write(&new, text).expect("the file is written");
        fs::rename(new, path).expect("it is renamed");
    }
}
