//! Replies of a listener.

use bytes::Bytes;

use super::script::{ResponseAction, ScriptedResponse};
use crate::answered::Answered;
use crate::server::{Reply, ReplyEnding};

/// The reply that a script wants.
pub(super) fn reply_of(response: &ScriptedResponse, answered: Answered, text: &'static str) -> Reply {
    let ending = match &response.action {
        ResponseAction::Respond { rate: None, .. } => ReplyEnding::Sent,
        ResponseAction::Respond { rate: Some(rate), .. } => ReplyEnding::Paced(*rate),
        ResponseAction::Drop => ReplyEnding::Closed,
        ResponseAction::Reset => ReplyEnding::Reset,
    };
    let mut reply = plain(answered.status().unwrap_or_default(), text);
    if let ResponseAction::Respond { headers, .. } = &response.action {
        reply.headers.replace_with(headers.iter());
    }
    if let ReplyEnding::Paced(_) = ending {
        reply.body = Bytes::new();
    }
    reply.ending = ending;
    reply
}

/// A short answer in plain text; 204 and 304 have no body.
pub fn plain(status: u16, text: &'static str) -> Reply {
    let mut reply = Reply::empty(status);
    if !text.is_empty() && !matches!(status, 204 | 304) {
        reply.headers.append("content-type", "text/plain; charset=utf-8");
        reply.body = Bytes::from_static(text.as_bytes());
    }
    reply
}
