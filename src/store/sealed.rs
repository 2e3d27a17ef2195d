//! Secrets that a record holds are not in the ledger: in their place stands a mask, and beside the record which secret it
//! was, as a reference that can be typed and a fingerprint. That is out of band: nothing that a sender writes is ever
//! taken for it. Whoever has the secret at hand gets the record back as it was.

use std::borrow::Cow;
use std::ops::Range;

use super::url_parts::{escaped, host_of, unescaped, values_of};
use super::{Capture, DeliveryRecord, Record};
use crate::headers::Headers;
use crate::known::{self, Entry};
use crate::mask::MASK;

/// Where in a record a secret was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPlace {
    /// In the path or the query of a capture.
    Target,
    /// In the headers of a capture, or in a delivery's own.
    Headers,
    /// In the URL of a delivery.
    Url,
    /// In the URL that a capture was forwarded to.
    Forwarded,
    /// In the headers that an attempt sent.
    Request,
}

/// How a secret was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedForm {
    /// As it is.
    Plain,
    /// With `%` escapes.
    Escaped,
}

/// A secret that was left out of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where it was.
    pub place: SealedPlace,
    /// The number of the attempt; 0 elsewhere.
    pub part: u32,
    /// Where its mask begins, in bytes.
    pub start: usize,
    /// How it was written.
    pub form: SealedForm,
    /// What names it: `env:VAR`; absent when hook does not know.
    pub reference: Option<String>,
    /// What the secret must have to be put back.
    pub fingerprint: String,
    /// The header that it is in, once it is read.
    pub header: Option<String>,
}

/// A secret inside of a text that is about to be kept.
struct Span {
    range: Range<usize>,
    form: SealedForm,
    reference: Option<String>,
    fingerprint: String,
}

impl Span {
    fn of(range: Range<usize>, form: SealedForm, entry: &Entry) -> Self {
        Self {
            range,
            form,
            reference: entry.reference.clone(),
            fingerprint: entry.fingerprint.clone(),
        }
    }
}

impl Sealed {
    /// What is not there, for people: ``header `x-token` ``.
    pub fn what(&self) -> String {
        match (&self.header, self.place) {
            (Some(header), _) => format!("header `{}`", crate::text::printable(header, 100)),
            (None, SealedPlace::Target) => "the query".to_owned(),
            (None, _) => "the URL".to_owned(),
        }
    }
}

/// The lines of headers as they are kept, and what was left out.
pub(super) fn headers(place: SealedPlace, part: u32, headers: &Headers) -> (Vec<u8>, Vec<Sealed>) {
    let (mut block, mut sealed) = (Vec::new(), Vec::new());
    for (name, value, secret) in headers.iter_with_secrets() {
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(b": ");
        keep(
            &mut block,
            value,
            &header_spans(value, secret),
            (place, part),
            &mut sealed,
        );
        block.push(b'\n');
    }
    (block, sealed)
}

/// A URL, or path and query, as it is kept, and what was left out.
pub(super) fn url(place: SealedPlace, text: &str) -> (Cow<'_, str>, Vec<Sealed>) {
    let spans = url_spans(text);
    if spans.is_empty() {
        return (Cow::Borrowed(text), Vec::new());
    }
    let (mut kept, mut sealed) = (Vec::new(), Vec::new());
    keep(&mut kept, text.as_bytes(), &spans, (place, 0), &mut sealed);
    match String::from_utf8(kept) {
        Ok(kept) => (Cow::Owned(kept), sealed),
        // A secret that is no text stands in no URL but by chance.
        Err(_) => (Cow::Borrowed(text), Vec::new()),
    }
}

fn keep(kept: &mut Vec<u8>, value: &[u8], spans: &[Span], (place, part): (SealedPlace, u32), sealed: &mut Vec<Sealed>) {
    let mut from = 0;
    for span in spans {
        kept.extend_from_slice(&value[from..span.range.start]);
        sealed.push(Sealed {
            place,
            part,
            start: kept.len(),
            form: span.form,
            reference: span.reference.clone(),
            fingerprint: span.fingerprint.clone(),
            header: None,
        });
        kept.extend_from_slice(MASK.as_bytes());
        from = span.range.end;
    }
    kept.extend_from_slice(&value[from..]);
}

/// The secrets of a header's value: the part that is known to be one, else the whole value, what follows the name of a
/// scheme, or parts.
fn header_spans(value: &[u8], secret: Option<Range<usize>>) -> Vec<Span> {
    if let Some(part) = secret.filter(|part| part.end <= value.len()) {
        let text = &value[part.clone()];
        return vec![match known::whole(text) {
            Some(entry) => Span::of(part, SealedForm::Plain, &entry),
            None => Span {
                fingerprint: known::remember_token(text),
                range: part,
                form: SealedForm::Plain,
                reference: None,
            },
        }];
    }
    let behind_scheme = value.iter().position(|byte| *byte == b' ').map(|at| at + 1);
    for start in [Some(0), behind_scheme].into_iter().flatten() {
        if let Some(entry) = known::whole(&value[start..]) {
            return vec![Span::of(start..value.len(), SealedForm::Plain, &entry)];
        }
    }
    inside(value)
}

fn inside(value: &[u8]) -> Vec<Span> {
    let found = known::inside(value).into_iter();
    found
        .map(|found| Span::of(found.start..found.start + found.len, SealedForm::Plain, &found.entry))
        .collect()
}

/// The secrets of a URL: parts of its text, and whole values of user, password, path and query in any way of writing. A
/// host is none, even when it is written like one: a record without it could not be delivered again.
fn url_spans(text: &str) -> Vec<Span> {
    let mut spans = inside(text.as_bytes());
    let host = host_of(text);
    spans.retain(|span| span.range.end <= host.start || host.end <= span.range.start);
    if !known::is_any() {
        return spans;
    }
    for range in values_of(text) {
        let decoded = unescaped(&text[range.clone()]);
        if let Some(entry) = known::whole(&decoded)
            && spans
                .iter()
                .all(|span| range.end <= span.range.start || span.range.end <= range.start)
        {
            let plain = decoded == text.as_bytes()[range.clone()];
            let form = if plain { SealedForm::Plain } else { SealedForm::Escaped };
            spans.push(Span::of(range, form, &entry));
        }
    }
    spans.sort_by_key(|span| span.range.start);
    spans
}

/// A text with secrets put back.
struct Opened {
    whole: Vec<u8>,
    /// Where they are.
    back: Vec<Range<usize>>,
    /// What is still left out, with its new place.
    left: Vec<Sealed>,
}

/// Puts back those of the secrets that `find` has by their fingerprint.
fn open(kept: &[u8], sealed: Vec<Sealed>, find: &dyn Fn(&str) -> Option<Vec<u8>>) -> Opened {
    let (mut whole, mut back, mut left, mut from) = (Vec::with_capacity(kept.len()), Vec::new(), Vec::new(), 0);
    for mut one in sealed {
        let is_there = kept
            .get(one.start..)
            .is_some_and(|rest| rest.starts_with(MASK.as_bytes()));
        if !is_there || one.start < from {
            continue;
        }
        whole.extend_from_slice(&kept[from..one.start]);
        from = one.start + MASK.len();
        let start = whole.len();
        match find(&one.fingerprint) {
            Some(secret) => {
                let escapes = one.form == SealedForm::Escaped;
                whole.extend_from_slice(&if escapes { escaped(&secret) } else { secret });
                back.push(start..whole.len());
            }
            None => {
                one.start = whole.len();
                whole.extend_from_slice(MASK.as_bytes());
                left.push(one);
            }
        }
    }
    whole.extend_from_slice(&kept[from..]);
    Opened { whole, back, left }
}

/// Secrets of one record that are to be put back.
struct Opening<'a> {
    sealed: Vec<Sealed>,
    left: Vec<Sealed>,
    find: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl<'a> Opening<'a> {
    fn of(sealed: &mut Vec<Sealed>, find: &'a dyn Fn(&str) -> Option<Vec<u8>>) -> Self {
        Self {
            sealed: std::mem::take(sealed),
            left: Vec::new(),
            find,
        }
    }

    fn take(&mut self, place: SealedPlace, part: u32) -> Vec<Sealed> {
        let mut taken: Vec<Sealed> = Vec::new();
        self.sealed.retain(|one| {
            let is_here = one.place == place && one.part == part;
            taken.extend(is_here.then(|| one.clone()));
            !is_here
        });
        taken.sort_by_key(|one| one.start);
        taken
    }

    fn text(&mut self, place: SealedPlace, text: &mut String) {
        let sealed = self.take(place, 0);
        if sealed.is_empty() {
            return;
        }
        let opened = open(text.as_bytes(), sealed, self.find);
        *text = String::from_utf8_lossy(&opened.whole).into_owned();
        self.left.extend(opened.left);
    }

    fn headers(&mut self, place: SealedPlace, part: u32, headers: &mut Headers) {
        let sealed = self.take(place, part);
        if sealed.is_empty() {
            return;
        }
        let Opened { whole, back, left } = open(&headers.to_block(), sealed, self.find);
        *headers = Headers::from_block(&whole);
        // What was left out once is left out of whatever is made of it.
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

/// The number of the line that this byte of a block is in, its name, and where its value begins.
fn line_at(block: &[u8], at: usize) -> (usize, &[u8], usize) {
    let before = &block[..at];
    let number = before.split(|byte| *byte == b'\n').count() - 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let name = block[start..].split(|byte| *byte == b':').next().unwrap_or_default();
    (number, name, start + name.len() + 2)
}

impl Capture {
    /// Puts back the secrets that were left out and that `find` has by their fingerprints. [`Capture::sealed`] says what
    /// is left.
    pub fn unseal(&mut self, find: &dyn Fn(&str) -> Option<Vec<u8>>) {
        let mut opening = Opening::of(&mut self.sealed, find);
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
    pub fn unseal(&mut self, find: &dyn Fn(&str) -> Option<Vec<u8>>) {
        let mut opening = Opening::of(&mut self.sealed, find);
        opening.text(SealedPlace::Url, &mut self.delivery.url);
        opening.headers(SealedPlace::Headers, 0, &mut self.delivery.headers);
        for attempt in &mut self.delivery.attempts {
            opening.headers(SealedPlace::Request, attempt.seq, &mut attempt.request_headers);
        }
        self.sealed = opening.left;
    }
}

impl Record {
    /// Shown as `#N`.
    pub fn number(&self) -> u64 {
        match self {
            Self::Capture(capture) => capture.number,
            Self::Delivery(delivery) => delivery.number,
        }
    }

    /// Puts back the secrets that this process knows.
    pub fn unseal(&mut self) {
        match self {
            Self::Capture(capture) => capture.unseal(&known::by_fingerprint),
            Self::Delivery(delivery) => delivery.unseal(&known::by_fingerprint),
        }
    }

    /// The secrets that were left out and are not at hand.
    pub fn sealed(&self) -> &[Sealed] {
        match self {
            Self::Capture(capture) => &capture.sealed,
            Self::Delivery(delivery) => &delivery.sealed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn reopened(kept: &[u8], sealed: &[Sealed]) -> Vec<u8> {
        let opened = open(kept, sealed.to_vec(), &known::by_fingerprint);
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
        let Opened { whole, left, .. } = open(&kept, sealed, &known::by_fingerprint);
        assert_eq!(whole, b"x-a: sealed-at-hand\nx-b: 1\nx-gone: ********\n");
        assert_eq!((left.len(), left[0].start), (1, whole.len() - 9));
    }
}
