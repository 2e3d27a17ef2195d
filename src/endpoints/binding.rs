//! What the secret of a project's endpoint is bound to: the provider and the origin for which it was made or trusted. A
//! change of a project's book by another person must not send it anywhere else.

use std::path::Path;

use super::endpoint::{Endpoint, EndpointSecret};
use super::secrets::Vault;
use crate::target;
use crate::trust::Grant;

/// Where deliveries go, as far as a secret cares: scheme, host and port.
fn origin(url: &str) -> String {
    target::parse_whole_url(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

/// That an endpoint of the book at `path` uses one of its secrets.
pub(super) fn own_secret(path: &Path, vault: &Vault, endpoint: &Endpoint, secret: &EndpointSecret) -> Grant {
    let reference = secret.reference.to_string();
    // A file inside of the project may become a link to one of the user's.
    let elsewhere = vault.leads_elsewhere(&secret.reference).unwrap_or_default();
    let elsewhere = elsewhere.display().to_string();
    let mut text = format!("its secret is `{reference}`");
    if vault.leads_outside(&secret.reference) {
        text.push_str(", a file outside of the project");
    }
    if !elsewhere.is_empty() {
        text = format!("{text}, a link to `{elsewhere}`");
    }
    if let Some(book) = vault.made_for_another(&secret.reference) {
        text = format!("{text}, made for `{book}`");
    }
    grant(path, endpoint, &text, ["endpoint-secret", &reference, &elsewhere])
}

/// That an endpoint without a secret of its own gets the one that `value` stands for, and `shown` describes.
pub(super) fn other_secret(path: &Path, endpoint: &Endpoint, value: &str, shown: &str) -> Grant {
    let text = format!("it gets {shown}");
    grant(path, endpoint, &text, ["other-secret", value, ""])
}

fn grant(path: &Path, endpoint: &Endpoint, what: &str, parts: [&str; 3]) -> Grant {
    let origin = origin(&endpoint.url);
    let text = format!(
        "endpoint `{}`: {what}, for `{}` at `{}`",
        endpoint.name, endpoint.provider, origin,
    );
    let [kind, reference, elsewhere] = parts;
    let parts = [kind, reference, elsewhere, &endpoint.provider, &origin];
    Grant::new(path, format!("endpoint {}", endpoint.name), text, &parts)
}
