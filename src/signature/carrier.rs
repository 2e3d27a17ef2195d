//! The header that carries signatures: its grammar, written and read.

use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::signature::encoding::Encoding;
use crate::signature::{Freshness, Proof, Refusal, ToSign};
use crate::template::{Part, Placeholder, Template, TimeForm};

/// Where signatures, their timestamp and the id that is signed stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Carrier {
    /// The signature's header, as it is written.
    pub header: String,
    /// One signature's text with what stands around it.
    pub value: Template,
    /// Separator of `key=value` pairs, read in any order.
    pub pairs: Option<String>,
    /// Separator of several whole values.
    pub list: Option<String>,
    /// How signature bytes are written.
    pub encoding: Encoding,
    /// The header that carries the signing time, and how it is written there.
    pub time_header: Option<(String, TimeForm)>,
    /// The header that carries the id.
    pub id_header: Option<String>,
}

/// What a carrier held.
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
}

impl Carrier {
    /// Whether one header may carry several signatures.
    pub fn carries_several(&self) -> bool {
        self.pairs.is_some() || self.list.is_some()
    }

    /// The header's value for these signatures.
    pub fn write(&self, signatures: &[String], message: &ToSign<'_>) -> String {
        let render = |signature: &str| {
            self.value
                .render(|placeholder| match placeholder {
                    Placeholder::Signature => Some(signature.to_owned()),
                    other => message_part(other, message),
                })
                .unwrap_or_default()
        };
        let mut written: Vec<String> = Vec::new();
        match (&self.pairs, &self.list) {
            (Some(separator), _) => {
                for signature in signatures {
                    for pair in render(signature).split(separator.as_str()) {
                        if !written.iter().any(|have| have == pair) {
                            written.push(pair.to_owned());
                        }
                    }
                }
                written.join(separator)
            }
            (None, Some(separator)) => signatures.iter().map(|s| render(s)).collect::<Vec<_>>().join(separator),
            (None, None) => signatures.first().map(|s| render(s)).unwrap_or_default(),
        }
    }

    /// Reads the headers. The reasons of a refusal here need no secret.
    pub fn read<'a>(&self, headers: &'a Headers) -> Result<Carried<'a>, Refusal> {
        let mut values = headers.all(&self.header).peekable();
        if values.peek().is_none() {
            return Err(Refusal::HeaderMissing {
                header: self.header.clone(),
            });
        }
        let mut carried = Carried::default();
        let mut form = None;
        for value in values {
            match (&self.pairs, &self.list) {
                (Some(separator), _) => self.read_pairs(value, separator, &mut carried, &mut form),
                (None, Some(separator)) => {
                    split(value, separator).for_each(|item| self.read_one(item.trim_ascii(), &mut carried));
                }
                (None, None) => self.read_one(value.trim_ascii(), &mut carried),
            }
        }
        if carried.signatures.is_empty() {
            return Err(Refusal::Malformed {
                header: self.header.clone(),
                expected: self.value.to_string(),
            });
        }
        if let Some((header, time_form)) = &self.time_header {
            carried.timestamp = headers.get(header);
            form = Some((header.clone(), *time_form));
        }
        if let (Some(text), Some((header, time_form))) = (carried.timestamp, form) {
            let moment = std::str::from_utf8(text).ok().and_then(|text| time_form.read(text));
            carried.signed_at = moment;
            if moment.is_none() {
                return Err(Refusal::Malformed {
                    header,
                    expected: "a timestamp".into(),
                });
            }
        }
        if let Some(header) = &self.id_header {
            carried.id = headers.get(header);
        }
        Ok(carried)
    }

    /// Where a refusal points to for a part that is signed but not there.
    pub fn place_of(&self, part: &'static str) -> String {
        let header = match part {
            "id" => self.id_header.as_ref(),
            _ => self.time_header.as_ref().map(|(header, _)| header),
        };
        header.unwrap_or(&self.header).clone()
    }

    fn read_one<'a>(&self, item: &'a [u8], carried: &mut Carried<'a>) {
        if let Some(signature) = between(item, &self.value) {
            carried.signatures.push(signature);
        }
    }

    fn read_pairs<'a>(
        &self,
        value: &'a [u8],
        separator: &str,
        carried: &mut Carried<'a>,
        form: &mut Option<(String, TimeForm)>,
    ) {
        for pair in split(value, separator) {
            let Some(at) = pair.iter().position(|b| *b == b'=') else {
                continue;
            };
            let (key, text) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
            match self.pair_named(key) {
                Some(Placeholder::Signature) => carried.signatures.push(text),
                Some(Placeholder::Timestamp(time_form)) => {
                    carried.timestamp = Some(text);
                    *form = Some((self.header.clone(), *time_form));
                }
                Some(Placeholder::Id) => carried.id = Some(text),
                _ => {}
            }
        }
    }

    /// The placeholder whose pair in the template has that key.
    fn pair_named(&self, key: &[u8]) -> Option<&Placeholder> {
        self.value.parts().windows(2).find_map(|two| match two {
            [Part::Text(before), Part::Placeholder(placeholder)] => {
                let name = before.strip_suffix('=')?;
                let name = name.rsplit(self.pairs.as_deref()?).next()?.trim();
                (name.as_bytes() == key).then_some(placeholder)
            }
            _ => None,
        })
    }
}

/// Judges a matching signature's age.
pub(super) fn judge_age(
    freshness: Freshness,
    signed_at: Option<Timestamp>,
    now: Timestamp,
    mut proof: Proof,
) -> Result<Proof, Refusal> {
    let Some(signed_at) = signed_at else { return Ok(proof) };
    let (age, ahead) = (now.since(signed_at), signed_at.since(now));
    if let Some(tolerance) = freshness.tolerance {
        // Stamps have whole seconds, so the limit itself is still fresh.
        if age.as_secs() > tolerance.as_secs() {
            return Err(Refusal::TooOld { age, tolerance });
        }
        if !freshness.past_only && ahead.as_secs() > tolerance.as_secs() {
            return Err(Refusal::TooNew { ahead, tolerance });
        }
    }
    if let Some(advised) = freshness.advised
        && age > advised
    {
        let (age, advised) = (crate::clock::human_duration(age), crate::clock::human_duration(advised));
        proof.warning = Some(format!("signed {age} ago, {advised} advised"));
    }
    Ok(proof)
}

/// What a placeholder of the signed content or of the header stands for, but for body and signature.
pub(super) fn message_part(placeholder: &Placeholder, message: &ToSign<'_>) -> Option<String> {
    match placeholder {
        Placeholder::Timestamp(form) => Some(form.text(message.timestamp)),
        Placeholder::Id => Some(message.id.to_owned()),
        Placeholder::Event => Some(message.event.to_owned()),
        _ => None,
    }
}

/// The bytes at the template's signature, when what stands around it is there.
fn between<'a>(item: &'a [u8], value: &Template) -> Option<&'a [u8]> {
    match value.parts() {
        [Part::Placeholder(Placeholder::Signature)] => Some(item),
        [Part::Text(before), Part::Placeholder(Placeholder::Signature)] => item.strip_prefix(before.as_bytes()),
        [Part::Placeholder(Placeholder::Signature), Part::Text(after)] => item.strip_suffix(after.as_bytes()),
        [
            Part::Text(before),
            Part::Placeholder(Placeholder::Signature),
            Part::Text(after),
        ] => item.strip_prefix(before.as_bytes())?.strip_suffix(after.as_bytes()),
        _ => None,
    }
    .filter(|signature| !signature.is_empty())
}

fn split<'a>(value: &'a [u8], separator: &str) -> impl Iterator<Item = &'a [u8]> {
    let separator = separator.as_bytes().first().copied().unwrap_or(b',');
    value.split(move |b| *b == separator)
}
