//! Attempts of a group: what they do to deliveries that this process holds, that no queue has, and that others took over.

use std::collections::HashMap;

use uuid::Uuid;

use super::attempt_rows::{AttemptChange, AttemptPlace, AttemptRows};
use super::fault::Fault;
use super::group::Group;
use super::values::{Day, get};
use crate::store::encoding::changed;

/// Where a delivery is.
struct DeliveryPlace {
    day: Day,
    /// Whether it is in no queue, so that its process may move it on.
    is_free: bool,
}

impl<'o> Group<'o, '_> {
    /// Notes which attempts were finished; the others are returned.
    pub(super) fn note_finished(
        &mut self,
        changes: Vec<AttemptChange<'o>>,
        finished: &[i64],
    ) -> Vec<AttemptChange<'o>> {
        let is_finished = |n: i64| finished.binary_search(&n).is_ok();
        let (done, others): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.number.is_some_and(is_finished));
        for change in done {
            self.acks[change.ack] = changed(change.number.unwrap_or_default(), 1);
        }
        others
    }

    /// Writes attempts at what this process does not hold in the queue. One of a process that has lost its lease is kept, and
    /// changes nothing.
    pub(super) fn write_other_attempts(&mut self, mut changes: Vec<AttemptChange<'o>>) -> Result<(), Fault> {
        self.find_numbers(&mut changes)?;
        let places = self.places(&changes.iter().filter_map(|change| change.number).collect::<Vec<_>>())?;
        let mut rows = AttemptRows::default();
        for change in &changes {
            let found = change.number.and_then(|n| Some((n, places.get(&n)?)));
            let Some((n, place)) = found else { continue };
            let day = Some(place.day);
            let ack = &mut self.acks[change.ack];
            *ack = changed(n, 1);
            ack.is_fenced = !place.is_free;
            if place.is_free {
                rows.add(AttemptPlace { n, day, fence: 0 }, change.attempt, Some(change));
            } else {
                let fence = self.next_fence((n, place.day), change.attempt.seq)?;
                rows.add(AttemptPlace { n, day, fence }, change.attempt, None);
            }
        }
        self.session()
            .run(&AttemptRows::finish_others(), &rows.params())
            .map(drop)
    }

    /// Finds the numbers of those deliveries that are named by their ids. A seeded run that is repeated gives the same ids again:
    /// the newest delivery counts.
    pub(super) fn find_numbers(&self, changes: &mut [AttemptChange<'o>]) -> Result<(), Fault> {
        let unknown = changes.iter().filter(|change| change.number.is_none());
        let ids: Vec<Uuid> = unknown.map(|change| change.delivery.uuid).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT id, max(n) FROM delivery WHERE id = ANY($1) GROUP BY id";
        let found = self
            .session()
            .rows(sql, &[&ids], |row| Ok((get(row, 0)?, get(row, 1)?)))?;
        let by_id: HashMap<Uuid, i64> = found.into_iter().collect();
        for change in changes.iter_mut().filter(|change| change.number.is_none()) {
            change.number = by_id.get(&change.delivery.uuid).copied();
        }
        Ok(())
    }

    /// Where those deliveries are. What the queue has is of another process, or waits; what it had and has no more was finished by
    /// another one.
    fn places(&self, numbers: &[i64]) -> Result<HashMap<i64, DeliveryPlace>, Fault> {
        let sql = "SELECT n, day, is_queued FROM delivery WHERE n = ANY($1)";
        let found = self.session().rows(sql, &[&numbers], |row| {
            let (day, is_queued): (Day, bool) = (get(row, 1)?, get(row, 2)?);
            let is_free = !is_queued;
            Ok((get(row, 0)?, DeliveryPlace { day, is_free }))
        })?;
        Ok(found.into_iter().collect())
    }

    fn next_fence(&self, (n, day): (i64, Day), seq: u32) -> Result<i32, Fault> {
        let sql = "SELECT coalesce(max(fence), 0) + 1 FROM attempt WHERE n = $1 AND day = $2 AND seq = $3";
        let next = self
            .session()
            .row(sql, &[&n, &day, &seq.cast_signed()], |row| get(row, 0))?;
        Ok(next.unwrap_or(1))
    }
}
