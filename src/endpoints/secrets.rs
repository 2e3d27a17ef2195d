//! Secrets of endpoints: generated in the provider's form, kept in a folder of this user's, found again by reference.
//! The book never holds a secret's text.

mod portable;
mod rows;

use std::any::Any;
use std::collections::HashSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::endpoint::{Endpoint, EndpointSecret};
use super::error::EndpointError;
use super::reference::Reference;
use super::stored::{NewSecret, StoredSecret};
use crate::encryption::{ChangeCount, Encryption, KeyChange, MAKE_KEY, VARIABLE};
use crate::error::Error;
use crate::exit::Exit;
use crate::fs::{SECRET_FILE_LIMIT, identity, leads_elsewhere, read_bounded};
use crate::provider::Profile;
use crate::random::Random;
use crate::secret::{Secret, SecretError, SecretRef, SecretSource};
use crate::signature::Scheme;
use crate::store::kept::KeptRows;
pub use portable::PortableSecret;
use rows::{SecretFolder, SecretRows, StoreSecrets};

/// How many names are tried before a folder full of secrets is believed.
const TRIES: usize = 16;

/// What keeps stored secrets, and where relative paths of the book count from.
#[derive(Debug, Clone)]
pub struct Vault {
    rows: Arc<dyn SecretRows>,
    base: PathBuf,
    /// The endpoint file that secrets are stored for: each file of a secret names it.
    book: String,
    /// Whether that is a project's, which others may have written.
    shared: bool,
    encryption: Encryption,
}

/// Generates a secret in the provider's form; `None` when the provider signs nothing. `random` must be the operating
/// system's: a seeded one gives everybody the same secret.
pub fn generate(profile: &Profile, random: &Random) -> Result<Option<NewSecret>, EndpointError> {
    Ok(match &profile.scheme {
        Scheme::Unsigned => None,
        Scheme::Asymmetric(scheme) => {
            let pair = scheme.kind.generate();
            let pair = pair.ok_or_else(|| Error::internal("no key pair can be made"))?;
            Some(NewSecret {
                secret: pair.private,
                public: Some(pair.public),
            })
        }
        Scheme::Hmac(_) | Scheme::Hash(_) | Scheme::Token(_) => {
            Some(Secret::new(profile.secret.form.fresh(random)).into())
        }
    })
}

/// The one book of a store, as its secrets name it.
const BOOK_OF_STORE: &str = "store";

impl Vault {
    /// `folder` is made at the first secret; relative `file:` references of the book count from `base`.
    pub fn new(folder: impl Into<PathBuf>, base: impl Into<PathBuf>) -> Self {
        Self::over(Arc::new(SecretFolder(folder.into())), base)
    }

    /// The secrets in the store at that place, which are all encrypted.
    pub fn of_store(rows: Arc<dyn KeptRows>, place: impl Display, base: impl Into<PathBuf>) -> Self {
        let place = place.to_string();
        Self {
            book: BOOK_OF_STORE.to_owned(),
            ..Self::over(Arc::new(StoreSecrets { rows, place }), base)
        }
    }

    fn over(rows: Arc<dyn SecretRows>, base: impl Into<PathBuf>) -> Self {
        Self {
            rows,
            base: base.into(),
            book: String::new(),
            shared: false,
            encryption: Encryption::default(),
        }
    }

    /// The same for secrets of the endpoint file at `book`; `shared` when it is a project's.
    #[must_use]
    pub(super) fn of_book(self, book: &Path, shared: bool) -> Self {
        // Each machine has a URL and a folder of its own for the same store.
        let book = match &*self.book {
            BOOK_OF_STORE => self.book,
            _ => identity(book).display().to_string(),
        };
        Self { book, shared, ..self }
    }

    /// Stores a generated secret for an endpoint, a key pair in one file.
    pub fn store(&self, endpoint: &str, fresh: &NewSecret, random: &Random) -> Result<Reference, EndpointError> {
        let _lock = self.lock()?;
        let name = self.write_under_new_name(endpoint, fresh, random)?;
        // On disk before the book refers to it: a crash must not leave a reference without its secret.
        self.rows.sync()?;
        Ok(Reference::Stored(name))
    }

    /// Makes what a user gave as a secret into one of an endpoint: a text is stored, a reference stays one.
    pub fn keep(&self, endpoint: &str, given: &SecretRef, random: &Random) -> Result<EndpointSecret, EndpointError> {
        let reference = match &given.source {
            SecretSource::Env(name) => Reference::Env(name.clone()),
            SecretSource::File(path) => self.file_reference(path)?,
            SecretSource::Literal(_) | SecretSource::Stdin => self.store(endpoint, &given.resolve()?.into(), random)?,
        };
        Ok(EndpointSecret {
            reference,
            name: given.name.clone(),
            until: None,
        })
    }

    /// Fetches what signs.
    pub fn signing(&self, secret: &EndpointSecret) -> Result<Secret, EndpointError> {
        self.fetch(secret, |stored, record| stored.secret(record, &self.encryption))
    }

    /// Fetches what verifies: the public half where a pair of keys was generated, else the same text.
    pub fn verifying(&self, secret: &EndpointSecret) -> Result<Secret, EndpointError> {
        self.fetch(secret, |stored, record| match stored.public() {
            Some(public) => Ok(Secret::new(public)),
            None => stored.secret(record, &self.encryption),
        })
    }

    /// The public key as PEM, where a pair of keys was generated.
    pub fn public_key(&self, secret: &EndpointSecret) -> Option<String> {
        match &secret.reference {
            Reference::Stored(name) => self.read_stored(name).ok()?.public().map(str::to_owned),
            Reference::Env(_) | Reference::File(_) => None,
        }
    }

    /// Which other endpoint file a stored secret was made for.
    pub fn made_for_another(&self, reference: &Reference) -> Option<String> {
        let Reference::Stored(name) = reference else {
            return None;
        };
        let book = self.read_stored(name).ok()?.book().to_owned();
        (!book.is_empty() && book != self.book).then_some(book)
    }

    /// The file that a reference leads to.
    pub fn path(&self, reference: &Reference) -> Option<PathBuf> {
        match reference {
            Reference::Stored(name) => self.rows.path(name),
            Reference::File(path) => Some(self.base.join(path)),
            Reference::Env(_) => None,
        }
    }

    /// Whether a `file:` reference leads out of the base, also by a symbolic link.
    pub fn leads_outside(&self, reference: &Reference) -> bool {
        matches!(reference, Reference::File(path) if crate::fs::is_outside(&self.base, Path::new(path)))
    }

    /// Where a `file:` reference really leads when a link takes it elsewhere.
    pub(super) fn leads_elsewhere(&self, reference: &Reference) -> Option<PathBuf> {
        let Reference::File(path) = reference else { return None };
        leads_elsewhere(&self.base, Path::new(path))
    }

    /// Deletes a stored secret that this command made and that never came into the book. Nothing happens to other
    /// references.
    pub fn discard(&self, reference: &Reference) -> Result<(), EndpointError> {
        let Reference::Stored(name) = reference else {
            return Ok(());
        };
        // A lock makes the folder.
        if !self.rows.has(name) {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.rows.remove(name)
    }

    /// Deletes the stored secrets that were referred to before and are no longer.
    pub(super) fn forget_dropped(&self, before: &[Endpoint], after: &[Endpoint]) -> Result<(), EndpointError> {
        let kept: HashSet<&Reference> = references(after).collect();
        let mut result = Ok(());
        for reference in references(before).filter(|reference| !kept.contains(reference)) {
            // One that was made for another endpoint file stays: this book may be a copy of that one.
            if self.is_own(reference) {
                result = result.and(self.discard(reference));
            }
        }
        result
    }

    /// Whether a stored secret was made for this book.
    fn is_own(&self, reference: &Reference) -> bool {
        let Reference::Stored(name) = reference else {
            return false;
        };
        match self.read_stored(name) {
            Ok(stored) if !stored.book().is_empty() => stored.book() == self.book,
            // Files of an earlier hook name no book: the user's own book owns them, a project's does not.
            _ => !self.shared,
        }
    }

    fn fetch(
        &self,
        secret: &EndpointSecret,
        pick: impl Fn(&StoredSecret, &str) -> crate::error::Result<Secret>,
    ) -> Result<Secret, EndpointError> {
        let label = secret.name.clone().unwrap_or_else(|| secret.reference.to_string());
        let source = match &secret.reference {
            Reference::Stored(name) => {
                let record = record(name);
                let found = pick(&self.read_stored(name)?, &record)?;
                if found.is_empty() {
                    return Err(SecretError::Empty(record).into());
                }
                return Ok(found.named(label));
            }
            Reference::Env(name) => SecretSource::Env(name.clone()),
            Reference::File(path) => {
                let path = self.base.join(path);
                // A project must not make hook wait for a pipe or read a device.
                if self.shared
                    && let Err(error) = read_bounded(&path, SECRET_FILE_LIMIT)
                {
                    let (path, source) = (path.display().to_string(), error.into());
                    return Err(SecretError::Unreadable { path, source }.into());
                }
                SecretSource::File(path)
            }
        };
        let reference = SecretRef {
            name: Some(label),
            source,
        };
        Ok(reference.resolve()?)
    }

    fn read_stored(&self, name: &str) -> Result<StoredSecret, EndpointError> {
        self.rows.read(name)?.ok_or_else(|| {
            let error = Error::usage(format!("the secret `stored:{name}` is not on this machine"));
            let hint = "`hook endpoints rotate-secret NAME` makes a new one, or takes one by `--secret`";
            error.hint(hint).into()
        })
    }

    /// A reference to a file, relative where it is below the base.
    fn file_reference(&self, path: &Path) -> Result<Reference, EndpointError> {
        let absolute = std::path::absolute(path).map_err(EndpointError::io(path, "read"))?;
        let base = std::path::absolute(&self.base).unwrap_or_else(|_| self.base.clone());
        // A relative path keeps its meaning in another clone of the project.
        let written = absolute.strip_prefix(&base).unwrap_or(&absolute);
        match written.to_str() {
            Some(text) => Ok(Reference::File(text.to_owned())),
            None => Err(EndpointError::unsupported(format!(
                "the path `{}` is not valid Unicode",
                absolute.display()
            ))),
        }
    }

    fn write_under_new_name(
        &self,
        endpoint: &str,
        fresh: &NewSecret,
        random: &Random,
    ) -> Result<String, EndpointError> {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let owner: String = endpoint.chars().map(plain).take(64).collect();
        for _ in 0..TRIES {
            let name = format!("{owner}-{}", random.text(b"0123456789abcdef", 8));
            if self.rows.insert(&name, &self.seal(&name, fresh)?)? {
                return Ok(name);
            }
        }
        let what = format!("no name is free for a secret of `{owner}`");
        Err(Error::new(Exit::Store, what).into())
    }

    /// The form in which a secret is kept under that name.
    fn seal(&self, name: &str, fresh: &NewSecret) -> Result<StoredSecret, EndpointError> {
        if self.rows.must_encrypt() && self.encryption.key()?.is_none() {
            let what = format!("a secret in a database is stored encrypted only, and `{VARIABLE}` is not set");
            return Err(Error::usage(what).hint(MAKE_KEY).into());
        }
        Ok(StoredSecret::seal(&self.book, &record(name), fresh, &self.encryption)?)
    }

    /// Changes the key that all stored secrets of this user are encrypted with, those of other books too; with `dry_run`
    /// only finds out whether that can be done. Each file is replaced whole, so that it is readable with the key before or
    /// the key after at every moment. The caller holds the lock.
    pub fn change_key(&self, change: &KeyChange, dry_run: bool) -> Result<ChangeCount, EndpointError> {
        let mut count = ChangeCount::default();
        if self.rows.must_encrypt() && change.to.is_none() {
            return Err(EndpointError::unsupported(
                "secrets in a database are always encrypted: `--to REF` is needed",
            ));
        }
        for name in self.rows.names()? {
            let mut stored = self.read_stored(&name)?;
            let changed = stored.change_key(&record(&name), change)?;
            if changed && !dry_run {
                self.rows.replace(&name, &stored)?;
            }
            count.add(changed);
        }
        if count.changed > 0 && !dry_run {
            self.rows.sync()?;
        }
        Ok(count)
    }

    /// Whether a secret of this user is stored in clear text.
    pub fn has_clear_text(&self) -> bool {
        let names = self.rows.names().unwrap_or_default().into_iter();
        let mut stored = names.filter_map(|name| self.read_stored(&name).ok());
        stored.any(|stored| !stored.text().is_encrypted())
    }

    /// Keeps other processes from adding, removing and changing stored secrets until what is returned is dropped.
    pub fn lock(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        self.rows.lock()
    }

    /// When a stored secret was added, removed or replaced last.
    pub(super) fn changed_at(&self) -> Option<SystemTime> {
        self.rows.changed_at()
    }
}

/// What an encrypted secret is bound to.
fn record(name: &str) -> String {
    format!("stored:{name}")
}

fn references(endpoints: &[Endpoint]) -> impl Iterator<Item = &Reference> {
    let secrets = endpoints.iter().flat_map(|endpoint| &endpoint.secrets);
    secrets.map(|secret| &secret.reference)
}

#[cfg(test)]
mod tests;
