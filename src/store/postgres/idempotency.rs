//! Keys that make the repetition of a call harmless.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::connection::Session;
use super::fault::Fault;
use super::values::{Text, get, text};
use crate::store::Ack;
use crate::store::queue::{IDEMPOTENCY_KEPT, IdempotencyKey};

/// Expired answers that are dropped with each group that has a key.
const EXPIRED_AT_ONCE: i64 = 64;

/// Notes the keys that are new, in an order that is the same for all processes. One that another transaction is about to note is
/// waited for.
const NOTE: &str = "
    INSERT INTO idempotency (key, at, body, answer)
    SELECT key, at, body, answer FROM unnest($1::bytea[], $2::int8[], $3::bytea[], $4::text[]) AS u (key, at, body, answer) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET at = excluded.at, body = excluded.body, answer = excluded.answer
        WHERE idempotency.at < excluded.at - $5
    RETURNING key";

/// The acks of the calls whose keys are known, by the place of the call. The other keys are noted.
pub(super) fn answers(session: &Session, keys: &[(usize, &IdempotencyKey)]) -> Result<Vec<(usize, Ack)>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let kept = i64::try_from(IDEMPOTENCY_KEPT.as_micros()).unwrap_or(i64::MAX);
    // Of calls in one group with the same key the first one counts.
    let mut firsts: BTreeMap<[u8; 32], (usize, &IdempotencyKey)> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut later = Vec::new();
    for (place, key) in keys {
        match firsts.entry(key.key) {
            Entry::Occupied(_) => later.push((*place, *key)),
            Entry::Vacant(entry) => drop(entry.insert((*place, key))),
        }
    }
    let all: Vec<&IdempotencyKey> = firsts.values().map(|(_, key)| *key).collect();
    let (digests, bodies): (Vec<&[u8]>, Vec<&[u8]>) = all.iter().map(|key| (&key.key[..], &key.body[..])).unzip();
    let at: Vec<i64> = all.iter().map(|key| key.at.unix_us()).collect();
    let texts: Vec<Text<'_>> = all.iter().map(|key| (&*key.answer).into()).collect();
    let noted: Vec<Vec<u8>> = session.rows(NOTE, &[&digests, &at, &bodies, &texts, &kept], |row| get(row, 0))?;
    let known = known(session, &digests)?;
    for (digest, (place, key)) in &firsts {
        if !noted.iter().any(|noted| noted[..] == digest[..])
            && let Some((body, answer)) = known.get(&digest[..])
        {
            answers.push((*place, answered(key, body, answer)));
        }
    }
    for (place, key) in later {
        if let Some((body, answer)) = known.get(&key.key[..]) {
            answers.push((place, answered(key, body, answer)));
        }
    }
    if let Some(newest) = at.iter().max() {
        let sql = "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
        session.run(sql, &[&newest.saturating_sub(kept), &EXPIRED_AT_ONCE])?;
    }
    Ok(answers)
}

type KnownAnswers = BTreeMap<Vec<u8>, (Vec<u8>, String)>;

fn known(session: &Session, digests: &[&[u8]]) -> Result<KnownAnswers, Fault> {
    let sql = "SELECT key, body, answer FROM idempotency WHERE key = ANY($1)";
    let found = session.rows(sql, &[&digests], |row| {
        Ok((get(row, 0)?, (get(row, 1)?, text(row, 2)?)))
    })?;
    Ok(found.into_iter().collect())
}

fn answered(key: &IdempotencyKey, body: &[u8], answer: &str) -> Ack {
    Ack {
        is_conflict: *body != key.body[..],
        answer: Some(answer.to_owned()),
        ..Ack::default()
    }
}
