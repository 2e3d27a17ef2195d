//! Damage in the middle of the write-ahead log. SQLite reads it up to the first frame whose checksum is wrong, as after a torn
//! write, and later overwrites the rest: what was acknowledged behind a flipped byte would be gone without a word.
//!
//! Every transaction is synced before it is acknowledged, so that a crash tears the last one alone. Two that end behind a bad
//! frame were both complete. The format is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::schema::PAGE_SIZE;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Of a page that SQLite may have.
const LARGEST_PAGE: usize = 65_536;

/// How many transactions end behind the first bad frame of the log of the database at `path`, when these are too many for a
/// crash; 0 for a log that is whole, torn at its end, empty or not there.
pub(super) fn transactions_behind_damage(path: &Path) -> io::Result<u64> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    match count(Path::new(&name))? {
        0 | 1 => Ok(0),
        // Another process may have started a new log meanwhile.
        _ => count(Path::new(&name)).map(|found| if found > 1 { found } else { 0 }),
    }
}

fn count(log: &Path) -> io::Result<u64> {
    let mut file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened?,
    };
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut log = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if length < HEADER as u64 || log.read_exact(&mut header).is_err() {
        return Ok(0);
    }
    let mut checksum = Checksum {
        big_endian: number(&header, 0) & 1 == 1,
        ..Checksum::default()
    };
    checksum.add(&header[..24]);
    let mut is_whole = checksum.is(&header[24..32]);
    // It is written at once, and synced: a bad header is damage, not a torn write. The salt of the first frame identifies the current ones.
    let mut salt = is_whole.then(|| [number(&header, 16), number(&header, 20)]);
    let page = if is_whole { number(&header, 8) } else { PAGE_SIZE };
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    if !page.is_power_of_two() || !(512..=LARGEST_PAGE).contains(&page) {
        return Ok(0);
    }
    let (mut behind, mut frame) = (0, vec![0; FRAME_HEADER + page]);
    while log.read_exact(&mut frame).is_ok() {
        let (head, content) = frame.split_at(FRAME_HEADER);
        let own = [number(head, 8), number(head, 12)];
        let is_current = *salt.get_or_insert(own) == own;
        if is_whole {
            checksum.add(&head[..8]);
            checksum.add(content);
            is_whole = is_current && checksum.is(&head[16..24]);
        } else if is_current && number(head, 4) > 0 {
            behind += 1;
        }
    }
    Ok(behind)
}

/// The big-endian number at a place.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The running checksum of a log.
#[derive(Default)]
struct Checksum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| {
            let number = number(bytes, 0);
            if self.big_endian { number } else { number.swap_bytes() }
        };
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        self.sums = (first, second);
    }

    fn is(&self, stored: &[u8]) -> bool {
        self.sums == (number(stored, 0), number(stored, 4))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;

    #[test]
    fn what_ends_behind_a_flipped_byte_is_counted_and_a_torn_end_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        assert_eq!(transactions_behind_damage(&path).unwrap(), 0);
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .unwrap();
        for _ in 0..20 {
            connection
                .execute("INSERT INTO t VALUES (randomblob(900))", [])
                .unwrap();
        }
        let log = folder.path().join("a.db-wal");
        let whole = fs::read(&log).unwrap();
        assert_eq!(transactions_behind_damage(&path).unwrap(), 0);
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&log, bytes).unwrap();
            transactions_behind_damage(&path).unwrap()
        };
        let frame = FRAME_HEADER + 8192;
        let in_frame = |frames: usize, at: usize| HEADER + frames * frame + at;
        for at in [3, 6, 12, 20, 100, 4000] {
            assert!(flipped(in_frame(4, at)) > 10, "{at}");
        }
        let frames = (whole.len() - HEADER) / frame;
        assert_eq!(flipped(in_frame(frames - 1, 100)), 0, "the last one may be torn");
        for at in [0, 3, 9, 20, 30] {
            assert!(flipped(at) > 10, "byte {at} of the header");
        }
        for left in [10, HEADER, whole.len() - 2000, whole.len() - frame] {
            fs::write(&log, &whole[..left]).unwrap();
            assert_eq!(transactions_behind_damage(&path).unwrap(), 0, "{left}");
        }
    }
}
