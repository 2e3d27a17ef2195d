//! One writer thread in front of the store. The changes that arrive while a group is synced to disk form the next group, so
//! that the cost of a sync is shared by more requests the more there are.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::queue::Heartbeat;
use super::{Ack, DeliveryRecord, Op, Store, StoreError, StoreNotice};
use crate::id::Id;

/// Changes that may be queued; a caller with one more waits until there is room.
const QUEUE: usize = 512;

/// Changes in one group at most.
const GROUP: usize = 512;

/// Bytes of bodies after which a group is closed, so that a run of large requests does not make one huge transaction.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// The share of the last group's time (one in this many) that may be spent on waiting for a larger next group.
const PATIENCE_SHARE: u32 = 8;

/// Its maximum.
const PATIENCE: Duration = Duration::from_millis(2);

/// A handle for recording from many tasks at once. Clones write through the same thread, in the order in which they hand
/// over. When the last one is dropped it waits until everything is written.
#[derive(Clone)]
pub struct Ledger(Arc<WriterThread>);

/// The answer to a change that was handed over: its [`Ack`] once it is on disk.
#[must_use = "a change is only kept once its answer says so"]
pub struct PendingAck(oneshot::Receiver<WriteAnswer>);

struct WriterThread {
    /// Present until the writer is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Groups that the store refused.
    refusals: Arc<AtomicU64>,
}

/// The store, or why it could not be opened.
pub(super) type OpenedStore = Result<Box<dyn Store>, StoreError>;

/// What came of a change, which goes back with it: the thread that made it frees its memory. Freed here, that took a lock of
/// the allocator for which both threads waited, a tenth of the time of a busy service.
struct WriteAnswer {
    ack: Result<Ack, StoreError>,
    /// Dropped by the caller.
    _op: Op,
}

type AckSender = oneshot::Sender<WriteAnswer>;

/// A query for the writer's store, which sends its own answer.
pub(super) type StoreQuery = Box<dyn FnOnce(&OpenedStore) + Send>;

enum Job {
    Write(Op, AckSender),
    Read(StoreQuery),
}

impl Ledger {
    /// Starts the writer, which opens the store while the caller goes on. An error of that is the answer to every change,
    /// and to [`Ledger::ready`].
    #[cfg(test)]
    pub fn start(open: impl FnOnce() -> Result<Box<dyn Store>, StoreError> + Send + 'static) -> Self {
        Self::start_telling(open, |_| {})
    }

    /// The same; `tell` is called on the writer's thread with what happens to the store.
    pub fn start_telling(
        open: impl FnOnce() -> Result<Box<dyn Store>, StoreError> + Send + 'static,
        tell: impl Fn(StoreNotice) + Send + 'static,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let refusals = Arc::new(AtomicU64::new(0));
        let refused = Arc::clone(&refusals);
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || serve(open(), queue, &tell, &refused));
        Self(Arc::new(WriterThread {
            jobs: Some(jobs),
            // Without a thread the queue is gone, and every change is answered with `Closed`.
            thread: thread.ok(),
            refusals,
        }))
    }

    /// Waits until the store is open.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.read(|_| Ok(())).await
    }

    /// How many transactions the store has refused.
    pub fn refusals(&self) -> u64 {
        self.0.refusals.load(Ordering::Relaxed)
    }

    /// Makes a change; it is on disk when this returns.
    pub async fn write(&self, op: Op) -> Result<Ack, StoreError> {
        self.enqueue(op).await?.await
    }

    /// Hands a change over and returns while it is written. Changes of one caller are made in the order of handing over.
    pub async fn enqueue(&self, op: Op) -> Result<PendingAck, StoreError> {
        let (answer, ack) = oneshot::channel();
        self.send(Job::Write(op, answer)).await?;
        Ok(PendingAck(ack))
    }

    /// Reads a delivery, after the changes that were handed over before.
    pub async fn delivery(&self, id: Id) -> Result<Option<DeliveryRecord>, StoreError> {
        self.read(move |store| store.delivery(id)).await
    }

    /// Renews the lease of this process: see [`Store::heartbeat`].
    pub async fn heartbeat(&self, pause: Duration) -> Result<Heartbeat, StoreError> {
        self.read(move |store| store.heartbeat(pause)).await
    }

    /// How far the clock by which deliveries are due is ahead of the machine's, in microseconds.
    pub async fn clock_ahead_us(&self) -> Result<i64, StoreError> {
        self.read(|store| store.clock_ahead_us()).await
    }

    /// Drops the handle; the last one blocks the thread until everything is written.
    pub fn close(self) {
        drop(self);
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (query, answer) = store_query(query);
        self.send(Job::Read(query)).await?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        match &self.0.jobs {
            Some(jobs) => jobs.send(job).await.map_err(|_| StoreError::Closed),
            None => Err(StoreError::Closed),
        }
    }
}

impl Future for PendingAck {
    type Output = Result<Ack, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.map_or(Err(StoreError::Closed), |answer| answer.ack))
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Packs a query for a thread that owns the store; the answer arrives on the receiver.
pub(super) fn store_query<T: Send + 'static>(
    query: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> (StoreQuery, oneshot::Receiver<Result<T, StoreError>>) {
    let (sender, answer) = oneshot::channel();
    let query = Box::new(move |store: &OpenedStore| {
        let found = store.as_ref().map_err(Clone::clone);
        // A caller that has stopped waiting needs no answer.
        let _ = sender.send(found.and_then(|store| query(&**store)));
    });
    (query, answer)
}

/// Writes group after group until every handle is gone and the queue is empty.
fn serve(mut store: OpenedStore, mut queue: mpsc::Receiver<Job>, tell: &dyn Fn(StoreNotice), refusals: &AtomicU64) {
    let mut group = WriteGroup::default();
    while let Some(job) = queue.blocking_recv() {
        group.take(job);
        group.gather(&mut queue);
        let is_read_only = group.ops.is_empty();
        group.write(&mut store, &queue, refusals);
        group.reads.drain(..).for_each(|query| query(&store));
        if let Ok(store) = &mut store {
            if is_read_only {
                // A caller that waited until the store was open sends its request now, which takes longer than this.
                store.prepare();
            }
            store.notice().into_iter().for_each(tell);
            store.tidy();
        }
    }
}

/// Changes that are made together.
#[derive(Default)]
struct WriteGroup {
    ops: Vec<Op>,
    answers: Vec<AckSender>,
    bytes: usize,
    /// Run after the changes.
    reads: Vec<StoreQuery>,
    /// The number of recent callers: those of the last group, and those that came while it was written.
    expected: usize,
    patience: Duration,
}

impl WriteGroup {
    /// Takes what is queued, and waits a little for more.
    fn gather(&mut self, queue: &mut mpsc::Receiver<Job>) {
        let begun = Instant::now();
        while self.ops.len() < GROUP && self.bytes < GROUP_BYTES {
            match queue.try_recv() {
                Ok(job) => self.take(job),
                // The callers of the last group are about to send their next change. Without this wait, they and those that
                // came in the meantime would alternate, each half of them with a sync of its own.
                Err(_) if self.ops.len() >= self.expected || begun.elapsed() >= self.patience => break,
                Err(_) => thread::yield_now(),
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Write(op, answer) => {
                self.bytes += body_len(&op);
                self.ops.push(op);
                self.answers.push(answer);
            }
            Job::Read(query) => self.reads.push(query),
        }
    }

    /// Writes the group and sends the acks.
    fn write(&mut self, store: &mut OpenedStore, queue: &mpsc::Receiver<Job>, refusals: &AtomicU64) {
        if self.ops.is_empty() {
            return;
        }
        let begun = Instant::now();
        let acks = match store {
            Ok(store) => store.write(&self.ops),
            Err(error) => Err(error.clone()),
        };
        // Before the answers: those who get one may be back at once, and would be counted twice.
        self.expected = self.ops.len() + queue.len();
        self.patience = (begun.elapsed() / PATIENCE_SHARE).min(PATIENCE);
        let acks: Vec<_> = match acks {
            Ok(acks) => acks.into_iter().map(Ok).collect(),
            // The group is one transaction: nothing of it was written.
            Err(error) => {
                refusals.fetch_add(1, Ordering::Relaxed);
                vec![Err(error); self.ops.len()]
            }
        };
        for ((answer, ack), op) in self.answers.drain(..).zip(acks).zip(self.ops.drain(..)) {
            // A caller that has stopped waiting needs no answer.
            let _ = answer.send(WriteAnswer { ack, _op: op });
        }
        self.bytes = 0;
    }
}

fn body_len(op: &Op) -> usize {
    match op {
        Op::Capture(capture) | Op::ReceiveUnanswered(capture) | Op::Receive { capture, .. } => capture.body.len(),
        Op::Delivery(delivery) | Op::Repeat { delivery, .. } => delivery.message.body.len(),
        Op::Together(ops) => ops.iter().map(body_len).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::conformance::{capture, numbers, start};
    use crate::store::{Access, LaneSummary, Processing, Query, Record, SqliteStore, Stats, Summary, Work};

    /// A store that tells of each group and waits to be told what comes of it.
    struct Gated {
        begun: Sender<Vec<String>>,
        outcome: Receiver<Result<(), StoreError>>,
        next: u64,
    }

    impl Store for Gated {
        fn write(&mut self, ops: &[Op]) -> Result<Vec<Ack>, StoreError> {
            let events = ops.iter().map(|op| match op {
                Op::Capture(capture) => capture.event.clone().unwrap_or_default(),
                other => panic!("unexpected {other:?}"),
            });
            let _ = self.begun.send(events.collect());
            self.outcome.recv().unwrap_or(Ok(()))?;
            let first = self.next;
            self.next += ops.len() as u64;
            let ack = |number| Ack {
                number,
                ..Ack::default()
            };
            Ok((first..self.next).map(ack).collect())
        }

        fn list(&self, _: &Query) -> Result<Vec<Summary>, StoreError> {
            unreachable!()
        }

        fn get(&self, _: u64) -> Result<Option<Record>, StoreError> {
            unreachable!()
        }

        fn find(&self, _: &str, _: usize) -> Result<Vec<u64>, StoreError> {
            unreachable!()
        }

        fn undelivered(&self, _: &Query) -> Result<Vec<u64>, StoreError> {
            unreachable!()
        }

        fn unprocessed(&self, _: &Query) -> Result<Vec<(u64, Processing)>, StoreError> {
            unreachable!()
        }

        fn due_work(&self, _: uuid::Uuid, _: Timestamp, _: usize) -> Result<crate::store::DueWork, StoreError> {
            unreachable!()
        }

        fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError> {
            unreachable!()
        }

        fn waiting(&self, _: u64) -> Result<Vec<crate::store::Lane>, StoreError> {
            unreachable!()
        }

        fn sealed_work(&self) -> Result<Vec<(Option<String>, crate::store::Sealed)>, StoreError> {
            unreachable!()
        }

        fn work(&self, _: uuid::Uuid, _: u64, _: usize) -> Result<Vec<Work>, StoreError> {
            unreachable!()
        }

        crate::store::conformance::without_queue!();

        fn stats(&self, _: &Query) -> Result<Stats, StoreError> {
            unreachable!()
        }

        fn prune(&mut self, _: Option<Timestamp>, _: Option<u64>) -> Result<crate::store::Pruned, StoreError> {
            unreachable!()
        }
    }

    /// A ledger, the groups that it begins, and the way to say what comes of each. Without that, they succeed.
    fn gated() -> (Ledger, Receiver<Vec<String>>, Sender<Result<(), StoreError>>) {
        let ((begun, groups), (say, outcome)) = (channel(), channel());
        let store = Gated {
            begun,
            outcome,
            next: 1,
        };
        (Ledger::start(move || Ok(Box::new(store))), groups, say)
    }

    fn op(event: &(impl ToString + ?Sized)) -> Op {
        Op::Capture(Box::new(capture(start(), &event.to_string())))
    }

    fn full() -> StoreError {
        StoreError::Full("ledger".to_owned())
    }

    #[tokio::test]
    async fn what_waits_while_a_group_is_written_makes_up_the_next_one_in_order() {
        let (ledger, groups, say) = gated();
        let first = ledger.enqueue(op("first")).await.unwrap();
        assert_eq!(groups.recv().unwrap(), ["first"]);
        let mut pending = Vec::new();
        for i in 0..100 {
            pending.push(ledger.enqueue(op(&i)).await.unwrap());
        }
        drop(say);
        assert_eq!(first.await.unwrap().number, 1);
        for (ack, number) in pending.into_iter().zip(2..) {
            assert_eq!(ack.await.unwrap().number, number);
        }
        let expected: Vec<_> = (0..100).map(|i| i.to_string()).collect();
        assert_eq!(groups.recv().unwrap(), expected);
    }

    #[tokio::test]
    async fn everyone_in_a_failed_group_gets_its_error_and_the_next_group_succeeds() {
        let (ledger, groups, say) = gated();
        let first = ledger.enqueue(op("first")).await.unwrap();
        groups.recv().unwrap();
        let second = ledger.enqueue(op("second")).await.unwrap();
        let third = ledger.enqueue(op("third")).await.unwrap();
        say.send(Ok(())).unwrap();
        say.send(Err(full())).unwrap();
        drop(say);
        assert_eq!(first.await.unwrap().number, 1);
        assert_eq!(second.await.unwrap_err(), full());
        assert_eq!(third.await.unwrap_err(), full());
        assert_eq!(ledger.refusals(), 1, "one transaction");
        assert_eq!(ledger.write(op("fourth")).await.unwrap().number, 2);
    }

    #[tokio::test]
    async fn a_writer_that_finds_the_queue_full_waits() {
        let (ledger, groups, say) = gated();
        let mut pending = vec![ledger.enqueue(op("first")).await.unwrap()];
        groups.recv().unwrap();
        for i in 0..QUEUE {
            pending.push(ledger.enqueue(op(&i)).await.unwrap());
        }
        let mut waiting = Box::pin(ledger.enqueue(op("last")));
        assert!(
            poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)))
                .await
                .is_pending()
        );
        drop(say);
        pending.push(waiting.await.unwrap());
        for ack in pending {
            ack.await.unwrap();
        }
        drop(ledger);
        let sizes: Vec<_> = groups.iter().map(|group| group.len()).collect();
        assert!(sizes.iter().all(|size| *size <= GROUP), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), QUEUE + 1);
    }

    #[tokio::test]
    async fn a_failed_opening_is_the_answer_to_everything() {
        let ledger = Ledger::start(|| Err(full()));
        assert_eq!(ledger.write(op("a")).await, Err(full()));
        assert_eq!(ledger.ready().await, Err(full()));
        assert_eq!(ledger.write(op("b")).await, Err(full()));
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_written_all_the_same() {
        let (ledger, groups, say) = gated();
        drop(ledger.enqueue(op("first")).await.unwrap());
        groups.recv().unwrap();
        drop(ledger.enqueue(op("second")).await.unwrap());
        drop(say);
        ledger.close();
        assert_eq!(groups.recv().unwrap(), ["second"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_get_their_own_numbers_and_all_is_on_disk_after_closing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let opened = path.clone();
        let ledger = Ledger::start(move || Ok(Box::new(SqliteStore::open(opened, Access::ReadWrite)?)));
        ledger.ready().await.unwrap();
        let writers: Vec<_> = (0..20)
            .map(|writer| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    for i in 0..10 {
                        mine.push(ledger.write(op(&format!("{writer}.{i}"))).await.unwrap().number);
                    }
                    drop(ledger.enqueue(op("unanswered")).await.unwrap());
                    (writer, mine)
                })
            })
            .collect();
        ledger.close();
        let mut all = Vec::new();
        for writer in writers {
            all.push(writer.await.unwrap());
        }

        let store = SqliteStore::open(path, Access::ReadOnly).unwrap();
        for (writer, mine) in all {
            for (number, i) in mine.iter().zip(0..) {
                let Some(Record::Capture(read)) = store.get(*number).unwrap() else {
                    panic!("no capture")
                };
                assert_eq!(read.request.event, Some(format!("{writer}.{i}")));
            }
        }
        let mut query = Query::default();
        query.page.limit = usize::MAX;
        assert_eq!(numbers(&store, &query).len(), 220);
    }
}
