//! The end of a server.

use super::*;

#[tokio::test]
async fn a_running_request_is_finished_and_newcomers_are_refused() {
    let limits = ServerLimits {
        drain: Duration::from_secs(20),
        ..ServerLimits::default()
    };
    let server = Server::start(limits).await;
    let mut idle = server.client().await;
    idle.send("GET /idle HTTP/1.1\r\n\r\n").await;
    idle.until("/idle").await;
    let mut busy = server.client().await;
    busy.send("POST /wait HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi").await;
    server.probe.entered.notified().await;

    server.cancel.cancel();
    assert_eq!(idle.rest().await, "");
    assert!(!server.task.is_finished());
    while TcpStream::connect(server.address).await.is_ok() {}

    server.probe.leave.notify_one();
    let answer = busy.rest().await;
    assert!(
        answer.contains("\r\nconnection: close\r\n") && answer.ends_with("/wait"),
        "{answer}"
    );
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_under_way_is_still_taken() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    client
        .send("POST /x HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        .await;
    client.until("\r\n\r\n").await;
    server.cancel.cancel();
    client.send("hihi").await;
    assert!(client.rest().await.ends_with("/x"));
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_that_is_being_handled_has_the_time_that_it_takes_until_the_cut() {
    let limits = ServerLimits {
        drain: Duration::ZERO,
        ..ServerLimits::default()
    };
    let server = Server::start(limits).await;
    let mut incomplete = server.client().await;
    incomplete
        .send("POST /x HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await;
    incomplete.until("100 Continue\r\n\r\n").await;
    let mut client = server.client().await;
    client.send("GET /wait HTTP/1.1\r\n\r\n").await;
    server.probe.entered.notified().await;
    server.cancel.cancel();
    assert!(incomplete.rest().await.starts_with("HTTP/1.1 503 "));
    server.probe.leave.notify_one();
    assert!(client.rest().await.ends_with("/wait"));
    assert_eq!(server.task.await.unwrap(), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_takes_does_not_keep_the_server_from_its_end() {
    let limits = ServerLimits {
        drain: Duration::from_millis(1),
        ..ServerLimits::default()
    };
    let server = Server::start(limits).await;
    let mut client = server.client().await;
    client.send("GET /large HTTP/1.1\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    server.cancel.cancel();
    assert_eq!(server.task.await.unwrap(), 1);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off() {
    let server = Server::start(ServerLimits::default()).await;
    let mut client = server.client().await;
    client.send("GET /wait HTTP/1.1\r\n\r\n").await;
    server.probe.entered.notified().await;
    server.cancel.cancel();
    server.cut.cancel();
    assert_eq!(server.task.await.unwrap(), 1);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_server_without_connections_ends_at_once() {
    let server = Server::start(ServerLimits::default()).await;
    server.cancel.cancel();
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_is_handled_to_its_end_when_the_client_breaks_off() {
    #[derive(Default)]
    struct Waits {
        entered: Notify,
        leave: Notify,
        finished: Notify,
    }
    impl Handler for Waits {
        async fn handle(&self, _: Incoming) -> Reply {
            self.entered.notify_one();
            self.leave.notified().await;
            self.finished.notify_one();
            Reply::empty(200)
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (waits, cancel) = (Arc::new(Waits::default()), CancellationToken::new());
    let (handler, cut) = (Arc::clone(&waits), CancellationToken::new());
    let served = serve(listener, None, ServerLimits::default(), handler, cancel.clone(), cut);
    let served = tokio::spawn(served);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    waits.entered.notified().await;
    client.set_zero_linger().unwrap();
    drop(client);
    waits.leave.notify_one();
    waits.finished.notified().await;
    cancel.cancel();
    assert_eq!(served.await.unwrap(), 0);
}
