//! The grants of the user for entries of projects' files: a list of hashes in the user's state folder. `config::trust` decides
//! what requires a grant.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::digest::body_sha256;
use crate::fs::{folder_of, private_folder};
use crate::text::printable;

/// One entry of a project's file that requires trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The file.
    pub subject: PathBuf,
    /// Its key: `listen.on`, `remote.crm`, `endpoint crm`.
    pub key: String,
    /// What it would do, escaped for a terminal.
    pub text: String,
    /// What is allowed, to the byte.
    entry: String,
}

/// The list of grants.
#[derive(Debug, Clone)]
pub struct TrustList {
    file: PathBuf,
}

impl Grant {
    /// `parts` is everything that must not change for the grant to hold.
    pub fn new(subject: &Path, key: impl Into<String>, text: impl Into<String>, parts: &[&str]) -> Self {
        let key = key.into();
        // The length before each part keeps two lists of parts from having one text.
        let lines: Vec<String> = parts.iter().map(|part| format!("{} {part}\n", part.len())).collect();
        Self {
            subject: subject.to_owned(),
            key: printable(&key, 200),
            text: printable(&text.into(), usize::MAX),
            entry: lines.concat(),
        }
    }

    /// Whether it is the same for the list, whatever it is called.
    pub fn allows_the_same(&self, other: &Self) -> bool {
        self.subject == other.subject && self.entry == other.entry
    }

    fn hash(&self) -> String {
        // The path is hashed with the entry: a line of the list means nothing for another file, whatever its name is.
        let path = self.subject.display().to_string();
        body_sha256(format!("hook-trust-2\n{} {path}\n{}", path.len(), self.entry).as_bytes())
    }
}

impl TrustList {
    /// The list in that file, which need not exist.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Whether the user has allowed that.
    pub fn allows(&self, grant: &Grant) -> bool {
        // Read again for each entry: another process may have added something.
        let text = fs::read(&self.file).unwrap_or_default();
        let hash = grant.hash();
        let text = String::from_utf8_lossy(&text);
        text.lines().any(|line| line.split(' ').next() == Some(&hash))
    }

    /// Allows these.
    pub fn add(&self, grants: &[Grant]) -> io::Result<()> {
        let new: Vec<&Grant> = grants.iter().filter(|grant| !self.allows(grant)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let line = |grant: &Grant| {
            let path = printable(&grant.subject.display().to_string(), usize::MAX);
            format!("{} {} {path}\n", grant.hash(), grant.key.replace(' ', "_"))
        };
        let lines = new.into_iter().map(line).collect::<Vec<_>>().concat();
        private_folder(folder_of(&self.file))?;
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).mode(0o600).open(&self.file)?;
        // In one piece, so that two processes do not mix their lines.
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_allowed_holds_for_that_file_and_that_entry_alone() {
        let folder = TempDir::new().unwrap();
        let list = TrustList::new(folder.path().join("state/trusted"));
        let other = TrustList::new(list.path().to_owned());
        let grant = |path: &str, parts: &[&str]| Grant::new(Path::new(path), "listen.on", "text", parts);
        let one = grant("/p/hook.toml", &["listen.on", "a"]);
        assert!(!list.allows(&one) && !other.allows(&one));
        list.add(std::slice::from_ref(&one)).unwrap();
        assert!(list.allows(&one) && other.allows(&one));
        for foreign in [
            grant("/q/hook.toml", &["listen.on", "a"]),
            grant("/p/hook.toml", &["listen.on", "b"]),
            grant("/p/hook.toml", &["listen.on a"]),
            grant("/p/hook.toml", &["listen.on", "a", ""]),
        ] {
            assert!(!list.allows(&foreign), "{foreign:?}");
        }
        let length = fs::metadata(list.path()).unwrap().len();
        other.add(&[one]).unwrap();
        assert_eq!(
            fs::metadata(list.path()).unwrap().len(),
            length,
            "nothing is written twice"
        );
    }
}
