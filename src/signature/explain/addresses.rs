//! Mistakes with the URL, where the sender signs it: scheme, host, port, slash and query are changed by proxies, and by
//! frameworks that put the URL together again.

use std::borrow::Cow;

use url::Url;

use super::context::{ProbeContext, Trial};
use super::{Explanation, found};
use crate::headers::Headers;
use crate::shell::quote;
use crate::signature::url_form::parts_of;
use crate::template::{Part, Placeholder, Template};

/// Headers in which a host may stand that the sender knows.
const HOSTS: [&str; 3] = ["x-forwarded-host", "x-original-host", "host"];

/// Another URL than the one here, where the scheme signs it.
pub(super) fn url_differs(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let url = bench.case.received.url.filter(|_| bench.case.scheme.signs_target())?;
    let used = variants(url, bench.case.received.headers).into_iter().find(|used| {
        bench.fits(&Trial {
            url: Some(Cow::Borrowed(used.as_str())),
            ..bench.trial()
        })
    })?;
    Some(found(
        format!("the sender signs the URL as `{used}`, {}", difference(url, &used)),
        format!(
            "give it as the sender has it: `--url {}`; to `hook listen` what is before the path: `--public-url`",
            quote(&used)
        ),
    ))
}

/// The URL before the body, though the scheme signs none.
pub(super) fn url_signed(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let is_new = bench.signs_body() && !bench.case.scheme.signs_target();
    let url = bench.case.received.url.filter(|_| is_new)?;
    let body = Part::Placeholder(Placeholder::Body);
    let content = bench.content()?;
    let others = variants(url, bench.case.received.headers);
    let used = std::iter::once(url.to_owned()).chain(others).find(|used| {
        let before = Template::of(vec![Part::Text(used.clone()), body.clone()]);
        let after = Template::of(vec![body.clone(), Part::Text(used.clone())]);
        bench.signed(&before) || bench.signed(&after)
    })?;
    let differs = if used == url {
        String::new()
    } else {
        format!(", {}", difference(url, &used))
    };
    Some(found(
        format!(
            "the sender signs the URL with the body, as `{}`{differs}",
            used.escape_debug()
        ),
        format!("what is signed must be `{content}`"),
    ))
}

/// What the URL may have been at the sender: with another host, and each so, then with one thing changed; all with
/// either of http and https.
fn variants(url: &str, headers: &Headers) -> Vec<String> {
    let Ok(base) = Url::parse(url) else {
        return Vec::new();
    };
    let proxied = HOSTS.iter().filter_map(|name| {
        let host = headers.get_text(name)?.split(',').next()?.trim();
        let path = &base[url::Position::BeforePath..];
        Url::parse(&format!("{}://{host}{path}", base.scheme())).ok()
    });
    let mut found: Vec<String> = Vec::new();
    for host in std::iter::once(base.clone()).chain(proxied) {
        for changed in changed(&host) {
            for text in [Some(changed.clone()), with_other_scheme(&changed)]
                .into_iter()
                .flatten()
            {
                if text != url && !found.contains(&text) {
                    found.push(text);
                }
            }
        }
    }
    found
}

/// The URL, and what it is with one thing changed.
fn changed(url: &Url) -> Vec<String> {
    let with = |change: &dyn Fn(&mut Url)| {
        let mut changed = url.clone();
        change(&mut changed);
        String::from(changed)
    };
    let path = url.path().trim_end_matches('/');
    let other_end = if url.path().ends_with('/') {
        path.to_owned()
    } else {
        format!("{path}/")
    };
    let mut all = vec![
        url.to_string(),
        with(&|url| {
            let _ = url.set_port(None);
        }),
        with(&|url| url.set_query(None)),
        with(&|url| url.set_path(&other_end)),
    ];
    // The parsed form has no default port and always a path.
    if let (None, Some(host)) = (url.port(), url.host_str()) {
        let rest = &url[url::Position::BeforePath..];
        let port = url.port_or_known_default().unwrap_or_default();
        all.push(format!("{}://{host}:{port}{rest}", url.scheme()));
    }
    if url.path() == "/" {
        let before = &url[..url::Position::BeforePath];
        all.push(format!("{before}{}", &url[url::Position::AfterPath..]));
    }
    all
}

/// With https for http or the reverse, and the port that goes with it.
fn with_other_scheme(url: &str) -> Option<String> {
    let (scheme, host, port, rest) = parts_of(url)?;
    let (other, own, its) = if scheme == "https" {
        ("http", "443", ":80")
    } else {
        ("https", "80", ":443")
    };
    let port = match port {
        Some(port) if port == own => its.to_owned(),
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    Some(format!("{other}://{host}{port}{rest}"))
}

/// What the sender's URL has that the one here has not.
fn difference(here: &str, there: &str) -> String {
    let parts = |url| parts_of(url).unwrap_or(("", "", None, url));
    let ((scheme, host, port, rest), (other_scheme, other_host, other_port, other_rest)) = (parts(here), parts(there));
    let slash = |rest: &str| rest.split('?').next().is_some_and(|path| path.ends_with('/'));
    let mut said = Vec::new();
    if other_scheme != scheme {
        said.push(format!("with {other_scheme} for {scheme}"));
    }
    if !other_host.eq_ignore_ascii_case(host) {
        said.push("with a proxy's host".to_owned());
    } else if other_port != port {
        said.push(match (port, other_port) {
            (_, None) => "without the port".to_owned(),
            (None, _) => "with the port".to_owned(),
            _ => "with another port".to_owned(),
        });
    }
    if rest.contains('?') && !other_rest.contains('?') {
        said.push("without the query".to_owned());
    }
    match (slash(rest), slash(other_rest)) {
        (true, false) => said.push("without the slash at the end of its path".to_owned()),
        (false, true) => said.push("with a slash at the end of its path".to_owned()),
        _ => {}
    }
    if said.is_empty() {
        said.push("written in another way".to_owned());
    }
    said.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxies_and_frameworks_do_to_a_url_is_undone() {
        let headers: Headers = [("x-forwarded-host", "hooks.example.com")].into_iter().collect();
        let variants = variants("http://app:8080/in?a=1", &headers);
        let has = |url: &str| variants.iter().any(|other| other == url);
        for url in [
            "https://app:8080/in?a=1",
            "http://app/in?a=1",
            "https://app/in?a=1",
            "http://app:8080/in",
            "http://app:8080/in/?a=1",
            "https://hooks.example.com/in?a=1",
            "http://hooks.example.com:80/in?a=1",
            "https://hooks.example.com:443/in?a=1",
            "https://hooks.example.com/in",
        ] {
            assert!(has(url), "{url}: {variants:?}");
        }
        assert!(!has("http://app:8080/in?a=1"), "it is what came");
        assert!(super::variants("no url", &headers).is_empty());
    }

    #[test]
    fn what_differs_is_said_in_words() {
        let here = "http://app:8080/in?a=1";
        let cases = [
            ("https://app:8080/in?a=1", "with https for http"),
            ("http://app/in?a=1", "without the port"),
            ("http://app:8080/in/?a=1", "with a slash at the end of its path"),
            (
                "https://hooks.example.com/in",
                "with https for http and with a proxy's host and without the query",
            ),
        ];
        for (there, said) in cases {
            assert_eq!(difference(here, there), said);
        }
        assert_eq!(
            difference("http://app/in/", "http://app:80/in"),
            "with the port and without the slash at the end of its path"
        );
        assert_eq!(difference("http://App/", "http://app/"), "written in another way");
        assert_eq!(
            difference("http://app/a b", "http://app/a%20b"),
            "written in another way"
        );
    }
}
