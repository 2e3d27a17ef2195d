//! One connection: its requests one after the other, on hyper.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming as HyperBody};
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_util::io::{InspectReader, InspectWriter};

use super::connections::{ConnectionProgress, Phase};
use super::hang_up::{HangUp, PeerStream};
use super::reply_body::ReplyBody;
use super::tls::Tls;
use super::{Handler, Incoming, IncompleteReason, PER_CONNECTION, Rejection, Reply, Shared};
use crate::headers::Headers;

/// How long a client whose request was rejected may go on sending. Closing at once would reset the connection, and the
/// client would lose the answer that says why.
const LINGER: Duration = Duration::from_secs(2);

/// What a client reads that speaks plain HTTP to a port of TLS.
const PLAIN_HTTP: &str = "This port speaks TLS: use https:// instead of http://\n";

/// A connection that was accepted.
pub(super) struct ServerConnection<H> {
    pub(super) shared: Arc<Shared<H>>,
    pub(super) progress: Arc<ConnectionProgress>,
    remote: SocketAddr,
    /// A request was rejected, and the client may still be sending it.
    lingers: AtomicBool,
    /// The first bytes were those of a TLS handshake.
    speaks_tls: AtomicBool,
    /// The handler ended the connection without an answer.
    hung_up: OnceLock<HangUp>,
}

impl<H: Handler> ServerConnection<H> {
    pub(super) fn new(shared: Arc<Shared<H>>, remote: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            progress: shared.connections.enter(),
            shared,
            remote,
            lingers: AtomicBool::new(false),
            speaks_tls: AtomicBool::new(false),
            hung_up: OnceLock::new(),
        })
    }

    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, tls: Option<Tls>) {
        // Fails only when the connection is gone, which the next read reports.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.run(stream).await;
        };
        let handshake = tokio::time::timeout(self.shared.limits.header_timeout, accept(stream, &tls));
        let accepted = tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => return,
            () = self.progress.closed.cancelled() => return,
            accepted = handshake => accepted,
        };
        match accepted {
            Ok(Ok(Ok(stream))) => self.run(stream).await,
            Ok(Ok(Err(mut plain))) => {
                answer(&mut plain, StatusCode::BAD_REQUEST, (PLAIN_HTTP, LINGER)).await;
                self.reject(IncompleteReason::SpeaksHttp, 0);
                self.linger(plain).await;
            }
            Ok(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                self.reject(IncompleteReason::Tls(error.to_string()), 0);
            }
            // A client that leaves or stays silent during the handshake has requested nothing.
            _ => {}
        }
    }

    async fn run<S>(self: Arc<Self>, stream: S)
    where
        S: PeerStream + Send + 'static,
    {
        let connection = Arc::clone(&self);
        let service = service_fn(move |request| {
            let connection = Arc::clone(&connection);
            async move { connection.respond(request).await }
        });
        let progress = &self.progress;
        let mut is_first = true;
        let stream = InspectReader::new(stream, |bytes: &[u8]| {
            // The record of a TLS handshake.
            if std::mem::take(&mut is_first) && bytes.starts_with(&[0x16, 3]) {
                self.speaks_tls.store(true, Ordering::Relaxed);
            }
            progress.read(bytes.len());
        });
        let stream = InspectWriter::new(stream, |bytes: &[u8]| progress.wrote(bytes.len()));
        let mut connection = self.builder().serve_connection(TokioIo::new(stream), service);
        let mut cancelled = false;
        let ended = loop {
            tokio::select! {
                // First the connection itself: an answer that is ready goes out before the connection is closed.
                biased;
                ended = &mut connection => break Some(ended),
                () = progress.closed.cancelled() => break None,
                // Once: the token stays cancelled, and the loop would spin.
                () = self.shared.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let stream = parts.io.into_inner();
        // A client that connected, or waited between requests, and left has sent nothing to reject.
        let began = !parts.read_buf.is_empty();
        if let Some(how) = self.hung_up.get() {
            return how.end(&stream.into_inner().into_inner());
        }
        match ended {
            Some(Ok(())) if self.lingers.load(Ordering::Relaxed) => self.linger(stream).await,
            Some(Ok(())) => {}
            Some(Err(error)) => self.failed(&error, began, stream).await,
            None => self.made_room(stream).await,
        }
    }

    fn builder(&self) -> http1::Builder {
        let limits = &self.shared.limits;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.header_lines)
            .max_header_size(limits.header_bytes)
            .max_buf_size(PER_CONNECTION.max(limits.header_bytes))
            // A client may end its sending side after the request and still read the answer.
            .half_close(true);
        builder
    }

    /// Tells a client, if that is possible at once, that its connection was closed in favour of others.
    async fn made_room<S: AsyncWrite + Unpin>(&self, mut stream: S) {
        if let Some(received) = self.progress.unanswered() {
            // Without waiting: the answer fits into the socket's empty buffer, or is lost.
            answer(&mut stream, StatusCode::SERVICE_UNAVAILABLE, ("", Duration::ZERO)).await;
            self.reject(IncompleteReason::Evicted, received);
        }
    }

    /// Rejects what hyper could not read. hyper itself has answered requests that it could not parse.
    async fn failed<S>(&self, error: &hyper::Error, began: bool, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let reason = if error.is_parse_too_large() {
            IncompleteReason::HeadersTooLarge
        } else if error.is_parse_version_h2() {
            IncompleteReason::Http2
        } else if error.is_parse() && self.speaks_tls.load(Ordering::Relaxed) {
            IncompleteReason::SpeaksTls
        } else if error.is_parse() {
            IncompleteReason::Malformed(error.to_string())
        } else if error.is_timeout() && began {
            answer(&mut stream, StatusCode::REQUEST_TIMEOUT, ("", LINGER)).await;
            IncompleteReason::TimedOut
        } else if error.is_incomplete_message() && began {
            answer(&mut stream, StatusCode::BAD_REQUEST, ("", LINGER)).await;
            IncompleteReason::CutOff
        } else {
            return;
        };
        self.reject(reason, 0);
        self.linger(stream).await;
    }

    /// The answer; an error ends the connection without one.
    async fn respond(&self, request: Request<HyperBody>) -> Result<Response<ReplyBody>, HangUp> {
        let (parts, body) = request.into_parts();
        self.progress.begin_body();
        let mut received = 0;
        let response = match self.receive(body, &mut received).await {
            Ok(body) => {
                self.progress.enter(Phase::Handling);
                let incoming = Incoming {
                    method: parts.method.as_str().to_owned(),
                    target: match parts.uri.path_and_query() {
                        Some(target) => target.as_str().to_owned(),
                        None => parts.uri.to_string(),
                    },
                    headers: (&parts.headers).into(),
                    body,
                    remote: self.remote,
                };
                // The parts keep the whole buffer of the connection alive.
                drop(parts);
                let reply = self.shared.handler.handle(incoming).await;
                if let Some(how) = HangUp::of(reply.ending) {
                    return Err(*self.hung_up.get_or_init(|| how));
                }
                let pieces = self.shared.handler.stream(&reply);
                response(reply, pieces)
            }
            Err(reason) => {
                self.lingers.store(true, Ordering::Relaxed);
                let status = reason.status();
                let mut reply = self.reject(reason, received).unwrap_or_default();
                reply.status = status.unwrap_or_default();
                let mut response = response(reply, None);
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
                response
            }
        };
        let size = response.body().size_hint().lower();
        self.progress.answered(size.try_into().unwrap_or(usize::MAX));
        Ok(response)
    }

    /// The whole body; else why it is rejected.
    async fn receive(&self, mut body: HyperBody, received: &mut usize) -> Result<Bytes, IncompleteReason> {
        let limits = &self.shared.limits;
        // Before the first read, which would send `100 Continue` to a client that waits for it.
        if body.size_hint().lower() > limits.body as u64 {
            return Err(IncompleteReason::TooLarge);
        }
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let whole = tokio::time::timeout(limits.body_timeout, self.collect(&mut body, received));
        whole.await.unwrap_or(Err(IncompleteReason::TimedOut))
    }

    /// Shuts down the sending side and discards what the client still sends, for a while.
    async fn linger<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        self.progress.enter(Phase::Leaving);
        let until_end = async {
            let mut discarded = vec![0; 16 * 1024];
            let _ = stream.shutdown().await;
            while stream.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
        };
        tokio::select! {
            _ = tokio::time::timeout(LINGER, until_end) => {}
            () = self.progress.closed.cancelled() => {}
        }
    }

    fn reject(&self, reason: IncompleteReason, received: usize) -> Option<Reply> {
        self.shared.handler.rejected(Rejection {
            reason,
            received,
            remote: self.remote,
        })
    }
}

pub(super) fn response(reply: Reply, pieces: Option<mpsc::Receiver<Bytes>>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::new(reply.body, pieces));
    // hyper cannot send 1xx as an answer.
    let status = StatusCode::from_u16(reply.status).ok();
    let status = status.filter(|status| !status.is_informational());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.reserve(reply.headers.len());
    for (name, value) in reply.headers.iter().filter(|(name, _)| !Headers::is_framing(name)) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    response
}

/// A TLS connection. The inner error is that of a client that speaks plain HTTP, of which nothing was read.
async fn accept(stream: TcpStream, tls: &Tls) -> io::Result<Result<TlsStream<TcpStream>, TcpStream>> {
    let mut first = [0];
    // The first byte of TLS is 22; that of HTTP is a letter of the method.
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
        return Ok(Err(stream));
    }
    tls.acceptor().accept(stream).await.map(Ok)
}

/// Answers with a status and a text where no handler is asked, within `patience`.
async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, status: StatusCode, (body, patience): (&str, Duration)) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n");
    let kind = if body.is_empty() {
        ""
    } else {
        "content-type: text/plain\r\n"
    };
    let text = format!("{head}{kind}\r\n{body}");
    let _ = tokio::time::timeout(patience, stream.write_all(text.as_bytes())).await;
}
