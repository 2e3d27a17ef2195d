//! A group of changes in one transaction. What comes often is collected and written many at once: a group of any size takes
//! five statements, which are sent in three steps. Everything else is written on its own, after what was collected before it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::attempt_rows::{AttemptChange, AttemptRows};
use super::connection::{Session, Step};
use super::context::GroupContext;
use super::fault::Fault;
use super::health::{HealthCache, HealthRows};
use super::notices::NewNotices;
use super::values::{Answer, Day, Param, Parts, Text, answered, get};
use super::{health, keys, notices, processing, queue, singles, undelivered, work};
use crate::health::{HealthChange, HealthReport};
use crate::provider::policy::Policy;
use crate::store::encoding::signed;
use crate::store::queue::{Intake, QueueOp};
use crate::store::{Ack, NewCapture, NewDelivery, NewWork, Op};

/// A new record, or several.
pub(super) enum NewRecord<'o> {
    Capture {
        new: &'o NewCapture,
        work: &'o [NewWork],
        is_answered: bool,
    },
    Delivery(&'o NewDelivery),
    Intake(&'o Intake),
}

/// A group while it is made.
pub(super) struct Group<'o, 'c> {
    pub(super) context: &'c GroupContext<'c>,
    /// The last numbers of a record and of an event that were given.
    pub(super) last: i64,
    pub(super) last_event: i64,
    /// Of the changes, without those that hold others.
    pub(super) acks: Vec<Ack>,
    pub(super) records: Vec<(usize, NewRecord<'o>)>,
    pub(super) attempts: Vec<AttemptChange<'o>>,
    reports: Vec<PendingReport<'o>>,
    /// The generation of the documents, where an intake depends on it.
    book: Option<i64>,
    /// The ack of the attempt that the change at hand has had so far.
    attempt_at_hand: Option<usize>,
    pub(super) health: HealthCache,
    pub(super) notices: NewNotices<'o>,
}

/// What an attempt says about the health of its endpoint.
struct PendingReport<'o> {
    ack: usize,
    /// The ack of the attempt.
    attempt: Option<usize>,
    report: &'o HealthReport,
}

/// Notes the id of the transaction, draws the numbers that follow each other, and reads the generation of the documents, where it is asked
/// for, and the health that no other process changes until the end of the transaction.
fn begin_sql() -> String {
    format!(
        "SELECT first_n, first_e, book, h.* FROM begin_group($1, $2, $3, $5) LEFT JOIN LATERAL (
             SELECT {} FROM endpoint_health WHERE endpoint = ANY($4) ORDER BY endpoint FOR UPDATE
         ) AS h ON true",
        health::COLUMNS
    )
}

/// The columns of numbers before those of the health.
const NUMBERS: usize = 3;

/// The days of the records that the changes add.
pub(super) fn days(ops: &[Op], days: &mut BTreeSet<Day>) {
    for op in ops {
        match op {
            Op::Capture(new) | Op::ReceiveUnanswered(new) | Op::Receive { capture: new, .. } => {
                days.insert(Day::of(new.at));
            }
            Op::Delivery(new) | Op::Repeat { delivery: new, .. } => {
                days.insert(Day::of(new.at));
            }
            Op::Queue(QueueOp::Accept(intake)) => {
                days.extend(intake.events.iter().map(|event| Day::of(event.at)));
            }
            Op::Together(ops) => self::days(ops, days),
            _ => {}
        }
    }
}

/// The policies of the deliveries that the changes add.
pub(super) fn policies<'o>(ops: &'o [Op], found: &mut Vec<&'o std::sync::Arc<Policy>>) {
    for op in ops {
        match op {
            Op::Delivery(new) | Op::Repeat { delivery: new, .. } => found.extend(&new.policy),
            Op::Queue(QueueOp::Accept(intake)) => {
                let deliveries = intake.events.iter().flat_map(|event| &event.deliveries);
                found.extend(deliveries.filter_map(|queued| queued.delivery.policy.as_ref()));
            }
            Op::Together(ops) => policies(ops, found),
            _ => {}
        }
    }
}

impl<'o, 'c> Group<'o, 'c> {
    /// Begins a transaction and makes all changes but the last ones, which [`Group::commit`] makes.
    pub(super) fn make(context: &'c GroupContext<'c>, id: Uuid, ops: &'o [Op]) -> Result<Self, Fault> {
        let mut group = Self::begin(context, id, ops)?;
        let mut ranges = Vec::with_capacity(ops.len());
        for op in ops {
            let from = group.acks.len();
            group.attempt_at_hand = None;
            group.add(op)?;
            ranges.push(from..group.acks.len());
        }
        group.flush()?;
        group.notices.write(context.session)?;
        let mut acks = std::mem::take(&mut group.acks);
        // The ack of several is that of the first, and tells whether any of them disabled an endpoint.
        let whole = ranges.into_iter().map(|range| {
            let disabled = acks[range.clone()].iter_mut().find_map(|ack| ack.disabled.take());
            let first = acks.get_mut(range.start).filter(|_| !range.is_empty());
            Ack {
                disabled,
                ..first.map(std::mem::take).unwrap_or_default()
            }
        });
        group.acks = whole.collect();
        Ok(group)
    }

    /// Begins the transaction, draws a number for every new record, and reads the health that the changes look at.
    fn begin(context: &'c GroupContext<'c>, id: Uuid, ops: &'o [Op]) -> Result<Self, Fault> {
        let (records, events) = new_records(ops);
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let (records, events) = (count(records), count(events));
        let mut endpoints = BTreeSet::new();
        health::endpoints(ops, &mut endpoints);
        let names: Vec<Text<'_>> = endpoints.iter().map(|name| (&**name).into()).collect();
        let asks_book = ops.iter().any(|op| books(op).next().is_some());
        let values: [Param<'_>; 5] = [&id, &records, &events, &names, &asks_book];
        let answers = context
            .session
            .pipeline(&[Step::Batch("BEGIN"), Step::Run(&begin_sql(), &values)])?;
        let rows = answers.get(1).map(|answer| &*answer.rows).unwrap_or_default();
        let first = |column| match rows.first() {
            Some(row) => get::<Option<i64>>(row, column),
            None => Ok(None),
        };
        let known = HealthCache::read(&endpoints, rows, NUMBERS)?;
        Ok(Self {
            context,
            last: first(0)?.unwrap_or_default() - 1,
            last_event: first(1)?.unwrap_or_default() - 1,
            book: first(2)?,
            acks: Vec::new(),
            records: Vec::new(),
            attempts: Vec::new(),
            reports: Vec::new(),
            attempt_at_hand: None,
            health: known,
            notices: NewNotices::default(),
        })
    }

    /// Makes the last changes and ends the transaction: either all changes of the group count, or none.
    pub(super) fn commit(&self) -> Result<(), Fault> {
        let rows = self.health.changed_rows();
        let (upsert, values) = (HealthRows::upsert(), rows.params());
        let mut steps = Vec::new();
        if !rows.endpoint.is_empty() {
            steps.push(Step::Run(&upsert, &values));
        }
        steps.push(Step::Batch("COMMIT"));
        self.session().pipeline(&steps).map(drop)
    }

    pub(super) fn session(&self) -> &'c Session {
        self.context.session
    }

    /// Whether a change has deliveries that were made from endpoints which were changed since.
    fn is_outdated(&self, op: &Op) -> bool {
        books(op).any(|book| self.book != Some(signed(book)))
    }

    fn add(&mut self, op: &'o Op) -> Result<(), Fault> {
        match op {
            op if self.is_outdated(op) => {
                let is_outdated = true;
                self.ack(Ack {
                    is_outdated,
                    ..Ack::default()
                });
            }
            Op::Capture(new) => self.record(capture(new, &[], true)),
            Op::Receive { capture: new, work } => self.record(capture(new, work, true)),
            Op::ReceiveUnanswered(new) => self.record(capture(new, &[], false)),
            Op::Delivery(new) => self.record(NewRecord::Delivery(new)),
            Op::Queue(QueueOp::Accept(intake)) => self.record(NewRecord::Intake(intake)),
            Op::Attempt {
                delivery,
                number,
                attempt,
                state,
                next_due,
            } => {
                let is_there = |known: &AttemptChange<'_>| known.delivery == *delivery;
                // One statement changes a row once.
                if self.attempts.iter().any(is_there) {
                    self.flush()?;
                }
                let ack = self.ack(Ack::default());
                self.attempt_at_hand = Some(ack);
                self.attempts.push(AttemptChange {
                    ack,
                    delivery: *delivery,
                    number: number.map(signed),
                    attempt,
                    state: *state,
                    next_due: *next_due,
                });
            }
            Op::Health(HealthChange::Reported(report)) => {
                let ack = self.ack(Ack::default());
                let attempt = self.attempt_at_hand;
                self.reports.push(PendingReport { ack, attempt, report });
            }
            Op::Repeat { failed, delivery } => {
                self.flush()?;
                if undelivered::claim_repeat(self.session(), signed(*failed))? {
                    self.record(NewRecord::Delivery(delivery));
                } else {
                    self.ack(Ack::default());
                }
            }
            Op::Together(ops) => ops.iter().try_for_each(|op| self.add(op))?,
            op => {
                self.flush()?;
                let ack = self.single(op)?;
                self.ack(ack);
            }
        }
        Ok(())
    }

    /// Writes a change on its own.
    fn single(&mut self, op: &Op) -> Result<Ack, Fault> {
        let session = self.session();
        match op {
            Op::Promise {
                capture,
                dedupe_key,
                work,
            } => self.promise(signed(*capture), dedupe_key.as_deref(), work),
            Op::WorkDone(key) => work::done(session, *key),
            Op::WorkStarted { work, delivery } => work::started(session, *work, *delivery),
            Op::ClaimLane { lane, from, owner, now } => {
                work::claim(session, *lane, (from.as_deref(), owner.as_deref()), *now)
            }
            Op::CloseLane(lane) => work::close(session, *lane),
            Op::Queue(op) => queue::apply(self.context, op),
            Op::Health(change) => health::apply(session, &mut self.health, change),
            Op::Keys(op) => keys::apply(session, op),
            Op::Notice(change) => notices::apply(session, *change),
            Op::State { delivery, state, owner } => singles::state(session, *delivery, *state, owner.as_deref()),
            Op::Claim { delivery, from, owner } => singles::claim(session, *delivery, from.as_deref(), owner),
            Op::Forwarded { capture, url } => singles::forwarded(session, signed(*capture), url),
            Op::Processed {
                capture,
                command,
                at,
                error,
            } => processing::note(session, signed(*capture), command, (*at, error.as_deref())),
            Op::Explained { capture, note } => singles::explained(session, signed(*capture), note),
            Op::ClaimProcessing {
                capture,
                command,
                from,
                owner,
            } => processing::claim(session, signed(*capture), command, (from.as_deref(), owner)),
            // These are collected.
            Op::Capture(_)
            | Op::Receive { .. }
            | Op::ReceiveUnanswered(_)
            | Op::Delivery(_)
            | Op::Attempt { .. }
            | Op::Repeat { .. }
            | Op::Together(_) => Ok(Ack::default()),
        }
    }

    fn record(&mut self, new: NewRecord<'o>) {
        let ack = self.ack(Ack::default());
        self.records.push((ack, new));
    }

    fn ack(&mut self, ack: Ack) -> usize {
        self.acks.push(ack);
        self.acks.len() - 1
    }

    /// Writes what was collected.
    fn flush(&mut self) -> Result<(), Fault> {
        let (rows, mut changes) = (self.new_rows()?, std::mem::take(&mut self.attempts));
        let worker = self.context.worker;
        let mut queued = AttemptRows::default();
        if worker.is_registered() {
            self.find_numbers(&mut changes)?;
            queued = AttemptRows::of_queue(&changes);
        }
        let token = worker.token();
        let mut parts = Parts::default();
        rows.add_to(&mut parts, &token);
        if !queued.n.is_empty() {
            let mut of_queue = queued.params();
            of_queue.push(&token);
            parts.add(of_queue, AttemptRows::held_part);
            parts.ask(Answer::Finished, "tried");
        }
        if let Some(sql) = parts.statement() {
            let answers = self.session().run(&sql, &parts.values)?.rows;
            self.note_written(&rows, &answered(&answers, Answer::NotTaken)?)?;
            changes = self.note_finished(changes, &answered(&answers, Answer::Finished)?);
        }
        if !changes.is_empty() {
            self.write_other_attempts(changes)?;
        }
        for PendingReport { ack, attempt, report } in std::mem::take(&mut self.reports) {
            // Another process has the delivery by then, and reports how it ends.
            if !attempt.is_some_and(|attempt| self.acks[attempt].is_fenced) {
                self.acks[ack] = self.health.report(self.context.session, report, &mut self.notices)?;
            }
        }
        Ok(())
    }
}

/// The generations of documents that a change depends on.
fn books(op: &Op) -> Box<dyn Iterator<Item = u64> + '_> {
    match op {
        Op::Queue(QueueOp::Accept(intake)) => Box::new(intake.book.into_iter()),
        Op::Together(ops) => Box::new(ops.iter().flat_map(books)),
        _ => Box::new(std::iter::empty()),
    }
}

/// How many records and events the changes add at most.
fn new_records(ops: &[Op]) -> (usize, usize) {
    let of_each = ops.iter().map(|op| match op {
        Op::Capture(_) | Op::Receive { .. } | Op::ReceiveUnanswered(_) | Op::Delivery(_) | Op::Repeat { .. } => (1, 0),
        Op::Queue(QueueOp::Accept(intake)) => {
            let deliveries = intake.events.iter().map(|event| event.deliveries.len());
            (deliveries.sum(), intake.events.len())
        }
        Op::Together(ops) => new_records(ops),
        _ => (0, 0),
    });
    of_each.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
}

fn capture<'o>(new: &'o NewCapture, work: &'o [NewWork], is_answered: bool) -> NewRecord<'o> {
    NewRecord::Capture { new, work, is_answered }
}
