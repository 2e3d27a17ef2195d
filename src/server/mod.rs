//! The HTTP server under `listen` and `serve`: it turns connections into whole requests within limits, hands them to a
//! [`Handler`] and sends what that replies. It knows nothing of webhooks, and never binds an address itself.

mod body;
mod connection;
mod connections;
mod memory;
mod metered;
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
use connections::Connections;
use memory::Memory;
use tls::Tls;

/// What a connection may hold of a request without asking for more: a whole head, and most bodies. Only what goes beyond
/// it is counted over all connections, so that a small request waits for no large one.
const SHARE: usize = 64 * 1024;

/// How many connections are closed when the system gives no more of them.
const GIVEN_UP: usize = 16;

/// How long a newcomer waits for a place before it takes that of a connection that has just been answered.
const PLACE_WAIT: Duration = Duration::from_millis(50);

/// What to do with requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers a whole request. The future runs to its end even when the client leaves meanwhile; only the end of
    /// [`ServerLimits::drain`] cuts it off.
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
    pub head: Option<RequestHead>,
    /// How much of the body had come.
    pub received: usize,
    /// Who sent it.
    pub remote: SocketAddr,
}

/// The beginning of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestHead {
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
    /// It made the least progress when there were too many connections, or when their bodies took too much memory.
    MadeRoom,
    /// The client stopped in the middle.
    CutOff,
    /// It is not HTTP/1.1.
    Malformed(String),
    /// The TLS handshake failed, as when the client does not trust the certificate.
    Tls(String),
}

/// What one server takes at most.
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
    /// At the same time. One more takes the place of an idle one, or of the one with the least progress.
    pub connections: usize,
    /// How long a connection may make little progress before it is the first to make room for others.
    pub grace: Duration,
    /// How long a request may take to be complete, and a client to take an answer, after the server was told to stop.
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
    /// What large bodies share.
    fn shared_memory(&self) -> usize {
        let own = self.connections.saturating_mul(SHARE);
        self.memory.saturating_sub(own).max(self.body)
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut in the middle of a request or an answer.
    pub cut_off: usize,
}

/// What the connections of a server share.
struct Shared<H> {
    handler: Arc<H>,
    limits: ServerLimits,
    memory: Arc<Memory>,
    connections: Arc<Connections>,
    places: Arc<Semaphore>,
    cancel: CancellationToken,
}

/// Serves connections until `cancel` fires. Requests that are being handled then are still answered, unless `cut` fires;
/// those that are not complete have [`ServerLimits::drain`] for that.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ServerLimits,
    handler: Arc<H>,
    cancel: CancellationToken,
    cut: CancellationToken,
) -> Drained {
    let shared = Arc::new(Shared {
        handler,
        memory: Memory::new(limits.shared_memory()),
        connections: Arc::default(),
        places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
        limits,
        cancel,
    });
    let mut tasks = JoinSet::new();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.cancel.cancelled() => break,
            accepted = shared.accept(&listener) => accepted,
        };
        match accepted {
            Ok((stream, remote, place)) => {
                pause = Pause::default();
                let peer = Peer::new(Arc::clone(&shared), remote);
                let tls = tls.clone();
                tasks.spawn(async move {
                    peer.serve(stream, tls).await;
                    drop(place);
                });
            }
            Err(error) => {
                let wait = pause.after(&error);
                if !wait.is_zero() {
                    shared.handler.accept_failed(&error);
                    // Most likely there are too many open files, which the ledger needs too.
                    for _ in 0..GIVEN_UP {
                        shared.connections.free_place(shared.limits.grace, true);
                    }
                }
                tokio::select! {
                    biased;
                    () = shared.cancel.cancelled() => break,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        while tasks.try_join_next().is_some() {}
    }
    // Refuses newcomers at once instead of leaving them in the backlog.
    drop(listener);
    drain(tasks, &shared.connections, shared.limits.drain, &cut).await
}

impl<H> Shared<H> {
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let (stream, remote) = listener.accept().await?;
        Ok((stream, remote, self.place().await?))
    }

    /// A place for one more connection.
    async fn place(&self) -> io::Result<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let mut any = false;
        loop {
            self.connections.free_place(self.limits.grace, any);
            let place = Arc::clone(&self.places).acquire_owned();
            match tokio::time::timeout(PLACE_WAIT, place).await {
                Ok(place) => return place.map_err(io::Error::other),
                Err(_) => any = true,
            }
        }
    }
}

async fn drain(
    mut tasks: JoinSet<()>,
    connections: &Connections,
    patience: Duration,
    cut: &CancellationToken,
) -> Drained {
    let mut cut_off = 0;
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let dismissing = async {
        loop {
            tokio::time::sleep(patience).await;
            cut_off += connections.dismiss(patience);
        }
    };
    tokio::select! {
        () = all_ended => {}
        () = cut.cancelled() => {}
        () = dismissing => {}
    }
    while tasks.try_join_next().is_some() {}
    cut_off += tasks.len();
    tasks.shutdown().await;
    Drained { cut_off }
}

/// How long to wait after a failed accept.
#[derive(Default)]
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_millis(320);

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
