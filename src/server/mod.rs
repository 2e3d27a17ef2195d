//! The HTTP server under `listen` and `serve`: it reads whole requests from connections within limits, passes them to a
//! [`Handler`] and sends its replies. It knows nothing of webhooks, and never binds an address itself.

mod body;
mod connection;
mod connections;
mod hang_up;
mod memory;
mod reply_body;
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::headers::Headers;
use connection::ServerConnection;
use connections::Connections;
use memory::Memory;
use tls::Tls;

/// Bytes that each connection may hold: a whole head, and most bodies. Only bytes beyond that count towards the limit of all
/// connections, so that a small request never waits for a large one.
const PER_CONNECTION: usize = 64 * 1024;

/// How many connections are closed when the system allows no more of them.
const CLOSED_WHEN_OUT_OF_FILES: usize = 16;

/// The pauses after failed accepts.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_LONGEST: Duration = Duration::from_millis(320);

/// How long a new connection waits for a place before it replaces a connection whose request was just answered.
const PLACE_WAIT: Duration = Duration::from_millis(50);

/// Handles the requests of a server.
pub trait Handler: Send + Sync + 'static {
    /// Answers a whole request. The future runs to its end even when the client disconnects; only the end of
    /// [`ServerLimits::drain`] drops it.
    fn handle(&self, incoming: Incoming) -> impl Future<Output = Reply> + Send;

    /// The rest of a reply's body, piece by piece until the channel ends, for as long as the client reads; `None`: the reply
    /// is whole. A handler must end it when the server stops.
    fn stream(&self, _reply: &Reply) -> Option<mpsc::Receiver<Bytes>> {
        None
    }

    /// Called for a request that was rejected before it was complete. Returns headers and body of the answer, where one can
    /// still be given; its status is that of the reason.
    fn rejected(&self, _rejection: Rejection) -> Option<Reply> {
        None
    }

    /// Called when no connection could be accepted, for example because the process has too many open files. The server
    /// tries again after a pause.
    fn accept_failed(&self, _error: &io::Error) {}
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
    /// Decoded from its transfer encoding.
    pub body: Bytes,
    /// The client's address.
    pub remote: SocketAddr,
}

/// An answer. The server adds `content-length`, `transfer-encoding` and `date` itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// From 200 to 999; any other status becomes 500.
    pub status: u16,
    /// Headers that are not valid in HTTP are left out.
    pub headers: Headers,
    /// The body's bytes.
    pub body: Bytes,
    /// What the client gets.
    pub ending: ReplyEnding,
}

/// What a client gets of a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyEnding {
    /// All of it. What follows the body comes from [`Handler::stream`].
    #[default]
    Sent,
    /// The same, and the handler streams so many bytes in a second.
    Paced(u64),
    /// Nothing: the connection is closed.
    Closed,
    /// Nothing: the connection is reset.
    Reset,
}

impl Reply {
    /// A reply without headers and body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// A request that was rejected before it was complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Why.
    pub reason: IncompleteReason,
    /// Bytes of the body that were received.
    pub received: usize,
    /// The client's address.
    pub remote: SocketAddr,
}

/// Why a request was rejected before it was complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncompleteReason {
    /// The body is larger than allowed.
    TooLarge,
    /// Too many header lines, or too long header lines or a too long target.
    HeadersTooLarge,
    /// The request was not complete in time.
    TimedOut,
    /// It made the least progress when there were too many connections, or when their bodies took too much memory.
    Evicted,
    /// The client stopped sending in the middle.
    CutOff,
    /// It is not HTTP/1.1.
    Malformed(String),
    /// The client speaks HTTP/2.
    Http2,
    /// The client speaks TLS to a plain port.
    SpeaksTls,
    /// The client speaks plain HTTP to a port of TLS.
    SpeaksHttp,
    /// The TLS handshake failed, for example because the client does not trust the certificate.
    Tls(String),
}

impl IncompleteReason {
    /// The status that the client is answered; `None` where it cannot be answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::TooLarge => Some(413),
            Self::HeadersTooLarge => Some(431),
            Self::TimedOut => Some(408),
            Self::Evicted => Some(503),
            Self::CutOff | Self::Malformed(_) | Self::SpeaksTls | Self::SpeaksHttp => Some(400),
            Self::Http2 | Self::Tls(_) => None,
        }
    }
}

/// Limits of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerLimits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of all requests together that are being received or handled. Of these each connection may have 64 KiB; large
    /// bodies share the rest, and one of the largest size always fits.
    pub memory: usize,
    /// Header lines.
    pub header_lines: usize,
    /// Bytes of request line and headers together.
    pub header_bytes: usize,
    /// For a TLS handshake, and for request line and headers; also how long a connection may wait for its next request.
    pub header_timeout: Duration,
    /// For a whole body.
    pub body_timeout: Duration,
    /// Connections at the same time. One more replaces an idle one, or the one with the least progress.
    pub connections: usize,
    /// How long a connection may make little progress before it can be closed in favour of others.
    pub grace: Duration,
    /// How long a request may take to be complete, and a client to read an answer, while the server stops.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            // GitHub sends up to 25 MB, and mail with attachments is as large.
            body: 32 * 1024 * 1024,
            memory: 128 * 1024 * 1024,
            header_lines: 100,
            header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            connections: 1024,
            grace: Duration::from_millis(500),
            drain: Duration::from_secs(2),
        }
    }
}

impl ServerLimits {
    /// Bytes that large bodies share.
    fn shared_memory(&self) -> usize {
        let own = self.connections.saturating_mul(PER_CONNECTION);
        self.memory.saturating_sub(own).max(self.body)
    }
}

/// What the connections of a server share.
struct Shared<H> {
    handler: Arc<H>,
    limits: ServerLimits,
    memory: Arc<Memory>,
    connections: Connections,
    places: Arc<Semaphore>,
    cancel: CancellationToken,
}

/// Serves connections until `cancel` is cancelled. Requests that are being handled then are still answered, unless `cut` is
/// cancelled; incomplete requests have [`ServerLimits::drain`] to become complete. Returns the number of connections cut
/// off in the middle of a request or an answer.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ServerLimits,
    handler: Arc<H>,
    cancel: CancellationToken,
    cut: CancellationToken,
) -> usize {
    let shared = Arc::new(Shared {
        handler,
        memory: Memory::new(limits.shared_memory()),
        connections: Connections::default(),
        // More permits than this would panic.
        places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
        limits,
        cancel,
    });
    let mut tasks = JoinSet::new();
    let mut pause = Duration::ZERO;
    loop {
        let accepted = tokio::select! {
            // Stopping takes priority over a connection that arrives at the same time.
            biased;
            () = shared.cancel.cancelled() => break,
            accepted = shared.accept(&listener) => accepted,
        };
        match accepted {
            Ok((stream, remote, place)) => {
                pause = Duration::ZERO;
                let connection = ServerConnection::new(Arc::clone(&shared), remote);
                let tls = tls.clone();
                tasks.spawn(async move {
                    connection.serve(stream, tls).await;
                    drop(place);
                });
            }
            Err(error) => {
                pause = pause_after(&error, pause);
                if !pause.is_zero() {
                    shared.handler.accept_failed(&error);
                    // Most likely there are too many open files, which the ledger needs too.
                    for _ in 0..CLOSED_WHEN_OUT_OF_FILES {
                        shared.connections.free_place(shared.limits.grace, true);
                    }
                }
                tokio::select! {
                    biased;
                    () = shared.cancel.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        // A join set keeps the results of finished tasks until they are taken.
        while tasks.try_join_next().is_some() {}
    }
    // Refuses new connections at once instead of leaving them in the backlog.
    drop(listener);
    drain(tasks, &shared.connections, shared.limits.drain, &cut).await
}

impl<H> Shared<H> {
    /// Accepts a connection, once there is a place for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let (stream, remote) = listener.accept().await?;
        // Without a wait at first: usually there is a place.
        let mut wait = Duration::ZERO;
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if let Ok(place) = tokio::time::timeout(wait, place).await {
                return Ok((stream, remote, place.map_err(io::Error::other)?));
            }
            self.connections.free_place(self.limits.grace, !wait.is_zero());
            wait = PLACE_WAIT;
        }
    }
}

async fn drain(
    mut tasks: JoinSet<()>,
    connections: &Connections,
    drain_period: Duration,
    cut: &CancellationToken,
) -> usize {
    let mut cut_off = 0;
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let closing_idle = async {
        loop {
            tokio::time::sleep(drain_period).await;
            cut_off += connections.dismiss(drain_period);
        }
    };
    tokio::select! {
        () = all_ended => {}
        () = cut.cancelled() => {}
        () = closing_idle => {}
    }
    while tasks.try_join_next().is_some() {}
    cut_off += tasks.len();
    tasks.shutdown().await;
    cut_off
}

/// The pause after a failed accept, which follows a pause of `last`. Zero if the failure concerns that connection alone;
/// otherwise longer each time, since retrying does not bring back the files or the memory that are lacking.
fn pause_after(error: &io::Error, last: Duration) -> Duration {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::ConnectionAborted | Io::ConnectionReset | Io::Interrupted => Duration::ZERO,
        _ => (last * 2).clamp(PAUSE_FIRST, PAUSE_LONGEST),
    }
}
