//! What signing and verifying have in common for all kinds of keys: find the parts, try every key on every form, check the
//! age.

use std::borrow::Cow;

use serde_json::Value;

use super::age::judge_age;
use super::content::{PieceSource, Pieces, check_body_hash};
use super::location::{Carried, SignatureLocation};
use super::url_form::UrlForm;
use super::{Freshness, KeyError, Proof, Received, RejectReason, SignError, Signed, ToSign};
use crate::form::{is_urlencoded, with_field};
use crate::json::is_form_body;
use crate::json_text;
use crate::secret::Secret;
use crate::template::{Placeholder, Template};

/// What is signed, where the signature is and how old it may be: a scheme without its keys.
#[derive(Debug, Clone, Default)]
pub struct SignedParts {
    /// What is signed.
    pub content: Template,
    /// Where the signature is.
    pub carrier: SignatureLocation,
    /// How old it may be.
    pub freshness: Freshness,
}

impl SignedParts {
    fn signs(&self, wanted: fn(&Placeholder) -> bool) -> bool {
        self.content.placeholders().any(wanted)
    }

    /// Whether a check parses the body as a document.
    pub(super) fn looks_into_body(&self) -> bool {
        let path = |p: &Placeholder| matches!(p, Placeholder::BodyPath(_) | Placeholder::OptionalBodyPath(_));
        self.carrier.body.is_some() || self.signs(path)
    }

    /// The secrets that sign: all of them where the header may carry several signatures, else the first.
    pub(super) fn signing_secrets<'s>(&self, secrets: &'s [Secret]) -> Result<&'s [Secret], KeyError> {
        match secrets {
            [] => Err(KeyError::NoSecret),
            [_, ..] if self.carrier.carries_several() => Ok(secrets),
            [_, ..] => Ok(&secrets[..1]),
        }
    }

    /// Signs with every key. `secret` returns what a key adds to the content, `make` the bytes of a signature.
    pub(super) fn sign<K>(
        &self,
        keys: &[K],
        message: &ToSign<'_>,
        secret: impl Fn(&K) -> &[u8],
        make: impl Fn(&K, &[Cow<'_, [u8]>]) -> Result<Vec<u8>, SignError>,
    ) -> Result<Signed, SignError> {
        let received = Received {
            method: message.method,
            url: Some(message.url),
            headers: message.headers,
            body: message.body,
            now: message.timestamp,
        };
        let form = self.content.placeholders().find_map(Placeholder::timestamp_form);
        let timestamp = form.map(|form| form.text(message.timestamp)).unwrap_or_default();
        let names = self.carrier.signed_names(message);
        let carried = Carried {
            timestamp: Some(timestamp.as_bytes()),
            id: Some(message.id.as_bytes()).filter(|id| !id.is_empty()),
            signed_headers: Some(names.as_bytes()),
            ..Carried::default()
        };
        let text = |key: &K, document: Option<&Value>| {
            let source = PieceSource {
                carrier: &self.carrier,
                carried: &carried,
                received: &received,
                document,
                url: message.url,
                event: message.event,
                secret: secret(key),
            };
            let signature = make(key, &source.pieces(&self.content)?)?;
            Ok::<_, SignError>(self.carrier.encoding.encode(&signature))
        };
        // A receiver refuses a message whose age it cannot tell.
        self.carrier.time_in_body(self.freshness, &received)?;
        let document = self.document(&received);
        let Some(path) = &self.carrier.body else {
            let signatures = keys.iter().map(|key| text(key, document.as_ref()));
            let signatures = signatures.collect::<Result<Vec<String>, _>>()?;
            return Ok(Signed::Headers(self.carrier.write(&signatures, message)));
        };
        let no_place = || SignError::NoPlace(path.clone());
        let document = document.as_ref().ok_or_else(no_place)?;
        let items = self.carrier.items(document).ok_or_else(no_place)?;
        // Another notation of the bytes would be another body.
        let mut body = String::from_utf8(message.body.to_vec()).map_err(|_| no_place())?;
        // A body has one place for a signature, so only the first key signs.
        let first = keys.first().into_iter();
        let signatures = first
            .flat_map(|key| items.iter().map(|item| text(key, Some(item))))
            .map(|signature| Ok(self.carrier.render(&signature?, message)))
            .collect::<Result<Vec<String>, SignError>>()?;
        for (number, signature) in signatures.into_iter().enumerate() {
            let at = match &self.carrier.each {
                Some(list) => format!("{list}.{number}.{path}"),
                None => path.to_owned(),
            };
            if let Some(form) = form_with(message, self.carrier.field_of(&at), &signature) {
                return Ok(Signed::Body(form));
            }
            body = json_text::set(&body, &at, &json_text::quoted(&signature)).ok_or_else(no_place)?;
        }
        Ok(Signed::Body(body.into_bytes()))
    }

    /// Verifies the signatures of a request with every key. `matches` compares one content with the signatures.
    pub(super) fn verify<K>(
        &self,
        keys: &[K],
        received: &Received<'_>,
        secret: impl Fn(&K) -> &[u8],
        matches: impl Fn(&K, &[Cow<'_, [u8]>], &[&[u8]]) -> Option<Proof>,
    ) -> Result<Proof, RejectReason> {
        // Without the URL every signature would fail to match, which would blame the secret.
        if self.signs(|p| *p == Placeholder::Url) && received.url.is_none() {
            return Err(RejectReason::UrlUnknown);
        }
        if let Some(param) = &self.carrier.body_hash {
            check_body_hash(param, received.url.unwrap_or_default(), received)?;
        }
        let mut proof = Err(self.carrier.missing());
        let mut signed_at = None;
        self.each_source(received, |source| {
            signed_at = source.carried.signed_at;
            let found = |url: &str, key: &K| {
                let secret = secret(key);
                let content = PieceSource { url, secret, ..*source }.pieces(&self.content)?;
                Ok(matches(key, &content, &source.carried.signatures))
            };
            proof = Ok(self.first(keys, received, found)?);
            Ok(None::<()>)
        })?;
        // Only a matching signature makes its age worth checking: a forged timestamp must not decide the reason.
        let proof = proof?;
        if signed_at.is_none() {
            signed_at = self.carrier.time_in_body(self.freshness, received)?;
        }
        judge_age(self.freshness, signed_at, received.now, proof)
    }

    fn document(&self, received: &Received<'_>) -> Option<Value> {
        let document = self
            .looks_into_body()
            .then(|| self.carrier.document(received.headers, received.body));
        document.flatten()
    }

    /// The parts of the body that are signed each by itself.
    fn items<'a>(&self, document: Option<&'a Value>) -> Result<Vec<Option<&'a Value>>, RejectReason> {
        if self.carrier.each.is_none() {
            return Ok(vec![document]);
        }
        let items = document.and_then(|document| self.carrier.items(document));
        let items = items.ok_or_else(|| self.carrier.missing())?;
        Ok(items.into_iter().map(Some).collect())
    }

    /// Calls `look` with the pieces of everything that is signed of a request, the secret left out; stops at its first answer
    /// and returns it.
    pub(super) fn look<T>(
        &self,
        received: &Received<'_>,
        form: UrlForm,
        mut look: impl FnMut(&Pieces<'_>) -> Option<T>,
    ) -> Result<Option<T>, RejectReason> {
        let url = form.of(received.url.unwrap_or_default());
        self.each_source(received, |source| {
            let pieces = PieceSource { url: &url, ..*source }.pieces(&self.content)?;
            Ok(look(&pieces))
        })
    }

    /// Calls `look` with each part of the body that is signed by itself, without a URL and a secret.
    fn each_source<T>(
        &self,
        received: &Received<'_>,
        mut look: impl FnMut(&PieceSource<'_>) -> Result<Option<T>, RejectReason>,
    ) -> Result<Option<T>, RejectReason> {
        let document = self.document(received);
        for item in self.items(document.as_ref())? {
            let found = look(&PieceSource {
                carrier: &self.carrier,
                carried: &self.carrier.read(received.headers, item)?,
                received,
                document: item,
                url: "",
                event: "",
                secret: b"",
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first key that matches, with any form of the URL.
    fn first<K>(
        &self,
        keys: &[K],
        received: &Received<'_>,
        found: impl Fn(&str, &K) -> Result<Option<Proof>, RejectReason>,
    ) -> Result<Proof, RejectReason> {
        let given = received.url.unwrap_or_default();
        let mut urls: Vec<Cow<'_, str>> = Vec::with_capacity(1);
        for form in self.url_forms() {
            let url = form.of(given);
            // Several forms may give the same URL: each is tried once.
            if urls.contains(&url) {
                continue;
            }
            for key in keys {
                if let Some(proof) = found(&url, key)? {
                    return Ok(Proof {
                        url_form: *form,
                        ..proof
                    });
                }
            }
            urls.push(url);
        }
        Err(RejectReason::NoMatch {
            header: self.carrier.header.clone(),
            secrets: keys.len(),
        })
    }

    fn url_forms(&self) -> &[UrlForm] {
        if self.carrier.url_forms.is_empty() {
            &[UrlForm::Given]
        } else {
            &self.carrier.url_forms
        }
    }
}

/// The form with the signature in that field, where the message is a form.
fn form_with(message: &ToSign<'_>, field: &str, signature: &str) -> Option<Vec<u8>> {
    let kind = message.headers.get_text("content-type")?;
    (is_urlencoded(kind) && is_form_body(kind, message.body)).then(|| with_field(message.body, field, signature))
}
