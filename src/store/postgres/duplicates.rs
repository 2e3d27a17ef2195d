//! Finds the earlier capture of the same event.

use std::collections::{BTreeSet, HashMap};

use super::connection::Session;
use super::fault::Fault;
use super::values::{Day, get, moment, optional_text};
use crate::clock::Timestamp;

/// Two processes that record the same event at once do it one after the other: the second one finds the first.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(hash) FROM (SELECT hash FROM unnest($1::int8[]) AS u (hash) ORDER BY hash) AS sorted";

const NEWEST: &str = "
    SELECT u.hash, newest.first, newest.at, original.event_id, original.n IS NOT NULL
    FROM unnest($1::int8[]) AS u (hash)
    CROSS JOIN LATERAL (
        SELECT coalesce(duplicate_of, n) AS first, at FROM capture
        WHERE dedupe = u.hash AND day >= $2 ORDER BY n DESC LIMIT 1
    ) AS newest
    LEFT JOIN LATERAL (SELECT n, event_id FROM capture WHERE capture.n = newest.first LIMIT 1) AS original ON true";

/// The newest captures by the hashes of their events.
#[derive(Default)]
pub(super) struct Newest(HashMap<i64, EarlierCapture>);

struct EarlierCapture {
    /// The first capture of the event.
    first: i64,
    at: Timestamp,
    /// Whether the first one is still there, and its event id.
    is_first_there: bool,
    event_id: Option<String>,
}

/// The capture that another one repeats.
pub(super) struct Original {
    pub(super) first: i64,
    pub(super) has_other_id: bool,
}

impl Newest {
    /// Finds what is there for those hashes, none of which another process can add until the end of the transaction.
    pub(super) fn find(session: &Session, hashes: &BTreeSet<i64>, since: Timestamp) -> Result<Self, Fault> {
        if hashes.is_empty() {
            return Ok(Self::default());
        }
        let hashes: Vec<i64> = hashes.iter().copied().collect();
        session.run(LOCK, &[&hashes])?;
        let found = session.rows(NEWEST, &[&hashes, &Day::of(since)], |row| {
            let earlier = EarlierCapture {
                first: get(row, 1)?,
                at: moment(row, 2)?,
                is_first_there: get(row, 4)?,
                event_id: optional_text(row, 3)?,
            };
            Ok((get(row, 0)?, earlier))
        })?;
        Ok(Self(found.into_iter().collect()))
    }

    /// The first capture of that event, when the last one is not older than that.
    pub(super) fn original(&self, hash: i64, since: Timestamp, event_id: Option<&str>) -> Option<Original> {
        let earlier = self.0.get(&hash).filter(|earlier| earlier.at >= since)?;
        Some(Original {
            first: earlier.first,
            has_other_id: earlier.is_first_there && earlier.event_id.as_deref() != event_id,
        })
    }

    /// Adds capture `n` of the same transaction, with the one that it repeats.
    pub(super) fn add(&mut self, hash: i64, (n, at): (i64, Timestamp), original: Option<i64>, event_id: Option<&str>) {
        let known = self.0.remove(&hash);
        let earlier = match (original, known) {
            (Some(_), Some(known)) => EarlierCapture { at, ..known },
            _ => EarlierCapture {
                first: original.unwrap_or(n),
                at,
                is_first_there: true,
                event_id: event_id.map(str::to_owned),
            },
        };
        self.0.insert(hash, earlier);
    }
}
