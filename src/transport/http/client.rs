//! Attempts by reqwest: names, TLS, proxies and the connections that are kept are its own.

use std::sync::OnceLock;

use reqwest::Client;
use tower::util::MapResponseLayer;
use url::Url;

use super::answer::{Kept, KeptAnswer};
use super::attempt::{Broken, Connection, Failure};
use super::options::Settings;
use super::{IDLE, MOST_IDLE, failure, resolve, reuse, wire};
use crate::exchange::{Answer, ErrorKind, Request};

/// A client, or why there is none.
type Built = Result<Client, Failure>;

/// Clients, each built when the first request needs it.
#[derive(Default)]
pub(super) struct Clients {
    usual: Kinds,
    /// They keep no connection.
    fresh: Kinds,
}

#[derive(Default)]
struct Kinds {
    /// For `http:` without a proxy. Loads no root certificates, which take 3 ms.
    plain: OnceLock<Built>,
    /// For `https:` without a proxy.
    tls: OnceLock<Built>,
    /// For whatever goes through a proxy.
    proxied: OnceLock<Built>,
}

impl Clients {
    /// The client for requests to that URL.
    pub(super) fn get(&self, settings: &Settings, url: &Url, connection: Connection) -> Result<&Client, Failure> {
        let (proxied, is_tls) = (settings.is_proxied(url), url.scheme() == "https");
        let kinds = match connection {
            Connection::Any => &self.usual,
            Connection::Fresh => &self.fresh,
        };
        let slot = match (proxied, is_tls) {
            (true, _) => &kinds.proxied,
            (false, true) => &kinds.tls,
            (false, false) => &kinds.plain,
        };
        let built = slot.get_or_init(|| build(settings, proxied, is_tls, connection));
        built.as_ref().map_err(Clone::clone)
    }

    /// One attempt.
    pub(super) async fn exchange(
        &self,
        settings: &Settings,
        request: &Request,
        connection: Connection,
    ) -> Result<Answer, Broken> {
        let client = self.get(settings, &request.url, connection).map_err(Broken::here)?;
        let ready = wire::prepare(client, request, settings.keep_host);
        let ready = ready.map_err(|text| Broken::here((ErrorKind::Protocol, text)))?;
        let explain = |error| failure::explain(&error, &request.url, settings.is_proxied(&request.url));
        let response = match reuse::watched(client.execute(ready)).await {
            Ok(response) => response,
            Err((error, had_ended)) => {
                let failure = explain(error);
                return Err(Broken { failure, had_ended });
            }
        };
        let answer = read(response, settings.kept).await;
        answer.map_err(|error| Broken::here(explain(error)))
    }
}

fn build(settings: &Settings, proxied: bool, is_tls: bool, connection: Connection) -> Built {
    // reqwest would read the environment's proxies for every target; `Settings` decides which.
    // `max_retries_per_request(0)` also spares a copy of each request.
    let builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .http1_only()
        .tcp_nodelay(true)
        .dns_resolver(resolve::Resolver(settings.addresses))
        .connector_layer(MapResponseLayer::new(reuse::note))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(match connection {
            Connection::Any => MOST_IDLE,
            Connection::Fresh => 0,
        });
    let builder = settings.apply(builder, proxied, is_tls);
    let built = builder.map_err(|text| (ErrorKind::Connect, text))?.build();
    built.map_err(|error| (ErrorKind::Tls, failure::unbuilt(&error)))
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
