//! Requests that are turned away.

use super::*;

fn small() -> ServerLimits {
    ServerLimits {
        body: 1000,
        ..ServerLimits::default()
    }
}

#[track_caller]
fn is_answer(answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer:?}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer:?}");
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_before_it_is_read() {
    let server = Server::start(small()).await;
    let mut client = server.client().await;
    client
        .send("POST /x HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n")
        .await;
    is_answer(&client.rest().await, "413 Payload Too Large");
    let rejection = server.probe.rejection().await;
    let status = rejection.reason.status();
    assert_eq!(
        (rejection.reason, status, rejection.received),
        (IncompleteReason::TooLarge, Some(413), 0)
    );
    assert!(server.probe.targets().is_empty());
}

#[tokio::test]
async fn a_body_as_large_as_allowed_is_taken() {
    let server = Server::start(small()).await;
    let body = "a".repeat(1000);
    let answer = server
        .talk(format!("POST /x HTTP/1.1\r\ncontent-length: 1000\r\n\r\n{body}"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_without_asking_still_reads_why_it_was_refused() {
    let server = Server::start(small()).await;
    let body = "a".repeat(8_000_000);
    let answer = server
        .talk(format!("POST /x HTTP/1.1\r\ncontent-length: 8000000\r\n\r\n{body}"))
        .await;
    is_answer(&answer, "413 Payload Too Large");
}

#[tokio::test]
async fn a_chunked_body_is_counted_while_it_comes() {
    let server = Server::start(small()).await;
    let chunk = format!("1f4\r\n{}\r\n", "a".repeat(500));
    let head = "POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = server.talk(format!("{head}{chunk}{chunk}1\r\na\r\n0\r\n\r\n")).await;
    is_answer(&answer, "413 Payload Too Large");
    assert_eq!(server.probe.rejection().await.received, 1001);
    let answer = server.talk(format!("{head}{chunk}{chunk}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.probe.targets().len(), 1);
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let server = Server::start(ServerLimits::default()).await;
    let lines = |count: usize| "x: y\r\n".repeat(count);
    let answer = server.talk(format!("GET / HTTP/1.1\r\n{}\r\n", lines(100))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for headers in [lines(101), format!("x: {}\r\n", "a".repeat(70_000))] {
        let answer = server.talk(format!("GET / HTTP/1.1\r\n{headers}\r\n")).await;
        is_answer(&answer, "431 Request Header Fields Too Large");
        let rejection = server.probe.rejection().await;
        let status = rejection.reason.status();
        assert_eq!(
            (rejection.reason, status),
            (IncompleteReason::HeadersTooLarge, Some(431))
        );
    }
    assert_eq!(server.probe.targets().len(), 1);
}

#[tokio::test]
async fn a_request_that_breaks_off_is_not_handled() {
    let server = Server::start(ServerLimits::default()).await;
    for (bytes, received) in [
        ("POST /x HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf", 4),
        ("POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", 2),
        ("POST /x HTTP/1.1\r\ncontent-le", 0),
    ] {
        is_answer(&server.talk(bytes).await, "400 Bad Request");
        let rejection = server.probe.rejection().await;
        let status = rejection.reason.status();
        assert_eq!((rejection.reason, status), (IncompleteReason::CutOff, Some(400)));
        assert_eq!(rejection.received, received, "{bytes}");
    }
    assert!(server.probe.targets().is_empty());
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = Server::start(ServerLimits::default()).await;
    for bytes in [
        "\u{1} hello\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
    ] {
        is_answer(&server.talk(bytes).await, "400 Bad Request");
        assert!(
            matches!(server.probe.rejection().await.reason, IncompleteReason::Malformed(_)),
            "{bytes}"
        );
    }
    is_answer(&server.talk("\u{16}\u{3}\u{1} hello\r\n\r\n").await, "400 Bad Request");
    assert_eq!(server.probe.rejection().await.reason, IncompleteReason::SpeaksTls);
    assert!(server.probe.targets().is_empty());
}

#[tokio::test]
async fn a_request_that_does_not_come_in_time_is_refused() {
    let limits = ServerLimits {
        header_timeout: Duration::from_millis(50),
        body_timeout: Duration::from_millis(50),
        ..ServerLimits::default()
    };
    let server = Server::start(limits).await;
    for bytes in [
        "GET / HTTP/1.1\r\nho",
        "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nh",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let mut client = server.client().await;
        client.send(bytes).await;
        is_answer(&client.until("\r\n\r\n").await, "408 Request Timeout");
        let rejection = server.probe.rejection().await;
        let status = rejection.reason.status();
        assert_eq!((rejection.reason, status), (IncompleteReason::TimedOut, Some(408)));
    }
    let mut idle = server.client().await;
    assert_eq!(idle.rest().await, "");
    assert!(server.probe.rejected.lock().unwrap().is_empty() && server.probe.targets().is_empty());
}
