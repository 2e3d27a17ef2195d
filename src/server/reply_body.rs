//! The body of a reply: whole, or piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// What is left to send.
pub(super) struct ReplyBody {
    whole: Option<Bytes>,
    /// What follows.
    pieces: Option<mpsc::Receiver<Bytes>>,
}

impl ReplyBody {
    pub(super) fn new(whole: Bytes, pieces: Option<mpsc::Receiver<Bytes>>) -> Self {
        Self {
            whole: Some(whole).filter(|whole| !whole.is_empty()),
            pieces,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(whole) = self.whole.take() {
            return Poll::Ready(Some(Ok(Frame::data(whole))));
        }
        match &mut self.pieces {
            Some(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_none() && self.pieces.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let size = self.whole.as_ref().map_or(0, Bytes::len) as u64;
        match self.pieces {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(size),
        }
    }
}
