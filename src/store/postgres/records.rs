//! New records, written many at once: captures with their work, deliveries, and events with theirs.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::attempt_rows::AttemptRows;
use super::duplicates::Newest;
use super::fault::Fault;
use super::group::{Group, NewRecord};
use super::idempotency;
use super::rows::{CaptureRow, CaptureRows, DeliveryRows, EventRow, EventRows, MessageRow, MessageRows, QueuePlace};
use super::values::{Answer, Day, Parts, Text, get, optional};
use super::work;
use crate::clock::Timestamp;
use crate::mask;
use crate::message::Message;
use crate::store::encoding::{event_hash, json, signed, unsigned, weight};
use crate::store::queue::{Intake, NewEvent, NewQueued};
use crate::store::sealed as seal;
use crate::store::{NewCapture, NewDelivery, NewWork, SealedPlace};

/// What is written of the new records of a group.
#[derive(Default)]
pub(super) struct NewRows<'o> {
    captures: CaptureRows<'o>,
    messages: MessageRows<'o>,
    known_messages: HashSet<(Day, Uuid)>,
    deliveries: DeliveryRows<'o>,
    events: EventRows<'o>,
    attempts: AttemptRows<'o>,
    work: Vec<(i64, &'o NewCapture, &'o [NewWork], bool)>,
    /// The last number that was given.
    last: i64,
    last_event: i64,
}

impl NewRows<'_> {
    /// Adds the parts of the statement that write them.
    pub(super) fn add_to<'p>(&'p self, parts: &mut Parts<'p>, token: &'p Uuid) {
        if !self.captures.n.is_empty() {
            parts.add(self.captures.params(), CaptureRows::part);
        }
        if !self.messages.key.is_empty() {
            parts.add(self.messages.params(), MessageRows::part);
        }
        if !self.events.e.is_empty() {
            parts.add(self.events.params(), EventRows::part);
        }
        if !self.attempts.n.is_empty() {
            parts.add(self.attempts.params(), AttemptRows::part);
        }
        if !self.deliveries.n.is_empty() {
            let mut of_deliveries = self.deliveries.params();
            of_deliveries.push(token);
            parts.add(of_deliveries, DeliveryRows::part);
            parts.ask(Answer::NotTaken, DeliveryRows::NOT_TAKEN);
        }
    }
}

impl<'o> Group<'o, '_> {
    /// The rows of the records that were collected, with numbers in the order in which they came.
    pub(super) fn new_rows(&mut self) -> Result<NewRows<'o>, Fault> {
        let mut records = std::mem::take(&mut self.records);
        self.answer_known_keys(&mut records)?;
        let mut newest = self.newest(&records)?;
        self.claim_lanes(&records)?;
        let mut rows = NewRows {
            last: self.last,
            last_event: self.last_event,
            ..NewRows::default()
        };
        for (ack, record) in records {
            match record {
                NewRecord::Capture { new, work, is_answered } => {
                    self.capture(&mut rows, ack, (new, work), is_answered, &mut newest);
                }
                NewRecord::Delivery(new) => {
                    self.delivery(&mut rows, new, Day::of(new.at), None);
                    self.acks[ack].number = unsigned(rows.last);
                }
                NewRecord::Intake(intake) => {
                    for event in &intake.events {
                        self.event(&mut rows, intake, event);
                    }
                    self.acks[ack].number = unsigned(rows.last);
                }
            }
        }
        (self.last, self.last_event) = (rows.last, rows.last_event);
        Ok(rows)
    }

    /// Answers the calls whose key is known. The others stay.
    fn answer_known_keys(&mut self, records: &mut Vec<(usize, NewRecord<'o>)>) -> Result<(), Fault> {
        let keys = records.iter().filter_map(|(ack, record)| match record {
            NewRecord::Intake(intake) => Some((*ack, intake.key.as_ref()?)),
            _ => None,
        });
        let answers = idempotency::answers(self.session(), &keys.collect::<Vec<_>>())?;
        for (ack, answer) in answers {
            self.acks[ack] = answer;
            records.retain(|(of, _)| *of != ack);
        }
        Ok(())
    }

    fn newest(&self, records: &[(usize, NewRecord<'_>)]) -> Result<Newest, Fault> {
        let (mut hashes, mut earliest) = (BTreeSet::new(), None::<Timestamp>);
        for (_, record) in records {
            if let NewRecord::Capture { new, .. } = record
                && let Some(hash) = hash_of(new)
            {
                hashes.insert(hash);
                earliest = Some(earliest.map_or(new.at, |at| at.min(new.at)));
            }
        }
        let since = self.since(earliest.unwrap_or_default());
        Newest::find(self.session(), &hashes, since)
    }

    /// Since when an event counts as the same.
    pub(super) fn since(&self, at: Timestamp) -> Timestamp {
        at.shifted_us(-self.context.options.dedupe_window_us)
    }

    fn claim_lanes(&self, records: &[(usize, NewRecord<'_>)]) -> Result<(), Fault> {
        let mut lanes = BTreeSet::new();
        for (_, record) in records {
            if let NewRecord::Intake(intake) = record {
                let queued = intake.events.iter().flat_map(|event| &event.deliveries);
                lanes.extend(queued.filter(|queued| queued.taken).map(|queued| &*queued.lane));
            }
        }
        self.context.worker.claim_lanes(self.session(), &lanes)
    }

    /// A capture without an answer is stored without its key, which counts once the answer is known.
    fn capture(
        &mut self,
        rows: &mut NewRows<'o>,
        ack: usize,
        (new, work): (&'o NewCapture, &'o [NewWork]),
        is_answered: bool,
        newest: &mut Newest,
    ) {
        rows.last += 1;
        let n = rows.last;
        let hash = hash_of(new);
        let original = hash.and_then(|hash| newest.original(hash, self.since(new.at), new.event_id.as_deref()));
        let duplicate_of = original.as_ref().map(|original| original.first);
        if let Some(hash) = hash.filter(|_| is_answered) {
            newest.add(hash, (n, new.at), duplicate_of, new.event_id.as_deref());
        }
        rows.captures
            .push(capture_row(n, new, hash.filter(|_| is_answered), duplicate_of));
        if !work.is_empty() {
            rows.work.push((n, new, work, duplicate_of.is_some()));
        }
        let ack = &mut self.acks[ack];
        (ack.number, ack.duplicate_of) = (unsigned(n), duplicate_of.map(unsigned));
        ack.other_id = original.is_some_and(|original| original.has_other_id);
    }

    fn event(&self, rows: &mut NewRows<'o>, intake: &'o Intake, event: &'o NewEvent) {
        let (day, first) = (Day::of(event.at), rows.last + 1);
        for queued in &event.deliveries {
            let place = QueuePlace {
                owner: &intake.owner,
                lane: &queued.lane,
                due: queued.delivery.next_due.unwrap_or(event.at),
                is_taken: queued.taken,
            };
            let NewQueued { delivery, .. } = queued;
            self.delivery(rows, delivery, day, Some(place));
        }
        rows.last_event += 1;
        rows.events.push(EventRow {
            e: rows.last_event,
            day,
            id: (&*event.id).into(),
            at: event.at.unix_us(),
            name: (&*event.name).into(),
            mode: event.mode.name(),
            first,
            deliveries: event.deliveries.len().cast_signed() as i64,
            data: event.data.as_deref(),
            tenant: optional(event.tenant.as_deref()),
        });
    }

    fn delivery(&self, rows: &mut NewRows<'o>, new: &'o NewDelivery, day: Day, place: Option<QueuePlace<'o>>) {
        rows.last += 1;
        let key = message_key(&new.message);
        if rows.known_messages.insert((day, key)) {
            rows.messages.push(message_row(key, day, &new.message));
        }
        let policy = new.policy.as_ref().and_then(|policy| {
            let address = Arc::as_ptr(policy).addr();
            self.context.policies.get(&address).copied()
        });
        rows.deliveries.add((rows.last, day), new, (key, policy), place);
        for attempt in &new.attempts {
            rows.attempts.add_new((rows.last, day), attempt);
        }
    }

    /// Notes what this process did not get, and adds the work that captures cause.
    pub(super) fn note_written(&mut self, rows: &NewRows<'o>, not_taken: &[i64]) -> Result<(), Fault> {
        for n in not_taken {
            self.note_not_taken(unsigned(*n));
        }
        for (n, capture, work, is_duplicate) in &rows.work {
            work::add(self.session(), (*n, Day::of(capture.at)), capture, *is_duplicate, work)?;
        }
        Ok(())
    }

    /// The ack of its call has the highest number of its deliveries.
    fn note_not_taken(&mut self, n: u64) {
        let acks = self.acks.iter_mut().filter(|ack| ack.number >= n);
        if let Some(ack) = acks.min_by_key(|ack| ack.number) {
            ack.not_taken.push(n);
        }
    }

    /// The answer to a recorded request is a success.
    pub(super) fn promise(&mut self, n: i64, key: Option<&str>, work: &[NewWork]) -> Result<crate::store::Ack, Fault> {
        let sql = "SELECT day, provider, at, size FROM capture WHERE n = $1 LIMIT 1";
        let found = self.session().row(sql, &[&n], |row| {
            let provider = super::values::optional_text(row, 1)?;
            Ok((
                get::<Day>(row, 0)?,
                provider,
                super::values::moment(row, 2)?,
                get::<i64>(row, 3)?,
            ))
        })?;
        // It may have been pruned meanwhile.
        let Some((day, provider, at, size)) = found else {
            return Ok(crate::store::Ack::default());
        };
        let hash = event_hash(provider.as_deref(), key).map(u64::cast_signed);
        let newest = Newest::find(self.session(), &hash.into_iter().collect(), self.since(at))?;
        let original = hash.and_then(|hash| newest.original(hash, self.since(at), None));
        let duplicate_of = original.map(|original| original.first).filter(|first| *first != n);
        let sql = "
            UPDATE capture SET dedupe = $3, dedupe_key = $4, duplicate_of = coalesce(duplicate_of, $5)
            WHERE n = $1 AND day = $2";
        self.session()
            .run(sql, &[&n, &day, &hash, &optional(key), &duplicate_of])?;
        work::add_for(self.session(), (n, day), (at, size), duplicate_of.is_some(), work)?;
        Ok(crate::store::Ack {
            number: unsigned(n),
            duplicate_of: duplicate_of.map(unsigned),
            ..crate::store::Ack::default()
        })
    }
}

fn hash_of(new: &NewCapture) -> Option<i64> {
    event_hash(new.provider.as_deref(), new.dedupe_key.as_deref()).map(u64::cast_signed)
}

fn capture_row(n: i64, new: &NewCapture, hash: Option<i64>, duplicate_of: Option<i64>) -> CaptureRow<'_> {
    let (target, of_target) = seal::url(SealedPlace::Target, &new.target);
    let (headers, of_headers) = seal::headers(SealedPlace::Headers, 0, &new.headers);
    CaptureRow {
        n,
        day: Day::of(new.at),
        id: new.id.uuid,
        at: new.at.unix_us(),
        method: (&*new.method).into(),
        target: target.into(),
        remote: (&*new.remote).into(),
        provider: optional(new.provider.as_deref()),
        event: optional(new.event.as_deref()),
        event_id: optional(new.event_id.as_deref()),
        verdict: (&*new.verdict.name).into(),
        reason: optional(new.verdict.reason.as_deref()),
        detail: new
            .verdict
            .detail
            .as_deref()
            .map(|text| mask::secrets(text).into_owned().into()),
        secret: new.verdict.secret.as_ref().and_then(json).map(Text::from),
        status: i32::from(new.status),
        size: signed(new.body.len() as u64),
        weight: signed(weight(new, headers.len()) as u64),
        dedupe: hash,
        dedupe_key: optional(new.dedupe_key.as_deref().filter(|_| hash.is_some())),
        duplicate_of,
        workflow: optional(new.workflow.as_deref()),
        sealed: super::sealed::to_json(of_target.iter().chain(&of_headers)),
        headers,
        body: &new.body,
    }
}

fn message_row(key: Uuid, day: Day, message: &Message) -> MessageRow<'_> {
    MessageRow {
        key,
        day,
        id: message.id.uuid,
        wire_id: (&*message.wire_id).into(),
        event: (&*message.event).into(),
        time: message.time.unix_us(),
        mode: message.mode.name(),
        content_type: (&*message.content_type).into(),
        body: &message.body,
    }
}

/// A digest of the whole message. Were the id alone to decide, a seeded run with other data would show the bytes of an earlier one
/// as those that were sent.
fn message_key(message: &Message) -> Uuid {
    let digest = crate::digest::sha256(&[
        message.id.uuid.as_bytes(),
        message.wire_id.as_bytes(),
        message.event.as_bytes(),
        &message.time.unix_us().to_be_bytes(),
        message.mode.name().as_bytes(),
        message.content_type.as_bytes(),
        &message.body,
    ]);
    let (head, _) = digest.split_at(16);
    Uuid::from_slice(head).unwrap_or_default()
}
