//! Where signatures are in a request, and how they are written and read: mostly in a header, sometimes in several, sometimes
//! in the body.

use indexmap::IndexSet;
use serde::Deserialize;
use serde_json::Value;

use super::url_form::UrlForm;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::json::{document_of_texts, get, is_form_body};
use crate::signature::encoding::Encoding;
use crate::signature::{Freshness, Received, RejectReason, ToSign};
use crate::template::{Part, Placeholder, Template, TimeForm};

/// Where signatures, their timestamp and the signed id are. Read from `[signature.KIND.carrier]` of a provider file; what
/// that table does not state is filled in from the tables around it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SignatureLocation {
    /// The name of the signature's header; `body:PATH` when the signature is in the body.
    #[serde(skip)]
    pub header: String,
    /// Further headers, each with the signature of one more secret.
    pub more_headers: Vec<String>,
    /// How many numbered headers there may be, when the name of the header ends in `-1`.
    pub numbered: Option<u16>,
    /// The body path of the signature, when it is in the body.
    pub body: Option<String>,
    /// Where paths refer to the fields of a form: `body.signature.token` is the field `token` below `signature`.
    pub form_below: Option<String>,
    /// The body path of a list whose items are each signed by themselves: all of them must be right.
    pub each: Option<String>,
    /// One signature with the texts around it.
    #[serde(skip)]
    pub value: Template,
    /// Other forms of one value that are read, never written.
    pub also_read: Vec<Template>,
    /// Separator of `key=value` pairs, read in any order.
    #[serde(skip)]
    pub pairs: Option<String>,
    /// Whether whitespace around pairs makes them unknown.
    pub strict: bool,
    /// Separator of several whole values.
    #[serde(skip)]
    pub list: Option<String>,
    /// How signature bytes are written.
    #[serde(skip)]
    pub encoding: Encoding,
    /// Whether a signature must be written as signing writes it: hex in lower case, base64 with its padding.
    pub exact: bool,
    /// The header that carries the signing time, and how it is written there.
    #[serde(skip)]
    pub time_header: Option<(String, TimeForm)>,
    /// The body path of the signing time, when no header carries it, and how it is written there; absent: seconds or
    /// RFC 3339.
    #[serde(skip)]
    pub time_at: Option<(String, Option<TimeForm>)>,
    /// The header that carries the id.
    #[serde(skip)]
    pub id_header: Option<String>,
    /// Headers that are signed too, when they are sent.
    pub signed_headers: Vec<String>,
    /// Forms of the URL that are tried, where it is signed.
    pub url_forms: Vec<UrlForm>,
    /// The query parameter that holds the hex SHA-256 of a body that is no form.
    pub body_hash: Option<String>,
}

/// What was read from a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Carried<'a> {
    /// Signature texts, any of which may match.
    pub signatures: Vec<&'a [u8]>,
    /// The timestamp as it was written, which is what was signed.
    pub timestamp: Option<&'a [u8]>,
    /// The timestamp as a moment.
    pub signed_at: Option<Timestamp>,
    /// The id.
    pub id: Option<&'a [u8]>,
    /// The names of the headers that are signed too.
    pub signed_headers: Option<&'a [u8]>,
}

impl<'a> Carried<'a> {
    fn put(&mut self, placeholder: &Placeholder, text: &'a [u8]) {
        match placeholder {
            Placeholder::Signature => self.signatures.push(text),
            Placeholder::Timestamp(_) => self.timestamp = Some(text),
            Placeholder::Id => self.id = Some(text),
            Placeholder::SignedHeaders => self.signed_headers = Some(text),
            _ => {}
        }
    }
}

impl SignatureLocation {
    /// Whether a request may carry several signatures.
    pub fn carries_several(&self) -> bool {
        self.pairs.is_some() || self.list.is_some() || !self.more_headers.is_empty()
    }

    /// The headers that may carry a signature.
    pub fn headers(&self) -> impl Iterator<Item = &String> {
        let first = Some(&self.header).filter(|_| self.body.is_none());
        first.into_iter().chain(&self.more_headers)
    }

    /// The places of signatures as a clause.
    pub fn places(&self) -> String {
        match self.more_headers.as_slice() {
            [] => self.header.clone(),
            [other] => format!("{} and {other}", self.header),
            [.., last] => format!("{} to {last}, one for each secret", self.header),
        }
    }

    /// Whether a request has anything at the place of the signature.
    pub fn is_carried(&self, headers: &Headers, body: &[u8]) -> bool {
        let Some(path) = &self.body else {
            return self.headers().any(|header| headers.contains(header));
        };
        let document = self.document(headers, body);
        let items = document.as_ref().and_then(|document| self.items(document));
        items.is_some_and(|items| items.iter().any(|item| get(item, path).is_some()))
    }

    /// The body as a document: its numbers are texts, because what is signed of one are the digits that the sender wrote.
    pub(super) fn document(&self, headers: &Headers, body: &[u8]) -> Option<Value> {
        let kind = self.content_type(headers);
        let document = document_of_texts(kind, body).ok()?;
        Some(match &self.form_below {
            Some(name) if is_form_body(kind, body) => Value::Object([(name.clone(), document)].into_iter().collect()),
            _ => document,
        })
    }

    /// The type of a body. One without a type may be a form where the signature is in forms too; JSON is recognized by its bytes.
    fn content_type<'h>(&self, headers: &'h Headers) -> &'h str {
        let untyped = self
            .form_below
            .as_ref()
            .map_or("", |_| "application/x-www-form-urlencoded");
        headers.get_text("content-type").unwrap_or(untyped)
    }

    /// The name of a form's field for a path.
    pub(super) fn field_of<'p>(&self, path: &'p str) -> &'p str {
        let below = self.form_below.as_deref().and_then(|name| path.strip_prefix(name));
        below.and_then(|path| path.strip_prefix('.')).unwrap_or(path)
    }

    /// The parts of the body that are signed each by itself: all of it, or the items of the list.
    pub(super) fn items<'a>(&self, document: &'a Value) -> Option<Vec<&'a Value>> {
        match &self.each {
            None => Some(vec![document]),
            Some(path) => match get(document, path)? {
                Value::Array(items) if !items.is_empty() => Some(items.iter().collect()),
                _ => None,
            },
        }
    }

    /// One value with this signature in it.
    pub(super) fn render(&self, signature: &str, message: &ToSign<'_>) -> String {
        let text = self.value.render(|placeholder| match placeholder {
            Placeholder::Signature => Some(signature.to_owned()),
            Placeholder::SignedHeaders => Some(self.signed_names(message)),
            Placeholder::Timestamp(form) => Some(form.text(message.timestamp)),
            Placeholder::Id => Some(message.id.to_owned()),
            Placeholder::Event => Some(message.event.to_owned()),
            _ => None,
        });
        text.unwrap_or_default()
    }

    /// The header lines for these signatures.
    pub fn write(&self, signatures: &[String], message: &ToSign<'_>) -> Vec<(String, String)> {
        let values = signatures.iter().map(|signature| self.render(signature, message));
        let line = match (&self.pairs, &self.list) {
            (Some(separator), _) => {
                let values: Vec<String> = values.collect();
                // Every signature repeats the timestamp: it is written once.
                let pairs: IndexSet<&str> = values
                    .iter()
                    .flat_map(|value| value.split(separator.as_str()))
                    .collect();
                pairs.into_iter().collect::<Vec<_>>().join(separator)
            }
            (None, Some(separator)) => values.collect::<Vec<_>>().join(separator),
            (None, None) => return self.headers().cloned().zip(values).collect(),
        };
        vec![(self.header.clone(), line)]
    }

    /// Reads a request, and the part of its body that is signed by itself when the scheme looks there. The reasons of a
    /// refusal here need no secret.
    pub fn read<'a>(&self, headers: &'a Headers, document: Option<&'a Value>) -> Result<Carried<'a>, RejectReason> {
        let mut carried = Carried::default();
        match &self.body {
            None => self.read_headers(headers, &mut carried)?,
            Some(path) => match document.and_then(|document| get(document, path)) {
                Some(Value::String(text)) => self.read_one(text.trim().as_bytes(), &mut carried),
                Some(_) => {}
                None => return Err(self.missing()),
            },
        }
        if carried.signatures.is_empty() {
            return Err(RejectReason::Malformed {
                header: self.header.clone(),
                expected: self.value.to_string(),
            });
        }
        let part = |header: &String| headers.get(header).filter(|text| !text.is_empty());
        if let Some((header, _)) = &self.time_header {
            carried.timestamp = part(header);
        }
        if let (Some(text), Some(form)) = (carried.timestamp, self.time_form()) {
            carried.signed_at = std::str::from_utf8(text).ok().and_then(|text| form.read(text));
            if carried.signed_at.is_none() {
                return Err(RejectReason::Malformed {
                    header: self.place_of("timestamp"),
                    expected: "a timestamp".into(),
                });
            }
        }
        if let Some(header) = &self.id_header {
            carried.id = part(header);
        }
        Ok(carried)
    }

    /// How a timestamp beside the signature is written.
    pub fn time_form(&self) -> Option<TimeForm> {
        let in_value = || self.value.placeholders().find_map(Placeholder::timestamp_form);
        self.time_header.as_ref().map(|(_, form)| *form).or_else(in_value)
    }

    fn read_headers<'a>(&self, headers: &'a Headers, carried: &mut Carried<'a>) -> Result<(), RejectReason> {
        let mut values = self.headers().flat_map(|name| headers.all(name)).peekable();
        if values.peek().is_none() {
            return Err(self.missing());
        }
        for value in values {
            match (&self.pairs, &self.list) {
                (Some(separator), _) => self.read_pairs(value, separator, carried),
                (None, Some(separator)) => {
                    split(value, separator).for_each(|item| self.read_one(item.trim_ascii(), carried));
                }
                (None, None) => self.read_one(value.trim_ascii(), carried),
            }
        }
        Ok(())
    }

    pub(super) fn missing(&self) -> RejectReason {
        let header = self.header.clone();
        RejectReason::HeaderMissing { header }
    }

    /// The signing time in the body. Without one the request is refused if the age is enforced.
    pub(super) fn time_in_body(
        &self,
        freshness: Freshness,
        received: &Received<'_>,
    ) -> Result<Option<Timestamp>, RejectReason> {
        let Some((path, form)) = &self.time_at else {
            return Ok(None);
        };
        let mut paths = crate::json::JsonPaths::default();
        let kind = self.content_type(received.headers);
        let is_form = is_form_body(kind, received.body);
        let slot = paths.add(if is_form { self.field_of(path) } else { path });
        let found = paths.read_as(Some(kind), received.body);
        let text = found.get(slot).and_then(|found| found.as_ref()?.text());
        let moment = text.and_then(|text| match form {
            Some(form) => form.read(text),
            None => Timestamp::parse(text),
        });
        if moment.is_none() && freshness.tolerance.is_some() {
            return Err(RejectReason::part_missing("timestamp", format!("body:{path}")));
        }
        Ok(moment)
    }

    /// The names of the headers that are signed too, as the signature lists them.
    pub(super) fn signed_names(&self, message: &ToSign<'_>) -> String {
        let names = self.signed_headers.iter().filter(|name| message.headers.contains(name));
        let names: Vec<_> = names.map(|name| name.to_ascii_lowercase()).collect();
        names.join(" ")
    }

    /// Where a refusal points to for a part that is signed but not there.
    pub fn place_of(&self, part: &'static str) -> String {
        let header = match part {
            "id" => self.id_header.as_ref(),
            _ => self.time_header.as_ref().map(|(header, _)| header),
        };
        header.unwrap_or(&self.header).clone()
    }

    /// The bytes of a signature's text; `None` when the text is of another form.
    pub(super) fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.encoding.decode(text)?;
        // Only some providers compare texts, so that another spelling of the same bytes is refused.
        let as_written = !self.exact || self.encoding.encode(&bytes).as_bytes() == text;
        as_written.then_some(bytes)
    }

    /// Whether one of the signatures, decoded, is such a one.
    pub(super) fn any(&self, signatures: &[&[u8]], is: impl Fn(&[u8]) -> bool) -> bool {
        let mut decoded = signatures.iter().filter_map(|text| self.decode(text));
        decoded.any(|bytes| is(&bytes))
    }

    fn read_one<'a>(&self, item: &'a [u8], carried: &mut Carried<'a>) {
        let mut forms = std::iter::once(&self.value).chain(&self.also_read);
        let Some(found) = forms.find_map(|form| by_position(item, form)) else {
            return;
        };
        for (placeholder, text) in found {
            carried.put(placeholder, text);
        }
    }

    fn read_pairs<'a>(&self, value: &'a [u8], separator: &str, carried: &mut Carried<'a>) {
        for pair in split(value, separator) {
            let Some(at) = pair.iter().position(|b| *b == b'=') else {
                continue;
            };
            let (mut key, mut text) = (&pair[..at], &pair[at + 1..]);
            if !self.strict {
                (key, text) = (key.trim_ascii(), text.trim_ascii());
            }
            let mut names = self.pair_names();
            if let Some((_, placeholder)) = names.find(|(name, _)| name.as_bytes() == key) {
                carried.put(placeholder, text);
            }
        }
    }

    /// The names of the `name=value` pairs, each with the placeholder of its value.
    pub fn pair_names(&self) -> impl Iterator<Item = (&str, &Placeholder)> {
        self.value.parts().windows(2).filter_map(|two| match two {
            [Part::Text(before), Part::Placeholder(placeholder)] => {
                let name = before.strip_suffix('=')?.rsplit(self.pairs.as_deref()?).next()?;
                Some((name.trim(), placeholder))
            }
            _ => None,
        })
    }
}

/// The bytes at each placeholder of a template, when the texts around them match: one ends where the text after it begins.
fn by_position<'a, 't>(item: &'a [u8], value: &'t Template) -> Option<Vec<(&'t Placeholder, &'a [u8])>> {
    let mut found = Vec::with_capacity(1);
    let (mut rest, parts) = (item, value.parts());
    for (index, part) in parts.iter().enumerate() {
        let placeholder = match part {
            Part::Text(text) => {
                rest = rest.strip_prefix(text.as_bytes())?;
                continue;
            }
            Part::Placeholder(placeholder) => placeholder,
        };
        let length = match &parts[index + 1..] {
            [] => rest.len(),
            // The last text must be at the end, wherever else it occurs.
            [Part::Text(text)] => rest.strip_suffix(text.as_bytes())?.len(),
            [Part::Text(text), ..] => rest.windows(text.len()).position(|bytes| bytes == text.as_bytes())?,
            [Part::Placeholder(_), ..] => return None,
        };
        let (text, tail) = rest.split_at(length);
        if text.is_empty() {
            return None;
        }
        found.push((placeholder, text));
        rest = tail;
    }
    rest.is_empty().then_some(found)
}

fn split<'a>(value: &'a [u8], separator: &str) -> impl Iterator<Item = &'a [u8]> {
    let separator = separator.as_bytes().first().copied().unwrap_or(b',');
    value.split(move |b| *b == separator)
}
