//! Changes to a signed request that a receiver must refuse: another signature, another time.

use super::Scheme;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::json::get;
use serde_json::Value;

impl Scheme {
    /// The texts of the signatures in the headers of a request, or its token; none where they are in the body.
    pub fn signature_texts(&self, headers: &Headers) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Self::Token(token) = self {
            let value = headers.get(&token.header);
            let secret = value.and_then(|value| value.get(token.secret_in(value)));
            return secret.map(text).into_iter().collect();
        }
        let carrier = self.carrier().filter(|carrier| carrier.body.is_none());
        let carried = carrier.and_then(|carrier| carrier.read(headers, None).ok());
        carried.map_or_else(Vec::new, |carried| carried.signatures.into_iter().map(text).collect())
    }

    /// Changes the text of every signature of a request, or its token. Returns the body; `None` where it has none, or where
    /// nothing changes.
    pub fn change_signature(
        &self,
        headers: &mut Headers,
        body: &[u8],
        change: impl Fn(&str) -> String,
    ) -> Option<Vec<u8>> {
        let (original, mut changed_body) = (headers.clone(), body.to_vec());
        let texts = self.signature_texts(headers);
        for text in texts.iter().filter(|text| !text.is_empty()) {
            self.replace_in_headers(headers, text.as_bytes(), change(text).as_bytes());
        }
        if let Some(carrier) = self.carrier().filter(|carrier| carrier.body.is_some()) {
            let document = carrier.document(headers, body)?;
            for item in carrier.items(&document)? {
                for signature in carrier.read(headers, Some(item)).ok()?.signatures {
                    let other = change(std::str::from_utf8(signature).ok()?);
                    changed_body = replaced(&changed_body, signature, other.as_bytes())?;
                }
            }
        }
        (*headers != original || changed_body != body).then_some(changed_body)
    }

    /// Takes the signatures out of a header that has other parts beside them, such as the time. Returns whether it has.
    pub fn strip_pairs(&self, headers: &mut Headers) -> bool {
        let Some(carrier) = self.carrier() else { return false };
        let (Some(separator), Some(value)) = (&carrier.pairs, headers.get_text(&carrier.header)) else {
            return false;
        };
        let texts = self.signature_texts(headers);
        let has_signature = |pair: &&str| texts.iter().any(|text| pair.contains(text.as_str()));
        let rest: Vec<&str> = value
            .split(separator.as_str())
            .filter(|pair| !has_signature(pair))
            .collect();
        let rest = rest.join(separator);
        let is_changed = !rest.is_empty() && rest != value;
        if is_changed {
            headers.set(&carrier.header, rest);
        }
        is_changed
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

    /// Changes the signed time of a request, after it was signed. Returns the body; `None` where no time is signed.
    pub fn change_time(
        &self,
        headers: &mut Headers,
        body: &[u8],
        change: impl Fn(Timestamp) -> Timestamp,
    ) -> Option<Vec<u8>> {
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
            let value = replaced(headers.get(name)?, text, form.text(change(at)).as_bytes())?;
            headers.set(name, value);
            return Some(body.to_vec());
        }
        let (path, form) = carrier.time_at.as_ref()?;
        let Value::String(text) = get(document.as_ref()?, path)? else {
            return None;
        };
        let later = match form {
            Some(form) => form.text(change(form.read(text)?)),
            None => return None,
        };
        replaced(body, text.as_bytes(), later.as_bytes())
    }
}

/// A text with the first occurrence of another one replaced; `None` where it has none.
fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let at = text.windows(from.len().max(1)).position(|window| window == from)?;
    Some([&text[..at], to, &text[at + from.len()..]].concat())
}
