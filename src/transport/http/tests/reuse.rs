//! Connections that are used again, and those that turn out to have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::duplex;

use super::super::connect::{Place, Route};
use super::super::link::Link;
use super::super::pool::{IDLE, MOST_IDLE, Pool};
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

/// A server that does on each connection, in order, what is written there; counts the connections.
async fn server(connections: &'static [&'static [Act]]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acts = connections.get(counted.fetch_add(1, Ordering::SeqCst));
            tokio::spawn(serve(stream, acts.copied().unwrap_or_default()));
        }
    });
    (url, count)
}

async fn serve(mut stream: TcpStream, acts: &[Act]) {
    for act in acts {
        if matches!(act, Act::Reset) {
            let mut some = [0; 10];
            stream.read_exact(&mut some).await.unwrap();
            stream.set_zero_linger().unwrap();
            return;
        }
        read_request(&mut stream).await.unwrap();
        match act {
            Act::Answer => stream.write_all(OK).await.unwrap(),
            Act::Say(bytes) => return stream.write_all(bytes).await.unwrap(),
            Act::Wait => std::future::pending().await,
            Act::Close | Act::Reset => return,
        }
    }
    // Until the client closes.
    let _ = stream.read(&mut [0]).await;
}

/// Sends two requests one after the other, and gives the outcome of the second.
async fn second(url: &str, body: &'static [u8], timeout: Duration) -> Outcome {
    let transport = transport();
    answered(transport.send(&post(url, &[], b"first")).await);
    let mut request = post(url, &[], body);
    request.timeout = timeout;
    transport.send(&request).await
}

#[tokio::test]
async fn a_request_whose_idle_connection_ends_goes_out_once_more_on_a_fresh_one() {
    let (url, count) = server(&[&[Act::Answer, Act::Close], &[Act::Answer]]).await;
    assert_eq!(answered(second(&url, b"second", LONG).await).status, 200);
    assert_eq!(count.load(Ordering::SeqCst), 2);

    // Also when it had been written in part.
    let large: &'static [u8] = vec![b'a'; 20 * 1024 * 1024].leak();
    let (url, count) = server(&[&[Act::Answer, Act::Reset], &[Act::Answer]]).await;
    assert_eq!(answered(second(&url, large, LONG).await).status, 200);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn it_goes_out_once_more_and_no_oftener() {
    let (url, count) = server(&[&[Act::Answer, Act::Close], &[Act::Close], &[Act::Answer]]).await;
    let (kind, text) = failed(second(&url, b"second", LONG).await);
    assert_eq!(kind, ErrorKind::Protocol);
    assert!(text.contains("closed the connection without an answer"), "{text}");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_fresh_connection_that_ends_is_the_receivers_failure() {
    let (url, count) = server(&[&[Act::Close], &[Act::Answer]]).await;
    failed(transport().send(&post(&url, &[], b"hi")).await);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_byte_of_an_answer_or_a_timeout_is_the_receivers_failure() {
    let (url, count) = server(&[&[Act::Answer, Act::Say(b"H")], &[Act::Answer]]).await;
    failed(second(&url, b"second", LONG).await);
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let (url, count) = server(&[&[Act::Answer, Act::Wait], &[Act::Answer]]).await;
    let (kind, _) = failed(second(&url, b"second", Duration::from_millis(50)).await);
    assert_eq!(kind, ErrorKind::Timeout);
    assert_eq!(count.load(Ordering::SeqCst), 1);
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

fn route(port: u16) -> Route {
    let place = Place {
        host: url::Host::Domain("a.example".to_owned()),
        port,
        tls: false,
    };
    Route::Direct(place, AddressPolicy::Any)
}

#[tokio::test]
async fn a_connection_is_not_shared_with_a_request_that_may_not_reach_its_address() {
    let (url, count) = server(&[&[Act::Answer, Act::Answer]]).await;
    let transport = transport();
    let request = post(&url.replace("127.0.0.1", "localhost"), &[], b"hi");
    answered(transport.send(&request).await);
    let (kind, text) = failed(transport.send_within(&request, AddressPolicy::Public).await);
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Blocked, "loopback addresses are not reached from here")
    );
    answered(transport.send_within(&request, AddressPolicy::Any).await);
    assert_eq!(count.load(Ordering::SeqCst), 1);
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
    let pool = Pool::default();
    let mut other_ends = Vec::new();
    for port in 1..=u16::try_from(MOST_IDLE).unwrap() + 1 {
        let (stream, other_end) = duplex(64);
        other_ends.push(other_end);
        pool.keep(route(port), Link::new(stream).await.unwrap());
    }
    assert!(pool.take(&route(1)).is_none(), "the one that waited longest made room");
    assert!(pool.take(&route(2)).is_some());
    assert!(
        pool.take(&route(2)).is_none(),
        "one connection is used by one at a time"
    );
    tokio::time::advance(IDLE).await;
    assert!(pool.take(&route(3)).is_none());
}
