//! Keeps a limited part of an answer's body.

use bytes::Bytes;

use crate::exchange::Answer;
use crate::headers::Headers;

/// Bytes beyond the kept ones that are read and discarded, so that the connection can be reused.
const DRAINED: usize = 1024 * 1024;

/// How much of a body is kept, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptAnswer {
    /// The beginning, for the ledger and the screen.
    pub(super) beginning: usize,
    /// The whole body up to this size, to be passed on.
    pub(super) whole: Option<usize>,
}

/// The body of an answer while it is received.
pub(super) struct AnswerBody {
    keep: KeptAnswer,
    bytes: Vec<u8>,
    drained: usize,
}

impl AnswerBody {
    pub(super) fn new(keep: KeptAnswer) -> Self {
        Self {
            keep,
            bytes: Vec::new(),
            drained: 0,
        }
    }

    /// Takes a piece. Returns whether more is wanted.
    pub(super) fn takes(&mut self, piece: &[u8]) -> bool {
        let most = self.keep.whole.unwrap_or_default().max(self.keep.beginning);
        let fits = piece.len().min(most - self.bytes.len());
        self.bytes.extend_from_slice(&piece[..fits]);
        self.drained += piece.len() - fits;
        self.drained <= DRAINED
    }

    pub(super) fn answer(self, status: u16, headers: Headers) -> Answer {
        let all = Bytes::from(self.bytes);
        let beginning = all.len().min(self.keep.beginning);
        Answer {
            status,
            headers,
            body: all.slice(..beginning),
            note: None,
            truncated: self.drained > 0 || all.len() > beginning,
            whole: self.keep.whole.filter(|_| self.drained == 0).map(|_| all),
        }
    }
}
