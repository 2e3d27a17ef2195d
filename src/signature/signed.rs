//! What a scheme signs of a request, and what it leaves open.

use serde_json::Value;
use sha2::Digest as _;

use super::hmac::Algorithm;
use super::shape::{is_framed, json_like};
use super::url_form::UrlForm;
use super::{Received, Scheme, Shape, SignedParts};
use crate::form::is_urlencoded;
use crate::headers::Headers;
use crate::json::get_mut;
use crate::template::Placeholder;

/// How signed bytes read as the content of their own scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentReading {
    /// Whether every part beside the body has its form. Otherwise a sender may have split other bytes so that they fit.
    pub framed: bool,
    /// Whether the body is a JSON object or array.
    pub json: bool,
}

/// Whether the beginning of an array may have been taken away from the body.
fn opens_array(pieces: &[std::borrow::Cow<'_, [u8]>]) -> bool {
    let before_last = pieces.len().saturating_sub(1);
    pieces[..before_last].iter().any(|piece| piece.contains(&b'['))
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

impl Scheme {
    pub(super) fn mac(&self) -> &'static str {
        match self {
            Self::Hmac(scheme) => match scheme.algorithm {
                Algorithm::Sha1 => "hmac-sha1",
                Algorithm::Sha256 => "hmac-sha256",
                Algorithm::Sha512 => "hmac-sha512",
            },
            other => other.kind(),
        }
    }

    pub(super) fn signed(&self) -> Option<&SignedParts> {
        match self {
            Self::Hmac(scheme) => Some(&scheme.signed),
            Self::Hash(scheme) => Some(&scheme.signed),
            Self::Asymmetric(scheme) => Some(&scheme.signed),
            Self::Token(_) | Self::Unsigned => None,
        }
    }

    /// Whether what is signed of a request cannot be the content of another scheme: its body is a document, and a sender
    /// chooses nothing beside it.
    pub fn is_plain(&self, shape: &Shape, body: &[u8]) -> bool {
        !shape.is_open() && json_like(body) && self.signs_body()
    }

    /// Calls `look` with everything that is signed of a request, whole, and how it reads; stops at its first answer.
    pub fn look_at_signed<T>(
        &self,
        received: &Received<'_>,
        form: UrlForm,
        mut look: impl FnMut(&[u8], ContentReading) -> Option<T>,
    ) -> Option<T> {
        let content = self.content()?;
        // A body in brackets may be the rest of an array whose start was moved into another part: then it must parse.
        let found = self.signed()?.look(received, form, |pieces| {
            let framed = is_framed(self, content, pieces);
            let json = json_like(received.body) && (!opens_array(pieces) || is_json(received.body));
            look(&pieces.concat(), ContentReading { framed, json })
        });
        found.ok().flatten()
    }

    /// A hash of everything that is signed of a request; `None` when that is nothing, or is not there.
    pub fn signed_hash(&self, received: &Received<'_>, form: UrlForm) -> Option<String> {
        let (mut hash, mut length) = (sha2::Sha256::new(), 0);
        let all = self.signed()?.look(received, form, |pieces| {
            for piece in pieces {
                hash.update(piece);
                length += piece.len();
            }
            None::<()>
        });
        (all.is_ok() && length > 0).then(|| hex::encode(hash.finalize()))
    }

    /// Whether the whole body is signed, whatever it is.
    pub fn signs_body(&self) -> bool {
        self.signs(|p| *p == Placeholder::Body)
    }

    /// Whether the whole body of this request is signed: as it is, by the fields of a form, or by its hash in the URL.
    pub fn covers_body(&self, headers: &Headers) -> bool {
        let by_hash = self.carrier().is_some_and(|carrier| carrier.body_hash.is_some());
        self.signs_body() || by_hash || self.signs_form() && headers.get_text("content-type").is_some_and(is_urlencoded)
    }

    /// Whether that field of the body is signed, in a request whose body as a whole is not.
    pub fn signs_field(&self, path: &str) -> bool {
        let each = self.carrier().and_then(|carrier| carrier.each.as_deref());
        let path = match each {
            // The items of a list are signed one by one.
            Some(each) => {
                let item = path.strip_prefix(each).and_then(|rest| rest.strip_prefix('.'));
                item.and_then(|item| item.split_once('.')).map(|(_, path)| path)
            }
            None => Some(path),
        };
        self.signs(|p| match p {
            Placeholder::BodyPath(signed) | Placeholder::OptionalBodyPath(signed) => path == Some(signed),
            _ => false,
        })
    }

    /// The headers that may carry a signature.
    pub fn signature_headers(&self) -> impl Iterator<Item = &str> {
        let more = self.carrier().into_iter().flat_map(|carrier| &carrier.more_headers);
        self.header().into_iter().chain(more.map(String::as_str))
    }

    /// Takes the signature out of a request, or leaves an empty one in its place. Returns the body; `None` where it has no
    /// place for a signature.
    pub fn strip(&self, headers: &mut Headers, body: &[u8], leave_empty: bool) -> Option<Vec<u8>> {
        for name in self.signature_headers() {
            if !leave_empty {
                headers.remove(name);
            } else if headers.contains(name) {
                headers.set(name, "");
            }
        }
        let Some((carrier, path)) = self
            .carrier()
            .and_then(|carrier| Some((carrier, carrier.body.as_ref()?)))
        else {
            return Some(body.to_vec());
        };
        let mut document: Value = serde_json::from_slice(body).ok()?;
        let items = match &carrier.each {
            None => std::slice::from_mut(&mut document),
            Some(list) => get_mut(&mut document, list)?.as_array_mut()?,
        };
        for item in items {
            let (around, name) = match path.rsplit_once('.') {
                Some((around, name)) => (get_mut(item, around)?, name),
                None => (item, path.as_str()),
            };
            let around = around.as_object_mut()?;
            if leave_empty {
                around.insert(name.to_owned(), Value::from(""));
            } else {
                around.shift_remove(name);
            }
        }
        serde_json::to_vec(&document).ok()
    }

    /// Whether that header is signed in this request.
    pub fn signs_header(&self, name: &str, headers: &Headers) -> bool {
        let (Some(content), Some(carrier)) = (self.content(), self.carrier()) else {
            return false;
        };
        let listed = || {
            let carried = carrier.read(headers, None).ok();
            let names = carried.and_then(|carried| carried.signed_headers);
            let names = String::from_utf8_lossy(names.unwrap_or_default()).into_owned();
            names.split_whitespace().any(|signed| signed.eq_ignore_ascii_case(name))
        };
        let is = |header: Option<&String>| header.is_some_and(|header| header.eq_ignore_ascii_case(name));
        content.placeholders().any(|placeholder| match placeholder {
            Placeholder::Id => is(carrier.id_header.as_ref()),
            Placeholder::Timestamp(_) => is(carrier.time_header.as_ref().map(|(header, _)| header)),
            Placeholder::Header(signed) => signed.eq_ignore_ascii_case(name),
            Placeholder::SignedValues => listed(),
            _ => false,
        })
    }

    /// Whether this scheme proves at least as much of a request as another one: a signature over body and target where that
    /// one has it, and an age that is enforced where that one enforces it.
    pub fn proves_as_much_as(&self, other: &Self) -> bool {
        match (other, self) {
            (Self::Unsigned, _) => true,
            (_, Self::Unsigned) => false,
            (Self::Token(_), _) => true,
            (_, Self::Token(_)) => false,
            (other, own) => {
                let body = own.signs_body() || own.signs_form() || !(other.signs_body() || other.signs_form());
                let target = own.signs_target() || !other.signs_target();
                let age = own.freshness().tolerance.is_some() || other.freshness().tolerance.is_none();
                let keyed = !matches!(own, Self::Hash(_)) || matches!(other, Self::Hash(_));
                body && target && age && keyed
            }
        }
    }
}
