//! A service that keeps the events that it acknowledges and delivers each once: the least that a durable one must do.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::body::{self, HEADER, Key};
use crate::journal::Journal;
use crate::receive::plain;

struct Service {
    client: Client<HttpConnector, Full<Bytes>>,
    target: String,
    key: Key,
    journal: Journal,
    numbers: AtomicU64,
    /// Deliveries at once.
    places: Semaphore,
}

/// Serves until the process is killed.
pub async fn run(port: u16, target: &str, path: &str, concurrency: usize) -> crate::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let service = Arc::new(Service {
        client: Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(concurrency)
            .build(connector),
        target: target.to_owned(),
        key: body::key()?,
        journal: Journal::create(path)?,
        numbers: AtomicU64::new(0),
        places: Semaphore::new(concurrency),
    });
    tokio::spawn(serve(port, service)).await?
}

async fn serve(port: u16, service: Arc<Service>) -> crate::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = Arc::clone(&service);
        let answers = service_fn(move |request| accept(request, Arc::clone(&service)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answers));
    }
}

async fn accept(request: Request<Incoming>, service: Arc<Service>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(body) = request.into_body().collect().await else {
        return Ok(plain(StatusCode::BAD_REQUEST, b""));
    };
    let (body, number) = (body.to_bytes(), service.numbers.fetch_add(1, Ordering::Relaxed));
    let mut lines = format!("event {number} {}\n", body.len()).into_bytes();
    lines.extend_from_slice(&body);
    lines.push(b'\n');
    if !service.journal.keep(lines).await {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, b""));
    }
    tokio::spawn(deliver(service, number, body));
    let mut answer = Response::new(Full::new(Bytes::from(format!(r#"{{"id":"evt_{number}"}}"#))));
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}

async fn deliver(service: Arc<Service>, number: u64, body: Bytes) {
    let Ok(_place) = service.places.acquire().await else {
        return;
    };
    let request = Request::post(&service.target)
        .header("content-type", "application/json")
        .header(HEADER, body::signature(&service.key, &body))
        .body(Full::new(body));
    let status = match request {
        Ok(request) => answered(&service, request).await,
        Err(_) => 0,
    };
    service
        .journal
        .note(format!("outcome {number} {status}\n").into_bytes());
}

/// The status of a whole answer; 0 for none.
async fn answered(service: &Service, request: Request<Full<Bytes>>) -> u16 {
    let Ok(response) = service.client.request(request).await else {
        return 0;
    };
    let status = response.status().as_u16();
    if response.into_body().collect().await.is_ok() {
        status
    } else {
        0
    }
}
