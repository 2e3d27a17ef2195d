//! Requests in a form that is legal and rare: header names in another case, and several bodies that begin at the same moment. Only
//! over plain connections, whose bytes are our own; over TLS or a proxy a request goes out as usual.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::attempt::Failure;
use super::direct::connect;
use super::options::TransportSettings;
use super::pool::DirectAddress;
use super::{HttpTransport, error, failure, link, wire};
use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::transport::{AddressPolicy, Transport};

/// How requests go over the wire, where that is not the usual way.
#[derive(Clone, Default)]
pub struct WireShape {
    /// `X-Signature` instead of `x-signature`.
    pub title_case: bool,
    /// Holds each body back until that many connections are open and their heads are sent.
    pub together: Option<usize>,
}

/// A transport whose requests have that shape.
pub struct ShapedTransport {
    transport: Arc<HttpTransport>,
    title_case: bool,
    gate: Option<Arc<Gate>>,
}

/// Opens once all have arrived.
struct Gate {
    missing: AtomicUsize,
    open: CancellationToken,
}

/// Arrives when it is dropped, so that a connection that fails holds up no other.
struct Arrival(Arc<Gate>);

impl Drop for Arrival {
    fn drop(&mut self) {
        if self.0.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.open.cancel();
        }
    }
}

/// A body that waits for the gate.
struct GatedBody {
    bytes: Option<Bytes>,
    gate: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(gate) = &mut this.gate {
            ready!(gate.as_mut().poll(cx));
            this.gate = None;
        }
        Poll::Ready(this.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl ShapedTransport {
    /// Sends over that transport.
    pub fn new(transport: Arc<HttpTransport>, shape: &WireShape) -> Self {
        let gate = |count| {
            let (missing, open) = (AtomicUsize::new(count), CancellationToken::new());
            Arc::new(Gate { missing, open })
        };
        Self {
            transport,
            title_case: shape.title_case,
            gate: shape.together.map(gate),
        }
    }

    async fn exchange(
        &self,
        settings: &TransportSettings,
        place: DirectAddress,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let arrival = self.gate.clone().map(Arrival);
        let ready = wire::direct(request, settings.keep_host).map_err(|text| (ErrorKind::Protocol, text))?;
        let stream = connect(place, &request.url).await?;
        let broken = |error: hyper::Error| failure::broken_off(&error, &request.url);
        let mut builder = http1::Builder::new();
        builder.title_case_headers(self.title_case);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends when the sender is dropped or the server closes.
        tokio::spawn(connection);
        let (head, _) = ready.into_parts();
        let body = GatedBody {
            bytes: Some(request.body.clone()).filter(|body| !body.is_empty()),
            gate: arrival.map(|arrival| Box::pin(pass(arrival)) as _),
        };
        let response = sender.send_request(hyper::Request::from_parts(head, body)).await;
        let answer = link::read(response.map_err(broken)?, settings.kept).await;
        answer.map(|(answer, _)| answer).map_err(broken)
    }
}

/// Arrives, and waits for the others.
async fn pass(arrival: Arrival) {
    let open = arrival.0.open.clone();
    drop(arrival);
    open.cancelled().await;
}

impl HttpTransport {
    /// Whether requests to that URL can have a shape.
    pub fn can_shape(&self, url: &Url) -> bool {
        self.place(url, AddressPolicy::Any).is_some()
    }
}

impl Transport for ShapedTransport {
    async fn send_within(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        let transport = &self.transport;
        let addresses = addresses.max(transport.settings.addresses);
        let Some(place) = transport.place(&request.url, addresses) else {
            return transport.send_within(request, addresses).await;
        };
        if let Err(class) = addresses.check_url(&request.url) {
            return error(ErrorKind::Blocked, failure::blocked(class));
        }
        let exchange = self.exchange(&transport.settings, place, request);
        match tokio::time::timeout(request.timeout, exchange).await {
            Ok(Ok(answer)) => Outcome::Answer(answer),
            Ok(Err((kind, text))) => error(kind, text),
            Err(_) => error(
                ErrorKind::Timeout,
                format!("no complete answer within {:?}", request.timeout),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::headers::Headers;
    use crate::transport::HttpOptions;

    fn request(url: &str) -> Request {
        Request {
            method: "POST".into(),
            url: Url::parse(url).unwrap(),
            headers: [("x-signature", "abc")].into_iter().collect::<Headers>(),
            body: Bytes::from_static(b"body"),
            timeout: Duration::from_secs(60),
        }
    }

    async fn read_head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    #[tokio::test]
    async fn bodies_wait_until_every_head_is_sent_and_names_have_the_wanted_case() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let transport = Arc::new(HttpTransport::new(HttpOptions::default()).unwrap());
        let shape = WireShape {
            title_case: true,
            together: Some(2),
        };
        let shaped = ShapedTransport::new(transport, &shape);
        let request = request(&url);
        let server = async {
            let (mut first, _) = listener.accept().await.unwrap();
            let head = read_head(&mut first).await;
            assert!(head.contains("X-Signature: abc"), "{head}");
            // The second connection is not accepted yet, but its head may be on its way; without it there is no body.
            let (mut second, _) = listener.accept().await.unwrap();
            read_head(&mut second).await;
            for stream in [&mut first, &mut second] {
                let mut body = [0; 4];
                stream.read_exact(&mut body).await.unwrap();
                assert_eq!(&body, b"body");
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            }
        };
        let (one, two, ()) = tokio::join!(shaped.send(&request), shaped.send(&request), server);
        assert_eq!([one.status(), two.status()], [Some(204), Some(204)]);
    }

    #[tokio::test]
    async fn a_connection_that_fails_holds_up_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = request(&format!("http://{}/in", listener.local_addr().unwrap()));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bad = request(&format!("http://{}/in", closed.local_addr().unwrap()));
        drop(closed);
        let transport = Arc::new(HttpTransport::new(HttpOptions::default()).unwrap());
        let shape = WireShape {
            together: Some(2),
            ..WireShape::default()
        };
        let shaped = ShapedTransport::new(transport, &shape);
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            stream
        };
        let (one, two, _stream) = tokio::join!(shaped.send(&good), shaped.send(&bad), server);
        assert_eq!(one.status(), Some(204));
        assert!(matches!(
            two,
            Outcome::Error {
                kind: ErrorKind::Connect,
                ..
            }
        ));
    }
}
