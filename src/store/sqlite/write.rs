//! Makes a group of changes in one transaction.

use rusqlite::{Connection, ToSql, TransactionBehavior, params};

use super::dedupe::{self, DedupeIndex};
use super::group::{ChangeGroup, KEEP_ATTEMPT};
use super::sequence::last_number;
use super::values::{change, changed, delays_text, json, nanos, row, signed, unsigned};
use super::{diagnosis, health, keys, minutes, notices, processing, queue_rows, quota, sealed, undelivered, work};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::message::Message;
use crate::store::encoding::failure_of;
use crate::store::sealed as seal;
use crate::store::{Ack, Attempt, DeliveryState, Execution, NewCapture, NewDelivery, NewWork, Op, SealedPlace};

const INSERT_CAPTURE: &str =
    "INSERT INTO capture (n, id, at, method, target, remote, provider, event, event_id, verdict, reason,
    detail, status, size, weight, dedupe, duplicate_of, late, secret)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

const INSERT_CONTENT: &str = "INSERT INTO capture_content (n, dedupe_key, headers, body) VALUES (?1, ?2, ?3, ?4)";

const FIND_MESSAGE: &str =
    "SELECT m FROM message WHERE id = ?1 AND wire_id = ?2 AND event = ?3 AND time = ?4 AND mode = ?5
    AND content_type = ?6 AND body = ?7 LIMIT 1";

const INSERT_MESSAGE: &str = "INSERT INTO message (id, wire_id, event, time, mode, content_type, body, m)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const INSERT_DELIVERY: &str =
    "INSERT INTO delivery (n, id, at, message, event, provider, endpoint, url, method, headers, signing,
    source, origin, delays, owner, state, next_due, size, attempts, status, reason, took, late,
    secret, policy, addresses, tenant)
    VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
    ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";

/// Where the message of a new delivery is.
#[derive(Clone, Copy)]
pub(super) enum MessageRow {
    /// Perhaps in the ledger.
    Unknown,
    /// Not in the ledger.
    New,
    /// In the ledger, under that key.
    Known(i64),
}

/// Reads the tables' definitions and compiles the statements that a delivery takes.
pub(super) fn prepare(connection: &Connection) {
    let _ = last_number(connection);
    let _ = minutes::last(connection);
    for sql in [FIND_MESSAGE, INSERT_MESSAGE, INSERT_DELIVERY, KEEP_ATTEMPT] {
        let _ = connection.prepare_cached(sql);
    }
}

/// Makes all of the changes or none.
pub(super) fn group(connection: &mut Connection, seen: &mut DedupeIndex, ops: &[Op]) -> rusqlite::Result<Vec<Ack>> {
    // The index has the captures of the group already, which the transaction did not keep.
    make(connection, seen, ops).inspect_err(|_| seen.reset())
}

fn make(connection: &mut Connection, seen: &mut DedupeIndex, ops: &[Op]) -> rusqlite::Result<Vec<Ack>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut group = ChangeGroup::begin(&transaction, seen)?;
    let acks = ops.iter().map(|op| group.apply(op)).collect::<Result<_, _>>()?;
    let last = group.last();
    drop(group);
    transaction.commit()?;
    seen.committed(last);
    Ok(acks)
}

impl ChangeGroup<'_> {
    fn apply(&mut self, op: &Op) -> rusqlite::Result<Ack> {
        match op {
            Op::Capture(capture) => self.capture(capture, &[], true),
            Op::Receive { capture, work } => self.capture(capture, work, true),
            Op::ReceiveUnanswered(capture) => self.capture(capture, &[], false),
            Op::Promise {
                capture,
                dedupe_key,
                work,
            } => self.promise(signed(*capture), dedupe_key.as_deref(), work),
            Op::WorkDone(key) => work::done(self.connection, *key),
            Op::WorkStarted { work, delivery } => self.work_started(*work, *delivery),
            Op::ClaimLane { lane, from, owner, now } => {
                work::claim(self.connection, *lane, (from.as_deref(), owner.as_deref()), *now)
            }
            Op::CloseLane(lane) => work::close(self.connection, *lane),
            Op::Queue(op) => self.queue(op),
            Op::Health(change) => health::apply(self.connection, change),
            Op::Keys(op) => keys::apply(self.connection, op),
            Op::Notice(change) => notices::apply(self.connection, *change),
            Op::Together(ops) => self.together(ops),
            Op::Delivery(delivery) => self.delivery(delivery),
            Op::Repeat { failed, delivery } => {
                if undelivered::is_to_repeat(self.connection, signed(*failed))? {
                    self.delivery(delivery)
                } else {
                    Ok(Ack::default())
                }
            }
            Op::Attempt {
                delivery,
                number,
                attempt,
                state,
                next_due,
            } => self.attempt((*delivery, *number), attempt, *state, *next_due),
            Op::State { delivery, state, owner } => self.state(*delivery, *state, owner.as_deref()),
            Op::Claim { delivery, from, owner } => self.claim(*delivery, from.as_deref(), owner),
            Op::Forwarded { capture, url } => self.forwarded(*capture, url),
            Op::Processed {
                capture,
                command,
                at,
                error,
            } => processing::note(self.connection, *capture, command, *at, error.as_deref()),
            Op::Explained { capture, note } => diagnosis::note(self.connection, *capture, note),
            Op::ClaimProcessing {
                capture,
                command,
                from,
                owner,
            } => processing::claim(self.connection, *capture, command, from.as_deref(), owner),
        }
    }

    /// The ack is that of the first change, and tells whether any of them disabled an endpoint.
    fn together(&mut self, ops: &[Op]) -> rusqlite::Result<Ack> {
        let (mut first, mut disabled) = (None, None);
        for op in ops {
            let mut ack = self.apply(op)?;
            disabled = disabled.or(ack.disabled.take());
            first.get_or_insert(ack);
        }
        Ok(Ack {
            disabled,
            ..first.unwrap_or_default()
        })
    }

    /// A capture without an answer is stored without its key, which counts once the answer is known.
    fn capture(&mut self, new: &NewCapture, work: &[NewWork], is_answered: bool) -> rusqlite::Result<Ack> {
        let (n, late) = self.number(new.at)?;
        let hash = dedupe::hash(new.provider.as_deref(), new.dedupe_key.as_deref());
        let numbers = (self.first, n);
        let duplicate_of = if is_answered {
            self.seen.check_and_insert(self.connection, hash, numbers, new.at)?
        } else {
            self.seen.look(self.connection, hash, self.first, new.at)?
        };
        self.insert_capture((n, late), new, hash.filter(|_| is_answered), duplicate_of)?;
        work::add(self.connection, n, new.at, duplicate_of.is_some(), work)?;
        Ok(Ack {
            number: unsigned(n),
            duplicate_of: duplicate_of.map(unsigned),
            other_id: dedupe::has_other_id(self.connection, duplicate_of, new)?,
            ..Ack::default()
        })
    }

    fn insert_capture(
        &mut self,
        (n, late): (i64, bool),
        new: &NewCapture,
        hash: Option<u64>,
        duplicate_of: Option<i64>,
    ) -> rusqlite::Result<()> {
        let (target, of_target) = seal::url(SealedPlace::Target, &new.target);
        let (headers, of_headers) = seal::headers(SealedPlace::Headers, 0, &new.headers);
        self.connection.prepare_cached(INSERT_CAPTURE)?.execute(params![
            n,
            new.id.uuid.as_bytes(),
            new.at.unix_us(),
            new.method,
            target,
            new.remote,
            new.provider,
            new.event,
            new.event_id,
            new.verdict.name,
            new.verdict.reason,
            new.verdict.detail.as_deref().map(mask::secrets),
            new.status,
            new.body.len().cast_signed(),
            quota::weight(new, headers.len()).cast_signed(),
            hash.map(u64::cast_signed),
            duplicate_of,
            late,
            new.verdict.secret.as_ref().and_then(json),
        ])?;
        let key = new.dedupe_key.as_ref().filter(|_| hash.is_some());
        change(self.connection, INSERT_CONTENT, params![n, key, headers, &new.body[..]])?;
        sealed::keep(self.connection, n, &of_target)?;
        sealed::keep(self.connection, n, &of_headers)?;
        if let Some(workflow) = &new.workflow {
            let execution = Execution {
                workflow: workflow.clone(),
                ..Execution::default()
            };
            self.execution(n, &execution)?;
        }
        Ok(())
    }

    pub(super) fn delivery(&mut self, new: &NewDelivery) -> rusqlite::Result<Ack> {
        self.delivery_of(MessageRow::Unknown, new)
    }

    /// Records a delivery whose message is there.
    pub(super) fn delivery_of(&mut self, message: MessageRow, new: &NewDelivery) -> rusqlite::Result<Ack> {
        let (n, late) = self.number(new.at)?;
        let message = self.message(n, message, &new.message)?;
        let policy = new.policy.as_ref();
        let policy = policy.map(|policy| self.policies.key(self.connection, policy));
        let last = new.attempts.last();
        let (url, of_url) = seal::url(SealedPlace::Url, &new.url);
        let (headers, of_headers) = seal::headers(SealedPlace::Headers, 0, &new.headers);
        self.connection.prepare_cached(INSERT_DELIVERY)?.execute(params![
            n,
            new.id.uuid.as_bytes(),
            new.at.unix_us(),
            message,
            new.message.event,
            new.provider,
            new.endpoint,
            url,
            new.method,
            headers,
            new.signing.name(),
            new.source.name(),
            new.origin.map(signed),
            delays_text(&new.delays),
            new.owner,
            new.state.name(),
            new.next_due.map(Timestamp::unix_us),
            new.message.body.len().cast_signed(),
            last.map_or(0, |last| last.seq),
            last.and_then(|last| last.outcome.status()),
            last.and_then(failure_of),
            last.map(|last| nanos(last.took)),
            late,
            new.secret.as_ref().and_then(json),
            policy.transpose()?.flatten(),
            new.addresses,
            new.tenant,
        ])?;
        sealed::keep(self.connection, n, &of_url)?;
        sealed::keep(self.connection, n, &of_headers)?;
        if let Some(execution) = &new.execution {
            self.execution(n, execution)?;
        }
        for attempt in &new.attempts {
            self.keep_attempt(n, attempt)?;
        }
        Ok(changed(n, 1))
    }

    /// Records the message of delivery `n` unless it is there already, and returns its key.
    fn message(&mut self, n: i64, place: MessageRow, message: &Message) -> rusqlite::Result<i64> {
        let fields: [&dyn ToSql; 8] = [
            message.id.uuid.as_bytes(),
            &message.wire_id,
            &message.event,
            &message.time.unix_us(),
            &message.mode.name(),
            &message.content_type,
            &&message.body[..],
            &n,
        ];
        // The whole message is compared. Were the id alone to decide, a seeded run with other data would show the bytes
        // of an earlier one as those that were sent.
        let known = match place {
            MessageRow::Unknown => row(self.connection, FIND_MESSAGE, &fields[..7], |row| row.get(0))?,
            MessageRow::New => None,
            MessageRow::Known(key) => Some(key),
        };
        if let Some(key) = known {
            return Ok(key);
        }
        change(self.connection, INSERT_MESSAGE, &fields[..])?;
        Ok(n)
    }

    fn attempt(
        &mut self,
        (id, number): (Id, Option<u64>),
        attempt: &Attempt,
        state: DeliveryState,
        next_due: Option<Timestamp>,
    ) -> rusqlite::Result<Ack> {
        let known = number.map(signed);
        let Some(n) = known.map_or_else(|| self.delivery_number(id), |n| Ok(Some(n)))? else {
            return Ok(Ack::default());
        };
        self.keep_attempt(n, attempt)?;
        self.connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, next_due = ?3, owner = CASE ?2 WHEN 'pending' THEN owner END,
                     attempts = max(attempts, ?4), status = ?5, reason = ?6, took = ?7
                 WHERE n = ?1",
            )?
            .execute(params![
                n,
                state.name(),
                next_due.map(Timestamp::unix_us),
                attempt.seq,
                attempt.outcome.status(),
                failure_of(attempt),
                nanos(attempt.took),
            ])?;
        if !queue_rows::attempted(self.connection, n, state, next_due)? {
            self.move_item(n, state, next_due)?;
        }
        Ok(changed(n, 1))
    }
}
