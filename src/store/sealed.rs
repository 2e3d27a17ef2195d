//! The ledger does not store secrets: a mask replaces each of them, and a row of its own beside the record says which secret
//! it was, by a reference that can be typed and a fingerprint. Nothing that a sender writes is ever taken for such a row. A
//! process that knows the secret gets the record back as it was.

use std::ops::Range;

use super::url_parts::{escaped, host_of, unescaped, values_of};
use super::{Capture, DeliveryRecord};
use crate::headers::Headers;
use crate::known::{self, SecretMatch};
use crate::mask::MASK;
use crate::words::words;

words! {
    /// The part of a record that held a secret.
    pub enum SealedPlace {
        /// Path or query of a capture.
        Target = "target",
        /// Headers of a capture, or a delivery's own.
        Headers = "headers",
        /// URL of a delivery.
        Url = "url",
        /// URL that a capture was forwarded to.
        Forwarded = "forwarded",
        /// Headers that an attempt sent.
        Request = "request",
    }
}

words! {
    /// How a secret was written.
    pub enum SealedForm {
        /// As it is.
        Plain = "plain",
        /// Percent-encoded.
        Escaped = "escaped",
    }
}

/// A secret that was left out of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which part of the record held it.
    pub place: SealedPlace,
    /// The number of the attempt; 0 elsewhere.
    pub part: u32,
    /// Where its mask begins, in bytes.
    pub start: usize,
    /// How it was written.
    pub form: SealedForm,
    /// `env:VAR` and the like; absent when unknown.
    pub reference: Option<String>,
    /// Identifies the secret.
    pub fingerprint: String,
    /// The header with it, set when the record is read.
    pub header: Option<String>,
}

impl Sealed {
    /// What is missing, for people: ``header `x-token` ``.
    pub fn what(&self) -> String {
        match (&self.header, self.place) {
            (Some(header), _) => format!("header `{}`", crate::text::printable(header, 100)),
            (None, SealedPlace::Target) => "the query".to_owned(),
            (None, _) => "the URL".to_owned(),
        }
    }
}

/// The lines of headers as they are stored, and what was left out.
pub(super) fn headers(place: SealedPlace, part: u32, headers: &Headers) -> (Vec<u8>, Vec<Sealed>) {
    let (mut block, mut sealed) = (Vec::new(), Vec::new());
    for (name, value, secret) in headers.iter_with_secrets() {
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(b": ");
        let found = secrets_of_header(value, secret);
        mask_secrets(&mut block, value, found, (place, part), &mut sealed);
        block.push(b'\n');
    }
    (block, sealed)
}

/// A URL, or path and query, as it is stored, and what was left out.
pub(super) fn url(place: SealedPlace, text: &str) -> (String, Vec<Sealed>) {
    let (mut kept, mut sealed) = (Vec::new(), Vec::new());
    let found = secrets_of_url(text);
    mask_secrets(&mut kept, text.as_bytes(), found, (place, 0), &mut sealed);
    match String::from_utf8(kept) {
        Ok(kept) => (kept, sealed),
        // A secret that is not UTF-8 is in a URL only by chance, in the middle of characters.
        Err(_) => (text.to_owned(), Vec::new()),
    }
}

fn mask_secrets(
    kept: &mut Vec<u8>,
    value: &[u8],
    found: Vec<SecretMatch>,
    (place, part): (SealedPlace, u32),
    sealed: &mut Vec<Sealed>,
) {
    let mut from = 0;
    for SecretMatch { range, entry } in found {
        kept.extend_from_slice(&value[from..range.start]);
        let is_plain = value[range.clone()] == *entry.expose();
        sealed.push(Sealed {
            place,
            part,
            start: kept.len(),
            form: if is_plain {
                SealedForm::Plain
            } else {
                SealedForm::Escaped
            },
            reference: entry.reference.clone(),
            fingerprint: entry.fingerprint.clone(),
            header: None,
        });
        kept.extend_from_slice(MASK.as_bytes());
        from = range.end;
    }
    kept.extend_from_slice(&value[from..]);
}

/// The secrets of a header's value: the part that is known to be one, else the whole value, what follows the name of a
/// scheme, or parts.
fn secrets_of_header(value: &[u8], secret: Option<Range<usize>>) -> Vec<SecretMatch> {
    if let Some(range) = secret.filter(|range| range.end <= value.len()) {
        let text = &value[range.clone()];
        let entry = known::whole(text).unwrap_or_else(|| known::remember_token(text));
        return vec![SecretMatch { range, entry }];
    }
    let after_scheme = value.iter().position(|byte| *byte == b' ').map(|at| at + 1);
    for start in [Some(0), after_scheme].into_iter().flatten() {
        if let Some(entry) = known::whole(&value[start..]) {
            let range = start..value.len();
            return vec![SecretMatch { range, entry }];
        }
    }
    known::inside(value)
}

/// The secrets of a URL: parts of its text, and whole values of user, password, path and query in any encoding.
fn secrets_of_url(text: &str) -> Vec<SecretMatch> {
    let apart = |one: &Range<usize>, other: &Range<usize>| one.end <= other.start || other.end <= one.start;
    let mut found = known::inside(text.as_bytes());
    // The host stays even where it has the text of a secret: a record without it could not be delivered again.
    let host = host_of(text);
    found.retain(|secret| apart(&secret.range, &host));
    for range in values_of(text) {
        let entry = known::whole(&unescaped(&text[range.clone()]));
        if let Some(entry) = entry.filter(|_| found.iter().all(|secret| apart(&secret.range, &range))) {
            found.push(SecretMatch { range, entry });
        }
    }
    found.sort_by_key(|secret| secret.range.start);
    found
}

/// A text with secrets restored.
struct Opened {
    whole: Vec<u8>,
    /// The ranges of the restored secrets.
    back: Vec<Range<usize>>,
    /// What is still left out, with its new start.
    left: Vec<Sealed>,
}

/// Restores the secrets that this process knows, by their fingerprints.
fn open(kept: &[u8], sealed: Vec<Sealed>) -> Opened {
    let (mut whole, mut back, mut left, mut from) = (Vec::with_capacity(kept.len()), Vec::new(), Vec::new(), 0);
    for mut one in sealed {
        let rest = kept.get(one.start..).unwrap_or_default();
        // A damaged row, or one of a text that was written again since.
        if !rest.starts_with(MASK.as_bytes()) || one.start < from {
            continue;
        }
        whole.extend_from_slice(&kept[from..one.start]);
        from = one.start + MASK.len();
        let start = whole.len();
        match known::by_fingerprint(&one.fingerprint) {
            Some(secret) => {
                let escapes = one.form == SealedForm::Escaped;
                whole.extend_from_slice(&if escapes { escaped(&secret) } else { secret });
                back.push(start..whole.len());
            }
            None => {
                one.start = start;
                whole.extend_from_slice(MASK.as_bytes());
                left.push(one);
            }
        }
    }
    whole.extend_from_slice(&kept[from..]);
    Opened { whole, back, left }
}

/// The secrets of one record while they are restored.
struct Opening {
    sealed: Vec<Sealed>,
    left: Vec<Sealed>,
}

impl Opening {
    fn begin(sealed: &mut Vec<Sealed>) -> Self {
        Self {
            sealed: std::mem::take(sealed),
            left: Vec::new(),
        }
    }

    fn take(&mut self, place: SealedPlace, part: u32) -> Vec<Sealed> {
        let sealed = std::mem::take(&mut self.sealed).into_iter();
        let (mut taken, rest): (Vec<_>, _) = sealed.partition(|one| (one.place, one.part) == (place, part));
        self.sealed = rest;
        // `open` reads the text from its start to its end.
        taken.sort_by_key(|one| one.start);
        taken
    }

    fn text(&mut self, place: SealedPlace, text: &mut String) {
        let opened = open(text.as_bytes(), self.take(place, 0));
        *text = String::from_utf8_lossy(&opened.whole).into_owned();
        self.left.extend(opened.left);
    }

    fn headers(&mut self, place: SealedPlace, part: u32, headers: &mut Headers) {
        let sealed = self.take(place, part);
        if sealed.is_empty() {
            return;
        }
        let Opened { whole, back, left } = open(&headers.to_block(), sealed);
        *headers = Headers::from_block(&whole);
        // A secret that was left out once is left out of whatever is derived from the record.
        for part in back {
            let (number, _, value) = line_at(&whole, part.start);
            headers.conceal_line(number, part.start - value..part.end - value);
        }
        for mut one in left {
            let (_, name, _) = line_at(&whole, one.start);
            one.header = Some(String::from_utf8_lossy(name).into_owned());
            self.left.push(one);
        }
    }
}

/// The number of the line of a block that has the byte `at`, its name, and where its value starts.
fn line_at(block: &[u8], at: usize) -> (usize, &[u8], usize) {
    let before = &block[..at];
    let number = before.split(|byte| *byte == b'\n').count() - 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let name = block[start..].split(|byte| *byte == b':').next().unwrap_or_default();
    (number, name, start + name.len() + 2)
}

impl Capture {
    /// Restores the secrets that were left out and that this process knows. [`Capture::sealed`] lists the others.
    pub fn unseal(&mut self) {
        let mut opening = Opening::begin(&mut self.sealed);
        opening.text(SealedPlace::Target, &mut self.request.target);
        opening.headers(SealedPlace::Headers, 0, &mut self.request.headers);
        if let Some(url) = &mut self.forwarded_to {
            opening.text(SealedPlace::Forwarded, url);
        }
        self.sealed = opening.left;
    }
}

impl DeliveryRecord {
    /// As [`Capture::unseal`].
    pub fn unseal(&mut self) {
        let mut opening = Opening::begin(&mut self.sealed);
        opening.text(SealedPlace::Url, &mut self.delivery.url);
        opening.headers(SealedPlace::Headers, 0, &mut self.delivery.headers);
        for attempt in &mut self.delivery.attempts {
            opening.headers(SealedPlace::Request, attempt.seq, &mut attempt.request_headers);
        }
        self.sealed = opening.left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn reopened(kept: &[u8], sealed: &[Sealed]) -> Vec<u8> {
        let opened = open(kept, sealed.to_vec());
        assert_eq!(opened.left, []);
        opened.whole
    }

    #[test]
    fn known_secrets_and_tokens_of_headers_are_left_out_and_put_back() {
        known::remember(&Secret::new("sealed-test-secret"), Some("env:SEALED"));
        known::remember(&Secret::new("s3"), Some("env:SHORT"));
        let mut lines: Headers = [
            ("authorization", "Bearer sealed-test-secret"),
            ("x-a", "a=sealed-test-secret; b=sealed-test-secret"),
            ("x-b", "s3"),
            ("x-c", "s3 and more"),
            ("x-token", "Token of-a-sender"),
        ]
        .into_iter()
        .collect();
        lines.conceal("x-token", |value| Some(6..value.len()));
        let (kept, sealed) = headers(SealedPlace::Headers, 0, &lines);
        let text = String::from_utf8(kept.clone()).unwrap();
        assert_eq!(
            text,
            "authorization: Bearer ********\nx-a: a=********; b=********\nx-b: ********\nx-c: s3 and more\nx-token: Token \
             ********\n"
        );
        let references: Vec<_> = sealed.iter().map(|one| one.reference.as_deref()).collect();
        assert_eq!(
            references,
            [
                Some("env:SEALED"),
                Some("env:SEALED"),
                Some("env:SEALED"),
                Some("env:SHORT"),
                None
            ]
        );
        assert_eq!(reopened(&kept, &sealed), lines.to_block());
    }

    #[test]
    fn secrets_of_a_url_are_found_in_any_way_of_writing() {
        known::remember(&Secret::new("sealed url/secret"), None);
        known::remember(&Secret::new("su3"), None);
        known::remember(&Secret::new("sealed-host-s:80"), None);
        for (text, kept, whole) in [
            (
                "/x?token=sealed%20url%2Fsecret&a=1",
                "/x?token=********&a=1",
                "/x?token=sealed%20url%2Fsecret&a=1",
            ),
            (
                "/x?token=sealed+url%2fsecret",
                "/x?token=********",
                "/x?token=sealed%20url%2Fsecret",
            ),
            (
                "http://su3:su3@h/su3?su3#su3",
                "http://********:********@h/su3?********#********",
                "http://su3:su3@h/su3?su3#su3",
            ),
            ("/nothing?a=su33", "/nothing?a=su33", "/nothing?a=su33"),
            (
                "/x/sealed%20url%2Fsecret/y",
                "/x/********/y",
                "/x/sealed%20url%2Fsecret/y",
            ),
            (
                "http://sealed-host-s:80/sealed-host-s:80/",
                "http://sealed-host-s:80/********/",
                "http://sealed-host-s:80/sealed-host-s:80/",
            ),
        ] {
            let (found, sealed) = url(SealedPlace::Url, text);
            assert_eq!(found, kept);
            assert_eq!(reopened(found.as_bytes(), &sealed), whole.as_bytes());
        }
    }

    #[test]
    fn what_a_sender_writes_is_never_taken_for_a_reference() {
        known::remember(&Secret::new("sealed-forged-secret"), None);
        let lines: Headers = [("x-a", "********"), ("x-b", "sealed-forged-secret")]
            .into_iter()
            .collect();
        let (kept, sealed) = headers(SealedPlace::Headers, 0, &lines);
        assert_eq!(sealed.len(), 1);
        assert_eq!(reopened(&kept, &sealed), lines.to_block());
    }

    #[test]
    fn a_secret_that_is_not_at_hand_keeps_its_place_beside_one_that_is() {
        known::remember(&Secret::new("sealed-at-hand"), None);
        let lines: Headers = [("x-a", "sealed-at-hand"), ("x-b", "1")].into_iter().collect();
        let (mut kept, mut sealed) = headers(SealedPlace::Headers, 0, &lines);
        kept.extend_from_slice(b"x-gone: ********\n");
        sealed.push(Sealed {
            start: kept.len() - 9,
            fingerprint: "0".repeat(12),
            ..sealed[0].clone()
        });
        let Opened { whole, left, .. } = open(&kept, sealed);
        assert_eq!(whole, b"x-a: sealed-at-hand\nx-b: 1\nx-gone: ********\n");
        assert_eq!((left.len(), left[0].start), (1, whole.len() - 9));
    }
}
