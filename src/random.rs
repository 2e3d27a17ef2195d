//! Fresh identities: the operating system's randomness, or a seeded generator when a run must be repeatable.

use std::sync::{Mutex, PoisonError};

use uuid::{Builder, Uuid};

use crate::clock::Timestamp;
use crate::signature::keyed_block;

/// A source of random bytes.
#[derive(Default)]
pub struct Random(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Os,
    Seeded(Mutex<fastrand::Rng>),
    Derived {
        key: Vec<u8>,
        counter: Mutex<u64>,
    },
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// The operating system's: what secrets and identities need.
    pub fn os() -> Self {
        Self(Kind::Os)
    }

    /// The same sequence for the same seed; never for secrets.
    pub fn seeded(seed: u64) -> Self {
        Self(Kind::Seeded(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A sequence that only who knows the key can know, the same for the same key: what turns one dev secret into one of
    /// each provider's form.
    pub fn derived(key: Vec<u8>) -> Self {
        Self(Kind::Derived {
            key,
            counter: Mutex::default(),
        })
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Kind::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes),
            Kind::Derived { key, counter } => {
                for chunk in bytes.chunks_mut(32) {
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    let block = keyed_block(key, *counter);
                    *counter += 1;
                    chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
                }
            }
            // The uuid crate reads the operating system's generator; a v4 uuid carries 122 random bits, so the two bytes
            // with fixed bits are left out.
            Kind::Os => {
                for chunk in bytes.chunks_mut(14) {
                    let raw = *Uuid::new_v4().as_bytes();
                    let random = raw
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != 6 && *i != 8)
                        .map(|(_, b)| *b);
                    chunk.iter_mut().zip(random).for_each(|(to, from)| *to = from);
                }
            }
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
        let mut seen = [[0u8; 40]; 2];
        let mut differ = [false; 40];
        for _ in 0..64 {
            for row in &mut seen {
                Random::os().fill(row);
            }
            (0..40).for_each(|i| differ[i] |= seen[0][i] != seen[1][i]);
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
