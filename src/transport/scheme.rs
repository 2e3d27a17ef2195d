//! Whether a URL states its scheme.

/// The scheme of a text that begins with `SCHEME://`. A `://` further on, as in a query, is not one.
pub fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c));
    is_scheme.then_some(scheme)
}
