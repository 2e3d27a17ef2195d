//! Documents that a store keeps by their keys beside the ledger: the endpoints of a book, and their secrets. A ledger in a file
//! keeps none, since those are files of their own there.

use std::any::Any;
use std::fmt::Debug;

use super::StoreError;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeptKind {
    /// An endpoint as JSON, by its id.
    Endpoint,
    /// A stored secret, encrypted, by its name.
    Secret,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// Unique among those of its kind.
    pub key: String,
    /// Its text.
    pub text: String,
    /// Another number after each change.
    pub version: u64,
}

/// A change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    /// A new one, behind all others.
    Add {
        /// Not in use yet.
        key: String,
        /// Its text.
        text: String,
    },
    /// Another text. It keeps its place.
    Replace {
        /// Of which one.
        key: String,
        /// Its text from now on.
        text: String,
        /// The version that is replaced.
        version: u64,
    },
    /// It is dropped.
    Remove {
        /// Which one.
        key: String,
        /// The version that is dropped.
        version: u64,
    },
}

/// What keeps documents.
pub trait KeptRows: Debug + Send + Sync {
    /// All of a kind, in the order in which they were added.
    fn rows(&self, kind: KeptKind) -> Result<Vec<KeptRow>, StoreError>;

    /// One of them.
    fn row(&self, kind: KeptKind, key: &str) -> Result<Option<KeptRow>, StoreError> {
        Ok(self.rows(kind)?.into_iter().find(|row| row.key == key))
    }

    /// Makes changes, all in one transaction, durable when this returns. `false`, and nothing is changed, where a key of
    /// an `Add` is in use, or another process has changed one of the versions.
    fn change(&self, kind: KeptKind, changes: &[RowChange]) -> Result<bool, StoreError>;

    /// Another number after each change of a document by any process, as it was at most a second ago. Asked for before each
    /// attempt of a delivery, so it must cost next to nothing.
    fn generation(&self) -> Result<u64, StoreError>;

    /// The same, as it is now.
    fn generation_now(&self) -> Result<u64, StoreError> {
        self.generation()
    }

    /// Keeps all other callers of the same lock waiting, those of other machines too, until the result is dropped. Locks have
    /// names; a process that dies loses its own.
    fn lock(&self, name: &str) -> Result<Box<dyn Any + Send>, StoreError>;
}

/// The documents of a store that this build does not have.
#[derive(Debug)]
pub(super) struct NoRows(pub(super) StoreError);

impl KeptRows for NoRows {
    fn rows(&self, _: KeptKind) -> Result<Vec<KeptRow>, StoreError> {
        Err(self.0.clone())
    }

    fn change(&self, _: KeptKind, _: &[RowChange]) -> Result<bool, StoreError> {
        Err(self.0.clone())
    }

    fn generation(&self) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }

    fn lock(&self, _: &str) -> Result<Box<dyn Any + Send>, StoreError> {
        Err(self.0.clone())
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::HashSet;
    use std::sync::{Arc, Condvar, Mutex};

    use super::*;

    /// Documents in memory.
    #[derive(Debug, Default)]
    pub(crate) struct MemoryRows {
        state: Mutex<State>,
        locks: Arc<(Mutex<HashSet<String>>, Condvar)>,
    }

    #[derive(Debug, Default)]
    struct State {
        rows: Vec<(KeptKind, KeptRow)>,
        generation: u64,
        /// The next change finds that another process was faster.
        is_contested: bool,
    }

    impl MemoryRows {
        /// Lets the next change fail as if another process had been faster.
        pub(crate) fn contest(&self) {
            self.state.lock().unwrap().is_contested = true;
        }
    }

    struct Held(String, Arc<(Mutex<HashSet<String>>, Condvar)>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.1.0.lock().unwrap().remove(&self.0);
            self.1.1.notify_all();
        }
    }

    impl KeptRows for MemoryRows {
        fn rows(&self, kind: KeptKind) -> Result<Vec<KeptRow>, StoreError> {
            let state = self.state.lock().unwrap();
            let of_kind = state.rows.iter().filter(|(of, _)| *of == kind);
            Ok(of_kind.map(|(_, row)| row.clone()).collect())
        }

        fn change(&self, kind: KeptKind, changes: &[RowChange]) -> Result<bool, StoreError> {
            let mut state = self.state.lock().unwrap();
            if std::mem::take(&mut state.is_contested) {
                return Ok(false);
            }
            let (mut rows, generation) = (state.rows.clone(), state.generation + 1);
            for change in changes {
                let (key, version) = match change {
                    RowChange::Add { key, .. } => (key, None),
                    RowChange::Replace { key, version, .. } | RowChange::Remove { key, version } => {
                        (key, Some(*version))
                    }
                };
                let at = rows.iter().position(|(of, row)| *of == kind && row.key == *key);
                if at.map(|at| rows[at].1.version) != version {
                    return Ok(false);
                }
                match (change, at) {
                    (RowChange::Remove { .. }, Some(at)) => drop(rows.remove(at)),
                    (RowChange::Replace { text, .. }, Some(at)) => {
                        rows[at].1.text.clone_from(text);
                        rows[at].1.version = generation;
                    }
                    (RowChange::Add { key, text }, _) => rows.push((
                        kind,
                        KeptRow {
                            key: key.clone(),
                            text: text.clone(),
                            version: generation,
                        },
                    )),
                    _ => return Ok(false),
                }
            }
            (state.rows, state.generation) = (rows, generation);
            Ok(true)
        }

        fn generation(&self) -> Result<u64, StoreError> {
            Ok(self.state.lock().unwrap().generation)
        }

        fn lock(&self, name: &str) -> Result<Box<dyn Any + Send>, StoreError> {
            let (held, freed) = &*self.locks;
            let is_held = |held: &mut HashSet<String>| held.contains(name);
            let mut held = freed.wait_while(held.lock().unwrap(), is_held).unwrap();
            held.insert(name.to_owned());
            Ok(Box::new(Held(name.to_owned(), Arc::clone(&self.locks))))
        }
    }
}
