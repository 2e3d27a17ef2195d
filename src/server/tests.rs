//! Raw clients over real sockets: what goes in and comes out is bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::tls::PemPair;
use super::*;

mod crowded;
mod limits;
mod shutdown;

/// The size of an answer that no socket's buffers hold.
const LARGE: usize = 64 * 1024 * 1024;

/// Answers 200 with the target, or waits for leave when the target says so. Remembers everything.
#[derive(Default)]
struct Probe {
    seen: Mutex<Vec<Incoming>>,
    rejected: Mutex<Vec<Rejection>>,
    changed: Notify,
    entered: Notify,
    leave: Notify,
}

impl Handler for Probe {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let target = incoming.target.clone();
        self.seen.lock().unwrap().push(incoming);
        if target == "/wait" {
            self.entered.notify_one();
            self.leave.notified().await;
        }
        let body = if target == "/large" {
            vec![b'a'; LARGE].into()
        } else {
            target.into()
        };
        Reply {
            status: 200,
            headers: [("x-probe", "1"), ("content-length", "999")].into_iter().collect(),
            body,
            ..Reply::default()
        }
    }

    fn rejected(&self, rejection: Rejection) -> Option<Reply> {
        self.rejected.lock().unwrap().push(rejection);
        self.changed.notify_one();
        None
    }
}

impl Probe {
    fn targets(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|one| one.target.clone()).collect()
    }

    async fn rejection(&self) -> Rejection {
        loop {
            if let Some(rejection) = self.rejected.lock().unwrap().pop() {
                return rejection;
            }
            self.changed.notified().await;
        }
    }
}

struct Server {
    address: SocketAddr,
    probe: Arc<Probe>,
    cancel: CancellationToken,
    cut: CancellationToken,
    task: JoinHandle<usize>,
}

impl Server {
    async fn start(limits: ServerLimits) -> Self {
        Self::start_with(limits, None).await
    }

    async fn start_with(limits: ServerLimits, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (probe, cancel, cut) = (
            Arc::new(Probe::default()),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let served = serve(listener, tls, limits, Arc::clone(&probe), cancel.clone(), cut.clone());
        let task = tokio::spawn(served);
        Self {
            address,
            probe,
            cancel,
            cut,
            task,
        }
    }

    async fn client(&self) -> Client {
        let (reader, writer) = TcpStream::connect(self.address).await.unwrap().into_split();
        Client {
            reader: Some(reader),
            writer,
            bytes: Vec::new(),
        }
    }

    /// Sends those bytes, ends the sending side, and gives all that came back.
    async fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.client().await;
        client.send(bytes).await;
        client.writer.shutdown().await.unwrap();
        client.rest().await
    }
}

struct Client {
    reader: Option<tokio::net::tcp::OwnedReadHalf>,
    writer: OwnedWriteHalf,
    bytes: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.writer.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Up to and including that text.
    async fn until(&mut self, end: &str) -> String {
        let reader = self.reader.as_mut().unwrap();
        loop {
            let found = self
                .bytes
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let rest = self.bytes.split_off(at + end.len());
                let text = std::mem::replace(&mut self.bytes, rest);
                return String::from_utf8(text).unwrap();
            }
            let read = reader.read_buf(&mut self.bytes).await.unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&self.bytes));
        }
    }

    /// What came until the end, were it a reset.
    async fn rest_or_reset(&mut self) -> String {
        let reader = self.reader.as_mut().unwrap();
        let _ = reader.read_to_end(&mut self.bytes).await;
        String::from_utf8(std::mem::take(&mut self.bytes)).unwrap()
    }

    async fn rest(&mut self) -> String {
        self.reader
            .as_mut()
            .unwrap()
            .read_to_end(&mut self.bytes)
            .await
            .unwrap();
        String::from_utf8(std::mem::take(&mut self.bytes)).unwrap()
    }
}

#[tokio::test]
async fn a_request_arrives_whole_and_in_order() {
    let server = Server::start(ServerLimits::default()).await;
    let request = b"PUT /a%20b?c=d&e HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nX-A: \xff\xfe\r\nx-b: 2\r\nEmpty:\r\n\
                    Content-Length: 3\r\n\r\n\x00\xff!";
    let answer = server.talk(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\nx-probe: 1\r\n"), "{answer}");
    assert!(
        answer.contains("\r\ncontent-length: 12\r\n") && answer.contains("\r\ndate: "),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n/a%20b?c=d&e"), "{answer}");
    let seen = server.probe.seen.lock().unwrap().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/a%20b?c=d&e"));
    assert_eq!(&seen.body[..], b"\x00\xff!");
    assert!(seen.remote.ip().is_loopback());
    let lines: Vec<(String, Vec<u8>)> = seen.headers.iter().map(|(n, v)| (n.to_owned(), v.to_vec())).collect();
    let expected: [(&str, &[u8]); 6] = [
        ("host", b"x"),
        ("x-b", b"1"),
        ("x-b", b"2"),
        ("x-a", b"\xff\xfe"),
        ("empty", b""),
        ("content-length", b"3"),
    ];
    assert_eq!(lines, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
}

#[tokio::test]
async fn chunked_bodies_are_joined() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    client
        .send("POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    client.send("4;ext=1\r\ndefg\r\n").await;
    client.send("0\r\nx-trailer: 1\r\n\r\n").await;
    client.until("/c").await;
    let seen = server.probe.seen.lock().unwrap().remove(0);
    assert_eq!(&seen.body[..], b"abcdefg");
    assert_eq!(seen.headers.get_text("transfer-encoding"), Some("chunked"));
}

#[tokio::test]
async fn a_large_body_arrives_unharmed() {
    let server = Server::start(ServerLimits::default()).await;
    let body: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).take(9_999_999).collect();
    let mut request = format!("POST /big HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    server.talk(request).await;
    assert!(server.probe.seen.lock().unwrap()[0].body == body);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    let one = |target: &str| format!("POST {target} HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi");
    client.send([one("/one"), one("/two"), one("/three")].concat()).await;
    for target in ["/one", "/two", "/three"] {
        let answer = client.until(target).await;
        assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
    }
    client.send(one("/four")).await;
    client.until("/four").await;
    assert_eq!(server.probe.targets(), ["/one", "/two", "/three", "/four"]);
}

#[tokio::test]
async fn a_client_may_close_its_side_and_still_be_answered() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    client.send("POST /wait HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi").await;
    server.probe.entered.notified().await;
    client.writer.shutdown().await.unwrap();
    server.probe.leave.notify_one();
    assert!(client.rest().await.ends_with("/wait"));
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_gets_it() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    client
        .send("POST /e HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi").await;
    client.until("/e").await;
    assert_eq!(&server.probe.seen.lock().unwrap()[0].body[..], b"hi");
}

#[tokio::test]
async fn replies_that_http_cannot_carry_are_mended() {
    let headers: Headers = [("x-ok", "1"), ("bad name", "1"), ("x-bad", "a\nb")]
        .into_iter()
        .collect();
    let reply = Reply {
        headers,
        ..Reply::empty(101)
    };
    let response = connection::response(reply, None);
    assert_eq!(response.status().as_u16(), 500);
    let names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    assert_eq!(names, ["x-ok"]);
}

#[tokio::test]
async fn connecting_and_leaving_is_not_a_request() {
    let server = Server::start(ServerLimits::default()).await;
    assert_eq!(server.talk("").await, "");
    let mut client = server.client().await;
    client.send("GET /one HTTP/1.1\r\n\r\n").await;
    client.until("/one").await;
    client.writer.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "");
    assert!(server.probe.rejected.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_certificate_comes_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let from_files = |certificate: &Path, key: &Path| PemPair::read(certificate, key).and_then(|pair| pair.tls());
    let tls = from_files(&certificate, &key).unwrap();
    assert_eq!(tls.certificate_pem, made.cert.pem());

    let server = Server::start_with(ServerLimits::default(), Some(tls)).await;
    let mut client = server.client().await;
    client.send("\0\0\0\0\0\0").await;
    assert!(matches!(
        server.probe.rejection().await.reason,
        IncompleteReason::Tls(_)
    ));
    let answer = server.talk("GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("use https:// instead of http://\n"), "{answer}");
    assert_eq!(server.probe.rejection().await.reason, IncompleteReason::SpeaksHttp);
    assert_eq!(server.talk("").await, "");
    assert!(server.probe.rejected.lock().unwrap().is_empty());

    let says = |certificate: &Path, key: &Path| from_files(certificate, key).err().unwrap().to_string();
    assert!(says(&key, &key).ends_with("contains no certificate in PEM form"));
    assert!(says(&certificate, &certificate).ends_with("contains no private key in PEM form"));
    assert!(says(&folder.path().join("none"), &key).starts_with("cannot read `"));
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.display(), key.display());
    assert_eq!(
        says(certificate.to_string().as_ref(), key.to_string().as_ref()),
        format!("key `{key}` does not fit certificate `{certificate}`")
    );
}

#[test]
fn a_lack_of_files_is_waited_out_longer_and_longer() {
    let too_many_files = io::Error::from_raw_os_error(24);
    let pauses = std::iter::successors(Some(Duration::ZERO), |last| Some(pause_after(&too_many_files, *last)));
    let pauses: Vec<_> = pauses.skip(1).take(20).collect();
    let millis: Vec<_> = pauses[..4].iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [5, 10, 20, 40]);
    assert_eq!(pauses.iter().max(), Some(&PAUSE_LONGEST));
    let aborted = io::ErrorKind::ConnectionAborted.into();
    assert_eq!(pause_after(&aborted, PAUSE_LONGEST), Duration::ZERO);
}
