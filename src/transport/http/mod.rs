//! The transport over HTTP/1.1, and over HTTP/2 where a server refuses HTTP/1.1: by reqwest, but straight over hyper where a connection is all that is needed. Nothing is
//! followed or decoded behind the engine's back, and one thing alone is repeated: a request whose connection turns out to
//! have ended while it was idle.

mod answer;
mod attempt;
mod client;
mod direct;
mod failure;
mod link;
mod options;
mod pinned;
mod pool;
mod resolve;
mod reuse;
mod shaped;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;

use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::transport::{AddressPolicy, Transport};

use attempt::{Connection, FailedAttempt, Way};
use client::Clients;
use direct::Direct;
use options::TransportSettings;
pub use options::{HttpOptions, HttpOptionsError};
use pool::DirectAddress;
use resolve::IS_LOOKING_UP;
pub use resolve::other_loopback_answers;
pub use shaped::{ShapedTransport, WireShape};

/// Below the 5 s after which Node closes an idle connection: a request sent into that moment has to be sent again.
const IDLE: Duration = Duration::from_secs(4);

/// Idle connections of a host: above any concurrency of a bulk send, and well below the limit of open files that is usual.
const MOST_IDLE: usize = 512;

/// Sends requests over HTTP. Cheap to make: what a request needs is built when the first one needs it.
pub struct HttpTransport {
    settings: TransportSettings,
    /// For `http:` to this machine or a literal address, without a proxy.
    direct: Direct,
    /// For all else.
    clients: Clients,
}

impl HttpTransport {
    /// Checks the options, and reads the file of certificates when there is one.
    pub fn new(options: HttpOptions) -> Result<Self, HttpOptionsError> {
        Ok(Self::with_settings(TransportSettings::new(options, |name| {
            std::env::var(name).ok()
        })?))
    }

    fn with_settings(settings: TransportSettings) -> Self {
        Self {
            settings,
            direct: Direct::default(),
            clients: Clients::default(),
        }
    }

    /// The header lines that would go over the wire, the transport's own included, in that order. The error says what
    /// cannot be sent.
    pub fn wire_headers(&self, request: &Request) -> Result<Headers, String> {
        let (keep_host, addresses) = (self.settings.keep_host, self.settings.addresses);
        if self.place(&request.url, addresses).is_some() {
            let ready = wire::direct(request, keep_host)?;
            return Ok(ready.headers().into());
        }
        let client = self
            .clients
            .get(&self.settings, &request.url, addresses, Way::default());
        let ready = wire::prepare(&client.map_err(|(_, text)| text)?, request, keep_host)?;
        Ok(ready.headers().into())
    }

    async fn exchange(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        if let Err(class) = addresses.check_url(&request.url) {
            return error(ErrorKind::Blocked, failure::blocked(class));
        }
        let answered = match self.attempt(request, addresses, Connection::Any).await {
            // The server never answered: it is the same attempt, and the receiver did not fail.
            Err(broken) if broken.had_ended => self.attempt(request, addresses, Connection::Fresh).await,
            answered => answered,
        };
        match answered {
            Ok(answer) => Outcome::Answer(answer),
            Err(FailedAttempt {
                failure: (kind, text), ..
            }) => error(kind, text),
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        addresses: AddressPolicy,
        connection: Connection,
    ) -> Result<Answer, FailedAttempt> {
        match self.place(&request.url, addresses) {
            Some(place) => self.direct.exchange(&self.settings, place, request, connection).await,
            // Its future is large, and would be moved with the other one for every delivery.
            None => Box::pin(self.by_client(request, addresses, connection)).await,
        }
    }

    /// HTTP/2 is for a server that takes nothing else: it may change what an app sees of the request.
    async fn by_client(
        &self,
        request: &Request,
        addresses: AddressPolicy,
        connection: Connection,
    ) -> Result<Answer, FailedAttempt> {
        let way = Way {
            connection,
            is_http2: false,
        };
        let (clients, settings) = (&self.clients, &self.settings);
        match clients.exchange(settings, request, addresses, way).await {
            Err(failed) if failed.refuses_http1 => {
                let way = Way { is_http2: true, ..way };
                let answer = clients.exchange(settings, request, addresses, way).await?;
                Ok(Answer {
                    note: Some("over HTTP/2: the server refuses HTTP/1.1".into()),
                    ..answer
                })
            }
            answered => answered,
        }
    }

    /// Where to connect to, when that is all that is needed.
    fn place(&self, url: &Url, addresses: AddressPolicy) -> Option<DirectAddress> {
        direct::place(url).filter(|_| !self.settings.is_proxied(url, addresses))
    }
}

impl Transport for HttpTransport {
    async fn send_within(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        let addresses = addresses.max(self.settings.addresses);
        let is_looking_up = Arc::new(AtomicBool::new(false));
        let exchange = IS_LOOKING_UP.scope(Arc::clone(&is_looking_up), self.exchange(request, addresses));
        match tokio::time::timeout(request.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) if is_looking_up.load(Ordering::Relaxed) => {
                let name = request.url.host_str().unwrap_or_default();
                let (kind, text) = failure::unresolved(&self.clients.lookups.out_of_time(name));
                error(kind, text)
            }
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
