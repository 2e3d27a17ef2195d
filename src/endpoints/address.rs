//! What a URL says by itself: whether it can be an endpoint's, and when two are the same.

use url::Url;

use crate::mask;
use crate::text::{is_unsafe, printable};

/// Reads an endpoint's URL. The error is a clause that follows the URL.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let hidden = |c: char| c.is_whitespace() || is_unsafe(c);
    // The URL standard drops tabs and line ends and trims blanks: what is registered would not be what was meant.
    if text.contains(hidden) {
        return Err(format!("`{}` has blanks or invisible characters in it", shown(text)));
    }
    let url = Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", shown(text)));
    }
    Ok(url)
}

fn shown(text: &str) -> String {
    printable(&mask::url(text), usize::MAX)
}

/// The form in which two URLs that lead to the same place are equal: scheme and host in lower case, without a default
/// port, a fragment, or a missing root path. `None` when it is no endpoint's URL.
pub fn normalised(text: &str) -> Option<String> {
    let mut url = parse(text).ok()?;
    url.set_fragment(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_url_are_the_same() {
        for (a, b) in [
            ("HTTPS://Example.COM", "https://example.com/"),
            ("https://example.com:443/x", "https://example.com/x"),
            ("http://example.com:80", "http://example.com"),
            ("https://example.com/a/../b", "https://example.com/b"),
            ("https://example.com/x#top", "https://example.com/x"),
            ("http://127.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(normalised(a), normalised(b), "{a} {b}");
        }
        for (a, b) in [
            ("https://example.com/x", "https://example.com/x/"),
            ("https://example.com/x", "https://example.com/X"),
            ("https://example.com/x", "https://example.com/x?y"),
            ("https://example.com", "http://example.com"),
            ("https://example.com:8443", "https://example.com"),
        ] {
            assert_ne!(normalised(a), normalised(b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_endpoints_url_is_refused_with_the_reason() {
        for (text, says) in [
            ("example.com/x", "is not a URL"),
            ("ftp://example.com", "neither http nor https"),
            ("https://", "is not a URL"),
            ("https://example.com/x ", "blanks or invisible"),
            ("https://exam\u{200b}ple.com", "blanks or invisible"),
            ("https://example.com/a b", "blanks or invisible"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
