//! Keys that are no shared secrets, and what a secret is called.

use crate::secret::Secret;
use crate::signature::keys::is_public_key;

pub(super) const SHARED: &str =
    "give the shared secret: `--secret env:VAR`; a public key goes with a variant that has key pairs";

/// What a secret is called.
pub(super) fn called(secret: &Secret) -> String {
    let name = secret.name();
    name.map_or_else(|| "the secret".into(), |name| format!("the secret `{name}`"))
}

/// What a text is that is no shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Public,
    Private,
    Certificate,
}

impl KeyKind {
    pub(super) fn of(secret: &Secret) -> Option<Self> {
        let text = secret.expose().trim_ascii();
        if !is_public_key(text) {
            return None;
        }
        Some(match text.strip_prefix(b"-----BEGIN ") {
            Some(label) if label.starts_with(b"CERTIFICATE") => Self::Certificate,
            Some(label) if !label.starts_with(b"PUBLIC") && !label.starts_with(b"RSA PUBLIC") => Self::Private,
            _ => Self::Public,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Public => "a public key",
            Self::Private => "a private key",
            Self::Certificate => "a certificate",
        }
    }
}
