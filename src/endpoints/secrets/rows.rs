//! Where stored secrets are kept: in files of a folder, or in rows of a store.

use std::any::Any;
use std::fmt::{self, Debug};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::super::error::EndpointError;
use super::super::form;
use super::super::lock::{LOCK_WAIT, lock};
use super::super::stored::StoredSecret;
use crate::error::Error;
use crate::exit::Exit;
use crate::fs::{
    TEMPORARY, close_to_others, private_file, private_folder, remove, remove_temporary, sync_folder, write_new,
};
use crate::secret::SecretError;
use crate::store::kept::{KeptKind, KeptRow, KeptRows, RowChange};

/// Where an earlier hook kept the public half of a stored pair of keys: beside the private one, with this ending.
const PUBLIC: &str = ".pub";

/// What keeps stored secrets by their names.
pub(super) trait SecretRows: Debug + Send + Sync {
    /// One of them.
    fn read(&self, name: &str) -> Result<Option<StoredSecret>, EndpointError>;

    /// Keeps a new one. `false` where the name is in use. It may be lost by a crash until [`SecretRows::sync`] returns.
    fn insert(&self, name: &str, secret: &StoredSecret) -> Result<bool, EndpointError>;

    /// Replaces one whole: at every moment the one before or the one after is readable.
    fn replace(&self, name: &str, secret: &StoredSecret) -> Result<(), EndpointError>;

    /// Drops one; that it does not exist is no error.
    fn remove(&self, name: &str) -> Result<(), EndpointError>;

    /// The names of all, in order.
    fn names(&self) -> Result<Vec<String>, EndpointError>;

    /// Makes what was changed outlive a crash.
    fn sync(&self) -> Result<(), EndpointError>;

    /// Keeps others from changing any until the result is dropped.
    fn lock(&self) -> Result<Box<dyn Any + Send>, EndpointError>;

    /// Whether one of that name is there.
    fn has(&self, name: &str) -> bool;

    /// When one was added, removed or replaced last, where that is not seen otherwise.
    fn changed_at(&self) -> Option<SystemTime>;

    /// The file of a name.
    fn path(&self, name: &str) -> Option<PathBuf>;

    /// Whether others than this user may read what is kept, so that it has to be encrypted.
    fn must_encrypt(&self) -> bool;
}

/// A folder that only this user can read, with a file for each secret.
#[derive(Debug)]
pub(super) struct SecretFolder(pub(super) PathBuf);

impl SecretFolder {
    fn public_path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}{PUBLIC}"))
    }
}

impl SecretRows for SecretFolder {
    fn read(&self, name: &str) -> Result<Option<StoredSecret>, EndpointError> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(StoredSecret::read(&bytes, || {
                fs::read_to_string(self.public_path(name)).ok()
            }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => {
                let path = path.display().to_string();
                Err(SecretError::Unreadable { path, source }.into())
            }
        }
    }

    fn insert(&self, name: &str, secret: &StoredSecret) -> Result<bool, EndpointError> {
        private_folder(&self.0)
            .and_then(|()| close_to_others(&self.0))
            .map_err(EndpointError::io(&self.0, "made"))?;
        let path = self.0.join(name);
        match write_new(&path, &secret.to_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(EndpointError::io(&path, "written")(error)),
        }
    }

    fn replace(&self, name: &str, secret: &StoredSecret) -> Result<(), EndpointError> {
        // What processes left that were killed.
        remove_temporary(&self.0, "");
        let path = self.0.join(name);
        private_file(&path, &secret.to_bytes()).map_err(EndpointError::io(&path, "written"))
    }

    fn remove(&self, name: &str) -> Result<(), EndpointError> {
        for path in [self.0.join(name), self.public_path(name)] {
            if let Err(source) = remove(&path) {
                let path = path.display().to_string();
                return Err(EndpointError::LeftBehind { path, source });
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let files = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(EndpointError::io(&self.0, "read"))?,
        };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let is_public = |name: &str| name.strip_suffix(PUBLIC).is_some_and(|name| self.0.join(name).exists());
        let is_secret = |name: &String| form::is_stored_name(name) && !name.ends_with(TEMPORARY) && !is_public(name);
        let mut names: Vec<String> = names.filter(is_secret).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        sync_folder(&self.0).map_err(EndpointError::io(&self.0, "written"))
    }

    fn lock(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        private_folder(&self.0).map_err(EndpointError::io(&self.0, "made"))?;
        Ok(Box::new(lock(&self.0, "folder of secrets", LOCK_WAIT)?))
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn changed_at(&self) -> Option<SystemTime> {
        fs::metadata(&self.0).ok()?.modified().ok()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.0.join(name))
    }

    fn must_encrypt(&self) -> bool {
        false
    }
}

/// Rows of a store.
pub(super) struct StoreSecrets {
    pub(super) rows: Arc<dyn KeptRows>,
    /// Where they are, for people.
    pub(super) place: String,
}

impl StoreSecrets {
    fn row(&self, name: &str) -> Result<Option<KeptRow>, EndpointError> {
        Ok(self.rows.row(KeptKind::Secret, name).map_err(Error::from)?)
    }

    fn change(&self, change: RowChange) -> Result<bool, EndpointError> {
        Ok(self.rows.change(KeptKind::Secret, &[change]).map_err(Error::from)?)
    }

    fn text(name: &str, secret: &StoredSecret) -> Result<String, EndpointError> {
        let text = String::from_utf8(secret.to_bytes());
        Ok(text.map_err(|_| Error::internal(format!("the secret `{name}` cannot be written as text")))?)
    }

    fn contested(&self, name: &str) -> EndpointError {
        let what = format!("another process has changed the secret `{name}` in `{}`", self.place);
        Error::new(Exit::Store, what).hint("run it again").into()
    }
}

impl SecretRows for StoreSecrets {
    fn read(&self, name: &str) -> Result<Option<StoredSecret>, EndpointError> {
        Ok(self
            .row(name)?
            .map(|row| StoredSecret::read(row.text.as_bytes(), || None)))
    }

    fn insert(&self, name: &str, secret: &StoredSecret) -> Result<bool, EndpointError> {
        let (key, text) = (name.to_owned(), Self::text(name, secret)?);
        self.change(RowChange::Add { key, text })
    }

    fn replace(&self, name: &str, secret: &StoredSecret) -> Result<(), EndpointError> {
        let (key, text) = (name.to_owned(), Self::text(name, secret)?);
        let replaced = match self.row(name)? {
            Some(KeptRow { version, .. }) => self.change(RowChange::Replace { key, text, version })?,
            None => self.change(RowChange::Add { key, text })?,
        };
        replaced.then_some(()).ok_or_else(|| self.contested(name))
    }

    fn remove(&self, name: &str) -> Result<(), EndpointError> {
        let Some(KeptRow { key, version, .. }) = self.row(name)? else {
            return Ok(());
        };
        let removed = self.change(RowChange::Remove { key, version })?;
        removed.then_some(()).ok_or_else(|| self.contested(name))
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let rows = self.rows.rows(KeptKind::Secret).map_err(Error::from)?;
        let mut names: Vec<String> = rows.into_iter().map(|row| row.key).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        // A change is durable when it returns.
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        Ok(self.rows.lock("secrets").map_err(Error::from)?)
    }

    fn has(&self, name: &str) -> bool {
        self.row(name).is_ok_and(|row| row.is_some())
    }

    fn changed_at(&self) -> Option<SystemTime> {
        // The generation of the rows counts changes of secrets too.
        None
    }

    fn path(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn must_encrypt(&self) -> bool {
        true
    }
}

impl Debug for StoreSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSecrets")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
