//! One connection: its requests one after the other, on hyper.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming as HyperBody};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::tls::Tls;
use super::{Handler, Head, Incoming, Limits, Reason, Rejection, Reply};
use crate::headers::Headers;

/// How long a client whose request was turned away may go on sending. Closing at once would reset the connection, and
/// the client would lose the answer that says why.
const LINGER: Duration = Duration::from_secs(2);

/// What hyper may hold of a request in its own buffer; bodies pass through it in pieces.
const BUFFER: usize = 128 * 1024;

/// Memory set aside for a body by its announced length; more comes as it arrives.
const BODY_RESERVED: usize = 256 * 1024;

/// The client at the other end.
pub(super) struct Peer<H> {
    handler: Arc<H>,
    limits: Arc<Limits>,
    remote: SocketAddr,
    /// A request was turned away, and the client may still be sending it.
    lingers: AtomicBool,
}

/// Why a body is not whole.
enum Broken {
    TooLarge,
    CutOff,
}

impl<H: Handler> Peer<H> {
    pub(super) fn new(handler: Arc<H>, limits: Arc<Limits>, remote: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            handler,
            limits,
            remote,
            lingers: AtomicBool::new(false),
        })
    }

    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, tls: Option<Tls>, cancel: CancellationToken) {
        // Fails only when the connection is gone, which reading will tell.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.run(stream, cancel).await;
        };
        let handshake = tokio::time::timeout(self.limits.header_timeout, tls.acceptor.accept(stream));
        let shaken = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            shaken = handshake => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.run(stream, cancel).await,
            // A client that left, or kept still, without a word of protest asked for nothing.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Ok(Err(error)) => self.reject(Reason::Tls(error.to_string()), None, None, 0),
            Err(_) => {}
        }
    }

    async fn run<S>(self: Arc<Self>, stream: S, cancel: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Arc::clone(&self);
        let service = service_fn(move |request| {
            let peer = Arc::clone(&peer);
            async move { Ok::<_, Infallible>(peer.respond(request).await) }
        });
        let mut connection = self.builder().serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            biased;
            ended = &mut connection => Some(ended),
            () = cancel.cancelled() => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        };
        let parts = connection.into_parts();
        let stream = parts.io.into_inner();
        // A client that connected, or waited between requests, and left has sent nothing to turn away.
        let began = !parts.read_buf.is_empty();
        match ended {
            Ok(()) if self.lingers.load(Ordering::Relaxed) => linger(stream).await,
            Ok(()) => {}
            Err(error) => self.ended_badly(&error, began, stream).await,
        }
    }

    fn builder(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.header_lines)
            .max_header_size(self.limits.header_bytes)
            .max_buf_size(BUFFER.max(self.limits.header_bytes))
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
            say(&mut stream, StatusCode::REQUEST_TIMEOUT).await;
            (Reason::TimedOut, Some(408))
        } else if error.is_incomplete_message() && began {
            say(&mut stream, StatusCode::BAD_REQUEST).await;
            (Reason::CutOff, Some(400))
        } else {
            return;
        };
        self.reject(reason, status, None, 0);
        linger(stream).await;
    }

    async fn respond(&self, request: Request<HyperBody>) -> Response<Full<Bytes>> {
        let (parts, mut body) = request.into_parts();
        if body.size_hint().lower() > self.limits.body as u64 {
            return self.turn_away(Reason::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, &parts, 0);
        }
        let mut received = 0;
        let whole = if body.is_end_stream() {
            Ok(Ok(Bytes::new()))
        } else {
            let whole = collect(&mut body, self.limits.body, &mut received);
            tokio::time::timeout(self.limits.body_timeout, whole).await
        };
        let (reason, status) = match whole {
            Ok(Ok(body)) => {
                let reply = self.handler.handle(incoming(&parts, body, self.remote)).await;
                return response(reply);
            }
            Ok(Err(Broken::TooLarge)) => (Reason::TooLarge, StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Err(Broken::CutOff)) => (Reason::CutOff, StatusCode::BAD_REQUEST),
            Err(_) => (Reason::TimedOut, StatusCode::REQUEST_TIMEOUT),
        };
        self.turn_away(reason, status, &parts, received)
    }

    fn turn_away(&self, reason: Reason, status: StatusCode, parts: &Parts, received: usize) -> Response<Full<Bytes>> {
        self.lingers.store(true, Ordering::Relaxed);
        let said = self.handler.refusal(status.as_u16(), &reason);
        self.reject(reason, Some(status.as_u16()), Some(head(parts)), received);
        let mut response = said.map_or_else(Response::default, response);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn reject(&self, reason: Reason, status: Option<u16>, head: Option<Head>, received: usize) {
        self.handler.rejected(Rejection {
            reason,
            status,
            head,
            received,
            remote: self.remote,
        });
    }
}

/// Reads a body. One that came in one piece, as most do, is not copied.
async fn collect(body: &mut HyperBody, limit: usize, received: &mut usize) -> Result<Bytes, Broken> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Broken::CutOff)?.into_data() else {
            continue;
        };
        *received += data.len();
        if *received > limit {
            return Err(Broken::TooLarge);
        }
        if joined.is_empty() && first.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.reserve(announced.clamp(first.len() + data.len(), BODY_RESERVED.max(*received)));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
        // Spares another turn of the loop, through hyper's channel.
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn head(parts: &Parts) -> Head {
    let target = match parts.uri.path_and_query() {
        Some(target) => target.as_str().to_owned(),
        None => parts.uri.to_string(),
    };
    let mut headers = Headers::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        headers.push_raw(name.as_str(), value.as_bytes());
    }
    let method = parts.method.as_str().to_owned();
    Head {
        method,
        target,
        headers,
    }
}

fn incoming(parts: &Parts, body: Bytes, remote: SocketAddr) -> Incoming {
    let Head {
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

/// Answers where hyper has given up.
async fn say<S: AsyncWrite + Unpin>(stream: &mut S, status: StatusCode) {
    let text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Ends our side and takes what the client still sends, for a while.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let until_end = async {
        let mut scrap = vec![0; 16 * 1024];
        let _ = stream.shutdown().await;
        while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {}
    };
    let _ = tokio::time::timeout(LINGER, until_end).await;
}
