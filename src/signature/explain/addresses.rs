//! Mistakes with the URL, where the sender signs it: scheme, host, port, slash and query are changed by proxies, and by
//! frameworks that put the URL together again.

use std::borrow::Cow;

use url::Url;

use super::bench::{Bench, Trial};
use super::{Explanation, found};
use crate::headers::Headers;
use crate::template::{Part, Placeholder, Template};

/// A URL that the sender may have had, and how it differs from the one here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) differs: &'static str,
}

/// Another URL than the one here, where the scheme signs it.
pub(super) fn url_differs(bench: &Bench<'_>) -> Option<Explanation> {
    let url = bench.case.received.url.filter(|_| bench.case.scheme.signs_target())?;
    let used = variants(url, bench.case.received.headers).into_iter().find(|address| {
        bench.fits(&Trial {
            url: Some(Cow::Borrowed(address.url.as_str())),
            ..bench.trial()
        })
    })?;
    let shown = used.url.escape_debug();
    Some(found(
        format!("the sender signs the URL as `{shown}`, {}", used.differs),
        format!("give it as the sender has it: `hook verify --url {shown}`, `hook listen --public-url`"),
    ))
}

/// The URL before the body, though the scheme signs none.
pub(super) fn url_signed(bench: &Bench<'_>) -> Option<Explanation> {
    let is_new = bench.signs_body() && !bench.case.scheme.signs_target();
    let url = bench.case.received.url.filter(|_| is_new)?;
    let headers = bench.case.received.headers;
    let body = Part::Placeholder(Placeholder::Body);
    let content = bench.content()?;
    let own = Address {
        url: url.to_owned(),
        differs: "",
    };
    let used = std::iter::once(own).chain(variants(url, headers)).find(|address| {
        let before = Template::of(vec![Part::Text(address.url.clone()), body.clone()]);
        let after = Template::of(vec![body.clone(), Part::Text(address.url.clone())]);
        bench.signed(&before) || bench.signed(&after)
    })?;
    let differs = match used.differs {
        "" => String::new(),
        differs => format!(", {differs}"),
    };
    Some(found(
        format!(
            "the sender signs the URL with the body, as `{}`{differs}",
            used.url.escape_debug()
        ),
        format!("what is signed must be `{content}`"),
    ))
}

/// What the URL may have been at the sender.
pub(super) fn variants(url: &str, headers: &Headers) -> Vec<Address> {
    let Ok(base) = Url::parse(url) else {
        return Vec::new();
    };
    let mut found: Vec<Address> = Vec::new();
    let mut add = |url: String, differs| {
        if url != base.as_str() && !found.iter().any(|have| have.url == url) {
            found.push(Address { url, differs });
        }
    };
    let other_scheme = |url: &Url| {
        let other = if url.scheme() == "https" { "http" } else { "https" };
        let rest = url.as_str().split_once(':')?.1;
        Some(format!("{other}:{rest}"))
    };
    let mut hosts = vec![(base.clone(), "")];
    for name in ["x-forwarded-host", "x-original-host", "host"] {
        let Some(host) = headers.get_text(name).and_then(|text| text.split(',').next()) else {
            continue;
        };
        let path = &base[url::Position::BeforePath..];
        if let Ok(proxied) = Url::parse(&format!("{}://{}{path}", base.scheme(), host.trim())) {
            hosts.push((proxied, "with a proxy's host"));
        }
    }
    for (host, differs) in &hosts {
        add(host.to_string(), *differs);
        let pick = |own: &'static str| if differs.is_empty() { own } else { *differs };
        if let Some(text) = other_scheme(host) {
            add(text, pick("with the other one of http and https"));
        }
        let mut with = |change: &dyn Fn(&mut Url), own: &'static str| {
            let mut changed = host.clone();
            change(&mut changed);
            if let Some(text) = other_scheme(&changed) {
                add(text, pick(own));
            }
            add(changed.into(), pick(own));
        };
        with(
            &|url| {
                let _ = url.set_port(None);
            },
            "without the port",
        );
        with(&|url| url.set_query(None), "without the query");
        let path = host.path().trim_end_matches('/').to_owned();
        let slash = !host.path().ends_with('/');
        with(
            &|url| url.set_path(&if slash { format!("{path}/") } else { path.clone() }),
            "with or without the last slash",
        );
        // The parsed form has no default port and always a path.
        if let Some(port) = host.port_or_known_default().filter(|_| host.port().is_none()) {
            let rest = &host[url::Position::BeforePath..];
            let host_text = host.host_str().unwrap_or_default();
            add(
                format!("{}://{host_text}:{port}{rest}", host.scheme()),
                pick("with the port"),
            );
        }
        if host.path() == "/" && host.query().is_none() {
            add(
                host.as_str().trim_end_matches('/').to_owned(),
                pick("without the last slash"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxies_and_frameworks_do_to_a_url_is_undone() {
        let headers: Headers = [("x-forwarded-host", "hooks.example.com")].into_iter().collect();
        let variants = variants("http://app:8080/in?a=1", &headers);
        let has = |url: &str| variants.iter().any(|address| address.url == url);
        for url in [
            "https://app:8080/in?a=1",
            "http://app/in?a=1",
            "https://app/in?a=1",
            "http://app:8080/in",
            "http://app:8080/in/?a=1",
            "https://hooks.example.com/in?a=1",
            "http://hooks.example.com:80/in?a=1",
        ] {
            assert!(has(url), "{url}: {variants:?}");
        }
        assert!(!has("http://app:8080/in?a=1"), "it is what came");
        assert!(super::variants("no url", &headers).is_empty());
    }
}
