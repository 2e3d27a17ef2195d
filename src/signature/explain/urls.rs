//! The signed URL: proxies and frameworks change its scheme, host, port, path and query.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::context::SearchContext;
use super::mistake::{Change, Rank, mistake};
use super::url_words::difference;
use crate::headers::Headers;
use crate::shell::quote;
use crate::signature::url_form::parts_of;

/// Headers in which a host may stand that the sender knows.
const HOSTS: [&str; 6] = [
    "x-forwarded-host",
    "x-original-host",
    "x-host",
    "x-forwarded-server",
    "forwarded",
    "host",
];

/// Headers in which a proxy leaves the path that came, or what it took away from its front.
const PATHS: [&str; 5] = [
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-path",
];
const PREFIXES: [&str; 3] = ["x-forwarded-prefix", "x-script-name", "x-original-prefix"];

/// Parameters of a query whose orders are tried, at most.
const MOST_PARAMETERS: usize = 4;

/// What is not escaped in the value of a parameter.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) type UrlChange = Change<Box<str>>;

/// What the URL may have been at the sender, the smallest change first.
pub(super) fn changes(context: &SearchContext<'_>) -> Vec<UrlChange> {
    let received = &context.case.received;
    let Some(url) = received.url else { return Vec::new() };
    let mut found: Vec<UrlChange> = Vec::new();
    for (rank, other) in variants(url, received.headers) {
        if other != url && !found.iter().any(|have| *have.value == *other) {
            let text = format!("the sender signs the URL as `{other}`, {}", difference(url, &other));
            let hint = "give the URL as the sender has it, with --url";
            let alone = format!(
                "give it as the sender has it: `--url {}`; to `hook listen` what is before the path: `--public-url`",
                quote(&other)
            );
            found.push(Change::new(
                rank,
                other.into_boxed_str(),
                mistake("url-differs", text, hint).alone(alone),
            ));
        }
    }
    found
}

/// With another host or path, then with one thing changed; all with either of http and https.
fn variants(url: &str, headers: &Headers) -> Vec<(Rank, String)> {
    let Ok(base) = Url::parse(url) else {
        return Vec::new();
    };
    let mut bases = vec![(Rank::Common, base.clone())];
    bases.extend(hosts(headers).filter_map(|host| Some((Rank::Common, with_host(&base, &host)?))));
    let ported = bases.iter().filter_map(|(_, base)| with_forwarded_port(base, headers));
    bases.extend(ported.map(|other| (Rank::Sometimes, other)).collect::<Vec<_>>());
    bases.extend(www(&base).map(|other| (Rank::Sometimes, other)));
    bases.extend(loopback(&base).map(|other| (Rank::Sometimes, other)));
    let moved: Vec<(Rank, Url)> = bases
        .iter()
        .flat_map(|(_, base)| paths(base, headers).into_iter().map(|other| (Rank::Sometimes, other)))
        .collect();
    bases.extend(moved);
    let mut found = Vec::new();
    for (rank, base) in bases {
        // The text that came may be written in a way that a parsed URL has not.
        let given = if base.as_str() == url || Url::parse(url).is_ok_and(|given| given == base) {
            url
        } else {
            base.as_str()
        };
        for (one, other) in changed(&base, given) {
            let rank = rank.max(one);
            found.extend(with_other_scheme(&other).map(|other| (rank, other)));
            found.push((rank, other));
        }
    }
    found.sort_by_key(|(rank, other)| (*rank, distance(url, other)));
    found
}

/// How many of the parts of two URLs differ.
fn distance(here: &str, there: &str) -> usize {
    let parts = |url| parts_of(url).unwrap_or(("", "", None, url));
    let (a, b) = (parts(here), parts(there));
    usize::from(a.0 != b.0) + usize::from(a.1 != b.1) + usize::from(a.2 != b.2) + usize::from(a.3 != b.3)
}

fn hosts(headers: &Headers) -> impl Iterator<Item = String> {
    HOSTS.iter().filter_map(|name| {
        let value = headers.get_text(name)?;
        let first = value.split(',').next()?.trim();
        if *name != "forwarded" {
            return Some(first.to_owned());
        }
        let host = first.split(';').find_map(|pair| pair.trim().strip_prefix("host="))?;
        Some(host.trim_matches('"').to_owned())
    })
}

/// With the port that a proxy says it had.
fn with_forwarded_port(base: &Url, headers: &Headers) -> Option<Url> {
    let port = headers
        .get_text("x-forwarded-port")?
        .split(',')
        .next()?
        .trim()
        .parse()
        .ok()?;
    let mut other = base.clone();
    other.set_port(Some(port)).ok()?;
    Some(other)
}

fn with_host(base: &Url, host: &str) -> Option<Url> {
    let path = &base[url::Position::BeforePath..];
    Url::parse(&format!("{}://{host}{path}", base.scheme())).ok()
}

fn www(base: &Url) -> Option<Url> {
    let host = base.host_str()?;
    let other = match host.strip_prefix("www.") {
        Some(bare) => bare.to_owned(),
        None => format!("www.{host}"),
    };
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    with_host(base, &format!("{other}{port}")).filter(|_| host.contains('.'))
}

/// This machine under its other name.
fn loopback(base: &Url) -> Option<Url> {
    let other = match base.host_str()? {
        "localhost" => "127.0.0.1",
        "127.0.0.1" | "[::1]" => "localhost",
        _ => return None,
    };
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    with_host(base, &format!("{other}{port}"))
}

/// With the path that a proxy says it had, or one segment more or less at its front.
fn paths(base: &Url, headers: &Headers) -> Vec<Url> {
    let with = |path: &str| {
        let mut other = base.clone();
        other.set_path(path);
        other
    };
    let mut found = Vec::new();
    for value in PATHS.iter().filter_map(|name| headers.get_text(name)) {
        let value = value.trim();
        match Url::parse(value) {
            Ok(whole) => found.push(whole),
            Err(_) => found.extend(base.join(value).ok()),
        }
        found.push(with(value));
    }
    for value in PREFIXES.iter().filter_map(|name| headers.get_text(name)) {
        let prefix = value.trim().trim_end_matches('/');
        found.push(with(&format!("{prefix}{}", base.path())));
        found.extend(base.path().strip_prefix(prefix).map(&with));
    }
    let rest = base
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .map(|(_, rest)| rest);
    found.extend(rest.map(with));
    let front = base
        .path()
        .trim_end_matches('/')
        .rsplit_once('/')
        .map(|(front, _)| front);
    found.extend(front.filter(|front| !front.is_empty()).map(with));
    if base.path().contains("//") {
        found.push(with(&base.path().replace("//", "/")));
    }
    found
}

/// The URL, and what it is with one thing changed.
fn changed(url: &Url, given: &str) -> Vec<(Rank, String)> {
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
        (Rank::Common, given.to_owned()),
        (Rank::Common, url.to_string()),
        (Rank::Common, with(&|url| url.set_port(None).unwrap_or_default())),
        (Rank::Common, with(&|url| url.set_path(&other_end))),
        (Rank::Common, with(&|url| url.set_query(None))),
        (Rank::Common, with(&|url| url.set_fragment(None))),
    ];
    // The parsed form has no default port and always a path.
    if let (None, Some(host)) = (url.port(), url.host_str()) {
        let rest = &url[url::Position::BeforePath..];
        let port = url.port_or_known_default().unwrap_or_default();
        all.push((Rank::Common, format!("{}://{host}:{port}{rest}", url.scheme())));
    }
    if url.path() == "/" {
        let before = &url[..url::Position::BeforePath];
        all.push((Rank::Common, format!("{before}{}", &url[url::Position::AfterPath..])));
    }
    all.extend(queries(url).into_iter().map(|query| {
        let query = (!query.is_empty()).then_some(query);
        (Rank::Sometimes, with(&|url| url.set_query(query.as_deref())))
    }));
    all.extend(
        written_otherwise(given)
            .into_iter()
            .map(|other| (Rank::Sometimes, other)),
    );
    all
}

/// The query in other orders, and without some of its parameters.
fn queries(url: &Url) -> Vec<String> {
    let query = url.query().unwrap_or_default();
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let mut found = Vec::new();
    let mut sorted = pairs.clone();
    sorted.sort_unstable();
    found.push(sorted.join("&"));
    found.push(pairs.iter().rev().copied().collect::<Vec<_>>().join("&"));
    if pairs.len() <= MOST_PARAMETERS {
        let mut orders: Vec<Vec<&str>> = vec![Vec::new()];
        for _ in 0..pairs.len() {
            let mut next = Vec::new();
            for order in &orders {
                let rest = pairs.iter().filter(|pair| !order.contains(*pair));
                next.extend(rest.map(|pair| [order.as_slice(), &[*pair]].concat()));
            }
            found.extend(next.iter().map(|order| order.join("&")));
            orders = next;
        }
    } else {
        found.extend((0..pairs.len()).map(|at| {
            let rest = pairs.iter().enumerate().filter(|(index, _)| *index != at);
            rest.map(|(_, pair)| *pair).collect::<Vec<_>>().join("&")
        }));
    }
    found
}

/// A query whose values are escaped, as programs do that build it of parameters.
fn encoded_query(query: &str) -> String {
    let pairs = query.strip_prefix('?').unwrap_or_default().split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        format!("{name}={}", utf8_percent_encode(&value, KEPT))
    });
    format!(
        "{}{}",
        &query[..query.len().min(1)],
        pairs.collect::<Vec<_>>().join("&")
    )
}

/// Path and query with their escapes undone, or written in another way.
fn written_otherwise(url: &str) -> Vec<String> {
    let Some((_, _, _, rest)) = parts_of(url) else {
        return Vec::new();
    };
    let front = &url[..url.len() - rest.len()];
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut lower_case = String::new();
    let mut upper_case = String::new();
    let mut pieces = rest.split('%');
    let first = pieces.next().unwrap_or_default();
    lower_case.push_str(first);
    upper_case.push_str(first);
    for piece in pieces {
        let (code, after) = piece.split_at_checked(2).unwrap_or((piece, ""));
        lower_case.extend(["%", &code.to_ascii_lowercase(), after]);
        upper_case.extend(["%", &code.to_ascii_uppercase(), after]);
    }
    let encoded = |text: &str| {
        const KEPT_IN_PATH: &AsciiSet = &KEPT.remove(b'/');
        utf8_percent_encode(&decoded(text), KEPT_IN_PATH).to_string()
    };
    vec![
        format!("{front}{}{query}", decoded(path)),
        format!("{front}{path}{}", decoded(query)),
        format!("{front}{}", decoded(rest)),
        format!("{front}{}{query}", encoded(path)),
        format!("{front}{path}{}", encoded_query(query)),
        format!("{front}{}{query}", path.to_lowercase()),
        format!("{front}{path}{}", query.replace("%20", "+")),
        format!("{front}{path}{}", query.replace('+', "%20")),
        format!("{front}{lower_case}"),
        format!("{front}{path}{}", query.replace('&', "&amp;")),
        format!("{front}/{path}{query}"),
        format!("{front}{path}{}", if query.is_empty() { "?" } else { query }),
        format!("{front}{upper_case}"),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxies_and_frameworks_do_to_a_url_is_undone() {
        let headers: Headers = [
            ("x-forwarded-host", "hooks.example.com"),
            ("x-forwarded-prefix", "/api"),
        ]
        .into_iter()
        .collect();
        let variants = variants("http://app:8080/in?a=1&b=2", &headers);
        let has = |url: &str| variants.iter().any(|(_, other)| other == url);
        for url in [
            "https://app:8080/in?a=1&b=2",
            "http://app/in?a=1&b=2",
            "https://app/in?a=1&b=2",
            "http://app:8080/in",
            "http://app:8080/in?b=2&a=1",
            "http://app:8080/in?a=1",
            "http://app:8080/in/?a=1&b=2",
            "http://app:8080/api/in?a=1&b=2",
            "https://hooks.example.com/in?a=1&b=2",
            "http://hooks.example.com:80/in?a=1&b=2",
            "https://hooks.example.com:443/in?a=1&b=2",
            "https://hooks.example.com/in",
        ] {
            assert!(has(url), "{url}: {variants:?}");
        }
        assert!(super::variants("no url", &headers).is_empty());
    }
}
