//! Requests by hand: bytes on a socket, so that nothing is made nicer than a test wants it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;

use super::Sandbox;
use super::process::DEADLINE;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request as `send` would have sent it.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Sends bytes, then reads until the server closes.
#[track_caller]
pub(crate) fn raw(url: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(url);
    stream.write_all(bytes).expect("the request is sent");
    read_all(stream)
}

/// A connection to the server of that URL.
#[track_caller]
pub(crate) fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(authority(url)).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
    stream
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    // A server that closes while unread bytes are left resets the connection; what was read counts all the same.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// One request with `content-length`, on a connection of its own.
#[track_caller]
pub(crate) fn request(method: &str, url: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Answer::parse(&raw(url, &message(method, url, target, headers, body)))
}

/// A POST to a server that may be gone, or go away in the middle.
pub(crate) fn try_post(url: &str, body: &[u8]) -> Option<Answer> {
    try_request(url, "/", &[], body, || {})
}

/// The same with headers; `sent` is called between the request and its answer.
pub(crate) fn try_request(
    url: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    sent: impl FnOnce(),
) -> Option<Answer> {
    let mut stream = TcpStream::connect(authority(url)).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    stream.write_all(&message("POST", url, target, headers, body)).ok()?;
    sent();
    Answer::read(&read_all(stream))
}

fn message(method: &str, url: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", authority(url));
    for (name, value) in headers {
        head += &[name, ": ", value, "\r\n"].concat();
    }
    let tail = format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), tail.as_bytes(), body].concat()
}

/// A POST to `/`.
#[track_caller]
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    request("POST", url, "/", headers, body)
}

impl Answer {
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_lowercase(), v.to_owned()));
        Some(Self {
            status,
            headers: lines.filter_map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Signed {
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
    }

    /// Sends it to a server.
    #[track_caller]
    pub(crate) fn post(&self, url: &str) -> Answer {
        post(url, &self.pairs(), &self.body)
    }
}

impl Sandbox {
    /// What `hook send ARGS` would send.
    #[track_caller]
    pub(crate) fn signed<const N: usize>(&self, args: [&str; N]) -> Signed {
        let always = ["send", "--dry-run", "--reveal", "--json", "--to", "http://127.0.0.1:9"];
        let line = self.hook(always.into_iter().chain(args)).run().ok().object();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let headers = line["headers"].as_array().expect("headers");
        Signed {
            headers: headers
                .iter()
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .filter(|(name, _)| name != "host" && name != "content-length")
                .collect(),
            body: text(&line["body"]).into_bytes(),
        }
    }
}
