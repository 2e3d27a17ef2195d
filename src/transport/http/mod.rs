//! The transport: HTTP/1.1 on hyper's connections. Nothing is followed or decoded behind the engine's back, and one thing
//! alone is repeated: a request whose connection turns out to have ended while it was idle.

mod answer;
mod connect;
mod failure;
mod link;
mod options;
mod pool;
mod resolve;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use url::Url;

use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::transport::{AddressPolicy, Transport};

use connect::{Place, Route};
use link::{Broken, Link};
use options::Settings;
pub use options::{HttpOptions, HttpOptionsError};
use pool::Pool;
pub use resolve::other_loopback_answers;

/// What went wrong, as a kind and a fact for people.
type Failure = (ErrorKind, String);

/// Sends requests over HTTP. Cheap to make: what TLS needs is read when the first connection needs it.
pub struct HttpTransport {
    settings: Settings,
    idle: Pool,
    tls: OnceLock<Result<Arc<ClientConfig>, rustls::Error>>,
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
            idle: Pool::default(),
            tls: OnceLock::new(),
        }
    }

    /// The header lines that would go over the wire, the transport's own included, in that order. The error says what
    /// cannot be sent.
    pub fn wire_headers(&self, request: &Request) -> Result<Headers, String> {
        let ready = wire::request(request, self.settings.keep_host, None)?;
        Ok(wire::read_headers(ready.headers()))
    }

    async fn exchange(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        if let Err(class) = addresses.check_url(&request.url) {
            return error(ErrorKind::Blocked, failure::blocked(class));
        }
        match self.answer(request, addresses).await {
            Ok(answer) => Outcome::Answer(answer),
            Err((kind, text)) => error(kind, text),
        }
    }

    /// On a connection that is idle if there is one. When that has ended before a byte of the answer came, the server had
    /// closed it and never answered: the same request goes out once more, on a fresh one.
    async fn answer(&self, request: &Request, addresses: AddressPolicy) -> Result<Answer, Failure> {
        let route = self.route(&request.url, addresses)?;
        let broken_off = |broken: Broken| failure::broken_off(&broken.error, &request.url, route.is_proxied());
        let mut ready = self.ready(request, &route)?;
        if let Some(link) = self.idle.take(&route) {
            match self.attempt(&route, link, ready).await {
                Err(broken) if broken.unheard => ready = self.ready(request, &route)?,
                ended => return ended.map_err(broken_off),
            }
        }
        let tls = || {
            let config = || tls::config(self.settings.insecure, &self.settings.roots);
            self.tls.get_or_init(config).clone()
        };
        // Its future is large, and would be moved with this one for every delivery.
        let connected = Box::pin(route.connect(tls)).await;
        let link = connected.map_err(|error| failure::unconnected(&error, &request.url, route.is_proxied()))?;
        self.attempt(&route, link, ready).await.map_err(broken_off)
    }

    fn ready(&self, request: &Request, route: &Route) -> Result<wire::Request, Failure> {
        let ready = wire::request(request, self.settings.keep_host, route.whole_url());
        ready.map_err(|text| (ErrorKind::Protocol, text))
    }

    async fn attempt(&self, route: &Route, mut link: Link, ready: wire::Request) -> Result<Answer, Broken> {
        let (answer, can_go_on) = link.exchange(ready, self.settings.kept).await?;
        if can_go_on && !link.is_closed() {
            self.idle.keep(route.clone(), link);
        }
        Ok(answer)
    }

    fn route(&self, url: &Url, addresses: AddressPolicy) -> Result<Route, Failure> {
        let unreachable = || (ErrorKind::Protocol, "the URL cannot be asked for over HTTP".to_owned());
        let place = Place::of(url).ok_or_else(unreachable)?;
        let proxy = self
            .settings
            .proxy(url, addresses)
            .map_err(|text| (ErrorKind::Connect, text))?;
        Ok(match proxy {
            None => Route::Direct(place, addresses),
            Some(proxy) if place.tls => Route::Tunnel(proxy, place),
            Some(proxy) => Route::Proxy(proxy),
        })
    }
}

impl Transport for HttpTransport {
    async fn send_within(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        let addresses = addresses.max(self.settings.addresses);
        match tokio::time::timeout(request.timeout, self.exchange(request, addresses)).await {
            Ok(outcome) => outcome,
            Err(_) => error(
                ErrorKind::Timeout,
                format!("no complete answer within {:?}", request.timeout),
            ),
        }
    }
}

fn error(kind: ErrorKind, text: String) -> Outcome {
    Outcome::Error { kind, text }
}
