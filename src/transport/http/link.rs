//! One connection: a request on it, and whether any byte of the answer came.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::{AnswerBody, KeptAnswer};
use super::attempt::is_end;
use super::wire;
use crate::exchange::Answer;

/// A connection that takes requests.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Whether anything came in since the request went out.
    heard: Arc<AtomicBool>,
}

/// Why an exchange did not come to its end.
pub(super) struct LinkError {
    pub(super) error: hyper::Error,
    /// Whether the connection ended before a byte of the answer.
    pub(super) unheard: bool,
}

impl Link {
    /// Speaks HTTP on a stream.
    pub(super) async fn new<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let heard = Arc::new(AtomicBool::new(false));
        let stream = Listened {
            stream,
            heard: Arc::clone(&heard),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped or the server closes; the request that waits for an answer gets the error.
        tokio::spawn(connection);
        Ok(Self { sender, heard })
    }

    /// Whether the other side has ended it, as far as is known.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One exchange; whether the connection can take another one.
    pub(super) async fn exchange(
        &mut self,
        request: wire::WireRequest,
        keep: KeptAnswer,
    ) -> Result<(Answer, bool), LinkError> {
        self.heard.store(false, Ordering::Relaxed);
        match self.answer(request, keep).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let unheard = is_end(&error) && !self.heard.load(Ordering::Relaxed);
                Err(LinkError { error, unheard })
            }
        }
    }

    async fn answer(&mut self, request: wire::WireRequest, keep: KeptAnswer) -> hyper::Result<(Answer, bool)> {
        self.sender.ready().await?;
        read(self.sender.send_request(request).await?, keep).await
    }
}

/// The answer, and whether it was read to its end.
async fn read(response: Response<Incoming>, keep: KeptAnswer) -> hyper::Result<(Answer, bool)> {
    let (head, mut body) = response.into_parts();
    let mut kept = AnswerBody::new(keep);
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data()
            && !kept.takes(&data)
        {
            is_whole = false;
            break;
        }
    }
    Ok((
        kept.answer(head.status.as_u16(), wire::read_headers(&head.headers)),
        is_whole,
    ))
}

/// A stream that notes when something comes in.
struct Listened<S> {
    stream: S,
    heard: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Listened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listened<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
