//! An app's answer for the sender, with `--answer app`.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::{Event, Next};
use crate::exchange::{ErrorKind, Outcome};
use crate::listener::AppReply;
use crate::server::Reply;

/// The longest body of an app's answer that is passed on to the sender, in bytes.
pub const ANSWER_PASSED_ON: usize = 32 * 1024 * 1024;

/// Bytes of answers that senders have not read yet, over all targets: senders that do not read must not fill the memory.
const UNREAD: usize = 64 * 1024 * 1024;

/// An answer up to this size is not counted: as many as there may be connections take no more than requests do.
const UNCOUNTED: usize = 64 * 1024;

/// The memory that answers on their way to senders share.
#[derive(Debug, Clone)]
pub(super) struct AnswerMemory(Arc<Semaphore>);

/// An answer with its part of the memory, for as long as anybody has it.
struct HeldAnswer {
    body: Bytes,
    _part: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for HeldAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNREAD)))
    }
}

impl AnswerMemory {
    /// The body with its part of the memory; `None` when there is no room for it now.
    fn hold(&self, body: &Bytes) -> Option<Bytes> {
        if body.len() <= UNCOUNTED {
            return Some(body.clone());
        }
        let part = Arc::clone(&self.0).try_acquire_many_owned(u32::try_from(body.len()).ok()?);
        Some(Bytes::from_owner(HeldAnswer {
            body: body.clone(),
            _part: part.ok()?,
        }))
    }
}

/// The app's answer for the sender: its own, 502 when there is none, 504 when it took too long. With the reason why its own
/// was not passed on although there is one.
pub(super) fn reply_to(event: &Event, memory: &AnswerMemory) -> (AppReply, Option<String>) {
    let failed = |status, text| {
        let reply = crate::listener::plain(status, text);
        AppReply { reply, success: false }
    };
    match event.attempt.as_ref().map(|attempt| &attempt.outcome) {
        Some(Outcome::Answer(answer)) => match answer.whole.as_ref().map(|body| memory.hold(body)) {
            Some(Some(body)) => {
                let reply = Reply {
                    status: answer.status,
                    headers: answer.headers.end_to_end(),
                    body,
                };
                let success = event.next == Next::Delivered;
                (AppReply { reply, success }, None)
            }
            Some(None) => {
                let reason = "answers that their senders do not read take all the memory; the sender got 502";
                (failed(502, "too many answers wait\n"), Some(reason.to_owned()))
            }
            None => {
                let longest = ANSWER_PASSED_ON / 1024 / 1024;
                let reason = format!("the app's answer is longer than {longest} MiB; the sender got 502");
                (failed(502, "the app's answer is too long\n"), Some(reason))
            }
        },
        Some(Outcome::Error {
            kind: ErrorKind::Timeout,
            ..
        }) => (failed(504, "the app is too slow\n"), None),
        _ => (failed(502, "the app does not answer\n"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_reads_are_bounded_and_small_ones_always_pass() {
        let memory = AnswerMemory::default();
        let large = Bytes::from(vec![b'a'; 20 * 1024 * 1024]);
        let mut unread: Vec<Bytes> = (0..3).filter_map(|_| memory.hold(&large)).collect();
        assert_eq!((unread.len(), &unread[0]), (3, &large));
        assert!(memory.hold(&large).is_none());
        assert_eq!(memory.hold(&Bytes::from_static(b"ok")).unwrap(), "ok");
        unread.pop();
        assert!(memory.hold(&large).is_some());
    }
}
