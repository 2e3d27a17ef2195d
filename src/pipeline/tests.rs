//! The order of keeping and showing, and what happens when either fails.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::*;
use crate::clock::{SystemClock, Timestamp};
use crate::engine::{Label, Limits, Signing};
use crate::error::Error;
use crate::exit::Exit;
use crate::id::IdKind;
use crate::message::{Message, Mode};
use crate::provider::Registry;
use crate::random::Random;
use crate::store::{
    self, DueWork, Lane, LaneSummary, NewDelivery, Processing, Query, Record, Stats, Store, Summary, Work,
};
use crate::transport::tests::Scripted;

/// What happened, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// Keeps deliveries in memory, and says so; full after some changes.
struct Diary {
    log: Log,
    room: usize,
    deliveries: Vec<NewDelivery>,
}

impl Store for Diary {
    fn write(&mut self, ops: &[Op]) -> std::result::Result<Vec<Ack>, StoreError> {
        let room = self.room.checked_sub(ops.len());
        self.room = room.ok_or_else(|| StoreError::Full("the ledger".into()))?;
        Ok(ops.iter().map(|op| self.keep(op)).collect())
    }

    fn list(&self, _: &Query) -> std::result::Result<Vec<Summary>, StoreError> {
        Ok(Vec::new())
    }

    fn get(&self, _: u64) -> std::result::Result<Option<Record>, StoreError> {
        Ok(None)
    }

    fn delivery(&self, id: Id) -> std::result::Result<Option<store::DeliveryRecord>, StoreError> {
        let found = self.deliveries.iter().find(|delivery| delivery.id == id);
        Ok(found.map(|delivery| store::DeliveryRecord {
            number: 7,
            delivery: delivery.clone(),
            sealed: Vec::new(),
            is_again: false,
            is_orphan: false,
        }))
    }

    fn find(&self, _: &str, _: usize) -> std::result::Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }

    fn undelivered(&self, _: &Query) -> std::result::Result<Vec<u64>, StoreError> {
        Ok(Vec::new())
    }

    fn unprocessed(&self, _: &Query) -> std::result::Result<Vec<(u64, Processing)>, StoreError> {
        Ok(Vec::new())
    }

    fn due_work(&self, _: uuid::Uuid, _: Timestamp, _: usize) -> std::result::Result<DueWork, StoreError> {
        unreachable!("nothing asks for it")
    }

    fn lanes(&self) -> std::result::Result<Vec<LaneSummary>, StoreError> {
        Ok(Vec::new())
    }

    fn sealed_work(&self) -> std::result::Result<Vec<(Option<String>, store::Sealed)>, StoreError> {
        unreachable!()
    }

    fn waiting(&self, _: u64) -> std::result::Result<Vec<Lane>, StoreError> {
        unreachable!()
    }

    fn work(&self, _: uuid::Uuid, _: u64, _: usize) -> std::result::Result<Vec<Work>, StoreError> {
        Ok(Vec::new())
    }

    crate::store::conformance::without_queue!();

    fn stats(&self, _: &Query) -> std::result::Result<Stats, StoreError> {
        Ok(Stats::default())
    }

    fn prune(&mut self, _: Option<Timestamp>, _: Option<u64>) -> std::result::Result<store::Pruned, StoreError> {
        Ok(store::Pruned::default())
    }
}

impl Diary {
    fn keep(&mut self, op: &Op) -> Ack {
        if let Op::Delivery(new) = op {
            self.deliveries.push((**new).clone());
        }
        if let Op::Together(ops) = op {
            let mut acks: Vec<Ack> = ops.iter().map(|op| self.keep(op)).collect();
            return acks.remove(0);
        }
        let said = match op {
            Op::Delivery(new) => format!("kept {} {}", new.message.wire_id, new.state.name()),
            Op::Attempt { attempt, state, .. } => format!("kept attempt {} {}", attempt.seq, state.name()),
            Op::State { state, .. } => format!("kept state {}", state.name()),
            Op::Forwarded { capture, .. } => format!("kept forward of {capture}"),
            _ => "kept something else".to_owned(),
        };
        note(&self.log, said);
        Ack {
            number: 7,
            ..Ack::default()
        }
    }
}

/// Shows into the log; fails from the given event on.
struct Watcher {
    log: Log,
    patience: usize,
}

impl DeliveryObserver for Watcher {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        let Some(patience) = self.patience.checked_sub(1) else {
            return Err(Error::silent(Exit::Ok));
        };
        self.patience = patience;
        note(&self.log, format!("shown #{number} {}", event.delivery.message.wire_id));
        Ok(())
    }
}

fn note(log: &Log, said: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(said);
}

struct Setting {
    log: Log,
    room: usize,
    patience: usize,
    concurrency: usize,
}

impl Setting {
    fn new() -> Self {
        Self {
            log: Log::default(),
            room: usize::MAX,
            patience: usize::MAX,
            concurrency: 1,
        }
    }

    async fn run(&self, transport: Arc<Scripted>, deliveries: Vec<Delivery>) -> (Result<Tally>, Vec<String>) {
        let diary = Diary {
            log: Arc::clone(&self.log),
            room: self.room,
            deliveries: Vec::new(),
        };
        let limits = Limits {
            concurrency: self.concurrency,
            time_scale: 1000.0,
            ..Limits::default()
        };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(Random::seeded(1)));
        let pipeline = Pipeline {
            engine: Engine::new(transport, clock, random, limits),
            ledger: Ledger::start(move || Ok(Box::new(diary) as Box<dyn Store>)),
            cancel: CancellationToken::new(),
            queue: None,
            retries: None,
            lease: None,
            rules: DisableRules::default(),
            disabled: Arc::new(()),
        };
        let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
        for delivery in deliveries {
            jobs_in.try_send(delivery).expect("there is room for all");
        }
        drop(jobs_in);
        let mut view = Watcher {
            log: Arc::clone(&self.log),
            patience: self.patience,
        };
        let tally = pipeline.run(jobs, &mut view).await;
        (tally, self.log.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn delivery(wire_id: &str, source: Source) -> Delivery {
    let profile = Registry::default().get("poolflow").expect("a built-in provider");
    let now = Timestamp::from_unix(1_893_553_445);
    let message = Message {
        id: Id::new(IdKind::Message, now, &Random::os()),
        wire_id: wire_id.to_owned(),
        event: "job.paid".into(),
        time: now,
        mode: Mode::Test,
        content_type: String::new(),
        body: Bytes::new(),
    };
    let label = Label {
        source,
        origin: Some(3),
        ..Label::default()
    };
    let url = Url::parse("http://127.0.0.1:1/").expect("a URL");
    let policy = Arc::new(profile.policy.clone());
    Delivery::new(&Random::os(), now, message, url, Signing::AsCaptured, policy, label)
}

// Not on a paused clock: while the ledger's thread works, such a clock would run ahead.

#[tokio::test]
async fn every_event_is_kept_before_it_is_shown() {
    let setting = Setting::new();
    let sent = delivery("a", Source::Send);
    let (tally, log) = setting.run(Arc::new(Scripted::statuses([500, 200])), vec![sent]).await;
    assert_eq!(tally.unwrap().exit, Some(Exit::Ok));
    assert_eq!(
        log,
        ["kept a pending", "shown #7 a", "kept attempt 2 delivered", "shown #7 a"]
    );
}

#[tokio::test]
async fn a_forward_is_noted_at_its_capture_before_it_is_shown() {
    let setting = Setting::new();
    let forward = delivery("a", Source::Forward);
    let (_, log) = setting.run(Arc::new(Scripted::statuses([200])), vec![forward]).await;
    assert_eq!(log, ["kept a delivered", "kept forward of 3", "shown #7 a"]);
}

#[tokio::test]
async fn when_the_ledger_is_full_nothing_more_is_begun_and_nothing_unkept_is_shown() {
    let mut setting = Setting::new();
    setting.room = 1;
    let transport = Arc::new(Scripted::statuses([200; 100]).taking(Duration::from_millis(20)));
    let many = (0..100).map(|n| delivery(&n.to_string(), Source::Send)).collect();
    let (tally, log) = setting.run(Arc::clone(&transport), many).await;
    assert_eq!(tally.unwrap_err().exit, Exit::Store);
    // The first two may have come to the ledger together, and then neither was kept.
    assert!(log.is_empty() || log == ["kept 0 delivered", "shown #7 0"], "{log:?}");
    let begun = transport.requests().len();
    assert!(begun < 100, "{begun} requests were begun");
}

#[tokio::test]
async fn when_the_screen_is_gone_what_is_under_way_is_still_kept() {
    let mut setting = Setting::new();
    (setting.patience, setting.concurrency) = (0, 3);
    let transport = Arc::new(Scripted::statuses([200, 500, 200]).taking(Duration::from_millis(20)));
    let three = ["a", "b", "c"].map(|id| delivery(id, Source::Send)).to_vec();
    let (tally, log) = setting.run(transport, three).await;
    assert_eq!(tally.unwrap_err().exit, Exit::Ok);
    for id in ["kept a", "kept b", "kept c"] {
        assert!(log.iter().any(|said| said.starts_with(id)), "{id}: {log:?}");
    }
}
