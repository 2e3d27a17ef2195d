//! The file of a stored secret: the secret, the public half of a pair of keys, and the endpoint file that it was made for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// How every such file begins. A file that begins otherwise is of an earlier hook, which wrote the bare secret.
const START: &[u8] = b"{\"schema\":\"hook.stored-secret/1\",";

/// A generated secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// What signs: the shared secret, or the private half of a pair of keys.
    pub secret: Secret,
    /// The public half as PEM, where the scheme has pairs of keys: what a receiver gets.
    pub public: Option<String>,
}

impl From<Secret> for NewSecret {
    fn from(secret: Secret) -> Self {
        Self { secret, public: None }
    }
}

/// What such a file holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredSecret {
    schema: String,
    /// The endpoint file; empty when it is not known.
    #[serde(default)]
    book: String,
    /// The secret, or the private half of a pair of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The same where it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_base64: Option<String>,
    /// The public half as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
}

impl StoredSecret {
    pub(super) fn new(book: &str, fresh: &NewSecret) -> Self {
        let bytes = fresh.secret.expose();
        let text = std::str::from_utf8(bytes).ok().map(str::to_owned);
        Self {
            schema: "hook.stored-secret/1".to_owned(),
            book: book.to_owned(),
            secret_base64: text.is_none().then(|| STANDARD.encode(bytes)),
            secret: text,
            public: fresh.public.clone(),
        }
    }

    /// Reads a file; `public` reads the public half that an earlier hook kept beside it.
    pub(super) fn read(bytes: &[u8], public: impl FnOnce() -> Option<String>) -> Self {
        let known = bytes.starts_with(START).then(|| serde_json::from_slice(bytes).ok());
        known.flatten().unwrap_or_else(|| {
            let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let fresh = NewSecret {
                secret: Secret::new(bytes),
                public: public(),
            };
            Self::new("", &fresh)
        })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A struct of texts has no value that JSON cannot write.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn book(&self) -> &str {
        &self.book
    }

    pub(super) fn public(&self) -> Option<&str> {
        self.public.as_deref()
    }

    pub(super) fn secret(&self) -> Secret {
        let decoded = || STANDARD.decode(self.secret_base64.as_deref()?).ok();
        match &self.secret {
            Some(text) => Secret::new(text.as_bytes()),
            None => Secret::new(decoded().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_written_also_by_an_earlier_hook() {
        for bytes in [b"text\n".as_slice(), b"\xff\x00", b"{\"schema\":1}"] {
            let fresh = NewSecret {
                secret: Secret::new(bytes),
                public: Some("PEM".into()),
            };
            let stored = StoredSecret::new("/p/endpoints.json", &fresh);
            assert!(stored.to_bytes().starts_with(START));
            let read = StoredSecret::read(&stored.to_bytes(), || None);
            assert!(read == stored && read.secret().expose() == bytes && read.public() == Some("PEM"));
            let old = StoredSecret::read(&[bytes, b"\n"].concat(), || Some("OLD".into()));
            assert_eq!((old.secret().expose(), old.book()), (bytes, ""));
            assert_eq!(old.public(), Some("OLD"));
        }
    }
}
