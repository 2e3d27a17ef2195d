//! SHA-256 of texts that are compared, never of what proves anything.

use sha2::Digest as _;

use crate::secret::Secret;

/// Hex SHA-256 of a body.
pub fn body_sha256(body: &[u8]) -> String {
    sha256_of(&[body])
}

/// Hex SHA-256 of parts, as of one text.
pub fn sha256_of(parts: &[&[u8]]) -> String {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// SHA-256 of parts, each with its length, so that two lists of parts never look alike.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first 12 hex digits of the SHA-256 of a secret's text: tells two secrets apart without giving either away.
pub fn fingerprint(secret: &Secret) -> String {
    hex::encode(&sha2::Sha256::digest(secret.expose())[..6])
}
