//! Fresh identities: the operating system's randomness, or a seeded generator when a run must be repeatable.

use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// Bytes that are fetched together.
const POOL: usize = 512;

/// A source of random bytes.
pub struct Random {
    source: RandomSource,
    /// The next serial number; absent before the first one.
    serial: Mutex<Option<u64>>,
}

enum RandomSource {
    Os(Mutex<Pool>),
    Seeded(Mutex<fastrand::Rng>),
    Derived { key: Vec<u8>, counter: Mutex<u64> },
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// The operating system's: what secrets and identities need.
    pub fn os() -> Self {
        Self::of(RandomSource::Os(Mutex::default()))
    }

    /// The same sequence for the same seed; never for secrets.
    pub fn seeded(seed: u64) -> Self {
        Self::of(RandomSource::Seeded(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A sequence that is computed from the key: derives the dev secret of each provider from one stored secret.
    pub fn derived(key: Vec<u8>) -> Self {
        Self::of(RandomSource::Derived {
            key,
            counter: Mutex::default(),
        })
    }

    fn of(source: RandomSource) -> Self {
        Self {
            source,
            serial: Mutex::default(),
        }
    }

    /// A number below `limit` that counts up from a random one: it comes again only after all others.
    pub fn serial(&self, limit: u64) -> u64 {
        let mut next = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
        let number = next.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            self.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        *next = Some(number.wrapping_add(1));
        number % limit.max(1)
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.source {
            RandomSource::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes),
            // HMAC in counter mode: without the key nothing of the sequence can be computed.
            RandomSource::Derived { key, counter } => {
                for chunk in bytes.chunks_mut(32) {
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    let block = keyed_block(key, *counter);
                    *counter += 1;
                    chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
                }
            }
            RandomSource::Os(pool) => pool.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes),
        }
    }

    /// A version 4 uuid.
    pub fn uuid_v4(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A version 7 uuid of that moment: sorts by time.
    pub fn uuid_v7(&self, at: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        Builder::from_unix_timestamp_millis(u64::try_from(at.unix_ms()).unwrap_or(0), &bytes).into_uuid()
    }

    /// `count` characters of `alphabet`.
    pub fn text(&self, alphabet: &[u8], count: usize) -> String {
        let mut bytes = vec![0; count * 2];
        self.fill(&mut bytes);
        bytes
            .chunks_exact(2)
            .map(|pair| {
                let index = usize::from(u16::from_le_bytes([pair[0], pair[1]])) % alphabet.len().max(1);
                char::from(alphabet.get(index).copied().unwrap_or(b'0'))
            })
            .collect()
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::os()
    }
}

/// Bytes of the operating system that were fetched together: an event takes a few each for several ids, and a call of the
/// system costs as much for one byte as for all of these.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
}

impl Pool {
    fn fill(&mut self, wanted: &mut [u8]) {
        if wanted.len() > self.bytes.len() {
            self.bytes.resize(POOL, 0);
            fill_from_os(&mut self.bytes);
        }
        match self.bytes.len().checked_sub(wanted.len()) {
            Some(left) => {
                wanted.copy_from_slice(&self.bytes[left..]);
                // What was given out must not stay in memory.
                self.bytes[left..].fill(0);
                self.bytes.truncate(left);
            }
            None => fill_from_os(wanted),
        }
    }
}

/// Bytes of the operating system.
fn fill_from_os(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // The uuid crate panics with a message when the system has no randomness. Nothing can go on without it.
        for chunk in bytes.chunks_mut(16) {
            chunk.copy_from_slice(&Uuid::new_v4().as_bytes()[..chunk.len()]);
        }
    }
}

/// Block number `counter` of the pseudo-random sequence of a key: HMAC-SHA-256 of the number.
fn keyed_block(key: &[u8], counter: u64) -> Vec<u8> {
    // HMAC takes keys of any length, so there is no failure to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(&counter.to_be_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &[u8] = b"0123456789abcdef";

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        assert_eq!(Random::seeded(7).uuid_v4(), Random::seeded(7).uuid_v4());
        assert_ne!(Random::seeded(7).uuid_v4(), Random::seeded(8).uuid_v4());
        assert_ne!(Random::os().uuid_v4(), Random::os().uuid_v4());
        let derived = |key: &[u8]| Random::derived(key.to_vec()).text(HEX, 80);
        assert_eq!(derived(b"a"), derived(b"a"));
        assert_ne!(derived(b"a"), derived(b"b"));
    }

    #[test]
    fn every_byte_of_a_long_fill_varies() {
        let mut seen = [[0u8; 1300]; 2];
        let mut differ = [false; 1300];
        let random = Random::os();
        for _ in 0..64 {
            for row in &mut seen {
                random.fill(row);
            }
            (0..1300).for_each(|i| differ[i] |= seen[0][i] != seen[1][i]);
        }
        assert!(differ.iter().all(|d| *d));
    }

    #[test]
    fn text_keeps_to_its_alphabet_and_length() {
        let text = Random::os().text(b"abc", 50);
        assert_eq!(text.len(), 50);
        assert!(text.bytes().all(|b| b"abc".contains(&b)));
    }
}
