//! Answers that a service has received and not recorded yet. Each is written to a small file the moment it comes, without a
//! sync: that file survives the death of the process, so that a delivery whose answer came just before is not made again.
//! When the machine dies as well, the delivery is made again, as the ledger says.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::lease;
use super::queue::SERVICE;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};

/// Answers that are kept: many more than can be in flight, so that none is overwritten before it is recorded.
const SLOTS: u64 = 4096;

/// Bytes of one answer.
const SLOT: usize = 40;

/// An answer to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournaledAnswer {
    /// Of which delivery.
    pub delivery: Id,
    /// The number of the attempt.
    pub seq: u32,
    /// The status.
    pub status: u16,
    /// When the attempt began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// The journal of the durable service of a ledger.
#[derive(Debug)]
pub struct AnswerJournal {
    file: File,
    next: AtomicU64,
}

impl AnswerJournal {
    /// Opens the journal beside the ledger. Returns it with what an earlier process left in it.
    pub fn open(ledger: &Path) -> io::Result<(Self, Vec<JournaledAnswer>)> {
        let path = lease::folder(ledger).join(format!("{SERVICE}.answers"));
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        let left = read(&file)?;
        let next = AtomicU64::new(0);
        Ok((Self { file, next }, left))
    }

    /// Forgets what an earlier process left, once that is recorded.
    pub fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Notes an answer. Should that fail, the delivery is at worst made once more.
    pub fn note(&self, answer: &JournaledAnswer) {
        let slot = self.next.fetch_add(1, Ordering::Relaxed) % SLOTS;
        let _ = self.file.write_all_at(&encode(answer), slot * SLOT as u64);
    }
}

fn encode(answer: &JournaledAnswer) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..16].copy_from_slice(answer.delivery.uuid.as_bytes());
    bytes[16..20].copy_from_slice(&answer.seq.to_le_bytes());
    bytes[20..22].copy_from_slice(&answer.status.to_le_bytes());
    bytes[24..32].copy_from_slice(&answer.at.unix_us().to_le_bytes());
    let took = u64::try_from(answer.took.as_nanos()).unwrap_or(u64::MAX);
    bytes[32..].copy_from_slice(&took.to_le_bytes());
    bytes
}

fn read(file: &File) -> io::Result<Vec<JournaledAnswer>> {
    let len = file.metadata()?.len().min(SLOTS * SLOT as u64);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.as_chunks::<SLOT>().0.iter().filter_map(decode).collect())
}

fn decode(bytes: &[u8; SLOT]) -> Option<JournaledAnswer> {
    let (uuid, rest) = bytes.split_first_chunk::<16>()?;
    let (seq, rest) = rest.split_first_chunk::<4>()?;
    let (status, rest) = rest.split_first_chunk::<2>()?;
    let (at, took) = rest.get(2..)?.split_first_chunk::<8>()?;
    Some(JournaledAnswer {
        delivery: Id {
            kind: IdKind::Delivery,
            uuid: Uuid::from_bytes(*uuid),
        },
        seq: u32::from_le_bytes(*seq),
        status: u16::from_le_bytes(*status),
        at: Timestamp::from_unix_us(i64::from_le_bytes(*at)),
        took: Duration::from_nanos(u64::from_le_bytes(*took.first_chunk()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::store::lease::FileOwners;
    use crate::store::owners::Owners as _;

    fn answer(seq: u32) -> JournaledAnswer {
        let at = Timestamp::from_unix(1_893_553_445);
        JournaledAnswer {
            delivery: Id::new(IdKind::Delivery, at, &Random::os()),
            seq,
            status: 503,
            at,
            took: Duration::from_micros(1500),
        }
    }

    #[test]
    fn what_one_process_noted_the_next_one_reads_once() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("ledger.db");
        let _lease = FileOwners::new(&ledger).claim_service().unwrap();
        let (journal, left) = AnswerJournal::open(&ledger).unwrap();
        assert_eq!(left, []);
        let noted = [answer(1), answer(2)];
        for answer in &noted {
            journal.note(answer);
        }
        let (again, left) = AnswerJournal::open(&ledger).unwrap();
        assert_eq!(left, noted);
        again.clear().unwrap();
        drop(again);
        assert_eq!(AnswerJournal::open(&ledger).unwrap().1, []);
    }

    #[test]
    fn the_oldest_answers_are_overwritten_and_a_torn_one_is_left_out() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("ledger.db");
        let _lease = FileOwners::new(&ledger).claim_service().unwrap();
        let (journal, _) = AnswerJournal::open(&ledger).unwrap();
        for seq in 0..=4096 {
            journal.note(&answer(seq));
        }
        journal.file.set_len(SLOTS * SLOT as u64 - 1).unwrap();
        let (_, left) = AnswerJournal::open(&ledger).unwrap();
        let numbers: Vec<u32> = left.iter().map(|answer| answer.seq).collect();
        assert_eq!((numbers.len(), numbers[0], numbers[1]), (4095, 4096, 1));
    }
}
