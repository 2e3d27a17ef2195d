//! Changes to a signed request that a receiver must refuse: another signature, another time.

use std::time::Duration;

use super::Scheme;
use crate::headers::Headers;
use crate::json::get;
use serde_json::Value;

/// By how much a changed time is later: too little to be refused for its age.
const LATER: Duration = Duration::from_secs(1);

impl Scheme {
    /// Changes one character of every signature of a request. Returns the body; `None` where it has no signature. A token is
    /// none: one with a single wrong character would give away the rest.
    pub fn change_signature(&self, headers: &mut Headers, body: &[u8]) -> Option<Vec<u8>> {
        let carrier = self.carrier()?;
        let document = carrier.body.as_ref().and_then(|_| carrier.document(headers, body));
        let items = match &document {
            Some(document) => carrier.items(document)?.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let (original, mut changed_body) = (headers.clone(), body.to_vec());
        for item in items {
            let carried = carrier.read(&original, item).ok()?;
            for signature in carried.signatures {
                let other = with_other_start(signature)?;
                match item {
                    Some(_) => changed_body = replaced(&changed_body, signature, &other)?,
                    None => self.replace_in_headers(headers, signature, &other),
                }
            }
        }
        (*headers != original || changed_body != body).then_some(changed_body)
    }

    fn replace_in_headers(&self, headers: &mut Headers, from: &[u8], to: &[u8]) {
        let names: Vec<String> = self.signature_headers().map(str::to_owned).collect();
        for name in names {
            let values: Vec<Vec<u8>> = headers.all(&name).map(<[u8]>::to_vec).collect();
            if values.is_empty() {
                continue;
            }
            headers.remove(&name);
            for value in values {
                headers.append(&name, replaced(&value, from, to).unwrap_or(value));
            }
        }
    }

    /// Changes the signed time of a request, after it was signed. Returns the body; `None` where no time is signed beside it.
    pub fn change_time(&self, headers: &mut Headers, body: &[u8]) -> Option<Vec<u8>> {
        if !self.signs_time() {
            return None;
        }
        let carrier = self.carrier()?;
        let original = headers.clone();
        let document = carrier.document(headers, body);
        let item = document.as_ref().filter(|_| carrier.body.is_some());
        let carried = carrier.read(&original, item).ok()?;
        if let (Some(text), Some(at), Some(form)) = (carried.timestamp, carried.signed_at, carrier.time_form()) {
            let name = carrier.time_header.as_ref().map_or(&carrier.header, |(name, _)| name);
            let value = replaced(headers.get(name)?, text, form.text(at.plus(LATER)).as_bytes())?;
            headers.set(name, value);
            return Some(body.to_vec());
        }
        let (path, form) = carrier.time_at.as_ref()?;
        let Value::String(text) = get(document.as_ref()?, path)? else {
            return None;
        };
        let later = match form {
            Some(form) => form.text(form.read(text)?.plus(LATER)),
            None => return None,
        };
        replaced(body, text.as_bytes(), later.as_bytes())
    }
}

/// The same text with another first character, which is valid in hex and in Base64.
fn with_other_start(text: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = text.split_first()?;
    let other = if *first == b'0' { b'1' } else { b'0' };
    Some([&[other], rest].concat())
}

/// A text with the first occurrence of another one replaced; `None` where it has none.
fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let at = text.windows(from.len().max(1)).position(|window| window == from)?;
    Some([&text[..at], to, &text[at + from.len()..]].concat())
}
