//! Endpoints paused and resumed: what is delivered to them waits.

use super::{EndpointEvent, Endpoints};
use crate::error::{Error, Result};
use crate::store::{self, Access, Op, QueueOp, StoreOptions};

impl Endpoints<'_> {
    /// Pauses endpoints, or resumes them.
    pub fn pause(&self, names: &[String], paused: bool) -> Result<()> {
        self.check_pause()?;
        for endpoint in self.pick(names)? {
            let changed = self.set_paused(Some(endpoint.id.clone()), paused)?;
            let endpoint = self.details(&endpoint);
            (self.on)(EndpointEvent::Paused { endpoint, changed })?;
        }
        if !paused && self.context.paused().is_all() {
            let notices = &self.context.notices;
            notices.note("everything is still paused");
            notices.hint("`hook endpoints resume --all` ends that");
        }
        Ok(())
    }

    /// Pauses everything, or ends that; endpoints that are paused by their names stay so.
    pub fn pause_all(&self, paused: bool) -> Result<()> {
        self.check_pause()?;
        let changed = self.set_paused(None, paused)?;
        (self.on)(EndpointEvent::AllPaused { paused, changed })?;
        let still = self.context.paused();
        for endpoint in self.store.list()?.iter().filter(|_| !paused) {
            if still.has(&endpoint.id) {
                self.context
                    .notices
                    .note(format!("`{}` is still paused", endpoint.name));
            }
        }
        Ok(())
    }

    fn check_pause(&self) -> Result<()> {
        let Some(remote) = self.store.remote() else {
            return Ok(());
        };
        let what = format!("deliveries of `{}` cannot be paused here", remote.name);
        Err(Error::usage(what).hint("leave out `--remote`: local endpoints can be paused"))
    }

    /// Returns whether it was otherwise before.
    fn set_paused(&self, lane: Option<String>, paused: bool) -> Result<bool> {
        let mut ledger = store::open(&self.context.store_place, Access::ReadWrite, StoreOptions::default())?;
        let at = paused.then(|| self.context.now());
        let is_paused = ledger.paused()?.contains(&lane.clone().unwrap_or_default());
        if is_paused == paused {
            return Ok(false);
        }
        ledger.write(&[Op::Queue(QueueOp::Pause { lane, at })])?;
        Ok(true)
    }
}
