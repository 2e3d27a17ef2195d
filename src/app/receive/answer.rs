//! An app's answer for the sender, with `--answer app`.

use tokio::sync::oneshot;

use crate::engine::{Event, Next};
use crate::exchange::{ErrorKind, Outcome};
use crate::listener::AppReply;
use crate::server::Reply;

/// The longest body of an app's answer that is passed on to the sender, in bytes.
pub const ANSWER_PASSED_ON: usize = 32 * 1024 * 1024;

/// A capture whose sender waits for the app's answer.
#[derive(Debug)]
pub struct Ask {
    /// The capture's number.
    pub capture: u64,
    /// Where the answer goes.
    pub reply: oneshot::Sender<AppReply>,
}

/// The app's answer for the sender: its own, 502 when there is none, 504 when it took too long. With the reason why its own
/// was not passed on although there is one.
pub(super) fn reply_to(event: &Event) -> (AppReply, Option<String>) {
    let failed = |status, text| {
        let reply = crate::listener::plain(status, text);
        AppReply { reply, success: false }
    };
    match event.attempt.as_ref().map(|attempt| &attempt.outcome) {
        Some(Outcome::Answer(answer)) => match &answer.whole {
            Some(body) => {
                let reply = Reply {
                    status: answer.status,
                    headers: answer.headers.end_to_end(),
                    body: body.clone(),
                };
                let success = event.next == Next::Delivered;
                (AppReply { reply, success }, None)
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
