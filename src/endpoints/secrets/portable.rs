//! Stored secrets on their way to another machine: always encrypted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::error::EndpointError;
use super::super::stored::NewSecret;
use super::{Vault, record};
#[cfg(test)]
use crate::encryption::Encryption;
use crate::encryption::{EncryptionKey, StoredText};
use crate::random::Random;

/// A stored secret in a file that leaves this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortableSecret {
    /// `enc:v1:...`, bound to the secret's name.
    encrypted: String,
    /// The public half of a pair of keys, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
}

impl Vault {
    /// The same vault with another source of its key.
    #[cfg(test)]
    pub(in crate::endpoints) fn with_encryption(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// The key that stored secrets are encrypted with, where there is one.
    pub fn key(&self) -> Result<Option<Arc<EncryptionKey>>, EndpointError> {
        Ok(self.encryption.key()?)
    }

    /// Whether the secret of that name is on this machine.
    pub fn has(&self, name: &str) -> bool {
        self.rows.has(name)
    }

    /// Takes the secret of that name out, encrypted with that key.
    pub fn take_out(&self, name: &str, key: &EncryptionKey) -> Result<PortableSecret, EndpointError> {
        let (record, stored) = (record(name), self.read_stored(name)?);
        let secret = stored.secret(&record, &self.encryption)?;
        Ok(PortableSecret {
            encrypted: key.encrypt(&record, &secret)?,
            public: stored.public().map(str::to_owned),
        })
    }

    /// Decrypts what was taken out under that name.
    pub fn open(&self, name: &str, portable: &PortableSecret) -> Result<NewSecret, EndpointError> {
        let text = StoredText::read(portable.encrypted.as_bytes());
        if !text.is_encrypted() {
            return Err(EndpointError::unsupported(format!(
                "the secret `{name}` of the file is not encrypted"
            )));
        }
        Ok(NewSecret {
            secret: self.encryption.open(&record(name), &text)?,
            public: portable.public.clone(),
        })
    }

    /// Stores a secret for an endpoint of this book under the name that it had, or under a new one where another secret has that
    /// name. Returns the name, and whether it was stored now: the same secret of this book stays as it is.
    pub fn put_back(
        &self,
        name: &str,
        endpoint: &str,
        secret: &NewSecret,
        random: &Random,
    ) -> Result<(String, bool), EndpointError> {
        let _lock = self.lock()?;
        if let Ok(known) = self.read_stored(name) {
            let is_same = known.book() == self.book && known.public() == secret.public.as_deref();
            if is_same && known.secret(&record(name), &self.encryption)? == secret.secret {
                return Ok((name.to_owned(), false));
            }
        }
        let name = if self.rows.insert(name, &self.seal(name, secret)?)? {
            name.to_owned()
        } else {
            self.write_under_new_name(endpoint, secret, random)?
        };
        self.rows.sync()?;
        Ok((name, true))
    }
}
