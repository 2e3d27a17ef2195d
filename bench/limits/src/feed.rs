//! Events for a service: as fast as it takes them, or so many a second whatever it does. Threads, because they sleep to the
//! twentieth of a millisecond where a runtime's timer has whole ones.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::arrivals::MADE;
use crate::load::Until;

/// The size of every body.
const SIZE: usize = 1024;

/// Where events are handed over, and which.
pub struct Service {
    address: String,
    /// Request line and headers, without the length.
    head: String,
    event: String,
}

impl Service {
    /// From the URL, the key of the API and the event's name.
    pub fn new(url: &str, key: &str, event: &str) -> crate::Result<Self> {
        let rest = url.strip_prefix("http://").ok_or("only http:// is spoken")?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let head = format!(
            "POST /{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
        );
        Ok(Self {
            address: address.to_owned(),
            head,
            event: event.to_owned(),
        })
    }
}

struct Work<'a> {
    service: &'a Service,
    until: Until,
    /// Between two events; none: the next one when the last one is answered.
    step: Option<Duration>,
    begun: Instant,
    begun_us: u128,
    next: AtomicU64,
    wrong: AtomicU64,
}

/// Hands events over on that many connections, `rate` a second; 0 is no limit.
pub fn run(service: &Service, connections: usize, until: Until, rate: f64) -> crate::Result<()> {
    let work = Work {
        service,
        until,
        step: (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate)),
        begun: Instant::now(),
        begun_us: crate::now_us(),
        next: AtomicU64::new(0),
        wrong: AtomicU64::new(0),
    };
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(|| one(&work))).collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        crate::Result::Ok(times)
    })?;
    crate::report(
        work.begun.elapsed().as_secs_f64(),
        times,
        work.wrong.load(Ordering::Relaxed),
    );
    Ok(())
}

fn one(work: &Work<'_>) -> crate::Result<Vec<u32>> {
    let stream = TcpStream::connect(&work.service.address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let (mut stream, mut out, mut times) = (stream, Vec::with_capacity(2 * SIZE), Vec::new());
    loop {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        let at = work.due(number);
        if number >= work.until.count || at >= work.until.time {
            return Ok(times);
        }
        std::thread::sleep(at.saturating_sub(work.begun.elapsed()));
        // An event that had to wait for a connection was made when it was due.
        let body = body(&work.service.event, number, work.begun_us + at.as_micros());
        out.clear();
        let _ = write!(out, "{}content-length: {}\r\n\r\n{body}", work.service.head, body.len());
        stream.write_all(&out)?;
        if status(&mut answers)? != 202 {
            work.wrong.fetch_add(1, Ordering::Relaxed);
        }
        let took = work.begun.elapsed().saturating_sub(at);
        times.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }
}

impl Work<'_> {
    /// When the event of that number is made, since the beginning.
    fn due(&self, number: u64) -> Duration {
        match self.step {
            Some(step) => step.mul_f64(f64::from(u32::try_from(number).unwrap_or(u32::MAX))),
            None => self.begun.elapsed(),
        }
    }
}

fn body(event: &str, number: u64, made_us: u128) -> String {
    let mut text = format!(
        r#"{{"event":"{event}","data":{{"id":"job_{number:012}",{MADE}{made_us},"total_cents":4200,"currency":"usd","note":""#
    );
    let rest = SIZE.saturating_sub(text.len() + 3);
    text.extend(std::iter::repeat_n('x', rest));
    text.push_str(r#""}}"#);
    text
}

/// Reads one answer whole; its status.
fn status(answers: &mut BufReader<TcpStream>) -> crate::Result<u16> {
    let (mut status, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            return Err("the service closed a connection".into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if status == 0 {
            status = crate::number(text.split(' ').nth(1).unwrap_or_default())?;
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = crate::number(value.trim())?;
        }
    }
    std::io::copy(&mut answers.by_ref().take(length), &mut std::io::sink())?;
    Ok(status)
}
