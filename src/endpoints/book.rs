//! The book: endpoints in a JSON file that people read, edit and put under version control. Every change reads, changes
//! and writes under one lock, and the file is replaced whole: two processes lose nothing of each other, and a crash
//! leaves the file as it was.
//!
//! The book of a project may come from another person: it is read within limits, and its secrets are used only where the
//! user allowed it or wrote them by a command.
//!
//! What deliveries tell about an endpoint is not in the file: a book with a [`HealthStore`] adds it when it is read.

mod project;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::joined::{HealthStore, changes, join, misplaced, without_health};
use super::lock::{LOCK_WAIT, beside, lock};
use super::names::check_name;
use super::secrets::Vault;
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::fs::{ENDPOINT_FILE_LIMIT, folder_of, read_in_project, remove, sync_folder, write_new};
use crate::health::{HealthById, HealthChange};
use crate::id::{Id, IdKind};
use crate::target;
use crate::trust::TrustList;

/// The only format there is so far.
pub const FORMAT: u64 = 1;

/// What is locked, for people.
const WHAT: &str = "endpoint file";

/// The local book.
#[derive(Debug, Clone)]
pub struct Book {
    path: PathBuf,
    vault: Vault,
    health: Option<Arc<dyn HealthStore>>,
    own_ids: bool,
    project: Option<Project>,
    lock_wait: Duration,
}

/// What makes a book a project's.
#[derive(Debug, Clone)]
struct Project {
    folder: PathBuf,
    /// What the user has allowed.
    list: TrustList,
    /// Endpoints whose changed URL the user did not write: their secrets stay where they were.
    unbound: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile<T> {
    format: u64,
    endpoints: T,
}

/// Read before the rest: a newer format may have keys that this one refuses.
#[derive(Deserialize)]
struct FormatHead {
    format: u64,
}

impl Book {
    /// The book in that file, which need not be there, with its secrets in that vault.
    pub fn new(path: impl Into<PathBuf>, vault: Vault) -> Self {
        let path = path.into();
        Self {
            vault: vault.of_book(&path, false),
            path,
            health: None,
            own_ids: true,
            project: None,
            lock_wait: LOCK_WAIT,
        }
    }

    /// The book of the project in that folder, which others may have written.
    pub fn of_project(path: impl Into<PathBuf>, folder: impl Into<PathBuf>, vault: Vault, list: TrustList) -> Self {
        let path = path.into();
        let project = Project {
            folder: folder.into(),
            list,
            unbound: Vec::new(),
        };
        Self {
            vault: vault.of_book(&path, true),
            project: Some(project),
            ..Self::new(path, Vault::new("", ""))
        }
    }

    /// Notes about endpoints that a provider keeps, under the provider's ids.
    pub fn notes(path: impl Into<PathBuf>, vault: Vault) -> Self {
        Self {
            own_ids: false,
            ..Self::new(path, vault)
        }
    }

    /// The same book, whose endpoints have the health that is kept there.
    #[must_use]
    pub fn with_health(self, health: Arc<dyn HealthStore>) -> Self {
        Self {
            health: Some(health),
            ..self
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its generated secrets are.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// All endpoints in the order of the file, with their health; none when there is no file.
    pub fn read(&self) -> Result<Vec<Endpoint>, EndpointError> {
        if fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(Vec::new());
        }
        // Before the file, which is written before the health: what is read as enabled since then is enabled in the file too.
        let health = self.health()?;
        let mut endpoints = self.written()?;
        join(&mut endpoints, &health);
        Ok(endpoints)
    }

    /// All endpoints as they are in the file, for whom it does not matter whether they are disabled.
    pub fn written(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.load(&self.path)
    }

    /// The health of its endpoints, as far as it is known.
    pub(super) fn health(&self) -> Result<HealthById, EndpointError> {
        self.health
            .as_ref()
            .map_or_else(|| Ok(HealthById::new()), |health| health.read())
    }

    pub(super) fn tell_health(&self, changes: &[HealthChange]) -> Result<(), EndpointError> {
        match &self.health {
            Some(health) if !changes.is_empty() => health.write(changes),
            _ => Ok(()),
        }
    }

    /// Moves what an earlier hook wrote into the file about the health of endpoints to where it is kept now.
    pub fn move_health(&self) -> Result<(), EndpointError> {
        if self.health.is_none() || misplaced(&self.written()?).is_empty() {
            return Ok(());
        }
        self.edit(|_| Ok(()))
    }

    /// Changes the endpoints under the lock. An error from `change` leaves the file as it is; a stored secret
    /// that no endpoint refers to any more after the change is deleted.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut Vec<Endpoint>) -> Result<T, EndpointError>,
    ) -> Result<T, EndpointError> {
        // A rename would put a file in the place of a symbolic link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        self.make_folder(&path)?;
        let _lock = lock(&path, WHAT, self.lock_wait)?;
        let temporary = beside(&path, ".tmp");
        remove(&temporary).map_err(EndpointError::io(&temporary, "removed"))?;

        let health = self.health()?;
        let stored = self.load(&path)?;
        let mut before = stored.clone();
        join(&mut before, &health);
        let mut after = before.clone();
        let answer = change(&mut after)?;
        // Moved before the file loses it.
        let moved = self.health.as_ref().map_or_else(Vec::new, |_| misplaced(&stored));
        self.tell_health(&moved)?;
        if after != before || !moved.is_empty() {
            check(&after, self.own_ids)?;
            // Trusted first: a crash in between leaves a grant that nothing uses, not an endpoint that cannot sign.
            self.bind_changes(&before, &after)?;
            self.write(&path, &temporary, (&stored, &after))?;
            self.tell_health(&changes(&before, &after))?;
            self.vault.forget_dropped(&before, &after)?;
        }
        Ok(answer)
    }

    /// Writes the endpoints without what is kept elsewhere. A file that is the same keeps its formatting, and its time of
    /// change.
    fn write(
        &self,
        path: &Path,
        temporary: &Path,
        (stored, after): (&[Endpoint], &[Endpoint]),
    ) -> Result<(), EndpointError> {
        let mut written = after.to_vec();
        for endpoint in &mut written {
            endpoint.enabled_at = None;
        }
        if self.health.is_some() {
            without_health(&mut written);
        }
        if written == stored {
            return Ok(());
        }
        replace(path, temporary, &written)
    }

    /// Keeps other processes from holding it too, until the file that is returned is dropped. Changes are not hindered:
    /// it is for work that takes many of them.
    pub fn hold(&self) -> Result<File, EndpointError> {
        self.make_folder(&self.path)?;
        lock(&beside(&self.path, ".work"), WHAT, self.lock_wait)
    }

    fn load(&self, path: &Path) -> Result<Vec<Endpoint>, EndpointError> {
        let read = match &self.project {
            Some(project) => read_in_project(&project.folder, path, ENDPOINT_FILE_LIMIT).map_err(io::Error::from),
            None => fs::read(path),
        };
        let text = match read {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| EndpointError::invalid(path, "it is not UTF-8 text"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(EndpointError::io(path, "read")(error)),
        };
        let endpoints = parse(path, &text)?;
        // Edited by hand or merged: the error is about the file, not about one endpoint.
        check(&endpoints, self.own_ids).map_err(|fault| match fault {
            EndpointError::Duplicate { what, value } => {
                EndpointError::invalid(path, format!("two endpoints have the {what} `{value}`"))
            }
            fault => EndpointError::invalid(path, fault),
        })?;
        Ok(endpoints)
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Endpoint>, EndpointError> {
    // A text that has no head is refused below, with the whole format in view.
    let found = serde_json::from_str::<FormatHead>(text).map_or(FORMAT, |head| head.format);
    if found > FORMAT {
        let path = path.display();
        let what = format!("endpoint file `{path}` has format {found}, this hook knows up to {FORMAT}");
        return Err(Error::new(Exit::Store, what).hint("update hook").into());
    }
    if found < FORMAT {
        return Err(EndpointError::invalid(path, format!("format {found} is not supported")));
    }
    serde_json::from_str::<BookFile<_>>(text)
        .map(|content| content.endpoints)
        .map_err(|error| EndpointError::invalid(path, error))
}

/// What must hold of the whole book, also after a change by hand or a merge.
fn check(endpoints: &[Endpoint], own_ids: bool) -> Result<(), EndpointError> {
    let bad = |code, what| EndpointError::Rule(vec![Finding::problem(code, what)]);
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for Endpoint { id, name, url, .. } in endpoints {
        check_name(name).map_err(|what| bad("bad-name", what))?;
        target::parse_whole_url(url).map_err(|what| bad("bad-url", what))?;
        if own_ids && Id::parse(id).is_none_or(|id| id.kind != IdKind::Endpoint) {
            let what = format!("the id of endpoint `{name}` is not `ep_` and 32 hex digits");
            return Err(bad("bad-id", what));
        }
        for (what, value, is_new) in [("name", name, names.insert(name)), ("id", id, ids.insert(id))] {
            if !is_new {
                let value = value.clone();
                return Err(EndpointError::Duplicate { what, value });
            }
        }
    }
    Ok(())
}

fn replace(path: &Path, temporary: &Path, endpoints: &[Endpoint]) -> Result<(), EndpointError> {
    let content = BookFile {
        format: FORMAT,
        endpoints,
    };
    let text = serde_json::to_string_pretty(&content);
    let text = text.map_err(|error| EndpointError::io(path, "written")(error.into()))? + "\n";
    // A book that cannot be read again would lock the user out of every endpoint.
    if parse(path, &text)? != endpoints {
        let error = io::Error::new(io::ErrorKind::InvalidData, "it would not read back the same");
        return Err(EndpointError::io(path, "written")(error));
    }
    write_new(temporary, text.as_bytes()).map_err(EndpointError::io(temporary, "written"))?;
    if let Err(error) = fs::rename(temporary, path) {
        let _ = remove(temporary);
        return Err(EndpointError::io(path, "written")(error));
    }
    let folder = folder_of(path);
    sync_folder(folder).map_err(EndpointError::io(folder, "written"))
}

#[cfg(test)]
mod tests;
