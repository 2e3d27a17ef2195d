//! Calls of the API of the durable `hook serve`, and what they are answered.

use std::ffi::OsStr;

use serde_json::Value;

use super::{Api, Run, Sandbox};

impl Sandbox {
    /// `hook serve --port 0 --json ARGS`, not yet started.
    pub(crate) fn service_with<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        let given = args.iter().map(|arg| arg.as_ref().to_owned());
        let always = ["serve", "--port", "0", "--json"].map(Into::into);
        self.hook(always.into_iter().chain(given))
    }
}

impl Api {
    /// A call that succeeds with that status.
    #[track_caller]
    pub(crate) fn gives(&self, status: u16, method: &str, path: &str, body: &str) -> Value {
        let (got, answer) = self.call(method, path, body);
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        answer
    }

    /// A call that is refused with that status and a problem document. Returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, method: &str, path: &str, body: &str) -> String {
        let answer = self.answer(method, path, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, status, "{method} {path} {body}: {text}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{method} {path}"
        );
        let problem: Value = serde_json::from_str(&text).expect("a problem document");
        assert_eq!(problem["status"], status, "{text}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.is_empty()),
            "{text}"
        );
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    /// Asks again and again until the answer is as wanted.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let answer = self.gives(200, "GET", path, "");
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < super::DEADLINE, "{path} stays {answer}");
        }
    }
}
