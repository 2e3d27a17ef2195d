//! Attempts by reqwest: names, TLS, proxies and the connections that are kept are its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use tower::util::MapResponseLayer;
use url::Url;

use super::answer::{AnswerBody, KeptAnswer};
use super::attempt::{Connection, FailedAttempt, Failure, Way};
use super::options::TransportSettings;
use super::resolve::{LookupHistory, Resolver};
use super::{IDLE, failure, reuse, wire};
use crate::exchange::{Answer, ErrorKind, Request};
use crate::transport::AddressPolicy;

/// A client, or why there is none.
type Built = Result<Client, Failure>;

/// Clients, each built when the first request needs it.
#[derive(Default)]
pub(super) struct Clients {
    built: Mutex<HashMap<ClientKind, Built>>,
    /// Of all of them.
    pub(super) lookups: Arc<LookupHistory>,
}

/// What a client is for. Each has connections of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ClientKind {
    /// Its resolver looks at them.
    addresses: AddressPolicy,
    proxied: bool,
    /// Without a proxy: one for `http:` alone loads no root certificates, which take 3 ms.
    is_tls: bool,
    /// One for fresh connections keeps none.
    way: Way,
}

impl Clients {
    /// The client for requests to that URL.
    pub(super) fn get(&self, settings: &TransportSettings, url: &Url, addresses: AddressPolicy, way: Way) -> Built {
        let kind = ClientKind {
            addresses,
            proxied: settings.is_proxied(url, addresses),
            is_tls: url.scheme() == "https",
            way,
        };
        let mut clients = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let built = clients.entry(kind);
        built.or_insert_with(|| kind.build(settings, &self.lookups)).clone()
    }

    /// One attempt.
    pub(super) async fn exchange(
        &self,
        settings: &TransportSettings,
        request: &Request,
        addresses: AddressPolicy,
        way: Way,
    ) -> Result<Answer, FailedAttempt> {
        let client = self.get(settings, &request.url, addresses, way);
        let client = client.map_err(FailedAttempt::here)?;
        let ready = wire::prepare(&client, request, settings.keep_host);
        let ready = ready.map_err(|text| FailedAttempt::here((ErrorKind::Protocol, text)))?;
        let explain = |error| {
            let proxied = settings.is_proxied(&request.url, addresses);
            failure::explain(&error, &request.url, proxied)
        };
        let response = match reuse::watched(client.execute(ready)).await {
            Ok(response) => response,
            Err((error, had_ended)) => {
                let refuses_http1 = !way.is_http2 && failure::refuses_protocol(&error);
                let failure = explain(error);
                return Err(FailedAttempt {
                    failure,
                    had_ended,
                    refuses_http1,
                });
            }
        };
        let answer = read(response, settings.kept).await;
        answer.map_err(|error| FailedAttempt::here(explain(error)))
    }
}

impl ClientKind {
    fn build(self, settings: &TransportSettings, lookups: &Arc<LookupHistory>) -> Built {
        // reqwest would read the environment's proxies for every target; `TransportSettings` decides which.
        // `max_retries_per_request(0)` also spares a copy of each request.
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .tcp_nodelay(true)
            .dns_resolver(Resolver {
                policy: self.addresses,
                lookups: Arc::clone(lookups),
            })
            .connector_layer(MapResponseLayer::new(reuse::note))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(match self.way.connection {
                Connection::Any => settings.idle,
                Connection::Fresh => 0,
            });
        let (builder, protocol): (_, &[u8]) = if self.way.is_http2 {
            (builder.http2_prior_knowledge(), b"h2")
        } else {
            (builder.http1_only(), b"http/1.1")
        };
        let builder = settings.apply(builder, self.proxied, self.is_tls, protocol);
        let built = builder.map_err(|text| (ErrorKind::Connect, text))?.build();
        built.map_err(|error| (ErrorKind::Tls, failure::unbuilt(&error)))
    }
}

async fn read(mut response: reqwest::Response, keep: KeptAnswer) -> reqwest::Result<Answer> {
    let status = response.status().as_u16();
    let headers = response.headers().into();
    let mut kept = AnswerBody::new(keep);
    while let Some(chunk) = response.chunk().await? {
        if !kept.takes(&chunk) {
            break;
        }
    }
    Ok(kept.answer(status, headers))
}
