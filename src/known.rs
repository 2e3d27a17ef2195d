//! Secrets that this process knows: every output masks them, and the ledger never stores them. There is one list for the
//! whole process, so that no caller can forget to pass it on.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::digest::fingerprint;
use crate::secret::Secret;

/// The text that replaces a credential.
pub const MASK: &str = "********";

/// A shorter secret is only found where it is a whole value: as a part it would match by chance.
const SHORTEST_PART: usize = 8;

/// How many secrets are looked for inside of longer texts, the first ones; whole values are compared with all of them.
const MOST_PARTS: usize = 64;

/// How many tokens of senders are remembered: the latest ones.
const MOST_TOKENS: usize = 1024;

/// A longer token is not remembered.
const LONGEST_TOKEN: usize = 8 * 1024;

/// What texts look like that are keys but no secrets.
const PUBLIC: [&[u8]; 3] = [b"-----BEGIN PUBLIC", b"-----BEGIN CERTIFICATE", b"whpk_"];

static KNOWN: RwLock<Option<Known>> = RwLock::new(None);

/// A secret and where it comes from.
#[derive(Debug)]
pub struct Entry {
    secret: Secret,
    /// What can be typed to name it: `env:VAR`; absent for a literal.
    pub reference: Option<String>,
    /// Identifies it without revealing it.
    pub fingerprint: String,
}

/// A known secret in a text.
#[derive(Debug, Clone)]
pub struct SecretMatch {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// The secret.
    pub entry: Arc<Entry>,
}

#[derive(Default)]
struct Known {
    by_text: HashMap<Vec<u8>, Arc<Entry>>,
    parts: Vec<Arc<Entry>>,
    /// The same secrets as they are written in JSON and in forms, where that is another way.
    written: Vec<(Vec<u8>, Arc<Entry>)>,
    /// The latest last.
    tokens: VecDeque<Arc<Entry>>,
}

impl Entry {
    fn new(secret: Secret, reference: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            fingerprint: fingerprint(&secret),
            reference: reference.map(str::to_owned),
            secret,
        })
    }

    /// The text itself. The caller must not print it.
    pub fn expose(&self) -> &[u8] {
        self.secret.expose()
    }
}

/// Remembers a secret, and the reference that names it. Returns whether it is one, and was not known.
pub fn remember(secret: &Secret, reference: Option<&str>) -> bool {
    let text = secret.expose();
    if text.is_empty() || PUBLIC.iter().any(|start| text.starts_with(start)) || whole(text).is_some() {
        return false;
    }
    let entry = Entry::new(secret.clone(), reference);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if text.len() >= SHORTEST_PART && known.parts.len() < MOST_PARTS {
        known.parts.push(Arc::clone(&entry));
        for form in other_forms(text) {
            known.written.push((form, Arc::clone(&entry)));
        }
    }
    known.by_text.insert(text.to_vec(), entry);
    true
}

/// Remembers a token that a sender wrote, so that this process can restore what it recorded. Nothing is masked because of
/// it.
pub fn remember_token(value: &[u8]) -> Arc<Entry> {
    let entry = Entry::new(Secret::new(value), None);
    if value.len() > LONGEST_TOKEN || by_fingerprint(&entry.fingerprint).is_some() {
        return entry;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let tokens = &mut known.get_or_insert_default().tokens;
    if tokens.len() == MOST_TOKENS {
        tokens.pop_front();
    }
    tokens.push_back(Arc::clone(&entry));
    entry
}

/// The text with that fingerprint.
pub fn by_fingerprint(name: &str) -> Option<Vec<u8>> {
    let known = read();
    let known = known.as_ref()?;
    let mut entries = known.by_text.values().chain(&known.tokens);
    let found = entries.find(|entry| entry.fingerprint == name)?;
    Some(found.expose().to_vec())
}

/// The secret that is this whole text.
pub fn whole(text: &[u8]) -> Option<Arc<Entry>> {
    read().as_ref()?.by_text.get(text).cloned()
}

/// How a secret is written inside of a JSON text and of a form, where that differs from the secret.
fn other_forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(secret) else {
        return Vec::new();
    };
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret).collect();
    let mut forms: Vec<Vec<u8>> = [json, form].map(String::into_bytes).into();
    forms.retain(|form| !form.is_empty() && form != secret);
    forms.dedup();
    forms
}

/// The secrets inside of a text, in order, none overlapping another.
pub fn inside(text: &[u8]) -> Vec<SecretMatch> {
    find(text, false)
}

/// The same for what is shown: also as they are written in JSON and in forms.
pub fn inside_written(text: &[u8]) -> Vec<SecretMatch> {
    find(text, true)
}

fn find(text: &[u8], written: bool) -> Vec<SecretMatch> {
    let known = read();
    let Some(known) = known.as_ref() else { return Vec::new() };
    let mut found: Vec<SecretMatch> = Vec::new();
    let plain = known.parts.iter().map(|entry| (entry.expose(), entry));
    let other = known.written.iter().map(|(form, entry)| (form.as_slice(), entry));
    for (needle, entry) in plain.chain(other.filter(|_| written)) {
        let mut from = 0;
        while let Some(at) = position(&text[from..], needle) {
            let range = from + at..from + at + needle.len();
            from = range.end;
            let entry = Arc::clone(entry);
            found.push(SecretMatch { range, entry });
        }
    }
    // Of two that overlap the longer one counts: a secret may contain another one.
    found.sort_by_key(|one| (std::cmp::Reverse(one.range.len()), one.range.start));
    let mut apart: Vec<SecretMatch> = Vec::new();
    for one in found {
        let is_apart = |other: &SecretMatch| one.range.end <= other.range.start || other.range.end <= one.range.start;
        if apart.iter().all(is_apart) {
            apart.push(one);
        }
    }
    apart.sort_by_key(|one| one.range.start);
    apart
}

fn read() -> RwLockReadGuard<'static, Option<Known>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner)
}

/// Where `needle`, which is not empty, starts in `text`.
fn position(text: &[u8], needle: &[u8]) -> Option<usize> {
    // Bodies of many MiB are searched: the scan for the first byte is several times as fast as comparing every window.
    let (first, last) = (*needle.first()?, text.len().checked_sub(needle.len())?);
    let mut from = 0;
    while from <= last {
        let at = from + text[from..=last].iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_whole_and_inside_and_the_longer_one_counts() {
        remember(&Secret::new("known-test-outer-inner-1"), Some("env:OUTER"));
        remember(&Secret::new("outer-inner-1"), None);
        remember(&Secret::new("kts"), None);
        let found = inside(b"a known-test-outer-inner-1 b outer-inner-1 kts");
        let ranges: Vec<_> = found.iter().map(|found| found.range.clone()).collect();
        assert_eq!(ranges, [2..26, 29..42]);
        assert_eq!(found[0].entry.reference.as_deref(), Some("env:OUTER"));
        assert!(whole(b"kts").is_some() && whole(b"outer").is_none());
        assert_eq!(
            by_fingerprint(&found[0].entry.fingerprint).unwrap(),
            b"known-test-outer-inner-1"
        );
    }

    #[test]
    fn what_is_shown_is_searched_for_other_ways_of_writing_too() {
        remember(&Secret::new("known \"written\\ +form"), None);
        let json = br#"{"a":"known \"written\\ +form"}"#;
        assert!(inside(json).is_empty());
        let found = inside_written(json);
        assert_eq!(found[0].range, 6..29);
        assert_eq!(inside_written(b"a=known+%22written%5C+%2Bform&b").len(), 1);
        assert_eq!(inside_written(b"known \"written\\ +form").len(), 1);
    }

    #[test]
    fn public_keys_are_no_secrets_and_tokens_of_senders_are_restored_only() {
        remember(&Secret::new("whpk_abcdefghijkl"), None);
        assert!(inside(b"whpk_abcdefghijkl").is_empty());
        let token = remember_token(b"token-of-a-sender");
        assert!(inside(b"token-of-a-sender").is_empty());
        assert_eq!(by_fingerprint(&token.fingerprint).unwrap(), b"token-of-a-sender");
    }

    #[test]
    fn the_debug_form_of_an_entry_does_not_show_it() {
        remember(&Secret::new("debug-form-secret"), None);
        assert!(!format!("{:?}", whole(b"debug-form-secret")).contains("debug-form"));
    }
}
