//! A provider's schedule rehearsed faster than it runs: every attempt, the disabling, and what comes after.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{App, Queue, Reply, Sandbox, event, number, soak};

/// The delays of `poolflow`, in seconds.
const DELAYS: [u32; 5] = [60, 5 * 60, 30 * 60, 2 * 60 * 60, 24 * 60 * 60];

/// How much faster, and what an attempt may be late beside other tests on the same machine.
fn pace() -> (u32, Duration) {
    if soak() {
        (1000, Duration::from_millis(50))
    } else {
        (10_000, Duration::from_secs(2))
    }
}

#[test]
fn poolflow_is_rehearsed_from_the_first_attempt_to_the_replay_of_what_was_parked() {
    let (scale, slack) = pace();
    let sandbox = Sandbox::new();
    let (well, attempts) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let (up, times) = (Arc::clone(&well), Arc::clone(&attempts));
    let app = App::start(move |_| {
        times.lock().expect("no panic").push(Instant::now());
        Reply::Status(if up.load(Ordering::SeqCst) { 200 } else { 500 }, "")
    });
    sandbox.endpoint("shop", "poolflow", &app.url);
    let service = sandbox.service(&["--time-scale", &format!("{scale}x")]);
    let job = |number: usize| event(number).to_string().replace("thing.created", "job.paid");
    let accepted = |number: usize| service.call("POST", "/events", &job(number));
    assert_eq!(accepted(1).0, 202);

    service.within(Duration::from_secs(150), |queue| queue.waiting + queue.taken == 0);
    let gaps: Vec<Duration> = {
        let attempts = attempts.lock().expect("no panic");
        attempts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    println!("{scale}x: {gaps:?}");
    assert_eq!(gaps.len(), DELAYS.len());
    for (gap, delay) in gaps.iter().zip(DELAYS) {
        let planned = Duration::from_secs(delay.into()) / scale;
        let early = planned.mul_f64(0.95);
        let late = planned.mul_f64(1.05) + slack;
        assert!((early..late).contains(gap), "{gap:?} for {planned:?}");
    }

    let shown = || {
        sandbox
            .hook(["endpoints", "show", "shop", "--json"])
            .run()
            .ok()
            .object()
    };
    assert_eq!(shown()["active"], false, "{}", shown());
    assert_eq!(accepted(2).0, 202);
    let parked = |queue: &Queue| queue.parked == 1 && queue.waiting + queue.taken == 0;
    service.until(parked);
    well.store(true, Ordering::SeqCst);
    sandbox
        .hook(["endpoints", "enable", "shop", "--replay-parked"])
        .run()
        .ok();
    assert_eq!(shown()["active"], true, "{}", shown());
    service.until(|queue| *queue == Queue::DONE);
    let came: Vec<_> = app.rest().iter().filter_map(|seen| number(&seen.body)).collect();
    assert_eq!(came, [1, 1, 1, 1, 1, 1, 2]);
    service.terminate().ok();
}
