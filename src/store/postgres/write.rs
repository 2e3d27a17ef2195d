//! Writes a group, whatever happens to the connection meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::connection::{Database, Session};
use super::context::{GroupContext, GroupOptions};
use super::days::KnownDays;
use super::fault::Fault;
use super::group::{self, Group};
use super::lease::Worker;
use super::values::Text;
use crate::provider::policy::Policy;
use crate::random::Random;
use crate::store::encoding::{UNAUTHENTICATED, json};
use crate::store::queue::QueueOp;
use crate::store::{Ack, Op, StoreError};

/// How often a group is made again after another transaction got in its way.
const MOST_TRIES: u32 = 6;

/// How long it is tried to find out whether a transaction was committed.
const SETTLE: Duration = Duration::from_secs(20);

/// Policies whose keys are remembered.
const MOST_POLICIES: usize = 256;

/// What a writer remembers between groups.
#[derive(Default)]
pub(super) struct WriterState {
    pub(super) days: KnownDays,
    policies: KnownPolicies,
    /// Whether captures that anyone can send were written since the last look.
    pub(super) has_unverified: bool,
}

/// The keys of policies that are in the database, by address. Each is held, so that its address stays its own.
#[derive(Default)]
struct KnownPolicies {
    keys: HashMap<usize, Uuid>,
    held: Vec<Arc<Policy>>,
}

/// How a try ended that did not succeed.
enum Failure {
    /// Nothing was written.
    Clean(Fault),
    /// COMMIT was sent, and its answer is not known.
    Unknown(Uuid, Vec<Ack>, Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Clean(fault)
    }
}

/// Makes all changes or none, and returns when they are durable.
pub(super) fn write(
    database: &Database,
    worker: &Worker,
    options: &GroupOptions,
    state: &mut WriterState,
    ops: &[Op],
) -> Result<Vec<Ack>, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut failure = None;
        let result = database.with(|session| match attempt(session, worker, options, state, ops) {
            Ok(acks) => Ok(acks),
            Err(Failure::Clean(fault)) => Err(fault),
            Err(Failure::Unknown(id, acks, fault)) => {
                failure = Some((id, acks));
                Err(fault)
            }
        });
        let fault = match result {
            Ok(acks) => {
                state.has_unverified |= has_unverified(ops);
                return Ok(acks);
            }
            Err(fault) => fault,
        };
        worker.forget_lanes();
        if let Some((id, acks)) = failure {
            return match settle(database, id) {
                Ok(true) => Ok(acks),
                Ok(false) => Err(database.place.error(&fault)),
                Err(_) => Err(StoreError::Unavailable {
                    place: database.place.text(),
                    what: "the connection was lost during COMMIT; whether it was made is not known".to_owned(),
                }),
            };
        }
        // A connection that was lost while nothing was written is not noticed before the next group.
        let is_worth_it =
            fault.is_conflict() || (fault.is_lost() && tries == 1) || (fault.is_without_partition() && tries <= 2);
        if !is_worth_it || tries >= MOST_TRIES {
            return Err(database.place.error(&fault));
        }
        if fault.is_without_partition() {
            state.days.forget();
        }
    }
}

fn attempt(
    session: &Session,
    worker: &Worker,
    options: &GroupOptions,
    state: &mut WriterState,
    ops: &[Op],
) -> Result<Vec<Ack>, Failure> {
    let mut days = BTreeSet::new();
    group::days(ops, &mut days);
    state.days.ensure(session, &days)?;
    state.policies.ensure(session, ops)?;
    if takes_deliveries(ops) {
        worker.register(session)?;
    }
    let context = GroupContext {
        session,
        worker,
        options,
        policies: &state.policies.keys,
    };
    let id = Random::os().uuid_v4();
    match Group::make(&context, id, ops) {
        Ok(group) => match group.commit() {
            Ok(()) => Ok(group.acks),
            Err(fault) if fault.is_lost() => Err(Failure::Unknown(id, group.acks, fault)),
            Err(fault) => Err(fault.into()),
        },
        Err(fault) => {
            if !fault.is_lost() {
                session.batch("ROLLBACK")?;
            }
            Err(fault.into())
        }
    }
}

/// Whether the transaction was committed whose COMMIT had no answer. The row that it wrote has the same key as the one that is
/// written here: as long as the server still works on it, this one waits; afterwards one of them cannot be written.
fn settle(database: &Database, id: Uuid) -> Result<bool, Fault> {
    let begun = Instant::now();
    loop {
        let noted = database.with(|session| session.run("INSERT INTO commit_log (id) VALUES ($1)", &[&id]));
        match noted {
            Ok(_) => return Ok(false),
            Err(fault) if fault.is_duplicate_key() => return Ok(true),
            Err(fault) if begun.elapsed() > SETTLE => return Err(fault),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Drops the notes about transactions that every process has settled by now.
pub(super) fn clean_commit_log(session: &Session) -> Result<(), Fault> {
    let sql = "DELETE FROM commit_log WHERE at < clock_timestamp() - interval '5 minutes'";
    session.run(sql, &[]).map(drop)
}

/// Adds up the counts of connections that have ended, so that their rows do not grow in number.
pub(super) fn merge_counts(session: &Session) -> Result<(), Fault> {
    let sql = "
        WITH gone AS (
            DELETE FROM queue_count WHERE slot <> pg_backend_pid() AND slot NOT IN (SELECT pid FROM pg_stat_activity)
            RETURNING owner, state, count
        )
        INSERT INTO queue_count (owner, state, slot, count)
        SELECT owner, state, pg_backend_pid(), sum(count) FROM gone GROUP BY owner, state
        ON CONFLICT (owner, state, slot) DO UPDATE SET count = queue_count.count + excluded.count";
    session.run(sql, &[]).map(drop)
}

/// Whether a change gives deliveries to this process.
fn takes_deliveries(ops: &[Op]) -> bool {
    ops.iter().any(|op| match op {
        Op::Queue(QueueOp::Take { .. } | QueueOp::Recover { .. }) => true,
        Op::Queue(QueueOp::Accept(intake)) => {
            let mut queued = intake.events.iter().flat_map(|event| &event.deliveries);
            queued.any(|queued| queued.taken)
        }
        Op::Together(ops) => takes_deliveries(ops),
        _ => false,
    })
}

fn has_unverified(ops: &[Op]) -> bool {
    ops.iter().any(|op| match op {
        Op::Capture(new) | Op::ReceiveUnanswered(new) | Op::Receive { capture: new, .. } => {
            UNAUTHENTICATED.contains(&new.verdict.name.as_str())
        }
        Op::Together(ops) => has_unverified(ops),
        _ => false,
    })
}

impl KnownPolicies {
    /// Records the policies that are not known to be there. Outside of the transaction: what is remembered is then there whatever
    /// becomes of it.
    fn ensure(&mut self, session: &Session, ops: &[Op]) -> Result<(), Fault> {
        if self.held.len() >= MOST_POLICIES {
            *self = Self::default();
        }
        let mut policies = Vec::new();
        group::policies(ops, &mut policies);
        for policy in policies {
            let address = Arc::as_ptr(policy).addr();
            if self.keys.contains_key(&address) {
                continue;
            }
            let Some(text) = json(&**policy) else { continue };
            let digest = crate::digest::sha256(&[text.as_bytes()]);
            let key = Uuid::from_slice(&digest[..16]).unwrap_or_default();
            let sql = "INSERT INTO policy (key, text) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            session.run(sql, &[&key, &Text::from(text)])?;
            self.keys.insert(address, key);
            self.held.push(Arc::clone(policy));
        }
        Ok(())
    }
}
