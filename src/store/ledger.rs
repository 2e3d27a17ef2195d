//! One writer thread before the store. Whatever waits while a group is being synced to disk makes up the next group, so
//! that the more requests there are the fewer syncs each of them costs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Ack, Op, Store, StoreError};

/// Changes that may wait; whoever has one more waits to hand it over.
const QUEUE: usize = 1024;

/// Changes in one group at most.
const GROUP: usize = 512;

/// Bytes of bodies after which a group is closed, so that a run of large requests does not make one huge transaction.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A handle for recording from many tasks at once. Clones write through the same thread, in the order in which they hand
/// over. When the last one is dropped it waits until everything is written.
#[derive(Clone)]
pub struct Ledger(Arc<Writer>);

/// The answer to a change that was handed over: its [`Ack`] once it is on disk.
#[must_use = "a change is only kept once its answer says so"]
pub struct PendingAck(oneshot::Receiver<Result<Ack, StoreError>>);

struct Writer {
    /// Present until the writer is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Write(Op, oneshot::Sender<Result<Ack, StoreError>>),
    Ready(oneshot::Sender<Result<(), StoreError>>),
}

impl Ledger {
    /// Starts the writer. The store is opened by it, while the caller goes on; an error of that is the answer to every
    /// change, and to [`Ledger::ready`].
    pub fn start(open: impl FnOnce() -> Result<Box<dyn Store>, StoreError> + Send + 'static) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(|| serve(open(), queue));
        Self(Arc::new(Writer {
            jobs: Some(jobs),
            // Without a thread the queue is gone, and every change is answered with `Closed`.
            thread: thread.ok(),
        }))
    }

    /// Waits until the store is open.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let (answer, ready) = oneshot::channel();
        self.send(Job::Ready(answer)).await?;
        ready.await.unwrap_or(Err(StoreError::Closed))
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

    /// Gives the handle back; the last one to do so waits until everything is written. Blocks the thread meanwhile.
    pub fn close(self) {}

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
            .map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes group after group until every handle is gone and nothing waits.
fn serve(mut store: Result<Box<dyn Store>, StoreError>, mut queue: mpsc::Receiver<Job>) {
    let mut group = Group::default();
    while let Some(job) = queue.blocking_recv() {
        group.take(job, &store);
        while group.has_room() {
            match queue.try_recv() {
                Ok(job) => group.take(job, &store),
                Err(_) => break,
            }
        }
        group.write(&mut store);
    }
}

/// Changes that are made together.
#[derive(Default)]
struct Group {
    ops: Vec<Op>,
    answers: Vec<oneshot::Sender<Result<Ack, StoreError>>>,
    bytes: usize,
}

impl Group {
    fn has_room(&self) -> bool {
        self.ops.len() < GROUP && self.bytes < GROUP_BYTES
    }

    fn take(&mut self, job: Job, store: &Result<Box<dyn Store>, StoreError>) {
        match job {
            Job::Write(op, answer) => {
                self.bytes += body_len(&op);
                self.ops.push(op);
                self.answers.push(answer);
            }
            Job::Ready(answer) => {
                let _ = answer.send(store.as_ref().map(|_| ()).map_err(Clone::clone));
            }
        }
    }

    /// Whoever has stopped waiting for an answer is no failure.
    fn write(&mut self, store: &mut Result<Box<dyn Store>, StoreError>) {
        let acks = match store {
            Ok(store) => store.write(&self.ops),
            Err(error) => Err(error.clone()),
        };
        match acks {
            Ok(acks) => self.answers.drain(..).zip(acks).for_each(|(answer, ack)| {
                let _ = answer.send(Ok(ack));
            }),
            Err(error) => self.answers.drain(..).for_each(|answer| {
                let _ = answer.send(Err(error.clone()));
            }),
        }
        self.ops.clear();
        self.bytes = 0;
    }
}

fn body_len(op: &Op) -> usize {
    match op {
        Op::Capture(capture) => capture.body.len(),
        Op::Delivery(delivery) => delivery.message.body.len(),
        Op::Attempt { .. } | Op::State { .. } | Op::Claim { .. } | Op::Forwarded { .. } => 0,
    }
}
