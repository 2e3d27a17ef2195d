//! What is sent: an event of 1 KiB as the provider `poolflow` sends it, and its signature.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of all contestants.
pub const SECRET: &[u8] = b"bench-secret";

/// The header that carries the hex HMAC-SHA-256 of the body.
pub const HEADER: &str = "x-poolflow-signature";

/// The size of every body.
const SIZE: usize = 1024;

/// A secret made ready.
pub type Key = Hmac<Sha256>;

/// The secret's key.
pub fn key() -> crate::Result<Key> {
    Ok(Hmac::new_from_slice(SECRET)?)
}

/// The body of that number: no other number has the same.
pub fn body(number: u64) -> String {
    let mut text = String::with_capacity(SIZE);
    let _ = write!(
        text,
        r#"{{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{{"id":"job_{number:012}","total_cents":4200,"currency":"usd","note":""#
    );
    let rest = SIZE.saturating_sub(text.len() + 3);
    text.extend(std::iter::repeat_n('x', rest));
    text.push_str(r#""}}"#);
    text
}

/// The signature's text.
pub fn signature(key: &Key, body: &[u8]) -> String {
    let mut mac = key.clone();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Whether that signature is the body's.
pub fn verifies(key: &Key, body: &[u8], signature: &[u8]) -> bool {
    let mut raw = [0; 32];
    let mut mac = key.clone();
    mac.update(body);
    hex::decode_to_slice(signature, &mut raw).is_ok() && mac.verify_slice(&raw).is_ok()
}
