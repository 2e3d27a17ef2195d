//! Where a ledger is: a file, or a database of a PostgreSQL server.

#[cfg(any(test, feature = "postgres"))]
pub mod pgpass;
#[cfg(any(test, feature = "postgres"))]
pub mod server;
#[cfg(any(test, feature = "postgres"))]
pub mod service_file;
pub mod url;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

#[cfg(feature = "postgres")]
use super::StoreError;
use crate::error::Error;
#[cfg(feature = "postgres")]
use crate::secret::Secret;
use url::PostgresUrl;

/// What a URL of PostgreSQL begins with.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where a ledger is. As text, the password of a URL is left out.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// A file on this machine.
    File(PathBuf),
    /// A database.
    Postgres(Box<PostgresUrl>),
}

impl StorePlace {
    /// Reads `FILE` or `postgres://...`. The error never repeats the text, which may hold a password.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a file or a URL is missing".to_owned());
        }
        let Some(scheme) = scheme(text) else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let is_postgres = POSTGRES.iter().any(|start| start.strip_suffix("://") == Some(&scheme));
        if !is_postgres {
            return Err(format!("a URL begins with `postgres://`, not with `{scheme}://`"));
        }
        let text = text.to_str().ok_or("the URL is not UTF-8 text")?;
        Ok(Self::Postgres(Box::new(PostgresUrl::parse(text)?)))
    }

    /// The file; `None` for a database.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The file, for what can be done to a file only. `instead` is the hint for a database.
    pub fn require_file(&self, what: &str, instead: &str) -> Result<&Path, Error> {
        self.file()
            .ok_or_else(|| Error::usage(format!("{what} is for ledgers in a file, not for `{self}`")).hint(instead))
    }

    /// Whether there may be a ledger: a file is looked for, a database is not asked.
    pub fn exists(&self) -> bool {
        self.identity().is_some()
    }

    /// The URL of the database with everything that the environment adds, its password among it.
    #[cfg(feature = "postgres")]
    pub(super) fn resolved(&self, url: &PostgresUrl) -> Result<Secret, StoreError> {
        let server = url.server().map_err(|what| StoreError::NoConnection {
            place: self.to_string(),
            what,
        })?;
        Ok(server.url())
    }

    /// Identifies the ledger at this place: another number when another file was put there, `None` while there is none. A
    /// database stays the same one.
    pub fn identity(&self) -> Option<u64> {
        match self {
            Self::File(path) => fs::metadata(path).ok().map(|file| file.ino()),
            Self::Postgres(_) => Some(0),
        }
    }

    /// The value of [`crate::process::STORE_VARIABLE`] that leads another `hook` to the same place, also from another folder. It may hold a password.
    pub fn variable(&self) -> OsString {
        match self {
            Self::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).into(),
            Self::Postgres(url) => OsStr::from_bytes(url.text().expose()).to_owned(),
        }
    }
}

/// `scheme` of `scheme://...`, in small letters.
fn scheme(text: &OsStr) -> Option<String> {
    let bytes = text.as_bytes();
    let end = bytes.windows(3).position(|part| part == b"://")?;
    let scheme = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_scheme)).then_some(scheme)
}

impl From<PathBuf> for StorePlace {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for StorePlace {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePlace({self})")
    }
}

impl Serialize for StorePlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StorePlace, String> {
        StorePlace::parse(OsStr::new(text))
    }

    #[test]
    fn a_text_without_a_scheme_is_a_file() {
        for text in [
            "ledger.db",
            "/var/lib/hook/ledger.db",
            "a:b",
            "postgres:ledger",
            "./x://y",
            "1a://b",
        ] {
            assert_eq!(parse(text), Ok(StorePlace::File(text.into())), "{text}");
        }
        assert!(parse("").is_err());
    }

    #[test]
    fn a_url_is_a_database_and_another_scheme_is_refused_without_its_text() {
        for text in ["postgres://h/db", "postgresql://h/db", "PostgreSQL://h/db"] {
            assert!(parse(text).unwrap().file().is_none(), "{text}");
        }
        for text in [
            "mysql://u:hidden-password@h/db",
            "sqlite://ledger.db",
            "postgres://u:hidden-password@h:x/db",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn no_form_of_a_url_as_text_has_its_password() {
        let place =
            parse("postgres://me:hidden-password@db.example.com:5433/events?password=hidden-too&sslmode=require");
        let place = place.unwrap();
        let shown = "postgres://me@db.example.com:5433/events?sslmode=require";
        assert_eq!(place.to_string(), shown);
        assert_eq!(serde_json::to_string(&place).unwrap(), format!("\"{shown}\""));
        assert!(!format!("{place:?}").contains("hidden"));
        let value = place.variable();
        assert_eq!(parse(value.to_str().unwrap()), Ok(place));
    }

    #[test]
    fn the_identity_changes_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let place = StorePlace::from(path.clone());
        assert!(!place.exists());
        fs::write(&path, "").unwrap();
        fs::write(&other, "").unwrap();
        let before = place.identity();
        assert!(before.is_some());
        fs::rename(&other, &path).unwrap();
        assert!(place.identity().is_some_and(|now| Some(now) != before));
        let error = parse("postgres://h/db")
            .unwrap()
            .require_file("`x`", "`pg_dump`")
            .unwrap_err();
        assert_eq!(error.exit, crate::exit::Exit::Usage);
    }
}
