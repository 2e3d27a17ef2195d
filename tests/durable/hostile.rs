//! Receivers that do not behave: each attempt ends within its limits and is on record, and a healthy endpoint notices nothing.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hook::internals::exchange::Outcome;

use crate::support::{App, Reply, Sandbox, Seen, event, number};

/// The time limit of an attempt, its body included.
const TIMEOUT: Duration = Duration::from_secs(1);

/// For what a loaded machine adds.
const SLACK: Duration = Duration::from_secs(3);

/// A receiver that answers each request by hand, and does with the connection what it likes.
fn receiver(answer: fn(&TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while Seen::read(&mut reader).is_some() && answer(&stream).is_ok() {}
            });
        }
    });
    url
}

/// One byte of the body at a time, for ever.
fn drips(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
    loop {
        stream.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// One byte of the head at a time, for ever.
fn drips_head(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ")?;
    loop {
        stream.write_all(b"x")?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A body that ends with the connection, which does not end.
fn never_closes(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nok")?;
    // Until the other side closes it.
    std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
}

/// Headers without an end.
fn huge_headers(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    let line = format!("x-huge: {}\r\n", "h".repeat(8000));
    loop {
        stream.write_all(line.as_bytes())?;
    }
}

/// A body without an end.
fn huge_body(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = format!("10000\r\n{}\r\n", "b".repeat(0x10000));
    loop {
        stream.write_all(chunk.as_bytes())?;
    }
}

/// 64 MiB of zeros in 64 KiB.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    body.extend(miniz_oxide::deflate::compress_to_vec(&vec![0; 64 << 20], 9));
    body
});

fn bomb(mut stream: &TcpStream) -> std::io::Result<()> {
    let lines = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n";
    let head = format!("{lines}content-length: {}\r\n\r\n", BOMB.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&BOMB)
}

/// To itself.
fn redirects(mut stream: &TcpStream) -> std::io::Result<()> {
    let address = stream.local_addr()?;
    let head = format!("HTTP/1.1 307 X\r\nlocation: http://{address}/again\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes())
}

/// Something else than HTTP.
fn babbles(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"\0\xff\x1b[2J220 mail ESMTP\r\n")
}

/// How the attempt is recorded: the status, or the kind of failure.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(answer) => answer.status.to_string(),
        Outcome::Error { kind, .. } => format!("{kind:?}").to_lowercase(),
    }
}

#[test]
fn receivers_that_do_not_behave_are_bounded_and_reported_and_lose_nothing() {
    let sandbox = Sandbox::new();
    sandbox.patient("strict", "1s", r#"["1h"]"#);
    let healthy = App::start(|_| Reply::Status(200, ""));
    let tls = sandbox.listen(["--tls"]);
    let plain = sandbox.listen::<&str>([]);
    // What is recorded, and whether the delivery waits for its retry.
    let cases = [
        ("drips", receiver(drips), "timeout", true),
        ("drips-head", receiver(drips_head), "timeout", true),
        ("never-closes", receiver(never_closes), "timeout", true),
        ("huge-headers", receiver(huge_headers), "protocol", true),
        ("huge-body", receiver(huge_body), "200", false),
        ("bomb", receiver(bomb), "200", false),
        ("redirects", receiver(redirects), "307", true),
        ("babbles", receiver(babbles), "protocol", true),
        ("self-signed", tls.url.clone(), "tls", true),
        ("no-tls", plain.url.replace("http://", "https://"), "tls", true),
    ];
    for (name, url, ..) in &cases {
        sandbox.endpoint(name, "strict", url);
    }
    sandbox.endpoint("healthy", "strict", &healthy.url);
    LazyLock::force(&BOMB);
    let service = sandbox.service(&[]);
    let begun = Instant::now();
    for number in 0..EVENTS {
        service.accepts(number);
    }
    let mut came: Vec<_> = (0..EVENTS)
        .map(|_| number(&healthy.next().body).expect("a number"))
        .collect();
    assert!(
        begun.elapsed() < SLACK,
        "the healthy endpoint waited {:?}",
        begun.elapsed()
    );
    came.sort_unstable();
    assert_eq!(came, (0..EVENTS).collect::<Vec<_>>());

    service.until(|queue| queue.taken == 0 && sandbox.attempts() == ((cases.len() + 1) * EVENTS) as u64);
    let peak = service.process.peak();
    assert!(peak.is_none_or(|peak| peak < 100), "{peak:?} MiB");
    assert_eq!(service.call("GET", "/health", "").0, 200);
    service.terminate().ok();

    let deliveries = sandbox.deliveries();
    for (name, _, wanted, waits) in &cases {
        let of = deliveries.iter().map(|one| &one.delivery);
        let of: Vec<_> = of.filter(|one| one.endpoint.as_deref() == Some(*name)).collect();
        assert_eq!(of.len(), EVENTS, "{name}");
        for one in of {
            let [attempt] = &one.attempts[..] else {
                panic!("{name}: {} attempts", one.attempts.len());
            };
            assert_eq!(&outcome(&attempt.outcome), wanted, "{name}: {:?}", attempt.outcome);
            assert!(attempt.took < TIMEOUT + SLACK, "{name}: {:?}", attempt.took);
            assert_eq!(one.next_due.is_some(), *waits, "{name}");
        }
    }
}

/// Handed over in each case.
const EVENTS: usize = 3;

#[test]
fn a_receiver_that_is_well_again_gets_what_it_missed() {
    let sandbox = Sandbox::new();
    sandbox.patient("strict", "1s", r#"["1s", "1s", "1s"]"#);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    sandbox.endpoint("back", "strict", &format!("http://{address}"));
    let service = sandbox.service(&[]);
    for number in 0..EVENTS {
        let (status, answer) = service.call("POST", "/events", &event(number).to_string());
        assert_eq!((status, &answer["deliveries"]), (202, &1.into()), "{answer}");
    }
    service.until(|queue| queue.taken == 0 && queue.waiting == EVENTS as u64);
    let app = App::on(TcpListener::bind(address).expect("the port is free"), |_| {
        Reply::Status(200, "")
    });
    let mut came: Vec<_> = (0..EVENTS)
        .map(|_| number(&app.next().body).expect("a number"))
        .collect();
    came.sort_unstable();
    assert_eq!(came, (0..EVENTS).collect::<Vec<_>>());
    service.terminate().ok();
}
