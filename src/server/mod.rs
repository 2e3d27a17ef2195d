//! The HTTP server under `listen` and `serve`: it turns connections into whole requests within limits, hands them to a
//! [`Handler`] and sends what that replies. It knows nothing of webhooks, and never binds an address itself.

mod connection;
#[cfg(test)]
mod tests;
pub mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::headers::Headers;
use connection::Peer;
use tls::Tls;

/// What to do with requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers a whole request. The future runs to its end even when the client leaves meanwhile; only the end of
    /// [`Limits::drain`] cuts it off.
    fn handle(&self, incoming: Incoming) -> impl Future<Output = Reply> + Send;

    /// Learns of a request that was turned away before it was complete.
    fn rejected(&self, rejection: Rejection) {
        let _ = rejection;
    }

    /// What to answer to such a request instead of the bare status. The status stays.
    fn refusal(&self, status: u16, reason: &Reason) -> Option<Reply> {
        let _ = (status, reason);
        None
    }

    /// Learns that no connection could be accepted, as when the process has too many open files. The server tries again
    /// after a pause.
    fn accept_failed(&self, error: &io::Error) {
        let _ = error;
    }
}

/// A whole request.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names in lower case in order of first appearance, values as bytes.
    pub headers: Headers,
    /// Without its transfer encoding.
    pub body: Bytes,
    /// Who sent it.
    pub remote: SocketAddr,
}

/// What to answer. `content-length`, `transfer-encoding` and `date` are the server's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// From 200 to 999; anything else becomes 500.
    pub status: u16,
    /// Those that HTTP cannot carry are left out.
    pub headers: Headers,
    /// The bytes.
    pub body: Bytes,
}

impl Reply {
    /// A reply of that status with nothing in it.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// A request that was turned away before it was complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// What the client was answered; `None` when nothing could be said.
    pub status: Option<u16>,
    /// Method, target and headers, when they were read.
    pub head: Option<Head>,
    /// How much of the body had come.
    pub received: usize,
    /// Who sent it.
    pub remote: SocketAddr,
}

/// The beginning of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// As in [`Incoming`].
    pub headers: Headers,
}

/// Why a request was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The body is larger than allowed.
    TooLarge,
    /// Too many header lines, or too long ones, or too long a target.
    HeadersTooLarge,
    /// It did not come in time.
    TimedOut,
    /// The client stopped in the middle.
    CutOff,
    /// It is not HTTP/1.1.
    Malformed(String),
    /// The TLS handshake failed, as when the client does not trust the certificate.
    Tls(String),
}

/// What one server takes at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Header lines.
    pub header_lines: usize,
    /// Bytes of request line and headers together.
    pub header_bytes: usize,
    /// For a TLS handshake, and for request line and headers; also how long a connection may wait for its next request.
    pub header_timeout: Duration,
    /// For a whole body.
    pub body_timeout: Duration,
    /// At the same time; more wait to be accepted.
    pub connections: usize,
    /// How long running requests may take after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 * 1024 * 1024,
            header_lines: 100,
            header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            connections: 1024,
            drain: Duration::from_secs(2),
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy when [`Limits::drain`] was over, and were cut.
    pub cut_off: usize,
}

/// Serves connections until `cancel` fires, then lets the running requests finish within [`Limits::drain`].
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    handler: Arc<H>,
    cancel: CancellationToken,
) -> Drained {
    let permits = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let limits = Arc::new(limits);
    let mut connections = JoinSet::new();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, remote, permit)) => {
                pause = Pause::default();
                let peer = Peer::new(Arc::clone(&handler), Arc::clone(&limits), remote);
                let (tls, cancel) = (tls.clone(), cancel.clone());
                connections.spawn(async move {
                    peer.serve(stream, tls, cancel).await;
                    drop(permit);
                });
            }
            Err(error) => {
                let wait = pause.after(&error);
                if !wait.is_zero() {
                    handler.accept_failed(&error);
                }
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => break,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // Refuses newcomers at once instead of leaving them in the backlog.
    drop(listener);
    drain(connections, limits.drain).await
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    Ok((stream, remote, permit))
}

async fn drain(mut connections: JoinSet<()>, patience: Duration) -> Drained {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(patience, all_ended).await;
    while connections.try_join_next().is_some() {}
    let cut_off = connections.len();
    connections.shutdown().await;
    Drained { cut_off }
}

/// How long to wait after a failed accept.
#[derive(Default)]
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Nothing when the failure was that one connection's; else longer each time: what is lacking (files, memory) does
    /// not come back by asking.
    fn after(&mut self, error: &io::Error) -> Duration {
        use io::ErrorKind as Io;
        if matches!(
            error.kind(),
            Io::ConnectionAborted | Io::ConnectionReset | Io::Interrupted
        ) {
            return Duration::ZERO;
        }
        self.0 = (self.0 * 2).clamp(Self::FIRST, Self::LONGEST);
        self.0
    }
}
