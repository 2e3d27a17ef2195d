//! Ends a connection without an answer, where a handler wants that.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::ReplyEnding;

/// How a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HangUp {
    Close,
    Reset,
}

impl HangUp {
    /// Of a reply that the client does not get.
    pub(super) fn of(ending: ReplyEnding) -> Option<Self> {
        match ending {
            ReplyEnding::Sent | ReplyEnding::Paced(_) => None,
            ReplyEnding::Closed => Some(Self::Close),
            ReplyEnding::Reset => Some(Self::Reset),
        }
    }

    /// Prepares a stream that is dropped next. All of the request was read, so that a plain close is none with a reset.
    pub(super) fn end(self, stream: &impl PeerStream) {
        if self == Self::Reset {
            // Fails only when the connection is gone.
            let _ = stream.tcp().set_zero_linger();
        }
    }
}

impl fmt::Display for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends without an answer")
    }
}

impl std::error::Error for HangUp {}

/// A stream to a client, over TCP in the end.
pub(super) trait PeerStream: AsyncRead + AsyncWrite + Unpin {
    /// The connection below.
    fn tcp(&self) -> &TcpStream;
}

impl PeerStream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl PeerStream for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}
