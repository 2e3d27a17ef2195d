//! Joins the URL of a target with the path and query of a request that is forwarded to it.

use url::Url;

/// The URL that a request is forwarded to. A target without a path gets the request's path; the target's query comes first,
/// then the request's.
pub fn join_url(target: &Url, request_target: &str) -> Url {
    let (path, query) = match request_target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request_target, None),
    };
    let mut url = target.clone();
    if target.path() == "/" && path.starts_with('/') {
        url.set_path(path);
    }
    let parts = [target.query(), query]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty());
    let joined = parts.collect::<Vec<_>>().join("&");
    // Some providers sign a bare `?` too: it stays when there is nothing to join.
    let is_bare = joined.is_empty() && target.query().or(query).is_some();
    url.set_query((is_bare || !joined.is_empty()).then_some(joined.as_str()));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_query_comes_first_and_its_path_counts() {
        for (target, request, joined) in [
            ("http://h", "/", "http://h/"),
            ("http://h", "/in/here", "http://h/in/here"),
            ("http://h/", "/in/here?a=1&b=%20", "http://h/in/here?a=1&b=%20"),
            ("http://h/hooks", "/in/here", "http://h/hooks"),
            ("http://h/hooks", "/in?a=1", "http://h/hooks?a=1"),
            ("http://h/hooks?x=1", "/in", "http://h/hooks?x=1"),
            ("http://h/hooks?x=1", "/in?a=1", "http://h/hooks?x=1&a=1"),
            ("http://h/?token=x", "/in", "http://h/in?token=x"),
            ("http://h/?token=x", "/in?token=y", "http://h/in?token=x&token=y"),
            ("http://h/?token=x", "/", "http://h/?token=x"),
            ("http://h/?", "/in", "http://h/in?"),
            ("http://h/?", "/in?a", "http://h/in?a"),
            ("http://h/?x", "/in?", "http://h/in?x"),
            ("http://h/", "/in?", "http://h/in?"),
            ("http://h/", "/in?a=1?b=2", "http://h/in?a=1?b=2"),
            ("http://h/", "/a%2Fb//c?q=%3F%26", "http://h/a%2Fb//c?q=%3F%26"),
            ("http://h/", "*", "http://h/"),
            ("http://h/", "", "http://h/"),
            ("http://h/", "?a=1", "http://h/?a=1"),
            ("http://h/x#f", "/in?a=1", "http://h/x?a=1#f"),
            ("http://h:81/", "//evil.example/x", "http://h:81//evil.example/x"),
            ("http://u:p@h/", "/@evil.example", "http://u:p@h/@evil.example"),
        ] {
            let target = Url::parse(target).unwrap();
            assert_eq!(join_url(&target, request).as_str(), joined, "{target} and {request}");
        }
    }
}
