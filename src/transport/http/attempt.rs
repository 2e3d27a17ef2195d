//! One attempt at an exchange: which connection it goes out on, and why it has no answer. The rule of what goes out once
//! more is the same for whatever makes the attempt.

use std::io;

use crate::exchange::ErrorKind;

/// What went wrong, as a kind and a fact for people.
pub(super) type Failure = (ErrorKind, String);

/// Which connection an attempt goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Connection {
    /// An idle one, else a new one.
    Any,
    /// A new one.
    Fresh,
}

/// How a client makes an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Way {
    /// Which connection.
    pub(super) connection: Connection,
    /// HTTP/2 instead of HTTP/1.1.
    pub(super) is_http2: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            connection: Connection::Any,
            is_http2: false,
        }
    }
}

/// Why an attempt has no answer.
pub(super) struct FailedAttempt {
    pub(super) failure: Failure,
    /// Whether it went out on a connection that had been used before and ended before a byte of the answer: the server had
    /// closed it while it was idle, or was about to.
    pub(super) had_ended: bool,
    /// Whether the server refused HTTP/1.1 in the TLS handshake.
    pub(super) refuses_http1: bool,
}

impl FailedAttempt {
    /// Without having been sent on a connection that was idle.
    pub(super) fn here(failure: Failure) -> Self {
        Self {
            failure,
            had_ended: false,
            refuses_http1: false,
        }
    }
}

/// Whether that is what the end of a connection looks like: closed, or reset.
pub(super) fn is_end(error: &hyper::Error) -> bool {
    use io::ErrorKind as Io;
    let io = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || io.is_some_and(|io| {
            matches!(
                io.kind(),
                Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::UnexpectedEof | Io::NotConnected
            )
        })
}
