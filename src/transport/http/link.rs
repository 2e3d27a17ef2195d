//! One connection: a request on it, and whether any byte of the answer came.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::InspectReader;

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

impl Link {
    /// Speaks HTTP on a stream.
    pub(super) async fn new<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let heard = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&heard);
        let stream = InspectReader::new(stream, move |bytes: &[u8]| {
            noted.fetch_or(!bytes.is_empty(), Ordering::Relaxed);
        });
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped or the server closes; the request that waits for an answer gets the error.
        tokio::spawn(connection);
        Ok(Self { sender, heard })
    }

    /// Whether the other side has ended it, as far as is known.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One exchange; whether the connection can take another one. With the error comes whether the connection ended before
    /// a byte of the answer.
    pub(super) async fn exchange(
        &mut self,
        request: wire::WireRequest,
        keep: KeptAnswer,
    ) -> Result<(Answer, bool), (hyper::Error, bool)> {
        self.heard.store(false, Ordering::Relaxed);
        let answered = self.answer(request, keep).await;
        answered.map_err(|error| {
            let unheard = is_end(&error) && !self.heard.load(Ordering::Relaxed);
            (error, unheard)
        })
    }

    async fn answer(&mut self, request: wire::WireRequest, keep: KeptAnswer) -> hyper::Result<(Answer, bool)> {
        self.sender.ready().await?;
        read(self.sender.send_request(request).await?, keep).await
    }
}

/// The answer, and whether it was read to its end.
pub(super) async fn read(response: Response<Incoming>, keep: KeptAnswer) -> hyper::Result<(Answer, bool)> {
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
    let answer = kept.answer(head.status.as_u16(), (&head.headers).into());
    Ok((answer, is_whole))
}
