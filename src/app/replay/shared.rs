//! What the replays of one command share: its options, the ledger, and secrets and endpoints that are fetched once.

use std::cell::RefCell;
use std::rc::Rc;

use super::ReplayOptions;
use crate::app::context::{Context, Purpose, Secrets};
use crate::app::notice::Notice;
use crate::endpoints::Endpoint;
use crate::error::Result;
use crate::exchange::SecretKind;
use crate::store::Store;

/// Makes deliveries of records, and caches what many records need.
pub struct Replay<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a dyn Store,
    pub(super) options: &'a ReplayOptions,
    given: RefCell<Option<(Secrets, SecretKind)>>,
    endpoints: RefCell<Option<Rc<[Endpoint]>>>,
}

impl<'a> Replay<'a> {
    /// Replays as the options say.
    pub fn new(context: &'a Context, store: &'a dyn Store, options: &'a ReplayOptions) -> Self {
        Self {
            context,
            store,
            options,
            given: RefCell::new(None),
            endpoints: RefCell::new(None),
        }
    }

    /// Whether the owning process still runs.
    pub(super) fn is_held(&self, owner: &str) -> bool {
        self.context.owners().is_alive(owner)
    }

    pub(super) fn emit(&self, notices: impl IntoIterator<Item = Notice>) {
        notices.into_iter().for_each(|notice| self.context.notices.emit(notice));
    }

    /// The secrets of the options.
    pub(super) fn given(&self) -> Result<(Secrets, SecretKind)> {
        if let Some(given) = &*self.given.borrow() {
            return Ok(given.clone());
        }
        // Fetched once: standard input can be read only once.
        let given = self
            .context
            .secrets_and_kind(&self.options.secrets, (None, Vec::new()), Purpose::Sign)?;
        Ok(self.given.borrow_mut().insert(given).clone())
    }

    pub(super) fn endpoints(&self) -> Result<Rc<[Endpoint]>> {
        if let Some(endpoints) = &*self.endpoints.borrow() {
            return Ok(Rc::clone(endpoints));
        }
        let endpoints = self.context.book().read()?.into();
        Ok(Rc::clone(self.endpoints.borrow_mut().insert(endpoints)))
    }
}
