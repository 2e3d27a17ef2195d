//! Bare programs that do the least that must be done, to tell how near hook comes.
//!
//!     limits sink PORT [FAIL-EVERY]              answers, checks nothing; every FAIL-EVERYth request gets 500
//!     limits receive PORT FILE                   checks the signature, appends a line, syncs, then answers
//!     limits send URL COUNT CONCURRENCY          a loop around reqwest, every body new and signed
//!     limits load URL CONNECTIONS COUNT SECONDS [FORGE-EVERY]
//!                                                the same load by hand-written HTTP, faster than any receiver
//!     limits deliver PORT URL FILE CONCURRENCY   syncs an event, answers 202, sends it signed, notes the outcome
//!     limits feed URL KEY EVENT CONNECTIONS COUNT SECONDS RATE
//!                                                events for a service, each with the moment at which it was made
//!     limits arrivals PORT HANGS                 receives them, and tells how old they were

mod arrivals;
mod body;
mod deliver;
mod feed;
mod journal;
mod load;
mod receive;
mod send;
mod sink;

use std::error::Error;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = |at: usize| arguments.get(at).map_or("", String::as_str);
    match rest(0) {
        "sink" => one_thread()?.block_on(sink::run(number(rest(1))?, number(rest(2)).unwrap_or(0))),
        // On one core two workers took a fifth more requests than one: one answers while the other wakes for the disk.
        "receive" => two_threads()?.block_on(receive::run(number(rest(1))?, rest(2))),
        "send" => one_thread()?.block_on(send::run(rest(1), number(rest(2))?, number(rest(3))?)),
        "load" => one_thread()?.block_on(load::run(
            rest(1),
            number(rest(2))?,
            load::Until::new(number(rest(3))?, number(rest(4))?),
            number(rest(5)).unwrap_or(0),
        )),
        "deliver" => two_threads()?.block_on(deliver::run(number(rest(1))?, rest(2), rest(3), number(rest(4))?)),
        "feed" => feed::run(
            &feed::Service::new(rest(1), rest(2), rest(3))?,
            number(rest(4))?,
            load::Until::new(number(rest(5))?, number(rest(6))?),
            number(rest(7))?,
        ),
        "arrivals" => one_thread()?.block_on(arrivals::run(number(rest(1))?, rest(2) == "1")),
        _ => Err("usage: limits sink | receive | send | load | deliver | feed | arrivals ...".into()),
    }
}

fn number<N: FromStr>(text: &str) -> Result<N> {
    text.parse().map_err(|_| format!("`{text}` is not a number").into())
}

fn one_thread() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn two_threads() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

/// Microseconds since the epoch.
fn now_us() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros()
}

/// Prints what a run came to, for `bench/run` to read.
fn report(seconds: f64, mut times: Vec<u32>, wrong: u64) {
    times.sort_unstable();
    let at = |hundredth: usize| times.get((times.len() * hundredth / 100).min(times.len().saturating_sub(1)));
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    println!(
        "{}",
        serde_json::json!({
            "begun_us": now_us().saturating_sub(Duration::from_secs_f64(seconds).as_micros()),
            "count": count,
            "wrong": wrong,
            "seconds": seconds,
            "per_second": f64::from(count) / seconds,
            "p50_us": at(50),
            "p99_us": at(99),
        })
    );
}
