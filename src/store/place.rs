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

/// What is wrong with a text that was meant as a URL.
const MISTYPED: &str = "it looks like a URL, which begins with `postgres://`; a file of that name is written `./NAME`";

/// Where a ledger is. As text, a URL is server and database alone.
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
            if looks_like_url(&text.to_string_lossy()) {
                return Err(MISTYPED.to_owned());
            }
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

/// Whether a text without a scheme was meant as a URL. As a file name it would be shown, with its password. What begins like a
/// path is one.
fn looks_like_url(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_drive = matches!(bytes, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start)) && !text.starts_with("//");
    if is_path || is_drive {
        return false;
    }
    // A space, a quotation mark or an invisible character may stand before it.
    let bare =
        text.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '/' | '\\' | '_' | '-' | '~'));
    let lower = bare.to_ascii_lowercase();
    let is_scheme = |word: &str| {
        let is_of_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-');
        word.len() > 1 && word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_of_it)
    };
    let begins_like = |end: &str| {
        let word = lower.split_once(end).map(|(word, _)| word);
        word.is_some_and(|word| is_scheme(word) && (end == ":/" || word.starts_with("postgre")))
    };
    let has_scheme = begins_like(":/") || begins_like("//") || POSTGRES.iter().any(|start| lower.contains(start));
    let has_credentials = lower
        .split_once(':')
        .is_some_and(|(_, rest)| rest.find('@').is_some_and(|at| at > 0));
    has_scheme || has_credentials || lower.contains("password=")
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
            "C:\\Users\\me@corp\\ledger.db",
            "c:/ledger.db",
            "ledger@home.db",
            "data//ledger.db",
            "/mnt/a:b@c/ledger.db",
            "./postgres:/u:p@h/d",
            "//server/share/ledger.db",
            "2030-01-01T10:00.db",
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
            "postgress://u:hidden-password@h/db",
            "postgres:/hidden/db",
            "postgres:/u:hidden@h/db",
            "postgres//hidden/db",
            "postgres//u:hidden@h/d",
            "postgres:u:hidden@h/d",
            "//u:hidden@h/d",
            "u:hidden@h/d",
            " postgres://hidden/d",
            "\u{feff}postgres://u:hidden@h/d",
            "'postgres://hidden/d'",
            "url=postgres://hidden/d",
            "HOOK_STORE=postgres://u:hidden@h/d",
            "jdbc:postgresql://hidden/d",
            "host=h user=u password=hidden",
        ] {
            let error = parse(text).expect_err(text);
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn no_form_of_a_url_as_text_has_its_password() {
        let place =
            parse("postgres://me:hidden-password@db.example.com:5433/events?password=hidden-too&sslmode=require");
        let place = place.unwrap();
        let shown = "postgres://db.example.com:5433/events";
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
