//! Workers on a real ledger with a scripted transport: no sockets.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::takeover::take_over;
use super::*;
use crate::app::pauses::PauseWatch;
use crate::clock::SystemClock;
use crate::error::Result;
use crate::process::CommandOutput;
use crate::random::Random;
use crate::store::conformance::{after, capture, start};
use crate::store::{
    self, Access, Lane, LaneSummary, Lease, Ledger, LedgerReader, NewCapture, NewWork, Op, SqliteStore, WorkKind,
};
use crate::transport::tests::Scripted;

/// Remembers what was told, by the numbers of captures.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Observer for Diary {
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()> {
        let line = match event {
            ReceiveEvent::Attempt { event, .. } => {
                let of = event.delivery.label.origin.unwrap_or_default();
                format!(
                    "#{of} {}",
                    event.attempt.as_ref().map_or_else(String::new, |a| a.outcome.word())
                )
            }
            ReceiveEvent::CommandSucceeded => "ran".to_owned(),
            ReceiveEvent::CommandFailed { capture, error, .. } => format!("#{capture} failed: {error}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(())
    }
}

struct Place {
    folder: TempDir,
    ledger: Ledger,
    reader: LedgerReader,
    diary: Arc<Diary>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (written, read) = (path.clone(), path);
        Self {
            ledger: Ledger::start(move || Ok(Box::new(SqliteStore::open(&written, Access::ReadWrite)?))),
            reader: LedgerReader::start(move || Ok(Box::new(SqliteStore::open(&read, Access::ReadOnly)?))),
            folder,
            diary: Arc::default(),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn lane(&self, kind: WorkKind, target: &str, owner: Option<&Lease>) -> Arc<Lane> {
        Arc::new(Lane {
            id: Random::os().uuid_v7(start()),
            kind,
            target: target.to_owned(),
            folder: self.folder.path().display().to_string(),
            trust: None,
            policy: "{}".to_owned(),
            owner: owner.map(|owner| owner.name().to_owned()),
        })
    }

    /// Records captures that cause work in that lane.
    async fn promise(&self, lane: &Arc<Lane>, count: u64) {
        for minute in 0..count {
            let received = Op::Receive {
                capture: Box::new(NewCapture {
                    body: format!("{minute}").into(),
                    ..capture(after(minute), "a")
                }),
                work: vec![NewWork {
                    lane: Arc::clone(lane),
                    unless_duplicate: false,
                }],
            };
            self.ledger.write(received).await.unwrap();
        }
    }

    async fn work(&self, transport: Arc<Scripted>, owner: Lease, left: Vec<LaneSummary>) -> WorkSummary {
        let work = WorkContext {
            clock: Arc::new(SystemClock),
            random: Arc::new(Random::seeded(1)),
            ledger: self.ledger.clone(),
            reader: self.reader.clone(),
            owners: store::owners(&self.path().into()),
            owner: Arc::new(owner),
            time_scale: 1000.0,
            observer: Arc::clone(&self.diary) as Arc<dyn Observer>,
            command_output: CommandOutput::to(Stdio::null, |_| {}),
            ends: WorkEnds {
                no_more: CancellationToken::new(),
                late: CancellationToken::new(),
                kill: CancellationToken::new(),
            },
            pauses: PauseWatch::new(self.reader.clone()),
            is_paused: AtomicBool::new(false),
            retrying: true,
        };
        let targets = left.into_iter().map(|left| WorkTarget {
            left: vec![left],
            own: None,
        });
        let (summary, ended) = Workers::start(work, &|_| Arc::clone(&transport), targets.collect())
            .finish()
            .await;
        ended.unwrap();
        summary
    }

    fn told(&self) -> Vec<String> {
        self.diary.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn claim(path: &Path) -> Lease {
    store::owners(&path.into()).claim().unwrap()
}

#[tokio::test]
async fn work_of_a_dead_process_is_done_in_order_and_leaves_an_empty_queue() {
    let place = Place::new();
    let dead = claim(&place.path());
    let (app, run) = (
        place.lane(WorkKind::Forward, "http://127.0.0.1:1/", Some(&dead)),
        place.lane(WorkKind::Command, "read n; test $n != 1", Some(&dead)),
    );
    place.promise(&app, 3).await;
    place.promise(&run, 3).await;
    drop(dead);
    let owner = claim(&place.path());
    // The same targets, as the next start has them.
    let own = [
        place.lane(WorkKind::Forward, "http://127.0.0.1:1/", Some(&owner)),
        place.lane(WorkKind::Command, "read n; test $n != 1", Some(&owner)),
    ];
    let found = take_over(
        &place.reader,
        &place.ledger,
        &store::owners(&place.path().into()),
        Some(&owner),
        &own,
        start(),
    )
    .await
    .unwrap();
    assert!(found.left.is_empty());
    let left: Vec<LaneSummary> = found.resumed.into_iter().flatten().collect();
    assert_eq!(left.len(), 2);
    let transport = Arc::new(Scripted::statuses([200, 500, 200]));
    let done = place.work(Arc::clone(&transport), owner, left).await;
    assert_eq!((done.delivered, done.failed, done.interrupted), (2, 1, 0));
    assert_eq!((done.commands_succeeded, done.commands_failed), (2, 1));
    let bodies = transport.requests();
    let bodies: Vec<&[u8]> = bodies.iter().map(|request| &request.body[..]).collect();
    assert_eq!(bodies, [b"0", b"1", b"2"]);
    let told = place.told();
    assert_eq!(told.iter().filter(|line| line.ends_with("ran")).count(), 2);
    assert!(told.contains(&"#5 failed: exit 1".to_owned()), "{told:?}");
    assert_eq!(place.reader.lanes().await.unwrap(), []);
}

#[tokio::test]
async fn another_folder_a_living_process_and_what_a_user_has_stopped_are_left_alone() {
    let place = Place::new();
    let (living, dead) = (claim(&place.path()), claim(&place.path()));
    let elsewhere = Arc::new(Lane {
        folder: "/elsewhere".to_owned(),
        ..(*place.lane(WorkKind::Command, "true", Some(&dead))).clone()
    });
    let stopped = place.lane(WorkKind::Command, "true", None);
    for lane in [
        &place.lane(WorkKind::Command, "true", Some(&living)),
        &elsewhere,
        &stopped,
    ] {
        place.promise(lane, 1).await;
    }
    drop(dead);
    let owner = claim(&place.path());
    let own = [place.lane(WorkKind::Command, "true", Some(&owner))];
    let found = take_over(
        &place.reader,
        &place.ledger,
        &store::owners(&place.path().into()),
        Some(&owner),
        &own,
        start(),
    )
    .await
    .unwrap();
    assert_eq!(found.resumed, [Vec::new()]);
    let left: Vec<_> = found.left.iter().map(|left| left.lane.id).collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&elsewhere.id) && left.contains(&stopped.id));
    drop(living);
}

#[tokio::test]
async fn a_worker_waits_for_what_is_promised_while_it_runs() {
    let place = Place::new();
    let owner = claim(&place.path());
    let lane = place.lane(WorkKind::Forward, "http://127.0.0.1:1/", Some(&owner));
    let (wake, ends) = (Arc::new(Notify::new()), CancellationToken::new());
    let transport = Arc::new(Scripted::statuses([200; 2]));
    place.ledger.ready().await.unwrap();
    let work = WorkContext {
        clock: Arc::new(SystemClock),
        random: Arc::new(Random::seeded(1)),
        ledger: place.ledger.clone(),
        reader: place.reader.clone(),
        owners: store::owners(&place.path().into()),
        owner: Arc::new(owner),
        time_scale: 1.0,
        observer: Arc::clone(&place.diary) as Arc<dyn Observer>,
        command_output: CommandOutput::to(Stdio::null, |_| {}),
        ends: WorkEnds {
            no_more: ends.clone(),
            late: CancellationToken::new(),
            kill: CancellationToken::new(),
        },
        pauses: PauseWatch::new(place.reader.clone()),
        is_paused: AtomicBool::new(false),
        retrying: true,
    };
    let target = WorkTarget {
        left: Vec::new(),
        own: Some((Arc::clone(&lane), Arc::clone(&wake))),
    };
    let workers = Workers::start(work, &|_| Arc::clone(&transport), vec![target]);
    place.promise(&lane, 2).await;
    wake.notify_one();
    let (done, ended) = workers.finish().await;
    ended.unwrap();
    assert_eq!((done.delivered, transport.requests().len()), (2, 2));
}
