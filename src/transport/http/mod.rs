//! The transport over HTTP/1.1: on hyper where a connection is all that is needed, else on reqwest. Nothing is followed,
//! retried or decoded behind the engine's back.

mod direct;
mod failure;
mod loopback;
mod options;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, ClientBuilder};
use url::Url;

use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::transport::Transport;

use direct::{Broken, Direct, Place};
pub use loopback::other_loopback_answers;
pub use options::{HttpOptions, HttpOptionsError};
use options::{KeptAnswer, Settings};

/// How much of an answer beyond what is kept is read and thrown away, so that the connection can be used again.
const ANSWER_DRAINED: usize = 1024 * 1024;

/// Below the 5 s after which Node closes an idle connection: a request sent into that moment is lost.
const IDLE: Duration = Duration::from_secs(4);

/// Above any concurrency of a bulk send.
const IDLE_PER_HOST: usize = 1024;

/// A client, or why there is none.
type Built = Result<Client, (ErrorKind, String)>;

/// Sends requests over HTTP. Cheap to make: each of its clients is built when the first request needs it.
pub struct HttpTransport {
    settings: Settings,
    /// For `http:` to this machine or a literal address, without a proxy.
    direct: Direct,
    /// For `http:` to a name, without a proxy. Loads no root certificates, which take 3 ms.
    plain: OnceLock<Built>,
    /// For `https:` without a proxy.
    tls: OnceLock<Built>,
    /// For whatever goes through a proxy.
    proxied: OnceLock<Built>,
}

impl HttpTransport {
    /// Checks the options, and reads the file of certificates when there is one.
    pub fn new(options: HttpOptions) -> Result<Self, HttpOptionsError> {
        Ok(Self::with_settings(Settings::new(options, |name| {
            std::env::var(name).ok()
        })?))
    }

    fn with_settings(settings: Settings) -> Self {
        Self {
            settings,
            direct: Direct::default(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
            proxied: OnceLock::new(),
        }
    }

    /// The header lines that would go over the wire, the transport's own included, in that order. The error says what
    /// cannot be sent.
    pub fn wire_headers(&self, request: &Request) -> Result<Headers, String> {
        if self.place(&request.url).is_some() {
            let ready = wire::direct(request, self.settings.keep_host)?;
            return Ok(wire::read_headers(ready.headers()));
        }
        let proxied = self.settings.is_proxied(&request.url);
        let client = self.client(&request.url, proxied).map_err(|(_, text)| text)?;
        let ready = wire::prepare(client, request, self.settings.keep_host)?;
        Ok(wire::read_headers(ready.headers()))
    }

    /// Where to connect to, when that is all that is needed.
    fn place(&self, url: &Url) -> Option<Place> {
        direct::place(url).filter(|_| !self.settings.is_proxied(url))
    }

    fn client(&self, url: &Url, proxied: bool) -> Result<&Client, (ErrorKind, String)> {
        let is_tls = url.scheme() == "https";
        let slot = match (proxied, is_tls) {
            (true, _) => &self.proxied,
            (false, true) => &self.tls,
            (false, false) => &self.plain,
        };
        let built = slot.get_or_init(|| {
            let base = base().dns_resolver(loopback::Resolver(self.settings.addresses));
            let builder = self.settings.apply(base, proxied, is_tls);
            let builder = builder.map_err(|text| (ErrorKind::Connect, text))?;
            builder
                .build()
                .map_err(|error| (ErrorKind::Tls, failure::unbuilt(&error)))
        });
        built.as_ref().map_err(Clone::clone)
    }

    async fn exchange(&self, request: &Request) -> Outcome {
        if let Err(class) = self.settings.addresses.check_url(&request.url) {
            return error(ErrorKind::Blocked, failure::blocked(class));
        }
        let answered = match self.place(&request.url) {
            Some(place) => self.direct(place, request).await,
            // Its future is ten times as large as the other's, and would be moved with it for every delivery.
            None => Box::pin(self.by_reqwest(request)).await,
        };
        match answered {
            Ok(answer) => Outcome::Answer(answer),
            Err((kind, text)) => error(kind, text),
        }
    }

    async fn direct(&self, place: Place, request: &Request) -> Result<Answer, (ErrorKind, String)> {
        let ready = wire::direct(request, self.settings.keep_host).map_err(|text| (ErrorKind::Protocol, text))?;
        let answered = self.direct.exchange(place, ready, self.settings.kept).await;
        answered.map_err(|broken| match broken {
            Broken::Connect(error) => failure::unconnected(&error, &request.url),
            Broken::Exchange(error) => failure::broken_off(&error, &request.url),
        })
    }

    async fn by_reqwest(&self, request: &Request) -> Result<Answer, (ErrorKind, String)> {
        let proxied = self.settings.is_proxied(&request.url);
        let client = self.client(&request.url, proxied)?;
        let ready =
            wire::prepare(client, request, self.settings.keep_host).map_err(|text| (ErrorKind::Protocol, text))?;
        let answered = match client.execute(ready).await {
            Ok(response) => read(response, self.settings.kept).await,
            Err(error) => Err(error),
        };
        answered.map_err(|broken| failure::explain(&broken, &request.url, proxied))
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: &Request) -> Outcome {
        match tokio::time::timeout(request.timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => error(
                ErrorKind::Timeout,
                format!("no complete answer within {:?}", request.timeout),
            ),
        }
    }
}

/// What all clients have in common.
fn base() -> ClientBuilder {
    // reqwest would read the environment's proxies for every target; `Settings` decides which.
    // `max_retries_per_request(0)` also spares a copy of each request.
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http1_only()
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
}

async fn read(mut response: reqwest::Response, keep: KeptAnswer) -> reqwest::Result<Answer> {
    let status = response.status().as_u16();
    let headers = wire::read_headers(response.headers());
    let mut kept = Kept::new(keep);
    while let Some(chunk) = response.chunk().await? {
        if !kept.takes(&chunk) {
            break;
        }
    }
    Ok(kept.answer(status, headers))
}

/// The body of an answer as it comes in.
struct Kept {
    keep: KeptAnswer,
    bytes: Vec<u8>,
    drained: usize,
}

impl Kept {
    fn new(keep: KeptAnswer) -> Self {
        Self {
            keep,
            bytes: Vec::new(),
            drained: 0,
        }
    }

    /// Takes a piece; whether more is wanted.
    fn takes(&mut self, piece: &[u8]) -> bool {
        let most = self.keep.whole.unwrap_or_default().max(self.keep.beginning);
        let fits = piece.len().min(most - self.bytes.len());
        self.bytes.extend_from_slice(&piece[..fits]);
        self.drained += piece.len() - fits;
        self.drained <= ANSWER_DRAINED
    }

    fn answer(self, status: u16, headers: Headers) -> Answer {
        let all = Bytes::from(self.bytes);
        let beginning = all.len().min(self.keep.beginning);
        Answer {
            status,
            headers,
            body: all.slice(..beginning),
            truncated: self.drained > 0 || all.len() > beginning,
            whole: self.keep.whole.filter(|_| self.drained == 0).map(|_| all),
        }
    }
}

fn error(kind: ErrorKind, text: String) -> Outcome {
    Outcome::Error { kind, text }
}
