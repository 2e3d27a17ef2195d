//! `hook serve` beside a test, ready for calls.

use std::ffi::OsStr;
use std::ops::{Deref, DerefMut};

use serde_json::Value;

use super::{Answer, Outcome, Process, Run, Sandbox, request};

/// The key of every face that a test starts, unless it says otherwise: whatever the provider, none begins like it.
pub(crate) const KEY: &str = "the-key-of-the-test";

/// The test key of those whose provider has some.
pub(crate) const TEST_KEY: &str = "the-test-key-of-the-test";

/// A provider's face that runs; killed when dropped.
pub(crate) struct MockApi {
    pub(crate) process: Process,
    /// The first line of its JSON.
    pub(crate) ready: Value,
    /// What calls it.
    pub(crate) api: Api,
}

/// A client of an API.
pub(crate) struct Api {
    /// With the path of the API, without a slash at the end.
    pub(crate) url: String,
    /// Header lines of every call.
    headers: Vec<(String, String)>,
}

impl Deref for MockApi {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl DerefMut for MockApi {
    fn deref_mut(&mut self) -> &mut Api {
        &mut self.api
    }
}

impl Sandbox {
    /// `hook serve -p PROVIDER --port 0 --json --key env:KEY ARGS`, ready.
    #[track_caller]
    pub(crate) fn serve(&self, provider: &str, args: &[&str]) -> MockApi {
        MockApi::ready(
            self.serving(provider, &[&["--key", "env:KEY"], args].concat())
                .env("KEY", KEY),
        )
    }

    /// `hook serve -p PROVIDER --port 0 --json ARGS`, not yet started.
    pub(crate) fn serving<S: AsRef<OsStr>>(&self, provider: &str, args: &[S]) -> Run {
        let given = args.iter().map(|arg| arg.as_ref().to_owned());
        let always = ["serve", "-p", provider, "--port", "0", "--json"].map(Into::into);
        self.hook(always.into_iter().chain(given))
    }
}

impl MockApi {
    /// Starts it and waits until it says where it is.
    #[track_caller]
    pub(crate) fn ready(run: Run) -> Self {
        let mut process = run.spawn();
        let line = process.wait_line(|line| line.contains("hook.ready/1"));
        let ready: Value = serde_json::from_str(&line).expect("a line of JSON");
        let mut api = Api {
            url: ready["url"].as_str().expect("a URL").to_owned(),
            headers: Vec::new(),
        };
        api.with("authorization", &format!("Bearer {KEY}"));
        api.with("content-type", "application/json");
        Self { process, ready, api }
    }

    /// Waits for a line of JSON of that schema.
    #[track_caller]
    pub(crate) fn next(&mut self, schema: &str) -> Value {
        let line = self.process.wait_line(|line| line.contains(schema));
        serde_json::from_str(&line).expect("a line of JSON")
    }

    /// Asks it to end, as Ctrl-C does, and waits.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.process.signal("INT");
        self.process.wait()
    }
}

impl Api {
    /// Sets a header line of every call.
    pub(crate) fn with(&mut self, name: &str, value: &str) {
        self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a header line away from every call.
    pub(crate) fn without(&mut self, name: &str) {
        self.headers.retain(|(have, _)| have != name);
    }

    /// A call below the path of the API.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = self.answer(method, path, body);
        let text = String::from_utf8_lossy(&answer.body);
        let value = match text.as_ref() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
        };
        (answer.status, value)
    }

    /// The same, with everything that was answered.
    #[track_caller]
    pub(crate) fn answer(&self, method: &str, path: &str, body: &str) -> Answer {
        let base = self
            .url
            .splitn(4, '/')
            .nth(3)
            .map_or_else(String::new, |base| format!("/{base}"));
        let target = if path.starts_with("/_hook/") {
            path.to_owned()
        } else {
            format!("{base}{path}")
        };
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        request(method, &self.url, &target, &headers, body.as_bytes())
    }
}
