//! One connection, which is opened again when it was lost; statements that are prepared once for each connection.
//!
//! A store is used by one thread, so that it has one connection and no pool. The client is asynchronous; here is the place where
//! the thread waits for it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::{Client, Row, Statement};

use super::backoff;
use super::fault::Fault;
use super::place::Place;
use super::values::Param;
use crate::store::{Access, StoreError};

/// After so long a statement is given up and the connection with it, whatever the server says: above all limits that the server
/// has itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prepared statements of a connection, at most.
const MOST_STATEMENTS: usize = 256;

/// What a statement brought: rows, and how many rows it changed.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) changed: u64,
}

/// A part of a pipeline.
pub(super) enum Step<'r> {
    /// A statement without values, which returns nothing.
    Batch(&'r str),
    /// A statement and its values.
    Run(&'r str, &'r [Param<'r>]),
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    /// Present until the session is dropped.
    runtime: Option<Runtime>,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Session {
    pub(super) fn open(place: &Place, access: Access) -> Result<Self, Fault> {
        // It has no threads: the connection goes on while a call waits for it.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Lost(error.to_string()))?;
        let client = match wait(&runtime, place.connect(access)) {
            Ok(client) => client,
            Err(fault) => {
                // As when a session is dropped.
                runtime.shutdown_background();
                return Err(fault);
            }
        };
        Ok(Self {
            client,
            runtime: Some(runtime),
            statements: Mutex::default(),
        })
    }

    /// Whether the connection was lost, as far as it is known without a statement.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for what the client does.
    fn wait<T: Send>(&self, work: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
        match &self.runtime {
            Some(runtime) => wait(runtime, work),
            None => Err(Fault::Lost("the connection is closed".to_owned())),
        }
    }

    /// Runs statements without values, which return nothing.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.wait(async { Ok(self.client.batch_execute(sql).await?) })
    }

    /// As [`Session::batch`], given up after `limit`.
    pub(super) fn batch_within(&self, limit: Duration, sql: &str) -> Result<(), Fault> {
        self.wait(async {
            match tokio::time::timeout(limit, self.client.batch_execute(sql)).await {
                Ok(result) => Ok(result?),
                Err(_) => Err(Fault::Lost("no answer".to_owned())),
            }
        })
    }

    /// Runs one statement.
    pub(super) fn run(&self, sql: &str, values: &[Param<'_>]) -> Result<Rows, Fault> {
        self.wait(async {
            let statement = self.statement(sql).await?;
            self.execute(&statement, values).await
        })
    }

    /// Runs statements one after the other without waiting for each.
    pub(super) fn pipeline(&self, steps: &[Step<'_>]) -> Result<Vec<Rows>, Fault> {
        self.wait(async {
            let mut prepared = Vec::with_capacity(steps.len());
            for step in steps {
                prepared.push(match step {
                    Step::Batch(_) => None,
                    Step::Run(sql, _) => Some(self.statement(sql).await?),
                });
            }
            let futures = steps.iter().zip(&prepared).map(|(step, statement)| {
                let future: BoxedStep<'_> = Box::pin(self.step(step, statement.as_ref()));
                future
            });
            in_order(futures.collect()).await
        })
    }

    async fn step(&self, step: &Step<'_>, prepared: Option<&Statement>) -> Result<Rows, Fault> {
        match (step, prepared) {
            (Step::Run(_, values), Some(statement)) => self.execute(statement, values).await,
            (Step::Batch(sql) | Step::Run(sql, _), _) => {
                self.client.batch_execute(sql).await?;
                Ok(Rows::default())
            }
        }
    }

    async fn execute(&self, statement: &Statement, values: &[Param<'_>]) -> Result<Rows, Fault> {
        if statement.columns().is_empty() {
            let changed = self.client.execute(statement, values).await?;
            return Ok(Rows {
                changed,
                ..Rows::default()
            });
        }
        let rows = self.client.query(statement, values).await?;
        let changed = rows.len() as u64;
        Ok(Rows { rows, changed })
    }

    async fn statement(&self, sql: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.known().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut known = self.known();
        // The conditions of queries are many: what is used again is soon there again.
        if known.len() >= MOST_STATEMENTS {
            known.clear();
        }
        known.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a change, and returns how many rows it changed.
    pub(super) fn change(&self, sql: &str, values: &[Param<'_>]) -> Result<usize, Fault> {
        let changed = self.run(sql, values)?.changed;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// The first row of a query.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        values: &[Param<'_>],
        read: impl FnOnce(&Row) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.run(sql, values)?.rows.first().map(read).transpose()
    }

    /// The rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        values: &[Param<'_>],
        read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.run(sql, values)?.rows.iter().map(read).collect()
    }
}

type BoxedStep<'s> = Pin<Box<dyn Future<Output = Result<Rows, Fault>> + Send + 's>>;

/// Begins all steps in their order, and waits for all of them. The first failure is the result: those that follow it are of a
/// transaction that has failed already.
async fn in_order(mut steps: Vec<BoxedStep<'_>>) -> Result<Vec<Rows>, Fault> {
    let mut outcomes: Vec<Option<Result<Rows, Fault>>> = steps.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut is_waiting = false;
        for (step, outcome) in steps.iter_mut().zip(&mut outcomes) {
            if outcome.is_none() {
                match step.as_mut().poll(context) {
                    Poll::Ready(result) => *outcome = Some(result),
                    Poll::Pending => is_waiting = true,
                }
            }
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}

impl Drop for Session {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its tasks, which is not allowed inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Blocks the thread. A command may open a ledger in the middle of asynchronous code, where that is forbidden: there another
/// thread waits.
fn wait<T: Send>(runtime: &Runtime, work: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
    let limited = async {
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(result) => result,
            Err(_) => Err(Fault::Lost("no answer".to_owned())),
        }
    };
    if Handle::try_current().is_err() {
        return runtime.block_on(limited);
    }
    thread::scope(|scope| {
        let thread = scope.spawn(|| runtime.block_on(limited));
        let failed = || Err(Fault::Lost("the thread that waits has ended".to_owned()));
        thread.join().unwrap_or_else(|_| failed())
    })
}

/// A database, with a connection whenever there is one.
pub(super) struct Database {
    pub(super) place: Place,
    access: Access,
    session: Mutex<Option<Session>>,
}

impl Database {
    pub(super) fn new(place: Place, access: Access, session: Session) -> Self {
        Self {
            place,
            access,
            session: Mutex::new(Some(session)),
        }
    }

    /// Without a connection: the first call connects.
    pub(super) fn unconnected(place: Place, access: Access) -> Self {
        Self {
            place,
            access,
            session: Mutex::new(None),
        }
    }

    /// Runs something with an open connection. After a loss the next call connects again.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Session) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.take().filter(|session| !session.is_closed());
        let is_new = known.is_none();
        let session = match known {
            Some(session) => session,
            None => Session::open(&self.place, self.access)?,
        };
        let result = work(&session);
        match &result {
            // What is known of its transaction is nothing.
            Err(fault) if fault.is_lost() => {
                if is_new {
                    backoff::note_failure(&self.place.key(), fault);
                }
            }
            _ => {
                if is_new {
                    backoff::note_success(&self.place.key());
                }
                *slot = Some(session);
            }
        }
        result
    }

    /// Runs a query, once more on a new connection when the first one was lost in the middle.
    pub(super) fn read<T>(&self, work: impl Fn(&Session) -> Result<T, Fault>) -> Result<T, StoreError> {
        let result = match self.with(&work) {
            Err(fault) if fault.is_lost() => self.with(&work),
            other => other,
        };
        result.map_err(|fault| self.place.error(&fault))
    }
}
