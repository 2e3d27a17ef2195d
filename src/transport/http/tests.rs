//! Real sockets on port 0. A raw server shows the very bytes and answers with fixed ones.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::exchange::ANSWER_KEPT;

mod proxy;
mod reuse;
mod tls;

const LONG: Duration = Duration::from_secs(20);
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn transport() -> HttpTransport {
    HttpTransport::new(HttpOptions::default()).unwrap()
}

fn post(url: &str, headers: &[(&str, &[u8])], body: &'static [u8]) -> Request {
    Request {
        method: "POST".to_owned(),
        url: Url::parse(url).unwrap(),
        headers: headers.iter().map(|(name, value)| (name, value.to_vec())).collect(),
        body: Bytes::from_static(body),
        timeout: LONG,
    }
}

/// Reads one whole request; `None` when the client closed instead.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|wanted| bytes.len() < wanted) {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return None;
        }
        if wanted.is_none()
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            wanted = Some(end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()));
        }
    }
    Some(bytes.escape_ascii().to_string())
}

/// Answers one request with those bytes and closes. Gives the request, escaped.
async fn raw(answer: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await.unwrap();
        // The client may have seen enough before it has read everything.
        let _ = stream.write_all(&answer).await;
        request
    });
    (address, task)
}

async fn answer_to(bytes: impl Into<Vec<u8>>) -> Outcome {
    let (address, _server) = raw(bytes).await;
    transport().send(&post(&format!("http://{address}/"), &[], b"hi")).await
}

#[track_caller]
fn failed(outcome: Outcome) -> (ErrorKind, String) {
    match outcome {
        Outcome::Error { kind, text } => (kind, text),
        Outcome::Answer(answer) => panic!("answered {}", answer.status),
    }
}

#[track_caller]
fn answered(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Error { kind, text } => panic!("{kind:?}: {text}"),
    }
}

/// A port of both loopback addresses on which nobody listens, as long as the sockets that hold it live.
fn closed_port() -> (u16, [Option<TcpSocket>; 2]) {
    let v4 = TcpSocket::new_v4().unwrap();
    v4.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = v4.local_addr().unwrap().port();
    // Without IPv6 nobody can listen there either.
    let v6 = TcpSocket::new_v6().ok();
    let v6 = v6.filter(|v6| v6.bind(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)).is_ok());
    (port, [Some(v4), v6])
}

#[tokio::test]
async fn the_request_goes_out_in_order_byte_by_byte() {
    let (address, server) = raw(OK).await;
    let headers: [(&str, &[u8]); 4] = [
        ("x-b", b"1"),
        ("x-a", b"\xff\xfe"),
        ("x-a", b"two"),
        ("content-type", b"text/plain"),
    ];
    let request = post(&format!("http://{address}/h?x=1#part"), &headers, b"h\xe9");
    let transport = transport();
    let planned = transport.wire_headers(&request).unwrap().to_block();
    let answer = answered(transport.send(&request).await);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    let lines = format!(
        "host: {address}\\r\\nx-b: 1\\r\\nx-a: \\xff\\xfe\\r\\nx-a: two\\r\\ncontent-type: text/plain\\r\\n\
         content-length: 2\\r\\naccept: */*\\r\\n"
    );
    assert_eq!(
        server.await.unwrap(),
        format!("POST /h?x=1 HTTP/1.1\\r\\n{lines}\\r\\nh\\xe9")
    );
    assert_eq!(planned.escape_ascii().to_string(), lines.replace("\\r", ""));
}

#[tokio::test]
async fn framing_headers_of_the_request_are_replaced() {
    let (address, server) = raw(OK).await;
    let headers: [(&str, &[u8]); 3] = [
        ("host", b"evil.example"),
        ("transfer-encoding", b"chunked"),
        ("accept", b"text/html"),
    ];
    answered(
        transport()
            .send(&post(&format!("http://{address}/"), &headers, b""))
            .await,
    );
    let expected = format!("host: {address}\\r\\naccept: text/html\\r\\ncontent-length: 0\\r\\n\\r\\n");
    assert_eq!(server.await.unwrap(), format!("POST / HTTP/1.1\\r\\n{expected}"));
}

#[tokio::test]
async fn a_request_may_keep_its_own_host() {
    let (address, server) = raw(OK).await;
    let options = HttpOptions {
        keep_host: true,
        ..HttpOptions::default()
    };
    let request = post(&format!("http://{address}/"), &[("host", b"kept.example")], b"");
    answered(HttpTransport::new(options).unwrap().send(&request).await);
    assert!(server.await.unwrap().contains("\\r\\nhost: kept.example\\r\\n"));
}

#[tokio::test]
async fn a_get_without_body_announces_none() {
    let (address, server) = raw(OK).await;
    let mut request = post(&format!("http://{address}/"), &[], b"");
    "GET".clone_into(&mut request.method);
    answered(transport().send(&request).await);
    assert!(!server.await.unwrap().contains("content-length"));
}

#[tokio::test]
async fn user_and_password_of_the_url_become_basic_authorization() {
    let (address, server) = raw(OK).await;
    let url = format!("http://me:p%40ss@{address}/x");
    answered(transport().send(&post(&url, &[], b"")).await);
    let seen = server.await.unwrap();
    assert!(seen.starts_with("POST /x HTTP/1.1\\r\\n"), "{seen}");
    assert!(seen.contains("\\r\\nauthorization: Basic bWU6cEBzcw==\\r\\n"), "{seen}");

    let (address, server) = raw(OK).await;
    let own = post(
        &format!("http://me:pw@{address}/"),
        &[("authorization", b"Bearer t")],
        b"",
    );
    answered(transport().send(&own).await);
    let seen = server.await.unwrap();
    assert!(
        seen.contains("authorization: Bearer t") && !seen.contains("Basic"),
        "{seen}"
    );
}

#[tokio::test]
async fn what_http_cannot_carry_is_a_protocol_error() {
    for (name, value) in [("x-a", &b"a\r\nb: c"[..]), ("a b", b"c")] {
        let (kind, text) = failed(
            transport()
                .send(&post("http://127.0.0.1:1/", &[(name, value)], b""))
                .await,
        );
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
    }
    let mut request = post("http://127.0.0.1:1/", &[], b"");
    "PO ST".clone_into(&mut request.method);
    let (_, text) = failed(transport().send(&request).await);
    assert_eq!(text, "`PO ST` is not an HTTP method");
}

#[tokio::test]
async fn answers_keep_status_headers_and_bytes() {
    let answer = answered(
        answer_to(b"HTTP/1.1 503 Later\r\nRetry-After: 7\r\nX-A: 1\r\nx-b: \xff\r\nx-a: 2\r\n\r\nn\xe9".to_vec()).await,
    );
    assert_eq!(answer.status, 503);
    let expected: Headers = [
        ("retry-after", &b"7"[..]),
        ("x-a", b"1"),
        ("x-a", b"2"),
        ("x-b", b"\xff"),
    ]
    .into_iter()
    .collect();
    assert_eq!(answer.headers, expected);
    assert_eq!((&answer.body[..], answer.truncated), (&b"n\xe9"[..], false));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let answer =
        answered(answer_to(*b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await);
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn an_oversize_answer_is_truncated_and_its_connection_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let size = ANSWER_KEPT + 1000;
        for _ in 0..2 {
            read_request(&mut stream).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&vec![b'a'; size]).await.unwrap();
        }
    });
    let transport = transport();
    for _ in 0..2 {
        let answer = answered(transport.send(&post(&url, &[], b"")).await);
        assert_eq!((answer.body.len(), answer.truncated), (ANSWER_KEPT, true));
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
        }
    });
    let transport = transport();
    for _ in 0..3 {
        assert_eq!(answered(transport.send(&post(&url, &[], b"hi")).await).status, 200);
    }
    server.await.unwrap();
}

#[tokio::test]
async fn an_endless_answer_is_given_up_after_its_beginning() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    });
    let answer = answered(transport().send(&post(&url, &[], b"")).await);
    assert_eq!((answer.body.len(), answer.truncated), (ANSWER_KEPT, true));
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = post(&format!("http://{}/", listener.local_addr().unwrap()), &[], b"");
    request.timeout = Duration::from_millis(50);
    let (kind, text) = failed(transport().send(&request).await);
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Timeout, "no complete answer within 50ms")
    );
}

#[tokio::test]
async fn a_body_that_drips_hits_the_total_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = post(&format!("http://{}/", listener.local_addr().unwrap()), &[], b"");
    request.timeout = Duration::from_millis(200);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (kind, text) = failed(transport().send(&request).await);
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Timeout, "no complete answer within 200ms")
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_refused_connection_says_by_whom() {
    let (port, _held) = closed_port();
    let send = async |url: String| failed(transport().send(&post(&url, &[], b"")).await);
    let (kind, text) = send(format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(kind, ErrorKind::Connect);
    assert_eq!(text, format!("connection refused by 127.0.0.1:{port}"));
    let (_, text) = send(format!("http://me:hunter2@localhost:{port}/?key=hunter2")).await;
    assert_eq!(
        text,
        format!("connection refused by localhost:{port} (127.0.0.1 and ::1)")
    );
    let (_, text) = send(format!("https://127.0.0.1:{port}/")).await;
    assert_eq!(text, format!("connection refused by 127.0.0.1:{port}"));
}

#[tokio::test]
async fn localhost_is_both_loopback_families() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address).await else {
            assert_ne!(address, "127.0.0.1:0");
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
        });
        let answer = answered(
            transport()
                .send(&post(&format!("http://localhost:{port}/"), &[], b""))
                .await,
        );
        assert_eq!(answer.status, 200, "{address}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn the_other_loopback_family_is_found_when_it_answers() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        return;
    };
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let url = |host: &str| Url::parse(&format!("http://{host}:{port}/")).unwrap();
    assert_eq!(other_loopback_answers(&url("127.0.0.1")).await, Some(address));
    assert_eq!(other_loopback_answers(&url("localhost")).await, None);
    assert_eq!(other_loopback_answers(&url("192.0.2.1")).await, None);
    let (port, _held) = closed_port();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    assert_eq!(other_loopback_answers(&url).await, None);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_error() {
    // Too long for the system to ask anybody.
    let name = format!("{}.invalid", "a".repeat(64));
    let (kind, text) = failed(transport().send(&post(&format!("http://{name}/"), &[], b"")).await);
    assert_eq!(kind, ErrorKind::Dns, "{text}");
    assert!(text.starts_with(&format!("`{name}` does not resolve: ")), "{text}");
}

#[tokio::test]
async fn broken_answers_are_protocol_errors() {
    for (bytes, part) in [
        (&b""[..], "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is not HTTP: invalid HTTP version"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-le",
            "closed the connection without an answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "closed the connection in the middle of its answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            "closed the connection in the middle of its answer",
        ),
    ] {
        let (kind, text) = failed(answer_to(bytes).await);
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
        assert!(text.contains(part), "{text}");
    }
}
