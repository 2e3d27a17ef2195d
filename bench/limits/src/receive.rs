//! A receiver that keeps what it acknowledges and does nothing else: signature, a JSON line, one sync for all that wait,
//! then the answer.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::body::{self, HEADER, Key};
use crate::journal::Journal;

struct Receiver {
    key: Key,
    journal: Journal,
}

/// Serves until the process is killed.
pub async fn run(port: u16, path: &str) -> crate::Result<()> {
    let receiver = Arc::new(Receiver {
        key: body::key()?,
        journal: Journal::create(path)?,
    });
    tokio::spawn(serve(port, receiver)).await?
}

async fn serve(port: u16, receiver: Arc<Receiver>) -> crate::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let receiver = Arc::clone(&receiver);
        let service = service_fn(move |request| answer(request, Arc::clone(&receiver)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, receiver: Arc<Receiver>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(plain(StatusCode::BAD_REQUEST, b""));
    };
    let body = body.to_bytes();
    let given = parts.headers.get(HEADER).map_or(&b""[..], |value| value.as_bytes());
    let verified = body::verifies(&receiver.key, &body, given);
    if !receiver.journal.keep(line(&parts, &body, verified)).await {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, b""));
    }
    Ok(if verified {
        plain(StatusCode::OK, b"ok")
    } else {
        plain(StatusCode::UNAUTHORIZED, b"")
    })
}

/// An answer of that status with that body.
pub fn plain(status: StatusCode, text: &'static [u8]) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text)));
    *response.status_mut() = status;
    response
}

/// The request as one line of JSON.
fn line(parts: &Parts, body: &[u8], verified: bool) -> Vec<u8> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut line = Vec::with_capacity(body.len() + 512);
    let _ = write!(line, r#"{{"at":{},"method":"{}","path":"#, at.as_micros(), parts.method);
    let _ = serde_json::to_writer(&mut line, parts.uri.path());
    line.extend_from_slice(br#","headers":["#);
    for (index, (name, value)) in parts.headers.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        let _ = serde_json::to_writer(&mut line, &(name.as_str(), text(value.as_bytes())));
    }
    let _ = write!(line, r#"],"verified":{verified},"body":"#);
    let _ = serde_json::to_writer(&mut line, &text(body));
    line.extend_from_slice(b"}\n");
    line
}
