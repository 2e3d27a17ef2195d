//! The book: the endpoints of a user or a project, in a JSON file that people read, edit and put under version control, or in
//! the rows of a store ([`BookRows`]). Every change reads, changes and writes under one lock, all or nothing: two processes lose
//! nothing of each other, and a crash leaves everything as it was.
//!
//! The book of a project may come from another person: it is read within limits, and its secrets are used only where the
//! user allowed it or wrote them by a command.
//!
//! What deliveries tell about an endpoint is not in the file: a book with a [`HealthStore`] adds it when it is read.

mod project;

use std::any::Any;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::joined::{HealthStore, changes, join, misplaced, without_health};
use super::lock::LOCK_WAIT;
use super::names::check_name;
use super::rows::{BookRows, FileRows, Mark, StoreRows};
use super::secrets::Vault;
#[cfg(test)]
use crate::encryption::Encryption;
use crate::finding::Finding;
use crate::health::{HealthById, HealthChange};
use crate::id::{Id, IdKind};
use crate::store::StorePlace;
use crate::store::kept::KeptRows;
use crate::target;
use crate::trust::TrustList;

/// The local book.
#[derive(Debug, Clone)]
pub struct Book {
    rows: Arc<dyn BookRows>,
    path: PathBuf,
    vault: Vault,
    health: Option<Arc<dyn HealthStore>>,
    own_ids: bool,
    project: Option<Project>,
}

/// What makes a book a project's.
#[derive(Debug, Clone)]
struct Project {
    /// What the user has allowed.
    list: TrustList,
    /// Endpoints whose changed URL the user did not write: their secrets stay where they were.
    unbound: Vec<String>,
}

impl Book {
    /// The book in that file, which need not be there, with its secrets in that vault.
    pub fn new(path: impl Into<PathBuf>, vault: Vault) -> Self {
        let path = path.into();
        Self {
            vault: vault.of_book(&path, false),
            rows: file_rows(&path, None),
            path,
            health: None,
            own_ids: true,
            project: None,
        }
    }

    /// The book in the store at that place, which keeps its secrets too.
    pub fn of_store(rows: &Arc<dyn KeptRows>, place: &StorePlace, base: impl Into<PathBuf>) -> Self {
        let path = PathBuf::from(place.to_string());
        let vault = Vault::of_store(Arc::clone(rows), place, base);
        Self {
            rows: Arc::new(StoreRows::new(Arc::clone(rows), place)),
            ..Self::new(path, vault)
        }
    }

    /// The book of the project in that folder, which others may have written.
    pub fn of_project(path: impl Into<PathBuf>, folder: impl Into<PathBuf>, vault: Vault, list: TrustList) -> Self {
        let path = path.into();
        let rows = file_rows(&path, Some(folder.into()));
        let project = Project {
            list,
            unbound: Vec::new(),
        };
        Self {
            vault: vault.of_book(&path, true),
            project: Some(project),
            rows,
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

    /// The same book with another source of the key of its secrets.
    #[cfg(test)]
    pub(super) fn with_encryption(self, encryption: Encryption) -> Self {
        Self {
            vault: self.vault.with_encryption(encryption),
            ..self
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

    /// The file. For a book in a store, its place as text.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its generated secrets are.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// All endpoints in the order of the file, with their health; none when there is no file.
    pub fn read(&self) -> Result<Vec<Endpoint>, EndpointError> {
        if self.rows.is_missing() {
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
        self.checked(self.rows.read()?)
    }

    /// Identifies the state of what is kept, without the health, as it was at most a second ago.
    pub(super) fn mark(&self) -> Mark {
        self.rows.mark()
    }

    /// Identifies the state now.
    pub(super) fn mark_now(&self) -> Mark {
        self.rows.mark_now()
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
        let mut rows = self.rows.begin()?;
        let health = self.health()?;
        let stored = self.checked(rows.read()?)?;
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
            if let Some(written) = self.changed(&stored, &after) {
                rows.write(&written)?;
            }
            self.tell_health(&changes(&before, &after))?;
            self.vault.forget_dropped(&before, &after)?;
        }
        Ok(answer)
    }

    /// The endpoints without what is kept elsewhere; `None` where that is what is kept already, so that a file keeps its
    /// formatting, and its time of change.
    fn changed(&self, stored: &[Endpoint], after: &[Endpoint]) -> Option<Vec<Endpoint>> {
        let mut written = after.to_vec();
        for endpoint in &mut written {
            endpoint.enabled_at = None;
        }
        if self.health.is_some() {
            without_health(&mut written);
        }
        (written != stored).then_some(written)
    }

    /// Keeps other processes from holding it too, until what is returned is dropped. Changes are not hindered: it is for work
    /// that takes many of them.
    pub fn hold(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        self.rows.hold()
    }

    /// Endpoints that were edited by hand, or merged: an error is about all that is kept, not about one endpoint.
    fn checked(&self, endpoints: Vec<Endpoint>) -> Result<Vec<Endpoint>, EndpointError> {
        check(&endpoints, self.own_ids).map_err(|fault| match fault {
            EndpointError::Duplicate { what, value } => {
                let what = format!("two endpoints have the {what} `{value}`");
                self.rows.invalid(&what)
            }
            fault => self.rows.invalid(&fault),
        })?;
        Ok(endpoints)
    }
}

fn file_rows(path: &Path, project: Option<PathBuf>) -> Arc<dyn BookRows> {
    Arc::new(FileRows {
        path: path.to_owned(),
        project,
        lock_wait: LOCK_WAIT,
    })
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

#[cfg(test)]
mod tests;
