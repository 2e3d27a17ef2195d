//! Where a mistake is tried out: the same request with one thing changed, judged by the scheme as any other.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::Case;
use super::json::{self, Fault, JsonNode};
use super::styles::JsonStyle;
use super::time_budget::{StepKind, TimeBudget};
use crate::headers::Headers;
use crate::json::get;
use crate::secret::Secret;
use crate::signature::{
    Algorithm, Encoding, Freshness, Hmac, KeyForm, Received, Scheme, SignatureLocation, SignedParts,
};
use crate::template::{Part, Placeholder, Scope, Template};

/// Signatures of one header that are looked at, at most: a sender may write thousands.
const MOST_SIGNATURES: usize = 16;

/// Before a document.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// A request with something changed.
#[derive(Clone)]
pub(super) struct Trial<'t> {
    pub(super) scheme: Cow<'t, Scheme>,
    pub(super) secrets: Cow<'t, [Secret]>,
    pub(super) headers: Cow<'t, Headers>,
    pub(super) body: Cow<'t, [u8]>,
    /// The URL that is signed.
    pub(super) url: Option<Cow<'t, str>>,
}

/// A signature as the header carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CarriedSignature {
    pub(super) bytes: Vec<u8>,
    pub(super) encoding: Encoding,
    /// Whether it is written as signing writes it.
    pub(super) exact: bool,
    /// What stands before it in the header.
    pub(super) before: String,
    /// Whether it ends in the padding of base64.
    pub(super) padded: bool,
}

/// A refused request, and the time left to look at it.
pub(super) struct ProbeContext<'a> {
    pub(super) case: Case<'a>,
    pub(super) pace: &'a TimeBudget,
    /// Signatures of any form.
    pub(super) targets: Vec<CarriedSignature>,
    /// The timestamp that goes with the signature, as it is written.
    pub(super) stamp: Option<String>,
    /// The id that goes with it.
    pub(super) id: Option<String>,
    document: OnceCell<Result<JsonNode<'a>, Fault>>,
}

impl<'a> ProbeContext<'a> {
    pub(super) fn new(case: Case<'a>, pace: &'a TimeBudget) -> Self {
        let mut bench = Self {
            case,
            pace,
            targets: Vec::new(),
            stamp: None,
            id: None,
            document: OnceCell::new(),
        };
        if let Some(carrier) = bench.carrier() {
            bench.targets = bench.targets(carrier);
            (bench.stamp, bench.id) = stamp_and_id(carrier, case.received.headers);
        }
        bench
    }

    fn targets(&self, carrier: &SignatureLocation) -> Vec<CarriedSignature> {
        let mut targets = Vec::new();
        let Received { headers, body, .. } = self.case.received;
        match &carrier.body {
            // The items of a list are signed each by itself: none of them is the signature.
            Some(path) if carrier.each.is_none() => {
                let document = self
                    .pace
                    .step(StepKind::Look, body.len(), || serde_json::from_slice(body).ok());
                let document: Option<Value> = document.flatten();
                if let Some(Value::String(text)) = document.as_ref().and_then(|document| get(document, path)) {
                    add_targets(text.as_bytes(), &mut targets);
                }
            }
            _ => headers
                .all(&carrier.header)
                .for_each(|value| add_targets(value, &mut targets)),
        }
        targets
    }

    pub(super) fn hmac(&self) -> Option<&'a Hmac> {
        match self.case.scheme {
            Scheme::Hmac(hmac) => Some(hmac),
            _ => None,
        }
    }

    /// The hash inside, where it is a choice.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self.case.scheme {
            Scheme::Hmac(hmac) => Some(hmac.algorithm),
            Scheme::Hash(hash) => Some(hash.algorithm),
            _ => None,
        }
    }

    pub(super) fn carrier(&self) -> Option<&'a SignatureLocation> {
        self.case.scheme.carrier()
    }

    /// What is signed, where there is such a thing.
    pub(super) fn content(&self) -> Option<&'a Template> {
        self.case.scheme.content()
    }

    /// Whether the scheme signs the body: where it does not, no change of it explains anything.
    pub(super) fn signs_body(&self) -> bool {
        let mut placeholders = self.content().into_iter().flat_map(Template::placeholders);
        placeholders.any(|placeholder| *placeholder == Placeholder::Body)
    }

    /// The request as it came.
    pub(super) fn trial(&self) -> Trial<'a> {
        Trial {
            scheme: Cow::Borrowed(self.case.scheme),
            secrets: Cow::Borrowed(self.case.secrets),
            headers: Cow::Borrowed(self.case.received.headers),
            body: Cow::Borrowed(self.case.received.body),
            url: self.case.received.url.map(Cow::Borrowed),
        }
    }

    /// Whether another body explains it.
    pub(super) fn body(&self, body: &[u8]) -> bool {
        body != self.case.received.body
            && self.fits(&Trial {
                body: Cow::Borrowed(body),
                ..self.trial()
            })
    }

    /// Whether the body with something before and behind it explains it.
    pub(super) fn body_between(&self, before: &[u8], after: &[u8]) -> bool {
        let body = self.case.received.body;
        let longer = self
            .pace
            .step(StepKind::Copy, body.len(), || [before, body, after].concat());
        longer.is_some_and(|body| self.body(&body))
    }

    /// Whether another body explains it, which is made when there is the time.
    pub(super) fn body_of(&self, make: impl FnOnce() -> Vec<u8>) -> bool {
        self.changed(make).is_some_and(|body| self.body(&body))
    }

    /// Another body, made when there is the time.
    pub(super) fn changed<T>(&self, make: impl FnOnce() -> T) -> Option<T> {
        self.pace.step(StepKind::Change, self.case.received.body.len(), make)
    }

    /// The body as a document, without a mark before it.
    pub(super) fn document(&self) -> Option<&JsonNode<'a>> {
        if self.document.get().is_none() {
            let body = self.case.received.body;
            let text = body.strip_prefix(BOM).unwrap_or(body);
            let read = self.pace.step(StepKind::Read, body.len(), || json::parse(text))?;
            let _ = self.document.set(read);
        }
        match self.document.get()? {
            Ok(node) => return Some(node),
            Err(Fault::TooMuch) => self.pace.leave_out(),
            Err(Fault::NotJson) => {}
        }
        None
    }

    /// The document in that style.
    pub(super) fn written(&self, node: &JsonNode<'_>, style: &JsonStyle) -> Option<Vec<u8>> {
        let size = self.case.received.body.len();
        self.pace
            .step(StepKind::Write, size, || json::write(node, style, size))
            .flatten()
    }

    /// Whether another secret explains it.
    pub(super) fn secret(&self, secret: Secret) -> bool {
        self.fits(&Trial {
            secrets: Cow::Owned(vec![secret]),
            ..self.trial()
        })
    }

    /// Whether these bytes as the key of the keyed hash explain it, however the scheme makes keys of texts.
    pub(super) fn key(&self, bytes: &[u8]) -> bool {
        self.keyed(bytes).is_some_and(|trial| self.fits(&trial))
    }

    /// The request with these bytes as the key.
    pub(super) fn keyed(&self, bytes: &[u8]) -> Option<Trial<'a>> {
        let scheme = Hmac {
            key: KeyForm::Hex,
            key_prefix: None,
            ..self.hmac()?.clone()
        };
        Some(Trial {
            scheme: Cow::Owned(Scheme::Hmac(scheme)),
            secrets: Cow::Owned(vec![Secret::new(hex::encode(bytes))]),
            ..self.trial()
        })
    }

    /// Whether another signed content explains it. Its timestamp and id are those that came, unless it is all text.
    pub(super) fn signed(&self, content: &Template) -> bool {
        self.bare(content, None, &self.targets)
            .is_some_and(|trial| self.fits(&trial))
    }

    /// The request with nothing but signatures in its header, over that content, with another hash if one is given.
    pub(super) fn bare(
        &self,
        content: &Template,
        hash: Option<Algorithm>,
        targets: &[CarriedSignature],
    ) -> Option<Trial<'a>> {
        let content = content.filled(|placeholder| match placeholder {
            Placeholder::Timestamp(_) => self.stamp.clone(),
            Placeholder::Id => self.id.clone(),
            _ => None,
        });
        // What only the header says that is taken out.
        let lost = |placeholder: &Placeholder| {
            matches!(
                placeholder,
                Placeholder::Timestamp(_) | Placeholder::Id | Placeholder::SignedHeaders | Placeholder::SignedValues
            )
        };
        if targets.is_empty() || content.placeholders().any(lost) {
            return None;
        }
        let own = self.carrier()?;
        let carrier = SignatureLocation {
            header: own.header.clone(),
            value: Template::parse("${signature}", Scope::SignatureValue).ok()?,
            encoding: Encoding::Hex,
            url_forms: own.url_forms.clone(),
            ..SignatureLocation::default()
        };
        let mut headers = self.case.received.headers.clone();
        headers.remove(&carrier.header);
        for target in targets {
            headers.append(&carrier.header, hex::encode(&target.bytes));
        }
        let mut scheme = self.case.scheme.clone();
        let signed = match &mut scheme {
            Scheme::Hmac(scheme) => {
                scheme.algorithm = hash.unwrap_or(scheme.algorithm);
                scheme.also_accept.clear();
                &mut scheme.signed
            }
            Scheme::Hash(scheme) => {
                scheme.algorithm = hash.unwrap_or(scheme.algorithm);
                &mut scheme.signed
            }
            Scheme::Asymmetric(scheme) => &mut scheme.signed,
            Scheme::Token(_) | Scheme::Unsigned => return None,
        };
        *signed = SignedParts {
            content,
            carrier,
            freshness: Freshness::default(),
        };
        Some(Trial {
            scheme: Cow::Owned(scheme),
            headers: Cow::Owned(headers),
            ..self.trial()
        })
    }

    /// Whether the signature matches so, whatever its age. Never does when there is no time for it.
    pub(super) fn fits(&self, trial: &Trial<'_>) -> bool {
        let size = trial.body.len() * trial.secrets.len();
        let fits = self.pace.check(&trial.scheme, size, || trial.fits(self.case.received));
        fits == Some(true)
    }
}

impl Trial<'_> {
    fn fits(&self, received: Received<'_>) -> bool {
        let Ok(verifier) = self.scheme.verifier_of_usable(&self.secrets) else {
            return false;
        };
        let request = Received {
            headers: &self.headers,
            body: &self.body,
            url: self.url.as_deref(),
            ..received
        };
        verifier.verify(&request).is_match()
    }
}

/// Everything in a signature's place that can be one.
fn add_targets(value: &[u8], targets: &mut Vec<CarriedSignature>) {
    for (before, text) in tokens(value) {
        let padded = text.ends_with('=');
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
            let text = if encoding == Encoding::Base64Url {
                text.trim_end_matches('=')
            } else {
                text
            };
            let bytes = encoding.decode(text.as_bytes()).filter(|bytes| bytes.len() >= 20);
            let Some(bytes) = bytes else { continue };
            if targets.len() < MOST_SIGNATURES && !targets.iter().any(|have| have.bytes == bytes) {
                targets.push(CarriedSignature {
                    exact: encoding.encode(&bytes) == text,
                    bytes,
                    encoding,
                    before: before.to_owned(),
                    padded,
                });
            }
        }
    }
}

/// The pieces of a header's value, with what stands before them.
fn tokens(value: &[u8]) -> Vec<(&str, &str)> {
    let Ok(value) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    let mut tokens = Vec::new();
    for piece in value.split([',', ' ', ';', '"']).filter(|piece| !piece.is_empty()) {
        // The `=` of a pair has something behind it, that of base64 has not.
        match piece.trim_end_matches('=').rfind('=') {
            Some(at) => tokens.push(piece.split_at(at + 1)),
            None => tokens.push(("", piece)),
        }
        if tokens.len() > 4 * MOST_SIGNATURES {
            break;
        }
    }
    tokens
}

/// The timestamp and the id as they are written, also where the header has another fault.
fn stamp_and_id(carrier: &SignatureLocation, headers: &Headers) -> (Option<String>, Option<String>) {
    let text = |bytes: Option<&[u8]>| {
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .map(str::to_owned)
    };
    if let Ok(carried) = carrier.read(headers, None) {
        return (text(carried.timestamp), text(carried.id));
    }
    let header = |name: Option<&String>| name.and_then(|name| headers.get(name));
    let in_pair = || {
        let key = carrier.value.parts().windows(2).find_map(|two| match two {
            [Part::Text(key), Part::Placeholder(Placeholder::Timestamp(_))] => Some(key.as_str()),
            _ => None,
        })?;
        let value = headers.get_text(&carrier.header)?;
        let rest = &value[value.find(key)? + key.len()..];
        rest.split([',', ' ', ';']).next().map(str::to_owned)
    };
    let stamp = text(header(carrier.time_header.as_ref().map(|(name, _)| name)));
    (stamp.or_else(in_pair), text(header(carrier.id_header.as_ref())))
}
