//! A group of changes in one transaction. What comes often is collected and written many at once: a group of any size takes
//! about ten statements. Everything else is written on its own, after what was collected before it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::connection::Session;
use super::context::GroupContext;
use super::fault::Fault;
use super::health::HealthCache;
use super::notices::NewNotices;
use super::values::Day;
use super::{health, keys, notices, processing, queue, singles, undelivered, work};
use crate::clock::Timestamp;
use crate::health::{HealthChange, HealthReport};
use crate::id::Id;
use crate::provider::policy::Policy;
use crate::store::encoding::signed;
use crate::store::queue::{Intake, QueueOp};
use crate::store::{Ack, Attempt, DeliveryState, NewCapture, NewDelivery, NewWork, Op};

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

/// An attempt that moves its delivery on.
pub(super) struct AttemptChange<'o> {
    /// Where its ack is.
    pub(super) ack: usize,
    pub(super) delivery: Id,
    pub(super) number: Option<i64>,
    pub(super) attempt: &'o Attempt,
    pub(super) state: DeliveryState,
    pub(super) next_due: Option<Timestamp>,
}

/// A group while it is made.
pub(super) struct Group<'o, 'c> {
    pub(super) context: &'c GroupContext<'c>,
    id: Uuid,
    is_begun: bool,
    /// Of the changes, without those that hold others.
    pub(super) acks: Vec<Ack>,
    pub(super) records: Vec<(usize, NewRecord<'o>)>,
    pub(super) attempts: Vec<AttemptChange<'o>>,
    reports: Vec<PendingReport<'o>>,
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
    /// Makes all changes in a transaction that has begun. Returns their acks.
    pub(super) fn make(context: &'c GroupContext<'c>, id: Uuid, ops: &'o [Op]) -> Result<Vec<Ack>, Fault> {
        let mut group = Self {
            context,
            id,
            is_begun: false,
            acks: Vec::new(),
            records: Vec::new(),
            attempts: Vec::new(),
            reports: Vec::new(),
            attempt_at_hand: None,
            health: HealthCache::default(),
            notices: NewNotices::default(),
        };
        let mut endpoints = BTreeSet::new();
        health::endpoints(ops, &mut endpoints);
        group.health.load(context.session, endpoints)?;
        let mut ranges = Vec::with_capacity(ops.len());
        for op in ops {
            let from = group.acks.len();
            group.attempt_at_hand = None;
            group.add(op)?;
            ranges.push(from..group.acks.len());
        }
        group.flush()?;
        if !group.is_begun {
            group.draw(0, 0)?;
        }
        let mut acks = group.acks;
        // The ack of several is that of the first, and tells whether any of them disabled an endpoint.
        let whole = ranges.into_iter().map(|range| {
            let disabled = acks[range.clone()].iter_mut().find_map(|ack| ack.disabled.take());
            let first = acks.get_mut(range.start).filter(|_| !range.is_empty());
            Ack {
                disabled,
                ..first.map(std::mem::take).unwrap_or_default()
            }
        });
        Ok(whole.collect())
    }

    pub(super) fn session(&self) -> &'c Session {
        self.context.session
    }

    /// Begins the group in the database, and draws numbers. The first of the records and of the events is returned.
    pub(super) fn draw(&mut self, records: usize, events: usize) -> Result<(i64, i64), Fault> {
        let id = if self.is_begun { Uuid::new_v4() } else { self.id };
        self.is_begun = true;
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let sql = "SELECT first_n, first_e FROM begin_group($1, $2, $3)";
        let first = self
            .session()
            .row(sql, &[&id, &count(records), &count(events)], |row| {
                let first = |column| super::values::get::<Option<i64>>(row, column);
                Ok((first(0)?.unwrap_or_default(), first(1)?.unwrap_or_default()))
            })?;
        Ok(first.unwrap_or_default())
    }

    fn add(&mut self, op: &'o Op) -> Result<(), Fault> {
        match op {
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
        if !self.records.is_empty() {
            self.write_records()?;
        }
        if !self.attempts.is_empty() {
            self.write_attempts()?;
        }
        for PendingReport { ack, attempt, report } in std::mem::take(&mut self.reports) {
            // Another process has the delivery by then, and reports how it ends.
            if !attempt.is_some_and(|attempt| self.acks[attempt].is_fenced) {
                self.acks[ack] = self.health.report(self.context.session, report, &mut self.notices)?;
            }
        }
        self.health.write(self.session())?;
        self.notices.write(self.session())
    }
}

fn capture<'o>(new: &'o NewCapture, work: &'o [NewWork], is_answered: bool) -> NewRecord<'o> {
    NewRecord::Capture { new, work, is_answered }
}
