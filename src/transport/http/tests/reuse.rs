//! Connections that are used again, and those that turn out to have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio_rustls::TlsAcceptor;

use super::super::link::Link;
use super::super::pool::IdleConnections;
use super::*;

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Act {
    /// Answers and keeps the connection.
    Answer,
    /// Reads the request and closes.
    Close,
    /// Reads the beginning of the request and resets the connection.
    Reset,
    /// Answers with that and closes.
    Say(&'static [u8]),
    /// Reads the request and waits.
    Wait,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Straight over hyper.
    Direct,
    /// By reqwest, which alone takes user and password.
    Reqwest,
    /// Through a proxy, which the server is.
    Proxy,
    /// Over TLS.
    Tls,
    /// Over TLS, by a tunnel through a proxy.
    Tunnel,
}

impl Way {
    const ALL: [Self; 5] = [Self::Direct, Self::Reqwest, Self::Proxy, Self::Tls, Self::Tunnel];
}

/// What sends to a server.
struct Sender {
    transport: HttpTransport,
    url: String,
    /// Of the server.
    connections: Arc<AtomicUsize>,
}

impl Sender {
    /// To a server that does on each connection, in order, what is written there.
    async fn new(way: Way, acts: &'static [&'static [Act]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(server(listener, way, acts, Arc::clone(&connections)));
        let proxy = match way {
            Way::Proxy => Some(address.to_string()),
            Way::Tunnel => Some(tunnels().await.to_string()),
            Way::Direct | Way::Reqwest | Way::Tls => None,
        };
        let options = HttpOptions {
            insecure: true,
            proxy,
            ..HttpOptions::default()
        };
        Self {
            transport: HttpTransport::new(options).unwrap(),
            url: match way {
                Way::Direct => format!("http://{address}/"),
                Way::Reqwest => format!("http://me:pw@{address}/"),
                Way::Proxy => "http://example.invalid/".to_owned(),
                Way::Tls | Way::Tunnel => format!("https://{address}/"),
            },
            connections,
        }
    }

    async fn send(&self, body: &'static [u8], timeout: Duration) -> Outcome {
        let mut request = post(&self.url, &[], body);
        request.timeout = timeout;
        self.transport.send(&request).await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn server(listener: TcpListener, way: Way, acts: &'static [&'static [Act]], count: Arc<AtomicUsize>) {
    let acceptor = TlsAcceptor::from(Arc::new(tls::config()));
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let acts = acts.get(count.fetch_add(1, Ordering::SeqCst)).copied();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match way {
                Way::Tls | Way::Tunnel => serve(acceptor.accept(stream).await.unwrap(), acts.unwrap_or_default()).await,
                Way::Direct | Way::Reqwest | Way::Proxy => {
                    serve(&mut stream, acts.unwrap_or_default()).await;
                    if acts.is_some_and(|acts| matches!(acts.last(), Some(Act::Reset))) {
                        stream.set_zero_linger().unwrap();
                    }
                }
            }
        });
    }
}

/// A proxy that makes any tunnel.
async fn tunnels() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            tokio::spawn(proxy::make_tunnel(listener.accept().await.unwrap().0));
        }
    });
    address
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, acts: &[Act]) {
    for act in acts {
        if matches!(act, Act::Reset) {
            stream.read_exact(&mut [0; 10]).await.unwrap();
            return;
        }
        read_request(&mut stream).await.unwrap();
        match act {
            Act::Answer => stream.write_all(OK).await.unwrap(),
            Act::Say(bytes) => stream.write_all(bytes).await.unwrap(),
            Act::Wait => std::future::pending().await,
            Act::Close | Act::Reset => {}
        }
        stream.flush().await.unwrap();
        if !matches!(act, Act::Answer) {
            return;
        }
    }
    // Until the client closes.
    let _ = stream.read(&mut [0]).await;
}

/// Sends two requests one after the other by each way, and gives the outcome of the second and the count of connections.
async fn seconds(
    acts: &'static [&'static [Act]],
    body: &'static [u8],
    timeout: Duration,
) -> Vec<(Way, Outcome, usize)> {
    let mut seen = Vec::new();
    for way in Way::ALL {
        let sender = Sender::new(way, acts).await;
        answered(sender.send(b"first", LONG).await);
        let outcome = sender.send(body, timeout).await;
        seen.push((way, outcome, sender.connections()));
    }
    seen
}

#[tokio::test]
async fn a_connection_is_used_again() {
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Answer]], b"second", LONG).await {
        assert_eq!((answered(outcome).status, count), (200, 1), "{way:?}");
    }
}

#[tokio::test]
async fn a_request_whose_idle_connection_ends_goes_out_once_more_on_a_fresh_one() {
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Close], &[Act::Answer]], b"second", LONG).await {
        assert_eq!((answered(outcome).status, count), (200, 2), "{way:?}");
    }
    // Also when it had been written in part.
    let large: &'static [u8] = vec![b'a'; 20 * 1024 * 1024].leak();
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Reset], &[Act::Answer]], large, LONG).await {
        assert_eq!((answered(outcome).status, count), (200, 2), "{way:?}");
    }
}

#[tokio::test]
async fn it_goes_out_once_more_and_no_oftener() {
    let acts: &[&[Act]] = &[&[Act::Answer, Act::Close], &[Act::Close], &[Act::Answer]];
    for (way, outcome, count) in seconds(acts, b"second", LONG).await {
        let (kind, text) = failed(outcome);
        assert_eq!((kind, count), (ErrorKind::Protocol, 2), "{way:?}: {text}");
        assert!(text.contains("closed the connection"), "{way:?}: {text}");
    }
}

#[tokio::test]
async fn a_fresh_connection_that_ends_is_the_receivers_failure() {
    for way in Way::ALL {
        let sender = Sender::new(way, &[&[Act::Close], &[Act::Answer]]).await;
        failed(sender.send(b"hi", LONG).await);
        assert_eq!(sender.connections(), 1, "{way:?}");
    }
}

#[tokio::test]
async fn a_begun_answer_or_a_timeout_is_the_receivers_failure() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Say(HALF)], &[Act::Answer]], b"second", LONG).await {
        failed(outcome);
        assert_eq!(count, 1, "{way:?}");
    }
    let short = Duration::from_millis(50);
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Wait], &[Act::Answer]], b"second", short).await {
        assert_eq!((failed(outcome).0, count), (ErrorKind::Timeout, 1), "{way:?}");
    }
    for (way, outcome, count) in seconds(&[&[Act::Answer, Act::Say(b"H")], &[Act::Answer]], b"second", LONG).await {
        // reqwest does not tell a part of a head from nothing.
        if way == Way::Direct {
            failed(outcome);
            assert_eq!(count, 1);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_to_its_end_ends_its_connection() {
    const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream.write_all(ENDLESS).await.unwrap();
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
        }
    });
    let transport = transport();
    for _ in 0..2 {
        assert!(answered(transport.send(&post(&url, &[], b"")).await).truncated);
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_is_not_shared_with_a_request_that_may_not_reach_its_address() {
    for way in [Way::Direct, Way::Reqwest] {
        let sender = Sender::new(way, &[&[Act::Answer, Act::Answer]]).await;
        let request = post(&sender.url.replace("127.0.0.1", "localhost"), &[], b"hi");
        answered(sender.transport.send(&request).await);
        let (kind, text) = failed(sender.transport.send_within(&request, AddressPolicy::Public).await);
        assert_eq!(
            (kind, text.as_str()),
            (ErrorKind::Blocked, "loopback addresses are not reached from here")
        );
        answered(sender.transport.send_within(&request, AddressPolicy::Any).await);
        assert_eq!(sender.connections(), 1, "{way:?}");
    }
}

#[tokio::test]
async fn of_the_transports_policy_and_a_deliverys_the_stricter_counts() {
    let strict = HttpTransport::new(HttpOptions {
        addresses: AddressPolicy::Public,
        ..HttpOptions::default()
    })
    .unwrap();
    for (transport, addresses) in [
        (&strict, AddressPolicy::Any),
        (&transport(), AddressPolicy::PublicAndLoopback),
    ] {
        let request = post("http://169.254.169.254/", &[], b"");
        let (kind, _) = failed(transport.send_within(&request, addresses).await);
        assert_eq!(kind, ErrorKind::Blocked);
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_few_and_do_not_grow_old() {
    let pool = IdleConnections::default();
    let mut other_ends = Vec::new();
    for port in 1..=u16::try_from(MOST_IDLE).unwrap() + 1 {
        let (stream, other_end) = duplex(64);
        other_ends.push(other_end);
        pool.keep(DirectAddress::Local(port), Link::new(stream).await.unwrap(), MOST_IDLE);
    }
    let take = |port| pool.take(DirectAddress::Local(port));
    assert!(take(1).is_none(), "the one that waited longest made room");
    assert!(take(2).is_some());
    assert!(take(2).is_none(), "one connection is used by one at a time");
    tokio::time::advance(IDLE).await;
    assert!(take(3).is_none());
}
