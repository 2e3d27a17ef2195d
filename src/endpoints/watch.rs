//! The book in a long run: read again when its file has changed; the last good state stays in use while the file is broken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::book::Book;
use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::rows::Mark;

/// Identifies a state: that of the endpoints, and the time of change of the folder of secrets, whose files get another key.
type WatchMark = (Mark, Option<SystemTime>);

/// A change of the file, reported once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookChange {
    /// It cannot be used, for this reason; the last good state stays in use.
    Broken(String),
    /// It can be used again.
    Repaired,
}

#[derive(Default)]
struct BookState {
    /// Of the file when it was read.
    mark: WatchMark,
    good: Option<Arc<[Endpoint]>>,
    is_broken: bool,
    /// When it was read, or the health looked at.
    checked_at: Option<Instant>,
    /// Known changes of the health of endpoints, and how many of them it was read after.
    changes: u64,
    seen_changes: u64,
}

/// The endpoints of a book at one moment.
#[derive(Debug, Clone)]
pub struct ReadBook {
    /// All of them, in order.
    pub endpoints: Arc<[Endpoint]>,
    /// The generation of the store's documents that they were read from; absent for a book in a file, and for one that cannot be used
    /// now.
    pub generation: Option<u64>,
}

impl ReadBook {
    fn new(endpoints: Arc<[Endpoint]>, (mark, _): WatchMark, is_broken: bool) -> Self {
        let generation = match mark {
            Mark::Generation(generation) if !is_broken => Some(generation),
            _ => None,
        };
        Self { endpoints, generation }
    }
}

/// A book that is read again and again.
pub struct BookWatch {
    book: Book,
    seen: Mutex<BookState>,
    report: Box<dyn Fn(BookChange) + Send + Sync>,
}

impl BookWatch {
    /// Watches that book, and reports when it breaks and when it is repaired.
    pub fn new(book: Book, report: impl Fn(BookChange) + Send + Sync + 'static) -> Self {
        Self {
            book,
            seen: Mutex::default(),
            report: Box::new(report),
        }
    }

    /// The endpoints without reading anything, where the metadata of the file is unchanged, and no change of their health is
    /// known.
    pub fn current(&self) -> Option<Arc<[Endpoint]>> {
        self.current_within(Duration::MAX)
    }

    /// The same, unless they were read or looked at longer ago than that: other processes change the health of endpoints.
    pub fn current_within(&self, age: Duration) -> Option<Arc<[Endpoint]>> {
        self.current_state(age).map(|current| current.endpoints)
    }

    fn current_state(&self, age: Duration) -> Option<ReadBook> {
        let mark = self.marked(self.book.mark());
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = seen.checked_at.is_some_and(|at| at.elapsed() <= age);
        let is_current = is_young && seen.mark == mark && seen.seen_changes == seen.changes;
        let endpoints = seen.good.clone().filter(|_| is_current)?;
        Some(ReadBook::new(endpoints, mark, seen.is_broken))
    }

    /// The health of an endpoint has changed: all of them are to be read again.
    pub fn outdate(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).changes += 1;
    }

    /// Whether that was said since they were read.
    pub fn is_outdated(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.seen_changes != seen.changes
    }

    /// Looks whether another process has disabled or enabled an endpoint.
    pub fn look(&self) -> Result<(), EndpointError> {
        let now = Instant::now();
        let health = self.book.health()?;
        let is_same = |endpoint: &Endpoint| {
            health.get(&endpoint.id).is_none_or(|known| {
                known.enabled_at == endpoint.enabled_at && (known.disabled.is_none() || !endpoint.is_active())
            })
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.good.as_deref().unwrap_or_default().iter().all(is_same) {
            seen.changes += 1;
        }
        seen.checked_at = Some(now);
        Ok(())
    }

    /// The endpoints as they are now, or as they were when the file could be used. An error only where it never could.
    pub fn read(&self) -> Result<ReadBook, EndpointError> {
        if let Some(current) = self.current_state(Duration::MAX) {
            return Ok(current);
        }
        // Marked before it is read: a change in between is seen the next time.
        let (mark, checked_at) = (self.marked(self.book.mark_now()), Some(Instant::now()));
        let changes = self.seen.lock().unwrap_or_else(PoisonError::into_inner).changes;
        let found = self.book.read();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_broken = seen.is_broken;
        let (answer, change) = match (found, seen.good.clone()) {
            (Ok(endpoints), _) => {
                let endpoints: Arc<[Endpoint]> = endpoints.into();
                seen.good = Some(Arc::clone(&endpoints));
                seen.is_broken = false;
                (endpoints, was_broken.then_some(BookChange::Repaired))
            }
            (Err(error), Some(good)) => {
                seen.is_broken = true;
                let change = (!was_broken).then(|| BookChange::Broken(error.to_string()));
                (good, change)
            }
            (Err(error), None) => return Err(error),
        };
        (seen.mark, seen.checked_at, seen.seen_changes) = (mark, checked_at, changes);
        let answer = ReadBook::new(answer, mark, seen.is_broken);
        drop(seen);
        if let Some(change) = change {
            (self.report)(change);
        }
        Ok(answer)
    }

    fn marked(&self, mark: Mark) -> WatchMark {
        match mark {
            // Without endpoints no secret is used.
            Mark::Absent => (mark, None),
            mark => (mark, self.book.vault().changed_at()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::endpoints::Vault;
    use crate::endpoints::testing::endpoint;

    #[test]
    fn a_broken_file_leaves_the_last_good_state_in_use_and_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoints.json");
        let book = Book::new(&path, Vault::new(folder.path().join("secrets"), folder.path()));
        let said = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&said);
        let watch = BookWatch::new(book.clone(), move |change| hears.lock().unwrap().push(change));
        assert!(watch.read().unwrap().endpoints.is_empty(), "no file, no endpoints");
        book.add(endpoint("one")).unwrap();
        assert!(watch.current().is_none(), "it has changed");
        assert_eq!(watch.read().unwrap().endpoints.len(), 1);
        assert!(watch.current().is_some());
        let good = fs::read(&path).unwrap();
        fs::write(&path, b"{").unwrap();
        for _ in 0..2 {
            assert_eq!(watch.read().unwrap().endpoints.len(), 1);
        }
        assert!(matches!(said.lock().unwrap().as_slice(), [BookChange::Broken(_)]));
        fs::write(&path, good).unwrap();
        assert_eq!(watch.read().unwrap().endpoints.len(), 1);
        book.remove("one").unwrap();
        assert!(watch.read().unwrap().endpoints.is_empty());
        assert!(matches!(
            said.lock().unwrap().as_slice(),
            [BookChange::Broken(_), BookChange::Repaired]
        ));
    }
}
