//! An app's answer for the sender, with `--answer app`.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::{Event, Next};
use crate::exchange::{ErrorKind, Outcome};
use crate::listener::{AppReply, plain};
use crate::server::Reply;

/// The longest body of an app's answer that is passed on to the sender, in bytes.
pub const ANSWER_PASSED_ON: usize = 32 * 1024 * 1024;

/// Bytes of answers that senders have not read yet, over all targets: senders that do not read must not fill the memory.
const UNREAD: usize = 64 * 1024 * 1024;

/// An answer up to this size is not counted: one per connection takes no more memory than the requests do.
const UNCOUNTED: usize = 64 * 1024;

/// An answer that releases its part of the memory when it is dropped.
struct HeldAnswer {
    body: Bytes,
    _part: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for HeldAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// The memory that answers on their way to senders share.
pub(super) fn answer_memory() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(UNREAD))
}

/// The body with its part of the memory; `None` when there is no room for it now.
fn hold(memory: &Arc<Semaphore>, body: &Bytes) -> Option<Bytes> {
    if body.len() <= UNCOUNTED {
        return Some(body.clone());
    }
    let part = Arc::clone(memory).try_acquire_many_owned(u32::try_from(body.len()).ok()?);
    Some(Bytes::from_owner(HeldAnswer {
        body: body.clone(),
        _part: part.ok()?,
    }))
}

/// The app's answer for the sender: its own, 502 when there is none, 504 when it took too long. With the reason when there
/// is one that is not passed on.
pub(super) fn reply_to(event: &Event, memory: &Arc<Semaphore>) -> (AppReply, Option<String>) {
    let failed = |status, text| AppReply {
        reply: plain(status, text),
        success: false,
    };
    let answer = match event.attempt.as_ref().map(|attempt| &attempt.outcome) {
        Some(Outcome::Answer(answer)) => answer,
        Some(Outcome::Error { kind, .. }) if *kind == ErrorKind::Timeout => {
            return (failed(504, "the app is too slow\n"), None);
        }
        _ => return (failed(502, "the app does not answer\n"), None),
    };
    let Some(body) = &answer.whole else {
        let longest = ANSWER_PASSED_ON / 1024 / 1024;
        let reason = format!("the app's answer is longer than {longest} MiB; the sender got 502");
        return (failed(502, "the app's answer is too long\n"), Some(reason));
    };
    let Some(body) = hold(memory, body) else {
        let reason = "unread answers of other senders use up the memory; the sender got 502";
        return (failed(502, "too many answers wait\n"), Some(reason.to_owned()));
    };
    let reply = Reply {
        status: answer.status,
        headers: answer.headers.end_to_end(),
        body,
        ..Reply::default()
    };
    let success = event.next == Next::Delivered;
    (AppReply { reply, success }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_reads_are_bounded_and_small_ones_always_pass() {
        let memory = answer_memory();
        let large = Bytes::from(vec![b'a'; 20 * 1024 * 1024]);
        let mut unread: Vec<Bytes> = (0..3).filter_map(|_| hold(&memory, &large)).collect();
        assert_eq!((unread.len(), &unread[0]), (3, &large));
        assert!(hold(&memory, &large).is_none());
        assert_eq!(hold(&memory, &Bytes::from_static(b"ok")).unwrap(), "ok");
        unread.pop();
        assert!(hold(&memory, &large).is_some());
    }
}
