//! What a forwarded request says: the headers that came, and where it came from.

use url::{Position, Url};

use super::policy::WorkPolicy;
use crate::headers::Headers;
use crate::store::NewCapture;

/// The path of an inbound trigger is its secret and no business of an app's.
pub(super) fn without_path(target: &str) -> String {
    match target.split_once('?') {
        Some((_, query)) => format!("/?{query}"),
        None => "/".to_owned(),
    }
}

/// Those of the request that are not about its connection, and where it came from.
pub(super) fn headers(request: &NewCapture, policy: &WorkPolicy) -> Headers {
    let mut headers = request.headers.end_to_end();
    let host = request.headers.get("host").filter(|host| !host.is_empty());
    if let Some(host) = host.filter(|_| policy.keep_host) {
        headers.append("host", host);
    }
    add_forwarded(&mut headers, &request.remote, host, policy);
    headers
}

/// Says where a request came from, and under which URL the sender knows us: an app that checks a signature of the URL
/// needs the one that was verified here. What a proxy before us said about protocol and host stays alone, since an app
/// takes the last or all of several lines; the chain of addresses grows.
fn add_forwarded(headers: &mut Headers, remote: &str, host: Option<&[u8]>, policy: &WorkPolicy) {
    let peer = remote.rsplit_once(':').map_or(remote, |(address, _)| address);
    let mut chain: Vec<&[u8]> = headers.all("x-forwarded-for").filter(|line| !line.is_empty()).collect();
    chain.push(peer.trim_matches(['[', ']']).as_bytes());
    let chain = chain.join(b", ".as_slice());
    headers.set("x-forwarded-for", chain);
    let public = policy.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let is_tls = public.as_ref().map_or(policy.tls, |url| url.scheme() == "https");
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
