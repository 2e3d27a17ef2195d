//! One connection: its requests one after the other, on hyper.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming as HyperBody};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::body::{BodyError, BodyReader};
use super::connections::{Connections, Member, Phase};
use super::metered::Metered;
use super::tls::Tls;
use super::{Handler, Incoming, Reason, Rejection, Reply, RequestHead, SHARE, Shared};
use crate::headers::Headers;

/// How long a client whose request was turned away may go on sending. Closing at once would reset the connection, and
/// the client would lose the answer that says why.
const LINGER: Duration = Duration::from_secs(2);

/// The client at the other end.
pub(super) struct Peer<H> {
    shared: Arc<Shared<H>>,
    member: Member,
    remote: SocketAddr,
    /// A request was turned away, and the client may still be sending it.
    lingers: AtomicBool,
}

impl<H: Handler> Peer<H> {
    pub(super) fn new(shared: Arc<Shared<H>>, remote: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            member: Connections::enter(&shared.connections),
            shared,
            remote,
            lingers: AtomicBool::new(false),
        })
    }

    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, tls: Option<Tls>) {
        // Fails only when the connection is gone, which reading will tell.
        let _ = stream.set_nodelay(true);
        let closed = self.member.progress.closed.clone();
        let Some(tls) = tls else {
            return self.run(stream).await;
        };
        let handshake = tokio::time::timeout(self.shared.limits.header_timeout, tls.acceptor.accept(stream));
        let shaken = tokio::select! {
            biased;
            () = self.shared.cancel.cancelled() => return,
            () = closed.cancelled() => return,
            shaken = handshake => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.run(stream).await,
            // A client that left, or kept still, without a word of protest asked for nothing.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Ok(Err(error)) => self.reject(Reason::Tls(error.to_string()), None, None, 0),
            Err(_) => {}
        }
    }

    async fn run<S>(self: Arc<Self>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Arc::clone(&self);
        let service = service_fn(move |request| {
            let peer = Arc::clone(&peer);
            async move { Ok::<_, Infallible>(peer.respond(request).await) }
        });
        let progress = &self.member.progress;
        let stream = TokioIo::new(Metered::new(stream, Arc::clone(progress)));
        let mut connection = self.builder().serve_connection(stream, service);
        let mut cancelled = false;
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut connection => break Some(ended),
                () = progress.closed.cancelled() => break None,
                () = self.shared.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let stream = parts.io.into_inner();
        // A client that connected, or waited between requests, and left has sent nothing to turn away.
        let began = !parts.read_buf.is_empty();
        match ended {
            Some(Ok(())) if self.lingers.load(Ordering::Relaxed) => self.linger(stream).await,
            Some(Ok(())) => {}
            Some(Err(error)) => self.ended_badly(&error, began, stream).await,
            None => self.made_room(stream).await,
        }
    }

    /// Tells a client, if that can be done at once, that its request had to make room for others.
    async fn made_room<S: AsyncWrite + Unpin>(&self, mut stream: S) {
        let Some(received) = self.member.progress.unanswered() else {
            return;
        };
        // Tried once: it goes into the socket's empty buffer, or nowhere.
        say(&mut stream, StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO).await;
        self.reject(Reason::MadeRoom, Some(503), None, received);
    }

    fn builder(&self) -> http1::Builder {
        let limits = &self.shared.limits;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.header_lines)
            .max_header_size(limits.header_bytes)
            .max_buf_size(SHARE.max(limits.header_bytes))
            .half_close(true);
        builder
    }

    /// Turns away what hyper could not read. hyper itself answers some of it.
    async fn ended_badly<S>(&self, error: &hyper::Error, began: bool, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (reason, status) = if error.is_parse_too_large() {
            (Reason::HeadersTooLarge, Some(431))
        } else if error.is_parse_version_h2() {
            (Reason::Malformed("the client speaks HTTP/2".to_owned()), None)
        } else if error.is_parse() {
            (Reason::Malformed(error.to_string()), Some(400))
        } else if error.is_timeout() && began {
            say(&mut stream, StatusCode::REQUEST_TIMEOUT, LINGER).await;
            (Reason::TimedOut, Some(408))
        } else if error.is_incomplete_message() && began {
            say(&mut stream, StatusCode::BAD_REQUEST, LINGER).await;
            (Reason::CutOff, Some(400))
        } else {
            return;
        };
        self.reject(reason, status, None, 0);
        self.linger(stream).await;
    }

    async fn respond(&self, request: Request<HyperBody>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let progress = &self.member.progress;
        progress.begin_body();
        let response = match self.receive(body).await {
            Ok(body) => {
                progress.enter(Phase::Handling);
                let incoming = incoming(&parts, body, self.remote);
                // The parts keep the whole buffer of the connection alive.
                drop(parts);
                response(self.shared.handler.handle(incoming).await)
            }
            Err((reason, status, received)) => self.turn_away(reason, status, &parts, received),
        };
        progress.answered(response.body().size_hint().lower().try_into().unwrap_or(usize::MAX));
        response
    }

    /// The whole body; else why it is not taken, what that is answered, and how much of it came.
    async fn receive(&self, mut body: HyperBody) -> Result<Bytes, (Reason, StatusCode, usize)> {
        let limits = &self.shared.limits;
        if body.size_hint().lower() > limits.body as u64 {
            return Err((Reason::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, 0));
        }
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let reading = BodyReader {
            limits,
            memory: &self.shared.memory,
            connections: &self.shared.connections,
            progress: &self.member.progress,
        };
        let mut received = 0;
        let whole = reading.collect(&mut body, &mut received);
        match tokio::time::timeout(limits.body_timeout, whole).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(BodyError::TooLarge)) => Err((Reason::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, received)),
            Ok(Err(BodyError::CutOff)) => Err((Reason::CutOff, StatusCode::BAD_REQUEST, received)),
            Err(_) => Err((Reason::TimedOut, StatusCode::REQUEST_TIMEOUT, received)),
        }
    }

    /// Ends our side and takes what the client still sends, for a while.
    async fn linger<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        self.member.progress.enter(Phase::Leaving);
        let until_end = async {
            let mut scrap = vec![0; 16 * 1024];
            let _ = stream.shutdown().await;
            while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {}
        };
        tokio::select! {
            _ = tokio::time::timeout(LINGER, until_end) => {}
            () = self.member.progress.closed.cancelled() => {}
        }
    }

    fn turn_away(&self, reason: Reason, status: StatusCode, parts: &Parts, received: usize) -> Response<Full<Bytes>> {
        self.lingers.store(true, Ordering::Relaxed);
        let said = self.shared.handler.refusal(status.as_u16(), &reason);
        self.reject(reason, Some(status.as_u16()), Some(head(parts)), received);
        let mut response = said.map_or_else(Response::default, response);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn reject(&self, reason: Reason, status: Option<u16>, head: Option<RequestHead>, received: usize) {
        self.shared.handler.rejected(Rejection {
            reason,
            status,
            head,
            received,
            remote: self.remote,
        });
    }
}

fn head(parts: &Parts) -> RequestHead {
    let target = match parts.uri.path_and_query() {
        Some(target) => target.as_str().to_owned(),
        None => parts.uri.to_string(),
    };
    let mut headers = Headers::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        headers.push_raw(name.as_str(), value.as_bytes());
    }
    let method = parts.method.as_str().to_owned();
    RequestHead {
        method,
        target,
        headers,
    }
}

fn incoming(parts: &Parts, body: Bytes, remote: SocketAddr) -> Incoming {
    let RequestHead {
        method,
        target,
        headers,
    } = head(parts);
    Incoming {
        method,
        target,
        headers,
        body,
        remote,
    }
}

pub(super) fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    // hyper cannot send 1xx as an answer.
    let status = StatusCode::from_u16(reply.status)
        .ok()
        .filter(|status| !status.is_informational());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    fill(response.headers_mut(), &reply.headers);
    response
}

fn fill(map: &mut HeaderMap, headers: &Headers) {
    map.reserve(headers.len());
    for (name, value) in headers.iter().filter(|(name, _)| !Headers::is_framing(name)) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
}

/// Answers where hyper has given up. A client that takes no answers does not hold the connection up.
async fn say<S: AsyncWrite + Unpin>(stream: &mut S, status: StatusCode, patience: Duration) {
    let text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let _ = tokio::time::timeout(patience, stream.write_all(text.as_bytes())).await;
}
