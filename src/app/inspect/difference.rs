//! Which bytes of two texts differ, and which values of two records.

use std::collections::HashSet;
use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use super::select;
use super::show::{RecordDetails, show_from};
use crate::app::context::Context;
use crate::error::Result;
use crate::headers::Headers;
use crate::json::{get, leaf_paths};
use crate::json_text;
use crate::store::{Record, Store};
use crate::text::printable;

/// Bytes between the first and the last difference that are compared one by one, of each text. Longer ones differ as a whole.
const MOST_BYTES: usize = 16 * 1024;

/// Single differences that are listed; with more the whole stretch differs.
const MOST_EDITS: usize = 400;

/// Values of two bodies that are compared, at most.
const MOST_VALUES: usize = 5000;

/// Characters of a value that are given.
const VALUE_SHOWN: usize = 400;

/// Where two texts differ, as byte ranges in each. Ranges of one text do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Of the first text: what the second does not have.
    pub left: Vec<Range<usize>>,
    /// Of the second text: what the first does not have.
    pub right: Vec<Range<usize>>,
}

/// How a value of two records differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueChange {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, with other values.
    Changed,
}

/// One value of two records that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueDifference {
    /// `header NAME`, `data.total` of a JSON body, or `body`.
    pub place: String,
    /// How.
    pub change: ValueChange,
    /// In the first record.
    pub left: Option<String>,
    /// In the second one.
    pub right: Option<String>,
}

/// Two records beside each other.
#[derive(Debug, Serialize)]
pub struct RecordDifferences {
    /// The number of the first one.
    pub left: u64,
    /// The number of the second one.
    pub right: u64,
    /// Values that differ.
    pub values: Vec<ValueDifference>,
    /// Whether both bodies are JSON and were compared value by value.
    pub structural: bool,
    /// Whether there are more differences than are listed.
    pub more: bool,
}

/// Compares two texts byte by byte.
pub fn bytes(left: &[u8], right: &[u8]) -> Differences {
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (rest_left, rest_right) = (&left[start..], &right[start..]);
    let same_end = rest_left.iter().rev().zip(rest_right.iter().rev());
    let end = same_end.take_while(|(a, b)| a == b).count();
    let (a, b) = (
        &rest_left[..rest_left.len() - end],
        &rest_right[..rest_right.len() - end],
    );
    let mut found = Differences::default();
    let edits = (a.len() <= MOST_BYTES && b.len() <= MOST_BYTES)
        .then(|| edits(a, b))
        .flatten();
    for (is_left, at) in edits.unwrap_or_else(|| whole(a.len(), b.len())) {
        let ranges = if is_left { &mut found.left } else { &mut found.right };
        let range = start + at.start..start + at.end;
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range),
        }
    }
    found
}

/// A stretch of the left text (`true`) or of the right one.
type Edit = (bool, Range<usize>);

fn whole(left: usize, right: usize) -> Vec<Edit> {
    let sides = [(true, 0..left), (false, 0..right)];
    sides.into_iter().filter(|(_, range)| !range.is_empty()).collect()
}

/// The fewest edits from one text to the other by Myers' greedy algorithm, in order; `None` when they are too many.
fn edits(a: &[u8], b: &[u8]) -> Option<Vec<Edit>> {
    let most = MOST_EDITS.min(a.len() + b.len());
    let middle = most + 1;
    // The furthest position in `a` on each diagonal, for each number of edits.
    let (mut furthest, mut trace) = (vec![0usize; 2 * most + 3], Vec::new());
    for depth in 0..=most {
        trace.push(furthest.clone());
        for diagonal in (0..=2 * depth).step_by(2).map(|k| k + middle - depth) {
            let down = diagonal == middle - depth
                || (diagonal != middle + depth && furthest[diagonal - 1] < furthest[diagonal + 1]);
            let mut x = if down {
                furthest[diagonal + 1]
            } else {
                furthest[diagonal - 1] + 1
            };
            // On the diagonal `k` is `y = x - k`.
            let Some(mut y) = (x + middle).checked_sub(diagonal) else {
                continue;
            };
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[diagonal] = x;
            if x >= a.len() && y >= b.len() {
                return Some(path(&trace, middle, (a.len(), b.len())));
            }
        }
    }
    None
}

/// Walks back from the end to the beginning.
fn path(trace: &[Vec<usize>], middle: usize, end: (usize, usize)) -> Vec<Edit> {
    let ((mut x, mut y), mut edits) = (end, Vec::new());
    for (depth, furthest) in trace.iter().enumerate().skip(1).rev() {
        let diagonal = x + middle - y;
        let down = diagonal == middle - depth
            || (diagonal != middle + depth && furthest[diagonal - 1] < furthest[diagonal + 1]);
        let before = if down { diagonal + 1 } else { diagonal - 1 };
        let from_x = furthest[before];
        let Some(from_y) = (from_x + middle).checked_sub(before) else {
            break;
        };
        edits.push(if down {
            (false, from_y..from_y + 1)
        } else {
            (true, from_x..from_x + 1)
        });
        (x, y) = (from_x, from_y);
    }
    edits.reverse();
    edits
}

/// Compares two records: headers by name, JSON bodies value by value. Credentials are masked.
pub fn records(context: &Context, store: &dyn Store, left: &str, right: &str) -> Result<RecordDifferences> {
    let (left, right) = (select::number(store, left)?, select::number(store, right)?);
    let read = |number: u64| show_from(context, store, Some(&number.to_string()), false);
    let (a, b) = (read(left)?, read(right)?);
    let mut values = headers(request_headers(&a), request_headers(&b));
    let (body_a, body_b) = (request_body(&a), request_body(&b));
    let documents = document(body_a).zip(document(body_b));
    let structural = documents.is_some();
    let mut more = false;
    match documents {
        Some((a, b)) => more = documents_differ(&a, &b, &mut values),
        None if body_a != body_b => values.push(ValueDifference {
            place: "body".to_owned(),
            change: ValueChange::Changed,
            left: Some(printable(&String::from_utf8_lossy(body_a), VALUE_SHOWN)),
            right: Some(printable(&String::from_utf8_lossy(body_b), VALUE_SHOWN)),
        }),
        None => {}
    }
    Ok(RecordDifferences {
        left,
        right,
        values,
        structural,
        more,
    })
}

/// The values of two documents that differ.
pub fn document_differences(left: &Value, right: &Value) -> Vec<ValueDifference> {
    let own = |document: &Value| Document {
        values: document.clone(),
        texts: document.clone(),
    };
    let mut values = Vec::new();
    documents_differ(&own(left), &own(right), &mut values);
    values
}

/// The headers with which the request came, or with which its last attempt went out.
pub fn request_headers(details: &RecordDetails) -> &Headers {
    match &details.record {
        Record::Capture(capture) => &capture.request.headers,
        Record::Delivery(record) => match record.delivery.attempts.last() {
            Some(attempt) => &attempt.request_headers,
            None => &record.delivery.headers,
        },
    }
}

/// The body that came, or that the last attempt sent.
pub fn request_body(details: &RecordDetails) -> &[u8] {
    match &details.record {
        Record::Capture(capture) => &capture.request.body,
        Record::Delivery(record) => {
            let sent = record.delivery.attempts.last();
            let sent = sent.and_then(|attempt| attempt.request_body.as_ref());
            sent.unwrap_or(&record.delivery.message.body)
        }
    }
}

fn headers(a: &Headers, b: &Headers) -> Vec<ValueDifference> {
    let joined = |headers: &Headers, name: &str| {
        let values: Vec<String> = headers
            .all(name)
            .map(|value| printable(&String::from_utf8_lossy(value), VALUE_SHOWN))
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let mut names: Vec<String> = Vec::new();
    for (name, _) in a.iter().chain(b.iter()) {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let rows = names.into_iter();
    rows.filter_map(|name| difference(format!("header {name}"), joined(a, &name), joined(b, &name)))
        .collect()
}

/// A JSON body twice: as values, and with its numbers as texts, of which none is rounded.
struct Document {
    values: Value,
    texts: Value,
}

fn document(body: &[u8]) -> Option<Document> {
    Some(Document {
        values: serde_json::from_slice(body).ok()?,
        texts: json_text::with_numbers_as_text(body).ok()?,
    })
}

impl Document {
    /// The value at a path as JSON text.
    fn text(&self, path: &str) -> Option<String> {
        let at = |document| {
            if path.is_empty() {
                Some(document)
            } else {
                get(document, path)
            }
        };
        let text = match (at(&self.values)?, at(&self.texts)?) {
            (Value::Number(_), Value::String(text)) => text.clone(),
            (value, _) => value.to_string(),
        };
        Some(printable(&text, VALUE_SHOWN))
    }
}

/// Adds the values of two documents that differ; whether there are more than are compared.
fn documents_differ(a: &Document, b: &Document, values: &mut Vec<ValueDifference>) -> bool {
    let mut paths = leaf_paths(&a.values);
    let known: HashSet<String> = paths.iter().cloned().collect();
    paths.extend(leaf_paths(&b.values).into_iter().filter(|path| !known.contains(path)));
    let more = paths.len() > MOST_VALUES;
    let compared = paths.into_iter().take(MOST_VALUES);
    values.extend(compared.filter_map(|path| {
        let (left, right) = (a.text(&path), b.text(&path));
        difference(path, left, right)
    }));
    more
}

fn difference(place: String, left: Option<String>, right: Option<String>) -> Option<ValueDifference> {
    let change = match (&left, &right) {
        (Some(_), None) => ValueChange::Removed,
        (None, Some(_)) => ValueChange::Added,
        (left, right) if left != right => ValueChange::Changed,
        _ => return None,
    };
    Some(ValueDifference {
        place,
        change,
        left,
        right,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_bytes_are_found_whatever_surrounds_them() {
        let found = |a: &str, b: &str| {
            let found = bytes(a.as_bytes(), b.as_bytes());
            let cut = |text: &str, ranges: &[Range<usize>]| {
                ranges
                    .iter()
                    .map(|range| text[range.clone()].to_owned())
                    .collect::<Vec<_>>()
            };
            (cut(a, &found.left), cut(b, &found.right))
        };
        let texts = |left: &[&str], right: &[&str]| {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            (own(left), own(right))
        };
        assert_eq!(found("same", "same"), texts(&[], &[]));
        assert_eq!(found("", "x"), texts(&[], &["x"]));
        assert_eq!(found("abc", ""), texts(&["abc"], &[]));
        assert_eq!(
            found(r#"{"a":1,"b":2}"#, r#"{"a": 1, "b": 2}"#),
            texts(&[], &[" ", " ", " "])
        );
        assert_eq!(found("total 100 eur", "total 1 eur"), texts(&["00"], &[]));
        assert_eq!(found("abXcdYef", "abcdef"), texts(&["X", "Y"], &[]));
    }

    #[test]
    fn texts_with_nothing_in_common_differ_as_a_whole_and_no_pair_of_texts_is_slow() {
        let (a, b) = (vec![b'a'; 20_000], vec![b'b'; 20_000]);
        let whole = |found: &[Range<usize>]| (found.len(), found[0].clone());
        assert_eq!(whole(&bytes(&a, &b).left), (1, 0..20_000));
        let (a, b) = (vec![b'a'; 900], vec![b'b'; 900]);
        let found = bytes(&a, &b);
        assert_eq!((whole(&found.left), whole(&found.right)), ((1, 0..900), (1, 0..900)));
    }

    #[test]
    fn headers_and_values_that_differ_are_named() {
        let a: Headers = [("X-A", "1"), ("x-b", "2")].into_iter().collect();
        let b: Headers = [("x-a", "1"), ("x-c", "3")].into_iter().collect();
        let found = headers(&a, &b);
        let places: Vec<_> = found.iter().map(|one| (one.place.as_str(), one.change)).collect();
        assert_eq!(
            places,
            [("header x-b", ValueChange::Removed), ("header x-c", ValueChange::Added)]
        );
        let mut values = Vec::new();
        let read = |text: &str| document(text.as_bytes()).unwrap();
        let more = documents_differ(
            &read(r#"{"a":1.10,"b":[1,2],"c":"x","e":1}"#),
            &read(r#"{"a":1.1,"b":[1],"c":"x","d":null,"e":"1"}"#),
            &mut values,
        );
        assert!(!more);
        let places: Vec<_> = values.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, ["a", "b.1", "e", "d"]);
    }
}
