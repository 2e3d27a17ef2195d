//! Load for receivers: keep-alive connections, every body new and signed, HTTP written by hand. wrk repeats one body, so
//! that a receiver that knows duplicates would be measured at nothing else.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::body::{self, HEADER, Key};

/// When a run ends.
pub struct Until {
    /// Requests.
    pub count: u64,
    /// Since the beginning.
    pub time: Duration,
}

impl Until {
    /// After that many requests or seconds, whichever is first; 0 is no limit.
    pub fn new(count: u64, seconds: u64) -> Self {
        let or_no_limit = |n: u64| if n == 0 { u64::from(u32::MAX) } else { n };
        Self {
            count: or_no_limit(count),
            time: Duration::from_secs(or_no_limit(seconds)),
        }
    }
}

struct Work {
    key: Key,
    address: String,
    path: String,
    until: Until,
    begun: Instant,
    /// Every request of that number carries a signature of another body.
    forge_every: u64,
    next: AtomicU64,
    wrong: AtomicU64,
}

/// Keeps a receiver busy over that many connections.
pub async fn run(url: &str, connections: usize, until: Until, forge_every: u64) -> crate::Result<()> {
    let rest = url.strip_prefix("http://").ok_or("only http:// is spoken")?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let begun = Instant::now();
    // Not the numbers of an earlier run against the same receiver.
    let first = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let work = Arc::new(Work {
        key: body::key()?,
        address: address.to_owned(),
        path: path.to_owned(),
        until,
        begun,
        forge_every,
        next: AtomicU64::new(first.as_secs() % 100_000 * 10_000_000),
        wrong: AtomicU64::new(0),
    });
    let start = work.next.load(Ordering::Relaxed);
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(one(Arc::clone(&work), start)))
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    crate::report(begun.elapsed().as_secs_f64(), times, work.wrong.load(Ordering::Relaxed));
    Ok(())
}

async fn one(work: Arc<Work>, start: u64) -> crate::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(&work.address).await?;
    stream.set_nodelay(true)?;
    let (mut out, mut answer) = (Vec::with_capacity(2048), Vec::with_capacity(2048));
    let mut times = Vec::new();
    loop {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        if number - start >= work.until.count || work.begun.elapsed() >= work.until.time {
            return Ok(times);
        }
        let begun = Instant::now();
        let forged = work.forge_every > 0 && number.is_multiple_of(work.forge_every);
        write_request(&work, number, forged, &mut out);
        stream.write_all(&out).await?;
        let status = read_answer(&mut stream, &mut answer).await?;
        let wanted: &[u8] = if forged { b"401" } else { b"200" };
        if status != wanted {
            work.wrong.fetch_add(1, Ordering::Relaxed);
        }
        times.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

fn write_request(work: &Work, number: u64, forged: bool, out: &mut Vec<u8>) {
    let body = body::body(number);
    let signature = if forged {
        body::signature(&work.key, b"another body")
    } else {
        body::signature(&work.key, body.as_bytes())
    };
    out.clear();
    let _ = write!(
        out,
        "POST /{} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{HEADER}: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        work.path,
        work.address,
        body.len()
    );
}

/// Reads one answer whole; its status.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> crate::Result<[u8; 3]> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err("the receiver closed a connection".into());
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        if answer.len() >= end + 4 + content_length(&answer[..end])? {
            let status = answer.get(9..12).ok_or("the answer has no status")?;
            return Ok(status.try_into()?);
        }
    }
}

fn content_length(head: &[u8]) -> crate::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    crate::number(length.ok_or("the answer has no length")?)
}
