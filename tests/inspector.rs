//! The inspector: its API through the real binary, and its page in a real browser.

mod actions;
mod api;
mod browser;

use crate::support::{Answer, Process, Sandbox, request};

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[track_caller]
fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", text(answer)))
}

/// `hook ui` or a listener with its page.
struct Page {
    process: Process,
    /// Without the token.
    origin: String,
    token: String,
    /// What lets requests in.
    cookie: String,
    key: String,
}

impl Page {
    /// `hook ui --port 0`, ready.
    fn start(sandbox: &Sandbox) -> Self {
        let mut process = sandbox.hook(["ui", "--port", "0"]).spawn();
        let url = process.wait_line(|_| true);
        Self::enter(process, &url)
    }

    /// Exchanges the token of the URL as a browser does.
    fn enter(process: Process, url: &str) -> Self {
        let (origin, token) = url.split_once("/#token=").expect("a token in the fragment");
        let answer = request("POST", origin, "/api/session", &[], token.as_bytes());
        assert_eq!(answer.status, 200);
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        let key = json(&answer)["key"].as_str().expect("a key").to_owned();
        Self {
            process,
            origin: origin.to_owned(),
            token: token.to_owned(),
            cookie,
            key,
        }
    }

    fn cookie(&self) -> &str {
        self.cookie.split(';').next().unwrap_or_default()
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("cookie", self.cookie()), ("x-hook-key", &self.key)];
        request(method, &self.origin, path, &headers, body.as_bytes())
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let answer = self.call("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        json(&answer)
    }
}
