//! Encryption of the secrets that hook stores: AES-256-GCM under the key to which the variable `HOOK_KEY` refers. A text names
//! its key and fits one record only, so that one that is copied to another record is refused.
//!
//! The form: `enc:v1:KEYID:BASE64`, where the base64 is nonce, ciphertext and tag. Key id and record are authenticated too.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::secret::{Secret, SecretRef, SecretSource};

/// The variable with the reference of the key.
pub const VARIABLE: &str = "HOOK_KEY";

/// How every encrypted text begins, whatever its version.
const START: &str = "enc:";

const V1: &str = "enc:v1:";

const KEY_LEN: usize = 32;

/// Hex digits of a key id: enough to tell the keys of one machine apart.
const ID_LEN: usize = 8;

/// A key. Neither its text nor its bytes can be printed.
pub struct EncryptionKey {
    id: String,
    cipher: RandomizedNonceKey,
}

/// Where the key comes from.
#[derive(Debug, Clone, Default)]
pub enum Encryption {
    /// `HOOK_KEY`, read at each use: a service sees it when the file with the key is replaced.
    #[default]
    Environment,
    /// This key.
    #[cfg(test)]
    Key(Arc<EncryptionKey>),
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredText {
    /// In clear text.
    Clear(Secret),
    /// `enc:v1:...`
    Encrypted(String),
}

/// A change of the key that secrets are stored with.
#[derive(Debug)]
pub struct KeyChange {
    /// The key before; absent: only clear text, and what has the new key already, is expected.
    pub from: Option<EncryptionKey>,
    /// The key after; absent: clear text.
    pub to: Option<EncryptionKey>,
}

/// Secrets of a [`KeyChange`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCount {
    /// Stored otherwise now.
    pub changed: u64,
    /// Stored as wanted before.
    pub unchanged: u64,
}

impl EncryptionKey {
    /// The key that a reference leads to: 32 bytes in base64.
    pub fn read(reference: &str) -> Result<Self> {
        let reference = SecretRef::parse(reference);
        if reference.name.is_some() || !matches!(reference.source, SecretSource::Env(_) | SecretSource::File(_)) {
            // Not repeated: it may be the key itself.
            let what = "an encryption key is referred to by `file:PATH` or `env:VAR`";
            return Err(Error::usage(what).hint(MAKE_KEY));
        }
        let text = reference.resolve()?;
        let mut bytes = Zeroizing::new([0; KEY_LEN + 1]);
        let read = STANDARD.decode_slice(text.expose().trim_ascii(), &mut *bytes);
        if read != Ok(KEY_LEN) {
            let what = format!("`{reference}` is not an encryption key: 32 bytes in base64");
            return Err(Error::usage(what).hint(MAKE_KEY));
        }
        Self::new(&bytes[..KEY_LEN])
    }

    fn new(bytes: &[u8]) -> Result<Self> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        let digest = hex::encode(sha256(&[b"hook encryption key id", bytes]));
        Ok(Self {
            id: digest[..ID_LEN].to_owned(),
            cipher: cipher.map_err(|_| Error::internal("the encryption key cannot be used"))?,
        })
    }

    /// Identifies the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts the secret of a record.
    pub fn encrypt(&self, record: &str, secret: &Secret) -> Result<String> {
        let mut sealed = secret.expose().to_vec();
        let nonce = self
            .cipher
            .seal_in_place_append_tag(self.context(record), &mut sealed)
            .map_err(|_| Error::internal(format!("secret `{record}` cannot be encrypted")))?;
        let sealed = STANDARD.encode([nonce.as_ref(), sealed.as_slice()].concat());
        Ok(format!("{V1}{}:{sealed}", self.id))
    }

    /// Decrypts what was encrypted with this key for that record.
    fn decrypt(&self, record: &str, encrypted: &EncryptedText<'_>) -> Result<Secret> {
        let damaged = || {
            Error::new(Exit::Store, format!("secret `{record}` cannot be decrypted"))
                .cause("it was changed, or belongs to another record")
                .hint("restore it from a backup, or replace it")
        };
        let mut bytes = STANDARD.decode(encrypted.sealed).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let clear = self.cipher.open_in_place(nonce, self.context(record), sealed);
        let secret = Secret::new(clear.map_err(|_| damaged())?.to_vec());
        zeroize::Zeroize::zeroize(&mut bytes);
        Ok(secret)
    }

    fn context(&self, record: &str) -> Aad<String> {
        Aad::from(format!("{V1}{}:{record}", self.id))
    }
}

/// How a key is made and given, as a hint.
pub const MAKE_KEY: &str =
    "`(umask 077; openssl rand -base64 32 > hook.key)` makes one, and `export HOOK_KEY=file:hook.key` uses it";

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({})", self.id)
    }
}

/// The parts of an encrypted text.
struct EncryptedText<'a> {
    key: &'a str,
    sealed: &'a str,
}

impl<'a> EncryptedText<'a> {
    fn parse(record: &str, text: &'a str) -> Result<Self> {
        let is_id = |key: &str| key.len() == ID_LEN && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let parts = text.strip_prefix(V1).and_then(|rest| rest.split_once(':'));
        let (key, sealed) = parts.filter(|(key, _)| is_id(key)).ok_or_else(|| {
            let what = format!("secret `{record}` is encrypted in a form that this hook does not know");
            Error::new(Exit::Store, what).hint("update hook, or restore the secret from a backup")
        })?;
        Ok(Self { key, sealed })
    }

    /// Its key is not at hand.
    fn locked(&self, record: &str, cause: String) -> Error {
        let what = format!("secret `{record}` is encrypted with key `{}`", self.key);
        let hint = format!(
            "give key `{}`: `export HOOK_KEY=file:PATH`, or replace the secret",
            self.key
        );
        Error::new(Exit::Store, what).cause(cause).hint(hint)
    }
}

impl Encryption {
    /// The key that new secrets are stored with; `None` without one.
    pub fn key(&self) -> Result<Option<Arc<EncryptionKey>>> {
        match self {
            #[cfg(test)]
            Self::Key(key) => Ok(Some(Arc::clone(key))),
            Self::Environment => reference().map(|text| read_variable(&text).map(Arc::new)).transpose(),
        }
    }

    /// The form in which a new secret of a record is stored.
    pub fn store(&self, record: &str, secret: Secret) -> Result<StoredText> {
        match self.key()? {
            Some(key) => key.encrypt(record, &secret).map(StoredText::Encrypted),
            None => Ok(StoredText::Clear(secret)),
        }
    }

    /// The secret of a record.
    pub fn open(&self, record: &str, stored: &StoredText) -> Result<Secret> {
        let text = match stored {
            StoredText::Clear(secret) => return Ok(secret.clone()),
            StoredText::Encrypted(text) => text,
        };
        let encrypted = EncryptedText::parse(record, text)?;
        match self.key() {
            Ok(Some(key)) if key.id == encrypted.key => key.decrypt(record, &encrypted),
            Ok(Some(key)) => Err(encrypted.locked(record, format!("`{VARIABLE}` is key `{}`", key.id))),
            Ok(None) => Err(encrypted.locked(record, format!("`{VARIABLE}` is not set"))),
            Err(error) => Err(encrypted.locked(record, error.to_string())),
        }
    }
}

/// The value of the variable, where it is set.
pub fn reference() -> Option<String> {
    let value = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    value.map(|value| value.to_string_lossy().into_owned())
}

fn read_variable(reference: &str) -> Result<EncryptionKey> {
    EncryptionKey::read(reference).map_err(|error| Error {
        message: format!("`{VARIABLE}`: {}", error.message),
        ..error
    })
}

impl StoredText {
    /// Reads a file, or a text of a larger one.
    pub fn read(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with(START) => Self::Encrypted(text.trim_end().to_owned()),
            _ => Self::Clear(Secret::new(bytes)),
        }
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }

    /// What is written to a file.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Clear(secret) => secret.expose(),
            Self::Encrypted(text) => text.as_bytes(),
        }
    }
}

impl KeyChange {
    /// How the secret of a record is stored after the change; `None` where it is stored so already.
    pub fn apply(&self, record: &str, stored: &StoredText) -> Result<Option<StoredText>> {
        let secret = match stored {
            StoredText::Clear(_) if self.to.is_none() => return Ok(None),
            StoredText::Clear(secret) => secret.clone(),
            StoredText::Encrypted(text) => {
                let encrypted = EncryptedText::parse(record, text)?;
                let mut keys = [&self.to, &self.from].into_iter().flatten();
                let Some(key) = keys.find(|key| key.id == encrypted.key) else {
                    let cause = match &self.from {
                        Some(from) => format!("the key to change from is `{}`", from.id),
                        None => "no key to change from is given".to_owned(),
                    };
                    let what = format!("secret `{record}` is encrypted with key `{}`", encrypted.key);
                    let hint = format!("give key `{}` with `--from file:PATH`", encrypted.key);
                    return Err(Error::new(Exit::Store, what).cause(cause).hint(hint));
                };
                // Also where it stays: what cannot be read is found out now.
                let secret = key.decrypt(record, &encrypted)?;
                if self.to.as_ref().is_some_and(|to| to.id == encrypted.key) {
                    return Ok(None);
                }
                secret
            }
        };
        let stored = match &self.to {
            Some(to) => StoredText::Encrypted(to.encrypt(record, &secret)?),
            None => StoredText::Clear(secret),
        };
        Ok(Some(stored))
    }
}

impl ChangeCount {
    /// Counts one more.
    pub fn add(&mut self, changed: bool) {
        *if changed {
            &mut self.changed
        } else {
            &mut self.unchanged
        } += 1;
    }
}

impl std::ops::AddAssign for ChangeCount {
    fn add_assign(&mut self, other: Self) {
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// The key of which every byte is this one.
    pub(crate) fn key(byte: u8) -> EncryptionKey {
        EncryptionKey::new(&[byte; KEY_LEN]).unwrap()
    }

    pub(crate) fn with(byte: u8) -> Encryption {
        Encryption::Key(Arc::new(key(byte)))
    }

    pub(crate) fn change(from: Option<u8>, to: Option<u8>) -> KeyChange {
        KeyChange {
            from: from.map(key),
            to: to.map(key),
        }
    }
}

#[cfg(test)]
mod tests;
