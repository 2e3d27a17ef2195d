//! The file of a stored secret: the secret, the public half of a pair of keys, and the endpoint file that it was made for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::encryption::{Encryption, KeyChange, StoredText};
use crate::error::Result;
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
    /// In place of both: the secret, encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encrypted: Option<String>,
    /// The public half as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
}

impl StoredSecret {
    fn new(book: &str, public: Option<String>, text: &StoredText) -> Self {
        let mut stored = Self {
            schema: "hook.stored-secret/1".to_owned(),
            book: book.to_owned(),
            secret: None,
            secret_base64: None,
            encrypted: None,
            public,
        };
        stored.put(text);
        stored
    }

    /// The file of a new secret, encrypted where there is a key.
    pub(super) fn seal(book: &str, record: &str, fresh: &NewSecret, encryption: &Encryption) -> Result<Self> {
        let text = encryption.store(record, fresh.secret.clone())?;
        Ok(Self::new(book, fresh.public.clone(), &text))
    }

    fn put(&mut self, text: &StoredText) {
        (self.secret, self.secret_base64, self.encrypted) = (None, None, None);
        match text {
            StoredText::Encrypted(text) => self.encrypted = Some(text.clone()),
            StoredText::Clear(secret) => match std::str::from_utf8(secret.expose()) {
                Ok(text) => self.secret = Some(text.to_owned()),
                Err(_) => self.secret_base64 = Some(STANDARD.encode(secret.expose())),
            },
        }
    }

    /// Reads a file; `public` reads the public half that an earlier hook kept beside it.
    pub(super) fn read(bytes: &[u8], public: impl FnOnce() -> Option<String>) -> Self {
        let known = bytes.starts_with(START).then(|| serde_json::from_slice(bytes).ok());
        known.flatten().unwrap_or_else(|| {
            let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            Self::new("", public(), &StoredText::Clear(Secret::new(bytes)))
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

    /// The secret as it is in the file.
    pub(super) fn text(&self) -> StoredText {
        let decoded = || STANDARD.decode(self.secret_base64.as_deref()?).ok();
        match (&self.encrypted, &self.secret) {
            (Some(text), _) => StoredText::Encrypted(text.clone()),
            (None, Some(text)) => StoredText::Clear(Secret::new(text.as_bytes())),
            (None, None) => StoredText::Clear(Secret::new(decoded().unwrap_or_default())),
        }
    }

    /// The secret itself.
    pub(super) fn secret(&self, record: &str, encryption: &Encryption) -> Result<Secret> {
        encryption.open(record, &self.text())
    }

    /// Changes the key that it is encrypted with. Returns whether anything is different now.
    pub(super) fn change_key(&mut self, record: &str, change: &KeyChange) -> Result<bool> {
        let changed = change.apply(record, &self.text())?;
        if let Some(text) = &changed {
            self.put(text);
        }
        Ok(changed.is_some())
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
            let none = Encryption::default();
            let stored = StoredSecret::seal("/p/endpoints.json", "stored:a", &fresh, &none).unwrap();
            assert!(stored.to_bytes().starts_with(START));
            let read = StoredSecret::read(&stored.to_bytes(), || None);
            assert!(read == stored && read.public() == Some("PEM"));
            assert_eq!(read.secret("stored:a", &none).unwrap().expose(), bytes);
            let old = StoredSecret::read(&[bytes, b"\n"].concat(), || Some("OLD".into()));
            assert_eq!(old.secret("stored:b", &none).unwrap().expose(), bytes);
            assert_eq!(old.book(), "");
            assert_eq!(old.public(), Some("OLD"));
        }
    }
}
