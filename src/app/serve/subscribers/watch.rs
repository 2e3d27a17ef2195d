//! The endpoints in a long run: read again when the book has changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Subscribers;
use crate::app::context::Context;
use crate::app::serve::signing::signing;
use crate::endpoints::BookWatch;
use crate::error::Result;

/// The current endpoints. Reading is free; the file is looked at by [`SubscriberWatch::refresh`] alone.
pub(in crate::app::serve) struct SubscriberWatch {
    book: BookWatch,
    current: Mutex<Arc<Subscribers>>,
    /// When the file was looked at last.
    looked: Mutex<Instant>,
    refreshing: Mutex<()>,
}

impl SubscriberWatch {
    /// Reads the book.
    pub(in crate::app::serve) fn new(context: &Context) -> Result<Self> {
        let book = context.book_watch();
        let read = Subscribers::read(context, &book)?;
        // A wrong key is a mistake of the start. While the service runs, deliveries are parked.
        if let Some(locked) = read.locked().find(|locked| locked.endpoint.is_active()) {
            signing(context, &locked.endpoint, &locked.profile)?;
        }
        let current = Mutex::new(Arc::new(read));
        let looked = Mutex::new(Instant::now());
        Ok(Self {
            book,
            current,
            looked,
            refreshing: Mutex::new(()),
        })
    }

    /// As they are now.
    pub(in crate::app::serve) fn current(&self) -> Arc<Subscribers> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the book has changed since it was read. Its file is looked at when that was not done for `patience`.
    pub(in crate::app::serve) fn is_stale(&self, patience: Duration) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.elapsed() < patience {
            return false;
        }
        *looked = Instant::now();
        let Some(endpoints) = self.book.current() else {
            return true;
        };
        // Another caller has just read the book, and still makes subscribers of it.
        let made_from = &self.current().endpoints;
        made_from
            .as_ref()
            .is_none_or(|made_from| !Arc::ptr_eq(made_from, &endpoints))
    }

    /// Looks whether another process has disabled or enabled an endpoint.
    pub(in crate::app::serve) fn look(&self) -> Result<()> {
        Ok(self.book.look()?)
    }

    /// The health of an endpoint has changed.
    pub(in crate::app::serve) fn outdate(&self) {
        self.book.outdate();
    }

    /// Whether the health of an endpoint has changed since the book was read.
    pub(in crate::app::serve) fn is_outdated(&self) -> bool {
        self.book.is_outdated()
    }

    /// Reads the book again.
    pub(in crate::app::serve) fn refresh(&self, context: &Context) -> Result<()> {
        // One at a time: an older state must not replace a newer one.
        let _alone = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(context)
    }

    /// Reads the book again as it is now, unless that was done since it had that generation.
    pub(in crate::app::serve) fn renew(&self, context: &Context, generation: Option<u64>) -> Result<()> {
        let _alone = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.current().generation != generation {
            return Ok(());
        }
        self.book.outdate();
        self.read(context)
    }

    fn read(&self, context: &Context) -> Result<()> {
        let read = Arc::new(Subscribers::read(context, &self.book)?);
        let before = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::clone(&read))
        };
        // Reported when it counts: an event that comes then is parked.
        for subscriber in read.all() {
            subscriber.report_lock(context, before.of_lane(&subscriber.lane));
        }
        Ok(())
    }
}
