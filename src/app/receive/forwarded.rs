//! The delivery of a forward: a captured request to another URL, or the rest of a recorded forward.

use std::sync::Arc;

use url::{Position, Url};

use super::policy::WorkPolicy;
use super::source::Item;
use super::work_context::WorkContext;
use crate::engine::{Delivery, Label, Progress, Promise, Signing};
use crate::exchange::Source;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::listener::without_path;
use crate::pipeline;
use crate::store::{Capture, NewCapture, NewDelivery, Sealed, SealedPlace};
use crate::transport::{AddressPolicy, join_url};

impl WorkContext {
    /// The same bytes to another URL: end-to-end headers, and where they came from.
    pub(super) fn forward(&self, target: &Url, capture: &Capture, policy: &WorkPolicy, promise: Promise) -> Delivery {
        let (now, request) = (self.clock.now(), &capture.request);
        let url = match &policy.inbound {
            Some(_) => join_url(target, &without_path(&request.target)),
            None => join_url(target, &request.target),
        };
        let message = pipeline::message_of(request, Id::new(IdKind::Message, now, &self.random));
        let label = Label {
            source: Source::Forward,
            provider: request.provider.clone(),
            origin: Some(capture.number),
            promise,
            ..Label::default()
        };
        let (signing, rules) = (Signing::AsCaptured, Arc::new(policy.delivery()));
        Delivery {
            headers: headers(request, policy),
            method: request.method.clone(),
            ..Delivery::new(&self.random, now, message, url, signing, rules, label)
        }
    }

    /// The next attempt of a recorded forward, which is due; `None` when the record is not whole.
    pub(super) fn resume_forward(&self, record: NewDelivery, item: &Item) -> Option<Delivery> {
        let now = self.clock.now();
        let progress = Progress {
            next_due: None,
            ..pipeline::progress(&record, now)
        };
        let label = Label {
            source: Source::Forward,
            provider: record.provider,
            endpoint: record.endpoint,
            tenant: record.tenant,
            origin: record.origin,
            execution: record.execution,
            promise: Promise::Begun(item.work.key),
            health: None,
        };
        let (url, signing) = (Url::parse(&record.url).ok()?, Signing::AsCaptured);
        let rules = record.policy.unwrap_or_else(|| Arc::new(item.policy.delivery()));
        let fresh = Delivery::new(&self.random, now, record.message, url, signing, rules, label);
        Some(Delivery {
            id: record.id,
            at: record.at,
            method: record.method,
            headers: record.headers,
            progress,
            addresses: match record.addresses {
                // A text of a newer version must not widen what may be reached.
                Some(text) => AddressPolicy::from_name(&text)?,
                None => fresh.addresses,
            },
            ..fresh
        })
    }
}

/// Whether a secret that is not available would be missing in what is sent.
pub(super) fn goes_out(sealed: &Sealed, headers: &Headers, with_target: bool) -> bool {
    match (&sealed.header, sealed.place) {
        (_, SealedPlace::Request | SealedPlace::Forwarded) => false,
        (Some(name), _) => headers.contains(name),
        (None, SealedPlace::Target) => with_target,
        (None, _) => true,
    }
}

/// The end-to-end headers of the request, and where it came from.
fn headers(request: &NewCapture, policy: &WorkPolicy) -> Headers {
    let mut headers = request.headers.end_to_end();
    let host = request.headers.get("host").filter(|host| !host.is_empty());
    if let Some(host) = host.filter(|_| policy.keep_host) {
        headers.append("host", host);
    }
    add_forwarded(&mut headers, &request.remote, host, policy);
    headers
}

/// Adds where a request came from, and the URL that the sender used: an app that checks a signature over the URL needs the
/// one that was verified here.
fn add_forwarded(headers: &mut Headers, remote: &str, host: Option<&[u8]>, policy: &WorkPolicy) {
    let peer = remote.rsplit_once(':').map_or(remote, |(address, _)| address);
    let mut chain: Vec<&[u8]> = headers.all("x-forwarded-for").filter(|line| !line.is_empty()).collect();
    chain.push(peer.trim_matches(['[', ']']).as_bytes());
    let chain = chain.join(b", ".as_slice());
    headers.set("x-forwarded-for", chain);
    let public = policy.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let is_tls = public.as_ref().map_or(policy.tls, |url| url.scheme() == "https");
    // Protocol and host of a proxy before us stay alone, since an app takes the last or all of several lines.
    if !headers.contains("x-forwarded-proto") {
        headers.append("x-forwarded-proto", if is_tls { "https" } else { "http" });
    }
    let public = public
        .as_ref()
        .map(|url| &url[Position::BeforeHost..Position::AfterPort]);
    if let Some(host) = public.map(str::as_bytes).or(host)
        && !headers.contains("x-forwarded-host")
    {
        headers.append("x-forwarded-host", host);
    }
}
