//! A receiver of what `feed` made: it tells how many events came, when, and how old they were.
//!
//! `/ok` is answered 200. `/hang` is read and never answered, or with 500 when nothing is to hang. `GET /stats` tells of what
//! came to `/ok` since the last `GET /reset`.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::receive::plain;

/// The text in front of the creation time in the body of an event.
pub const MADE: &str = r#""made_us":"#;

#[derive(Default)]
struct Arrivals {
    /// In microseconds.
    ages: Vec<u32>,
    last_us: u128,
}

/// Serves until the process is killed.
pub async fn run(port: u16, hangs: bool) -> crate::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let arrivals = Rc::new(RefCell::new(Arrivals::default()));
    let accept = async move {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let arrivals = Rc::clone(&arrivals);
            let service = service_fn(move |request| answer(request, Rc::clone(&arrivals), hangs));
            tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    };
    LocalSet::new().run_until(accept).await
}

async fn answer(
    request: Request<Incoming>,
    arrivals: Rc<RefCell<Arrivals>>,
    hangs: bool,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(plain(StatusCode::BAD_REQUEST, b""));
    };
    match (parts.method, parts.uri.path()) {
        (Method::GET, "/reset") => *arrivals.borrow_mut() = Arrivals::default(),
        (Method::GET, "/stats") => return Ok(Response::new(Full::new(Bytes::from(arrivals.borrow_mut().stats())))),
        (Method::POST, "/hang") if hangs => return std::future::pending().await,
        (Method::POST, "/hang") => return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, b"")),
        (Method::POST, _) => arrivals.borrow_mut().add(&body.to_bytes()),
        _ => return Ok(plain(StatusCode::NOT_FOUND, b"")),
    }
    Ok(plain(StatusCode::OK, b"ok"))
}

impl Arrivals {
    fn add(&mut self, body: &[u8]) {
        self.last_us = crate::now_us();
        let age = made(body).map_or(0, |made| self.last_us.saturating_sub(made));
        self.ages.push(u32::try_from(age).unwrap_or(u32::MAX));
    }

    fn stats(&mut self) -> String {
        self.ages.sort_unstable();
        let at = |hundredth: usize| {
            self.ages
                .get((self.ages.len() * hundredth / 100).min(self.ages.len().max(1) - 1))
        };
        json!({"count": self.ages.len(), "last_us": self.last_us, "p50_us": at(50), "p99_us": at(99), "max_us": at(100)})
            .to_string()
    }
}

/// When an event was made, in microseconds since the epoch.
fn made(body: &[u8]) -> Option<u128> {
    let start = body.windows(MADE.len()).position(|part| part == MADE.as_bytes())? + MADE.len();
    let digits = body[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&body[start..start + digits]).ok()?.parse().ok()
}
