//! The engine on a scripted transport and a paused clock: hours pass at once, to the millisecond.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::scheduler::RateLimiter;
use super::*;
use crate::clock::Timestamp;
use crate::exchange::{ErrorKind, Outcome, SecretKind};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::Registry;
use crate::secret::Secret;
use crate::signature::Scheme;
use crate::transport::tests::Scripted;

/// Wall-clock time that passes as tokio's does.
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_893_553_445).plus(self.0.elapsed())
    }
}

/// A run of the engine: deliveries in, events out.
struct ProbeContext {
    transport: Arc<Scripted>,
    limits: Limits,
    cancel: CancellationToken,
    stop_retrying: CancellationToken,
    began: Instant,
}

impl ProbeContext {
    fn new(transport: Scripted) -> Self {
        Self {
            transport: Arc::new(transport),
            limits: Limits::default(),
            cancel: CancellationToken::new(),
            stop_retrying: CancellationToken::new(),
            began: Instant::now(),
        }
    }

    /// Works all of them off and returns the events with their moments.
    async fn run(&self, deliveries: Vec<Delivery>) -> Vec<(Duration, Event)> {
        let clock: Arc<dyn Clock> = Arc::new(Virtual(self.began));
        let random = Arc::new(Random::seeded(1));
        let mut engine = Engine::new(Arc::clone(&self.transport), clock, random, self.limits);
        engine.stop_retrying = self.stop_retrying.clone();
        let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
        for delivery in deliveries {
            jobs_in.try_send(delivery).expect("there is room for all");
        }
        drop(jobs_in);
        let (events_in, mut events) = mpsc::channel(16);
        let running = tokio::spawn(engine.run(jobs, events_in, self.cancel.clone()));
        let mut seen = Vec::new();
        while let Some(event) = events.recv().await {
            seen.push((self.began.elapsed(), event));
        }
        running.await.expect("the engine ends");
        seen
    }

    fn moments(&self) -> Vec<u128> {
        self.transport.times().iter().map(Duration::as_millis).collect()
    }
}

/// A delivery of that provider with that body.
fn delivery(provider: &str, body: &'static str) -> Delivery {
    let profile = Registry::default().get(provider).expect("a built-in provider");
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let signer = match &profile.scheme {
        Scheme::Unsigned => None,
        scheme => Some(Arc::new(scheme.signer(&[secret]).expect("a usable secret"))),
    };
    let now = Timestamp::from_unix(1_893_553_445);
    let message = Message {
        id: Id::new(IdKind::Message, now, &Random::os()),
        wire_id: "msg_1".into(),
        event: "thing.happened".into(),
        time: now,
        mode: Mode::Test,
        content_type: "application/json".into(),
        body: Bytes::from_static(body.as_bytes()),
    };
    let url = Url::parse("http://127.0.0.1:1/").expect("a URL");
    let policy = Arc::new(profile.policy.clone());
    let signing = Signing::Fresh {
        profile,
        signer,
        secret: Arc::new(SecretKind::Dev),
    };
    Delivery::new(&Random::os(), now, message, url, signing, policy, Label::default())
}

fn names(events: &[(Duration, Event)]) -> Vec<&'static str> {
    let name = |next: &Next| match next {
        Next::Delivered => "delivered",
        Next::Retry { .. } => "retry",
        Next::Failed(_) => "failed",
        Next::Postponed { .. } => "postponed",
        Next::Interrupted => "interrupted",
    };
    events.iter().map(|(_, event)| name(&event.next)).collect()
}

#[tokio::test(start_paused = true)]
async fn attempts_are_made_at_the_moments_of_the_schedule() {
    let bench = ProbeContext::new(Scripted::statuses([500, 404, 302, 200]));
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    assert_eq!(bench.moments(), [0, 60_000, 360_000, 2_160_000]);
    assert_eq!(names(&events), ["retry", "retry", "retry", "delivered"]);
    let seqs: Vec<_> = events.iter().map(|(_, e)| e.attempt.as_ref().unwrap().seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_schedule_fails_after_its_last_attempt() {
    let bench = ProbeContext::new(Scripted::statuses([500; 6]));
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    let last = Duration::from_secs(60 + 300 + 1800 + 7200 + 86_400).as_millis();
    assert_eq!(bench.moments().last(), Some(&last));
    assert_eq!(events.len(), 6);
    assert_eq!(events[5].1.next, Next::Failed(FailureReason::Exhausted));
}

#[tokio::test(start_paused = true)]
async fn the_time_scale_divides_waits_and_never_a_time_limit() {
    let mut bench = ProbeContext::new(Scripted::statuses([500, 500, 200]).taking(Duration::from_secs(9)));
    bench.limits.time_scale = 1000.0;
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    assert_eq!(bench.moments(), [0, 9_060, 18_360]);
    assert_eq!(
        names(&events),
        ["retry", "retry", "delivered"],
        "9 s are within the limit of 10 s"
    );
}

#[tokio::test(start_paused = true)]
async fn the_other_reading_counts_every_delay_from_the_first_attempt() {
    let bench = ProbeContext::new(Scripted::statuses([500, 500, 200]).taking(Duration::from_secs(2)));
    bench.run(vec![delivery("poolflow@absolute", "{}")]).await;
    assert_eq!(bench.moments(), [0, 60_000, 300_000]);
}

#[tokio::test(start_paused = true)]
async fn while_one_delivery_waits_for_its_retry_another_uses_the_permit() {
    let bench = ProbeContext::new(Scripted::statuses([500, 200, 200]));
    let events = bench
        .run(vec![delivery("poolflow", "one"), delivery("poolflow", "two")])
        .await;
    let bodies: Vec<_> = bench.transport.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, ["one", "two", "one"]);
    assert_eq!(bench.moments(), [0, 0, 60_000]);
    assert_eq!(bench.transport.most_in_flight(), 1);
    assert_eq!(names(&events), ["retry", "delivered", "delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_its_turn_while_more_deliveries_may_come() {
    let transport = Arc::new(Scripted::statuses([500, 200]));
    let clock: Arc<dyn Clock> = Arc::new(Virtual(Instant::now()));
    let random = Arc::new(Random::seeded(1));
    let engine = Engine::new(Arc::clone(&transport), clock, random, Limits::default());
    let (jobs_in, jobs) = mpsc::channel(8);
    let (events_in, mut events) = mpsc::channel(8);
    tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
    jobs_in.try_send(delivery("poolflow", "{}")).unwrap();
    let next = [events.recv().await.unwrap().next, events.recv().await.unwrap().next];
    assert!(matches!(next, [Next::Retry { .. }, Next::Delivered]), "{next:?}");
    drop(jobs_in);
    assert!(events.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn with_a_concurrency_of_one_requests_keep_their_order_and_never_overlap() {
    let bench = ProbeContext::new(Scripted::statuses([200; 4]).taking(Duration::from_millis(10)));
    let bodies = ["1", "2", "3", "4"];
    bench.run(bodies.map(|body| delivery("poolflow", body)).to_vec()).await;
    let sent: Vec<_> = bench.transport.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(sent, bodies);
    assert_eq!(
        (bench.transport.most_in_flight(), bench.moments()),
        (1, vec![0, 10, 20, 30])
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_allowed() {
    let mut bench = ProbeContext::new(Scripted::statuses([200; 7]).taking(Duration::from_millis(10)));
    bench.limits.concurrency = 3;
    bench.run(vec![delivery("poolflow", "{}"); 7]).await;
    assert_eq!(bench.transport.most_in_flight(), 3);
    assert_eq!(bench.moments(), [0, 0, 0, 10, 10, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_no_events_holds_up_the_requests() {
    let transport = Arc::new(Scripted::statuses([200; 20]));
    let clock: Arc<dyn Clock> = Arc::new(Virtual(Instant::now()));
    let random = Arc::new(Random::seeded(1));
    let limits = Limits {
        concurrency: 3,
        ..Limits::default()
    };
    let (jobs_in, jobs) = mpsc::channel(20);
    for _ in 0..20 {
        jobs_in.try_send(delivery("poolflow", "{}")).unwrap();
    }
    drop(jobs_in);
    let (events_in, mut events) = mpsc::channel(1);
    let engine = Engine::new(Arc::clone(&transport), clock, random, limits);
    tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
    // On a paused clock this ends when nothing else has anything left to do.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(transport.requests().len(), 4, "one is told, three wait to be");
    for _ in 0..20 {
        events.recv().await.unwrap();
    }
    assert!(events.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_a_fresh_timestamp_and_signature_and_the_same_id() {
    let bench = ProbeContext::new(Scripted::statuses([500, 500, 200]));
    bench.run(vec![delivery("standard-webhooks", "{}")]).await;
    let all = |name: &str| -> Vec<String> {
        let requests = bench.transport.requests();
        requests
            .iter()
            .map(|r| r.headers.get_text(name).unwrap().to_owned())
            .collect()
    };
    assert_eq!(all("webhook-id"), ["msg_1"; 3]);
    for name in ["webhook-timestamp", "webhook-signature"] {
        let values = all(name);
        assert!(values[0] != values[1] && values[1] != values[2], "{name}: {values:?}");
    }
    assert_eq!(all("webhook-timestamp")[0], "1893553445");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_signed_is_not_sent() {
    let bench = ProbeContext::new(Scripted::statuses([200]));
    let mut broken = delivery("poolflow", "{}");
    let Signing::Fresh { signer, .. } = &mut broken.signing else {
        panic!("it is signed")
    };
    *signer = Some(Arc::new(crate::signature::broken_signer()));
    let seen = bench.run(vec![broken]).await;
    assert!(bench.transport.requests().is_empty());
    let outcome = &seen[0].1.attempt.as_ref().unwrap().outcome;
    assert!(
        matches!(outcome, Outcome::Error { kind: ErrorKind::Signing, text } if text == "the private key cannot sign"),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_interruption_gives_up_what_is_in_flight_and_tells_of_everything_else() {
    let bench = ProbeContext::new(Scripted::statuses([200; 3]).taking(Duration::from_secs(10)));
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    let events = bench
        .run(["1", "2", "3"].map(|body| delivery("poolflow", body)).to_vec())
        .await;
    assert_eq!(names(&events), ["interrupted"; 3]);
    assert!(events.iter().all(|(at, _)| at.as_secs() == 5));
    let begun: Vec<_> = events.iter().map(|(_, e)| e.attempt.is_some()).collect();
    assert_eq!(begun, [true, false, false]);
    assert_eq!(bench.moments().len(), 1, "nothing is begun any more");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_leaves_what_waits_for_a_retry() {
    let bench = ProbeContext::new(Scripted::statuses([500, 200]));
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(59)).await;
        cancel.cancel();
    });
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    assert_eq!(names(&events), ["retry", "interrupted"]);
    assert_eq!(events[1].1.attempt, None);
    assert_eq!(bench.moments(), [0]);
}

#[tokio::test(start_paused = true)]
async fn when_retrying_stops_the_rest_is_tried_once() {
    let bench = ProbeContext::new(Scripted::statuses([500, 500]));
    let leave = bench.stop_retrying.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        leave.cancel();
    });
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    assert_eq!(names(&events), ["retry", "interrupted"]);
    assert_eq!(events[1].0, Duration::from_secs(5));
    let events = bench.run(vec![delivery("poolflow", "{}")]).await;
    assert_eq!(names(&events), ["retry", "interrupted"]);
    assert_eq!(bench.moments().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_for_a_permit_is_not_begun_after_an_interruption() {
    let fast = Scripted::statuses([500]);
    let bench = ProbeContext::new(fast.taking(Duration::from_secs(9)));
    let mut second = delivery("poolflow", "two");
    // It is due while the first one is in flight, so that it waits for the only permit.
    second.progress = Progress {
        attempts: 1,
        first_at: Some(second.at),
        next_due: Some(second.at.plus(Duration::from_secs(2))),
        due: None,
        retry_reason: None,
    };
    let first = delivery("poolflow", "one");
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    let events = bench.run(vec![second, first]).await;
    assert_eq!(names(&events), ["interrupted", "interrupted"]);
    let bodies: Vec<_> = bench.transport.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_taken_up_again_waits_for_its_moment_and_goes_on_counting() {
    for (time_scale, moments) in [(1.0, [40_000, 1_840_000]), (10.0, [4_000, 184_000])] {
        let mut bench = ProbeContext::new(Scripted::statuses([500, 200]));
        bench.limits.time_scale = time_scale;
        let mut again = delivery("poolflow", "{}");
        again.progress = Progress {
            attempts: 2,
            first_at: Some(again.at),
            next_due: Some(again.at.plus(Duration::from_secs(40))),
            due: None,
            retry_reason: None,
        };
        let events = bench.run(vec![again]).await;
        assert_eq!(bench.moments(), moments);
        assert_eq!(events[0].1.attempt.as_ref().unwrap().seq, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_spreads_beginnings_evenly_and_counts_retries() {
    let mut bench = ProbeContext::new(Scripted::statuses([200, 500, 200, 200]));
    bench.limits.rate = Some(2.0);
    bench.limits.concurrency = 8;
    // The wait of 60 s becomes 60 ms, which falls between two turns.
    bench.limits.time_scale = 1000.0;
    bench.run(vec![delivery("poolflow", "{}"); 3]).await;
    assert_eq!(bench.moments(), [0, 500, 1000, 1500]);
}

#[tokio::test(start_paused = true)]
async fn after_a_stall_a_rate_catches_up_for_a_second_at_most() {
    let mut pace = RateLimiter::new(Some(10.0));
    assert_eq!(pace.next(), Some(Instant::now()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let at_once = (0..100).filter_map(|_| pace.next()).filter(|at| *at <= Instant::now());
    assert_eq!(at_once.count(), 11);
    assert_eq!(RateLimiter::new(None).next(), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_resolver_what_comes_from_the_queue_goes_back_and_all_else_spends_its_attempts() {
    let down = || Outcome::Error {
        kind: ErrorKind::Resolver,
        text: "no answer".into(),
    };
    for (promise, said, attempts) in [
        (Promise::Queued, &["postponed"][..], 0),
        (Promise::Nothing, &["retry", "retry", "failed"], 3),
    ] {
        let bench = ProbeContext::new(Scripted::new([down(), down(), down()]));
        let mut sent = delivery("slotflow", "{}");
        Arc::make_mut(&mut sent.label).promise = promise;
        let events = bench.run(vec![sent]).await;
        assert_eq!(names(&events), said);
        let made = events.iter().filter(|(_, event)| event.attempt.is_some()).count();
        assert_eq!(made, attempts, "{promise:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_connection_is_tried_again_like_any_failure() {
    let refused = || Outcome::Error {
        kind: ErrorKind::Connect,
        text: "connection refused".into(),
    };
    let bench = ProbeContext::new(Scripted::new([refused(), refused(), refused()]));
    let events = bench.run(vec![delivery("slotflow", "{}")]).await;
    assert_eq!(bench.moments(), [0, 300_000, 3_900_000]);
    assert_eq!(names(&events), ["retry", "retry", "failed"]);
}

impl<T> Engine<T> {
    fn with_store(self, store: Arc<dyn ContentStore>, stored_first: bool) -> Self {
        Self {
            store: Some(store),
            stored_first,
            ..self
        }
    }

    fn with_gate(self, gate: Arc<dyn Gate>, recheck: Arc<Notify>) -> Self {
        Self {
            gate: Some(gate),
            recheck,
            ..self
        }
    }
}

/// Keeps the contents of deliveries, and counts how often one is fetched.
#[derive(Default)]
struct Memory {
    contents: HashMap<Id, DeliveryContent>,
    fetched: Mutex<Vec<Id>>,
}

impl Memory {
    fn of(deliveries: &[Delivery]) -> Arc<Self> {
        let content = |delivery: &Delivery| DeliveryContent {
            message: Arc::new((*delivery.message).clone()),
            url: delivery.url.clone(),
            method: delivery.method.clone(),
            headers: delivery.headers.clone(),
        };
        Arc::new(Self {
            contents: deliveries.iter().map(|one| (one.id, content(one))).collect(),
            fetched: Mutex::default(),
        })
    }
}

impl ContentStore for Memory {
    fn fetch(&self, id: Id) -> Boxed<'_, Option<DeliveryContent>> {
        self.fetched.lock().unwrap().push(id);
        Box::pin(async move { self.contents.get(&id).cloned() })
    }
}

/// Admits every endpoint but these.
#[derive(Default)]
struct Closed(Mutex<Vec<String>>);

impl Gate for Closed {
    fn admits<'a>(&'a self, label: &'a Label) -> Boxed<'a, bool> {
        let closed = self.0.lock().unwrap();
        let admitted = label
            .endpoint
            .as_ref()
            .is_none_or(|endpoint| !closed.contains(endpoint));
        Box::pin(async move { admitted })
    }

    fn released<'a>(&'a self, _: &'a Label) -> Boxed<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn to_endpoint(endpoint: &str, body: &'static str) -> Delivery {
    let delivery = delivery("poolflow", body);
    let label = Label {
        endpoint: Some(endpoint.to_owned()),
        ..Label::default()
    };
    Delivery {
        label: Arc::new(label),
        ..delivery
    }
}

impl ProbeContext {
    fn engine(&self) -> Engine<Scripted> {
        let clock: Arc<dyn Clock> = Arc::new(Virtual(self.began));
        Engine::new(
            Arc::clone(&self.transport),
            clock,
            Arc::new(Random::seeded(1)),
            self.limits,
        )
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.transport
            .requests()
            .into_iter()
            .map(|request| request.body)
            .collect()
    }
}

/// Hands all of them over without waiting for what comes of them, and returns the names of what happened.
async fn outcomes(engine: Engine<Scripted>, deliveries: Vec<Delivery>) -> Vec<&'static str> {
    let (jobs_in, jobs) = mpsc::channel(1);
    let (events_in, mut events) = mpsc::channel(16);
    let running = tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
    tokio::spawn(async move {
        for delivery in deliveries {
            jobs_in.send(delivery).await.unwrap();
        }
    });
    let mut seen = Vec::new();
    while let Some(event) = events.recv().await {
        seen.push((
            Duration::ZERO,
            Event {
                until_recorded: None,
                ..event
            },
        ));
    }
    running.await.unwrap();
    names(&seen)
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_holds_up_no_other_and_each_keeps_its_order() {
    let mut bench = ProbeContext::new(Scripted::statuses([200; 6]).taking(Duration::from_secs(9)));
    bench.limits.total = Some(2);
    let deliveries: Vec<Delivery> = [
        ("slow", "1"),
        ("slow", "2"),
        ("slow", "3"),
        ("good", "4"),
        ("good", "5"),
    ]
    .map(|(endpoint, body)| to_endpoint(endpoint, body))
    .into();
    let store = Memory::of(&deliveries);
    let engine = bench.engine().with_store(store, true);
    assert_eq!(outcomes(engine, deliveries).await, ["delivered"; 5]);
    assert_eq!(bench.bodies(), ["1", "4", "2", "5", "3"]);
    assert_eq!(bench.moments(), [0, 0, 9_000, 9_000, 18_000]);
    assert_eq!(bench.transport.most_in_flight(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_holds_no_content_and_fetches_it_for_its_attempt() {
    for from_the_first in [false, true] {
        let bench = ProbeContext::new(Scripted::statuses([500, 500, 200, 200]));
        let mut deliveries: Vec<Delivery> = vec![delivery("poolflow", "one"), delivery("poolflow", "two")];
        let messages: Vec<_> = deliveries.iter().map(|one| Arc::downgrade(&one.message)).collect();
        let store = Memory::of(&deliveries);
        let engine = bench
            .engine()
            .with_store(Arc::clone(&store) as Arc<dyn ContentStore>, from_the_first);
        let (jobs_in, jobs) = mpsc::channel(2);
        let (events_in, mut events) = mpsc::channel(16);
        for delivery in deliveries.drain(..) {
            jobs_in.try_send(delivery).unwrap();
        }
        drop(jobs_in);
        tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
        for _ in 0..2 {
            assert!(matches!(events.recv().await.unwrap().next, Next::Retry { .. }));
        }
        // On a paused clock this ends when nothing else has anything left to do.
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(messages.iter().all(|message| message.upgrade().is_none()));
        for _ in 0..2 {
            assert_eq!(events.recv().await.unwrap().next, Next::Delivered);
        }
        assert!(events.recv().await.is_none());
        assert_eq!(bench.bodies(), ["one", "two", "one", "two"]);
        assert!(store.fetched.lock().unwrap().len() >= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_to_the_store_only_when_its_record_is_handed_over() {
    let bench = ProbeContext::new(Scripted::statuses([500, 200]));
    let deliveries = vec![delivery("poolflow", "{}")];
    let engine = bench.engine().with_store(Memory::of(&deliveries), false);
    let (jobs_in, jobs) = mpsc::channel(1);
    let (events_in, mut events) = mpsc::channel(16);
    jobs_in.try_send(deliveries.into_iter().next().unwrap()).unwrap();
    drop(jobs_in);
    tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
    let first = events.recv().await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.moments(), [0], "it is not on record yet");
    drop(first);
    assert_eq!(events.recv().await.unwrap().next, Next::Delivered);
    assert_eq!(bench.moments(), [0, 660_000]);
}

#[tokio::test(start_paused = true)]
async fn what_the_store_has_no_more_is_not_tried() {
    let bench = ProbeContext::new(Scripted::statuses([500]));
    let engine = bench.engine().with_store(Arc::new(Memory::default()), false);
    assert_eq!(outcomes(engine, vec![delivery("poolflow", "{}")]).await, ["retry"]);
    assert_eq!(bench.moments(), [0]);
}

/// Notes the deliveries whose content is gone.
#[derive(Default)]
struct Gone(Mutex<Vec<Id>>);

impl FaultInjector for Gone {
    fn begin(&self, _: &Delivery) {}

    fn gone(&self, delivery: Id) {
        self.0.lock().unwrap().push(delivery);
    }

    fn outcome(&self, _: &Delivery, _: u32, outcome: Outcome) -> Outcome {
        outcome
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_delivery_learns_that_it_is_gone() {
    let bench = ProbeContext::new(Scripted::statuses([500]));
    let one = delivery("poolflow", "{}");
    let (id, gone) = (one.id, Arc::new(Gone::default()));
    let mut engine = bench.engine().with_store(Arc::new(Memory::default()), false);
    engine.faults = Some(Arc::<Gone>::clone(&gone));
    assert_eq!(outcomes(engine, vec![one]).await, ["retry"]);
    assert_eq!(*gone.0.lock().unwrap(), [id]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_closed_gets_nothing_more_and_what_waits_for_it_ends() {
    let mut bench = ProbeContext::new(Scripted::statuses([500, 500, 200, 200]));
    bench.limits.total = Some(4);
    let deliveries: Vec<Delivery> = ["a", "b"].map(|endpoint| to_endpoint(endpoint, "{}")).into();
    let (closed, recheck) = (Arc::new(Closed::default()), Arc::new(Notify::new()));
    let gate = Arc::clone(&closed) as Arc<dyn Gate>;
    let engine = bench
        .engine()
        .with_store(Memory::of(&deliveries), true)
        .with_gate(gate, Arc::clone(&recheck));
    let (jobs_in, jobs) = mpsc::channel(4);
    let (events_in, mut events) = mpsc::channel(16);
    for one in deliveries {
        jobs_in.try_send(one).unwrap();
    }
    tokio::spawn(engine.run(jobs, events_in, CancellationToken::new()));
    for _ in 0..2 {
        assert!(matches!(events.recv().await.unwrap().next, Next::Retry { .. }));
    }
    closed.0.lock().unwrap().push("a".to_owned());
    recheck.notify_one();
    let ended = events.recv().await.unwrap();
    assert_eq!(ended.next, Next::Failed(FailureReason::Withheld));
    assert_eq!(bench.began.elapsed(), Duration::ZERO, "it does not wait for its moment");
    jobs_in.try_send(to_endpoint("a", "new")).unwrap();
    assert_eq!(events.recv().await.unwrap().next, Next::Failed(FailureReason::Withheld));
    assert_eq!(events.recv().await.unwrap().next, Next::Delivered);
    assert_eq!(bench.bodies().len(), 3);
}
