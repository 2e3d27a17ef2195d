//! More connections, or larger bodies, than there is room for.

use super::*;

fn limits(connections: usize) -> ServerLimits {
    ServerLimits {
        connections,
        grace: Duration::ZERO,
        ..ServerLimits::default()
    }
}

/// Room for that many bytes of large bodies.
fn memory(bytes: usize) -> ServerLimits {
    let limits = ServerLimits {
        body: bytes,
        ..limits(16)
    };
    ServerLimits {
        memory: 16 * PER_CONNECTION + bytes,
        ..limits
    }
}

/// A head that announces so much, and a part of the body.
fn begun(target: &str, announced: usize, sent: usize) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\ncontent-length: {announced}\r\n\r\n");
    [head.into_bytes(), vec![b'a'; sent]].concat()
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_an_idle_connection() {
    let server = Server::start(limits(1)).await;
    let mut first = server.client().await;
    first.send("GET /one HTTP/1.1\r\n\r\n").await;
    first.until("/one").await;
    let mut second = server.client().await;
    second.send("GET /two HTTP/1.1\r\n\r\n").await;
    second.until("/two").await;
    assert_eq!(first.rest().await, "");
    assert!(
        server.probe.rejected.lock().unwrap().is_empty(),
        "nothing was turned away"
    );
}

#[tokio::test]
async fn a_newcomer_waits_for_a_request_that_is_being_handled() {
    let server = Server::start(limits(1)).await;
    let mut first = server.client().await;
    first.send("GET /wait HTTP/1.1\r\n\r\n").await;
    server.probe.entered.notified().await;
    let mut second = server.client().await;
    second.send("GET /two HTTP/1.1\r\n\r\n").await;
    server.probe.leave.notify_one();
    first.until("/wait").await;
    second.until("/two").await;
    assert_eq!(server.probe.targets(), ["/wait", "/two"]);
}

#[tokio::test]
async fn a_dripping_request_makes_room_for_a_newcomer_and_is_told_so() {
    let server = Server::start(limits(8)).await;
    let mut dripping = Vec::new();
    for bytes in [&begun("/slow", 1000, 1)[..], b"POST /head HTTP/1.1\r\nhos"] {
        for _ in 0..8 {
            let mut client = server.client().await;
            client.send(bytes).await;
            dripping.push(client);
        }
    }
    let mut honest = server.client().await;
    honest.send(begun("/honest", 2, 2)).await;
    honest.until("/honest").await;
    assert!(dripping[0].rest().await.starts_with("HTTP/1.1 503 "));
    let rejection = server.probe.rejection().await;
    let status = rejection.reason.status();
    assert_eq!((rejection.reason, status), (IncompleteReason::Evicted, Some(503)));
}

#[tokio::test]
async fn a_slow_reader_of_answers_makes_room() {
    let server = Server::start(limits(1)).await;
    let mut slow = server.client().await;
    slow.send("GET /large HTTP/1.1\r\n\r\n").await;
    slow.until("\r\n\r\n").await;
    let mut honest = server.client().await;
    honest.send("GET /two HTTP/1.1\r\n\r\n").await;
    honest.until("/two").await;
}

#[tokio::test]
async fn stalled_bodies_hold_no_more_than_the_memory_and_make_room_for_an_honest_one() {
    let size = 1024 * 1024;
    let limits = ServerLimits {
        // Long enough for an honest body to get on.
        grace: Duration::from_millis(300),
        ..memory(2 * size)
    };
    let server = Server::start(limits).await;
    let mut stalled = Vec::new();
    for _ in 0..6 {
        let (mut client, body) = (server.client().await, begun("/stalled", size, size - 1));
        stalled.push(tokio::spawn(async move {
            let _ = client.writer.write_all(&body).await;
            client.rest_or_reset().await
        }));
    }
    // As soon as the first one is told, there was no memory left.
    assert_eq!(server.probe.rejection().await.reason, IncompleteReason::Evicted);
    let mut honest = server.client().await;
    honest.send(begun("/honest", size, size)).await;
    honest.until("/honest").await;
    assert_eq!(server.probe.targets(), ["/honest"]);
    server.cut.cancel();
    server.cancel.cancel();
    server.task.await.unwrap();
    for task in stalled {
        let answer = task.await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
}

#[tokio::test]
async fn a_small_request_needs_none_of_the_memory() {
    let server = Server::start(ServerLimits {
        grace: Duration::from_secs(600),
        ..memory(1024 * 1024)
    })
    .await;
    let mut holders = Vec::new();
    for _ in 0..2 {
        let (mut client, body) = (server.client().await, begun("/stalled", 1_000_000, 999_999));
        holders.push(tokio::spawn(async move { client.writer.write_all(&body).await }));
    }
    let mut honest = server.client().await;
    for target in ["/1", "/2", "/3"] {
        honest.send(begun(target, 30_000, 30_000)).await;
        honest.until(target).await;
    }
    assert_eq!(server.probe.targets(), ["/1", "/2", "/3"]);
}

#[tokio::test]
async fn large_bodies_that_wait_for_each_other_all_get_through() {
    let size = 512 * 1024;
    let limits = ServerLimits {
        grace: Duration::from_secs(600),
        ..memory(size)
    };
    let server = Server::start(limits).await;
    let mut senders = Vec::new();
    for number in 0..6 {
        let mut client = server.client().await;
        let body = begun(&format!("/{number}"), size, size);
        senders.push(tokio::spawn(async move {
            let _ = client.writer.write_all(&body).await;
            client.rest_or_reset().await
        }));
    }
    let mut got = 0;
    while got < senders.len() {
        got += server.probe.seen.lock().unwrap().drain(..).count();
        tokio::task::yield_now().await;
    }
    for sender in senders {
        assert!(sender.await.unwrap().starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_large_honest_body_does_not_wait_until_all_stalled_ones_have_gone() {
    let (size, count) = (512 * 1024, 20);
    let limits = ServerLimits {
        grace: Duration::from_millis(300),
        ..memory(2 * size)
    };
    let server = Server::start(limits).await;
    let mut stalled = Vec::new();
    for _ in 0..count {
        let (mut client, body) = (server.client().await, begun("/stalled", size, size - 1));
        stalled.push(tokio::spawn(async move {
            let _ = client.writer.write_all(&body).await;
            client.rest_or_reset().await
        }));
    }
    assert_eq!(server.probe.rejection().await.reason, IncompleteReason::Evicted);
    let mut honest = server.client().await;
    honest.send(begun("/honest", size, size)).await;
    honest.until("/honest").await;
    let gone = server.probe.rejected.lock().unwrap().len();
    assert!(gone < count / 2, "{gone} had to go first");
    server.cut.cancel();
    server.cancel.cancel();
    server.task.await.unwrap();
    for task in stalled {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_body_holds_its_memory_as_long_as_somebody_has_it() {
    let size = 512 * 1024;
    let server = Server::start(memory(size)).await;
    server.talk(begun("/first", size, size)).await;
    let first = server.probe.seen.lock().unwrap().remove(0);
    assert_eq!(first.body.len(), size);
    let mut second = server.client().await;
    let sending = begun("/second", size, size);
    let sending = tokio::spawn(async move {
        second.writer.write_all(&sending).await.unwrap();
        second.until("/second").await
    });
    assert!(!sending.is_finished() && server.probe.targets().is_empty());
    drop(first);
    sending.await.unwrap();
}
