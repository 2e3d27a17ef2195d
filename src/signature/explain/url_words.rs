//! What differs between two URLs, in words.

use crate::signature::url_form::parts_of;

/// What the sender's URL has that the one here has not.
pub(super) fn difference(here: &str, there: &str) -> String {
    let parts = |url| parts_of(url).unwrap_or(("", "", None, url));
    let ((scheme, host, port, rest), (other_scheme, other_host, other_port, other_rest)) = (parts(here), parts(there));
    let split = |rest: &'_ str| {
        rest.split_once('?').map_or((rest.to_owned(), None), |(path, query)| {
            (path.to_owned(), Some(query.to_owned()))
        })
    };
    let ((path, query), (other_path, other_query)) = (split(rest), split(other_rest));
    let mut said = Vec::new();
    if other_scheme != scheme {
        said.push(format!("with {other_scheme} for {scheme}"));
    }
    if !other_host.eq_ignore_ascii_case(host) {
        let is_www = |a: &str, b: &str| a.strip_prefix("www.") == Some(b);
        let www = is_www(host, other_host) || is_www(other_host, host);
        said.push(if www {
            "with another host (`www.`)".to_owned()
        } else {
            "with a proxy's host".to_owned()
        });
    } else if other_port != port {
        said.push(match (port, other_port) {
            (_, None) => "without the port".to_owned(),
            (None, _) => "with the port".to_owned(),
            _ => "with another port".to_owned(),
        });
    }
    if query.is_some() && other_query.is_none() {
        said.push("without the query".to_owned());
    } else if query != other_query {
        let length = |query: &Option<String>| query.as_ref().map_or(0, String::len);
        let lost = length(&query) > length(&other_query) + 1 && !query.iter().any(|query| query.contains('%'));
        said.push(if lost {
            "without a part of the query".to_owned()
        } else {
            "with the query in another order or with other escapes".to_owned()
        });
    }
    said.extend(path_difference(&path, &other_path));
    if said.is_empty() {
        said.push("written in another way".to_owned());
    }
    said.join(" and ")
}

fn path_difference(path: &str, other: &str) -> Option<String> {
    if path == other {
        return None;
    }
    Some(match (path.strip_suffix('/'), other.strip_suffix('/')) {
        (Some(bare), None) if bare == other => "without the slash at the end of its path".to_owned(),
        (None, Some(bare)) if bare == path => "with a slash at the end of its path".to_owned(),
        _ if path.contains('%') || other.contains('%') => {
            "with other escapes in its path, written in another way".to_owned()
        }
        _ => format!("with another path, `{}`", other.escape_debug()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "with other escapes in its path, written in another way"
        );
    }
}
