//! The messages of one run: fresh ones, or the same on every run of one seed.

use std::sync::Arc;

use super::body::MessageSource;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::random::Random;

/// What makes the message of number `index` repeatable, when the user wants that.
pub(super) struct MessageFactory {
    random: Arc<Random>,
    base: Option<Timestamp>,
}

impl MessageFactory {
    pub(super) fn new(session: &Session, seed: Option<u64>) -> Self {
        match seed {
            Some(seed) => {
                // Any fixed moment will do; this one is in the future, so that it is not taken for a real one.
                Self {
                    random: Arc::new(Random::seeded(seed)),
                    base: Some(Timestamp::from_unix(1_893_456_000)),
                }
            }
            None => Self {
                random: Arc::clone(&session.random),
                base: None,
            },
        }
    }

    pub(super) fn message(&self, session: &Session, maker: &MessageSource<'_>, index: u64) -> Result<Arc<Message>> {
        let now = session.now();
        let id = Id::new(IdKind::Message, now, &session.random);
        let at = self
            .base
            .map_or(now, |base| base.shifted_us(i64::try_from(index).unwrap_or(0) * 1000));
        maker.make(id, at, &self.random).map(Arc::new)
    }
}
