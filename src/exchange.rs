//! One HTTP exchange seen from the sender: the request and its outcome. Shared by the engine, the transports, the
//! ledger and the screen.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::text::status_line;
use crate::words::words;

/// How much of an answer's body is kept, in bytes, unless the transport has another limit.
pub const ANSWER_KEPT: usize = 64 * 1024;

/// A request, ready to go. `Host` and `Content-Length` are the transport's.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// Where to; `http` or `https`.
    pub url: Url,
    /// In order.
    pub headers: Headers,
    /// The bytes.
    pub body: Bytes,
    /// For the whole exchange, the answer's body included.
    pub timeout: Duration,
}

/// One HTTP exchange of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Counted from 1.
    pub seq: u32,
    /// When it began.
    pub at: Timestamp,
    /// What was sent, signature included; credentials are kept and masked when shown.
    pub request_headers: Headers,
    /// The body that was sent, where it is not the message's: a signature was put into it.
    pub request_body: Option<Bytes>,
    /// Its outcome.
    pub outcome: Outcome,
    /// From its beginning to the last byte of the answer.
    pub took: Duration,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The target answered.
    Answer(Answer),
    /// It did not.
    Error {
        /// What kind of failure.
        kind: ErrorKind,
        /// For people.
        text: String,
    },
}

/// An HTTP answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// As they came.
    pub headers: Headers,
    /// The first [`ANSWER_KEPT`] bytes.
    pub body: Bytes,
    /// Whether there was more.
    pub truncated: bool,
    /// How it was obtained, where that is not the usual way. For people.
    pub note: Option<String>,
    /// All of the body, where the transport keeps it and it is within that limit. Not for the ledger.
    pub whole: Option<Bytes>,
}

words! {
    /// Why there is no response.
    pub enum ErrorKind {
        /// The name does not resolve.
        Dns = "dns",
        /// The system's resolver does not answer, whatever the name.
        Resolver = "resolver",
        /// Connection refused, or the network is down.
        Connect = "connect",
        /// The certificate or the TLS handshake.
        Tls = "tls",
        /// The whole exchange took too long.
        Timeout = "timeout",
        /// The connection broke off, or the response is not HTTP.
        Protocol = "protocol",
        /// Ctrl-C during the exchange.
        Cancelled = "cancelled",
        /// The address policy forbids the address.
        Blocked = "blocked",
        /// The request could not be signed, so nothing was sent.
        Signing = "signing",
    }
}

impl Outcome {
    /// The status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// The answer, when there was one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Error { .. } => None,
        }
    }

    /// Kind and text of the failure, when there was no answer.
    pub fn error(&self) -> Option<(ErrorKind, &str)> {
        match self {
            Self::Answer(_) => None,
            Self::Error { kind, text } => Some((*kind, text)),
        }
    }

    /// Whether this machine is at fault, so that it says nothing about the target. docs/design.md lists what counts.
    pub fn is_own_fault(&self) -> bool {
        matches!(self, Self::Error { kind, .. } if *kind == ErrorKind::Resolver)
    }

    /// More about it, for people: the text of the failure, or the note of the answer.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Answer(answer) => answer.note.as_deref(),
            Self::Error { text, .. } => Some(text),
        }
    }

    /// What was wrong, in the words of senders that give a retry its reason.
    pub fn retry_reason(&self) -> &'static str {
        match self {
            Self::Answer(_) => "http_error",
            Self::Error { kind, .. } => match kind {
                ErrorKind::Timeout => "http_timeout",
                ErrorKind::Tls => "ssl_error",
                ErrorKind::Dns | ErrorKind::Resolver | ErrorKind::Connect => "connection_failed",
                _ => "unknown_error",
            },
        }
    }

    /// For people: `200 OK`, or the failure in two words.
    pub fn summary(&self) -> String {
        match self {
            Self::Answer(answer) => status_line(answer.status),
            Self::Error { kind, .. } => kind.words().to_owned(),
        }
    }

    /// `200`, or the kind of failure: a word for tables.
    pub fn word(&self) -> String {
        match self {
            Self::Answer(answer) => answer.status.to_string(),
            Self::Error { kind, .. } => kind.name().to_owned(),
        }
    }
}

impl ErrorKind {
    /// For people, in at most two words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Dns => "unknown host",
            Self::Resolver => "no resolver",
            Self::Connect => "no connection",
            Self::Tls => "TLS failure",
            Self::Timeout => "timeout",
            Self::Protocol => "broken answer",
            Self::Cancelled => "stopped",
            Self::Blocked => "blocked",
            Self::Signing => "not signed",
        }
    }
}

/// Which secret signs a delivery, or proved a capture. The ledger keeps this in place of the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// None: the provider signs nothing, or the headers go out as they were captured.
    None,
    /// The dev secret of this machine.
    Dev,
    /// The settings' secret.
    Settings,
    /// The secrets of the endpoint of that name.
    Endpoint(String),
    /// Secrets that the user named: their references, empty where the text itself was given.
    Given(Vec<String>),
}

/// Of which workflow a delivery is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Execution {
    /// The workflow's name.
    pub workflow: String,
    /// Why nothing was sent, when nothing was.
    pub note: Option<String>,
    /// The header that holds the workflow's secret, when it is one of its own.
    pub secret_header: Option<String>,
}

words! {
    /// The command that created a delivery.
    #[derive(Default)]
    pub enum Source {
        /// `hook send`
        #[default]
        Send = "send",
        /// `hook replay`
        Replay = "replay",
        /// `hook listen --forward-to`
        Forward = "forward",
        /// `hook endpoints test`
        Test = "test",
        /// `hook serve`
        Serve = "serve",
    }
}

words! {
    /// How a delivery is signed.
    #[derive(Default)]
    pub enum SigningMode {
        /// Again on every attempt, with the provider's scheme.
        #[default]
        Fresh = "fresh",
        /// With the headers that were captured.
        AsCaptured = "as-captured",
        /// Not at all, to test a receiver.
        Missing = "missing",
        /// With an empty signature, to test a receiver.
        Empty = "empty",
        /// With another secret, to test a receiver.
        WrongSecret = "wrong-secret",
        /// Changed after it was signed, to test a receiver.
        Tampered = "tampered",
        /// With a time that is too old, to test a receiver.
        Stale = "stale",
        /// With a time that is too far in the future, to test a receiver.
        Future = "future",
    }
}

impl SigningMode {
    /// What is wrong with the signature, where a receiver must refuse the request.
    pub fn fault(self) -> Option<&'static str> {
        Some(match self {
            Self::Fresh | Self::AsCaptured => return None,
            Self::Missing => "without a signature",
            Self::Empty => "with an empty signature",
            Self::WrongSecret => "signed with another secret",
            Self::Tampered => "changed after it was signed",
            Self::Stale => "signed too long ago",
            Self::Future => "signed in the future",
        })
    }
}

/// Names an item of the ledger's work queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkKey {
    /// Its lane.
    pub lane: Uuid,
    /// Its place there: later items have higher numbers, and no number is used twice.
    pub seq: u64,
}
