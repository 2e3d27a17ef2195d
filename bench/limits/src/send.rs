//! A loop around reqwest: the least that a sender of new, signed events does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::body::{self, HEADER, Key};

struct Work {
    client: reqwest::Client,
    key: Key,
    url: String,
    count: u64,
    next: AtomicU64,
    wrong: AtomicU64,
}

/// Sends that many events, so many at once.
pub async fn run(url: &str, count: u64, concurrency: usize) -> crate::Result<()> {
    let work = Arc::new(Work {
        client: reqwest::Client::builder().no_proxy().build()?,
        key: body::key()?,
        url: url.to_owned(),
        count,
        next: AtomicU64::new(0),
        wrong: AtomicU64::new(0),
    });
    let begun = Instant::now();
    let workers: Vec<_> = (0..concurrency).map(|_| tokio::spawn(one(Arc::clone(&work)))).collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await?);
    }
    crate::report(begun.elapsed().as_secs_f64(), times, work.wrong.load(Ordering::Relaxed));
    Ok(())
}

async fn one(work: Arc<Work>) -> Vec<u32> {
    let mut times = Vec::new();
    loop {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        if number >= work.count {
            return times;
        }
        let begun = Instant::now();
        let body = body::body(number);
        let request = work
            .client
            .post(&work.url)
            .header("content-type", "application/json")
            .header(HEADER, body::signature(&work.key, body.as_bytes()))
            .body(body);
        let answered = match request.send().await {
            Ok(response) => response.status().is_success() && response.bytes().await.is_ok(),
            Err(_) => false,
        };
        if !answered {
            work.wrong.fetch_add(1, Ordering::Relaxed);
        }
        times.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}
