//! Requests with a faulty signature, each made from an event of its own, so that a receiver that ignores repeated events still
//! has to check the signature.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::player::Player;
use crate::app::forged::{signed, tampered, with_body};
use crate::clock::Timestamp;
use crate::endpoints::generate;
use crate::engine::{Delivery, Progress, Signing};
use crate::error::Result;
use crate::exchange::{SecretKind, SigningMode};
use crate::headers::Headers;
use crate::provider::compose::Composer;
use crate::random::Random;
use crate::secret::Secret;
use crate::signature::{Encoding, Scheme};

/// How far a stale signature is beyond the limit.
pub(super) const BEYOND: Duration = Duration::from_secs(60);

/// The age that most providers allow: for one that signs the time and names no limit.
const USUAL_LIMIT: Duration = Duration::from_secs(300);

/// Secrets of examples, and of applications whose own secret is not set.
const GUESSES: &[&str] = &[
    "secret",
    "test",
    "changeme",
    "password",
    "webhook_secret",
    "whsec_test",
    "undefined",
    "null",
    "None",
];

/// The faults of `hook endpoints test`.
pub const SHORT: [SigningMode; 5] = [
    SigningMode::Missing,
    SigningMode::Empty,
    SigningMode::WrongSecret,
    SigningMode::Tampered,
    SigningMode::Stale,
];

/// A request that must be refused.
pub(super) struct Forgery {
    pub(super) delivery: Delivery,
    /// The moment that its signature states.
    pub(super) at: Timestamp,
}

impl Player<'_> {
    /// A request with that fault; `None` where the provider's scheme cannot have it.
    pub fn faulty(&self, composer: &Composer<'_>, mode: SigningMode) -> Result<Option<Delivery>> {
        let scheme = &self.profile.scheme;
        if matches!(scheme, Scheme::Unsigned) {
            return Ok(None);
        }
        match mode {
            SigningMode::Missing | SigningMode::Empty => {
                let mut delivery = self.signed_once(composer)?;
                let body = delivery.message.body.clone();
                let body = scheme.strip(&mut delivery.headers, &body, mode == SigningMode::Empty);
                Ok(body.map(|body| with_body(delivery, body, mode)))
            }
            SigningMode::WrongSecret => match generate(&self.profile, &Random::os())? {
                // A seeded source would make a secret that others can guess, and the receiver may be any.
                Some(other) => self.signed_with(composer, other.secret).map(Some),
                None => Ok(None),
            },
            SigningMode::Tampered => {
                let delivery = signed(self.event_of(composer)?)?;
                let body = tampered(&self.profile, &delivery.headers, &delivery.message.body);
                Ok(body.map(|body| with_body(delivery, body, mode)))
            }
            SigningMode::Stale => match self.age_limit() {
                Some(limit) => self.signed_at(self.context.now().minus(limit + BEYOND), mode).map(Some),
                None => Ok(None),
            },
            SigningMode::Future => match self.age_limit() {
                Some(limit) => self.signed_at(self.context.now().plus(limit + BEYOND), mode).map(Some),
                None => Ok(None),
            },
            SigningMode::Fresh | SigningMode::AsCaptured => Ok(None),
        }
    }

    /// A signed event without the signatures that the provider sends beside its own: a receiver may check those instead.
    fn signed_once(&self, composer: &Composer<'_>) -> Result<Delivery> {
        let mut delivery = signed(self.event_of(composer)?)?;
        let body = delivery.message.body.clone();
        for scheme in &self.profile.beside {
            let _ = scheme.strip(&mut delivery.headers, &body, false);
        }
        Ok(delivery)
    }

    /// An event that another secret signed.
    fn signed_with(&self, composer: &Composer<'_>, secret: Secret) -> Result<Delivery> {
        let mut delivery = self.event_of(composer)?;
        delivery.signing = Signing::Fresh {
            profile: Arc::clone(&self.profile),
            signer: Some(Arc::new(self.profile.scheme.signer(&[secret])?)),
            secret: Arc::new(SecretKind::None),
        };
        let mut delivery = signed(delivery)?;
        delivery.signing = Signing::Invalid(SigningMode::WrongSecret);
        Ok(delivery)
    }

    /// Events that are signed with secrets that can be guessed, where they have the form of the scheme's secrets.
    pub(super) fn guessed(&self, composer: &Composer<'_>) -> Result<Vec<Delivery>> {
        let prefix = self.profile.secret_prefix().unwrap_or_default();
        let texts = GUESSES.iter().flat_map(|guess| {
            let encoded = format!("{prefix}{}", Encoding::Base64.encode(guess.as_bytes()));
            [(*guess).to_owned(), encoded]
        });
        let secrets = texts.map(|text| Secret::new(text.into_bytes()));
        let has_form = |secret: &Secret| self.profile.scheme.signer(std::slice::from_ref(secret)).is_ok();
        secrets
            .filter(has_form)
            .map(|secret| self.signed_with(composer, secret))
            .collect()
    }

    /// An event whose signature states that moment.
    pub(super) fn signed_at(&self, then: Timestamp, mode: SigningMode) -> Result<Delivery> {
        let mut options = self.compose_options();
        // Some providers sign the time of the body. A genuine event keeps its own, so that later ones are not older than it.
        if mode != SigningMode::Fresh || self.signs_event_time() {
            options.time = Some(then);
        }
        let mut delivery = self.event_of(&Composer::new(&self.profile, options)?)?;
        let now = std::mem::replace(&mut delivery.at, then);
        let mut delivery = signed(delivery)?;
        delivery.at = now;
        delivery.signing = match mode {
            SigningMode::Fresh => Signing::AsCaptured,
            mode => Signing::Invalid(mode),
        };
        Ok(delivery)
    }

    /// Whether the body's own time is the one of the signature.
    pub(super) fn signs_event_time(&self) -> bool {
        let carrier = self.profile.scheme.carrier();
        carrier.is_some_and(|carrier| carrier.time_at.is_some())
    }

    /// The age that a receiver may enforce: the scheme's, or the usual one where the scheme signs a time.
    pub(super) fn age_limit(&self) -> Option<Duration> {
        let scheme = &self.profile.scheme;
        let freshness = scheme.freshness();
        let usual = scheme.signs_time().then_some(USUAL_LIMIT);
        freshness.tolerance.or(freshness.advised).or(usual)
    }

    /// The texts of the signatures in a request; none where they are in the body.
    pub(super) fn signatures(&self, headers: &Headers) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match &self.profile.scheme {
            Scheme::Token(token) => {
                let value = headers.get(&token.header);
                let secret = value.and_then(|value| value.get(token.secret_in(value)));
                secret.map(text).into_iter().collect()
            }
            scheme => {
                let carrier = scheme.carrier().filter(|carrier| carrier.body.is_none());
                let carried = carrier.and_then(|carrier| carrier.read(headers, None).ok());
                carried.map_or_else(Vec::new, |carried| carried.signatures.into_iter().map(text).collect())
            }
        }
    }

    /// A signed event whose signature text was changed; `None` where it is not in a header.
    pub(super) fn with_signature(
        &self,
        composer: &Composer<'_>,
        change: impl Fn(&str) -> String,
    ) -> Result<Option<Delivery>> {
        let mut delivery = self.signed_once(composer)?;
        let texts = self.signatures(&delivery.headers);
        let is_changed = self.replace_in_headers(&mut delivery.headers, &texts, change);
        Ok(is_changed.then(|| invalid(delivery, SigningMode::Tampered)))
    }

    fn replace_in_headers(&self, headers: &mut Headers, texts: &[String], change: impl Fn(&str) -> String) -> bool {
        let names: Vec<String> = self.profile.scheme.signature_headers().map(str::to_owned).collect();
        let mut is_changed = false;
        for name in names {
            let Some(old) = headers.get_text(&name).map(str::to_owned) else {
                continue;
            };
            let new = texts
                .iter()
                .fold(old.clone(), |value, text| value.replace(text.as_str(), &change(text)));
            if new != old {
                headers.set(&name, new);
                is_changed = true;
            }
        }
        is_changed
    }

    /// A stale event with a time of now, which is not what was signed; `None` where the time is not signed beside the body.
    pub(super) fn with_other_time(&self) -> Result<Option<Delivery>> {
        let scheme = &self.profile.scheme;
        let (Some(limit), Some(carrier)) = (self.age_limit().filter(|_| scheme.signs_time()), scheme.carrier()) else {
            return Ok(None);
        };
        let now = self.context.now();
        let mut delivery = self.signed_at(now.minus(limit + BEYOND), SigningMode::Tampered)?;
        let Some(form) = carrier.time_form() else {
            return Ok(None);
        };
        if let Some((name, _)) = &carrier.time_header {
            let is_there = delivery.headers.contains(name);
            delivery.headers.set(name, form.text(now));
            return Ok(is_there.then_some(delivery));
        }
        let carried = carrier.read(&delivery.headers, None).ok();
        let stated =
            carried.and_then(|carried| carried.timestamp.map(|text| String::from_utf8_lossy(text).into_owned()));
        let is_changed =
            stated.is_some_and(|stated| self.replace_in_headers(&mut delivery.headers, &[stated], |_| form.text(now)));
        Ok(is_changed.then_some(delivery))
    }

    /// An event whose id was changed after it was signed; `None` where no signed header carries it.
    pub(super) fn with_other_id(&self, composer: &Composer<'_>) -> Result<Option<Delivery>> {
        let scheme = &self.profile.scheme;
        let Some(name) = scheme.carrier().and_then(|carrier| carrier.id_header.clone()) else {
            return Ok(None);
        };
        let mut delivery = signed(self.event_of(composer)?)?;
        if !delivery.headers.contains(&name) || !scheme.signs_header(&name, &delivery.headers) {
            return Ok(None);
        }
        delivery
            .headers
            .set(&name, self.profile.fresh_id(self.context.now(), &self.context.random));
        Ok(Some(invalid(delivery, SigningMode::Tampered)))
    }

    /// A signed request with the signature of another secret: the same id, which a receiver may know by now.
    pub(super) fn wrongly_signed_copy(&self, delivery: &Delivery) -> Result<Option<Delivery>> {
        let Some(other) = generate(&self.profile, &Random::os())? else {
            return Ok(None);
        };
        let mut copy = self.again(delivery);
        copy.headers = self.headers.clone();
        copy.signing = Signing::Fresh {
            profile: Arc::clone(&self.profile),
            signer: Some(Arc::new(self.profile.scheme.signer(&[other.secret])?)),
            secret: Arc::new(SecretKind::None),
        };
        Ok(Some(invalid(signed(copy)?, SigningMode::WrongSecret)))
    }

    /// The signatures that would have been right for a forged request, in the forms that a careless answer may have.
    pub(super) fn right_signatures(&self, forgery: &Forgery) -> Vec<String> {
        let mut genuine = forgery.delivery.clone();
        genuine.headers = self.headers.clone();
        genuine.signing = self.signing.clone();
        let Ok(request) = genuine.request(forgery.at, Progress::default()) else {
            return Vec::new();
        };
        let Some(carrier) = self.profile.scheme.carrier() else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for text in self.signatures(&request.headers) {
            if let Some(bytes) = carrier.encoding.decode(text.as_bytes()) {
                all.extend([Encoding::Hex, Encoding::Base64, Encoding::Base64Url].map(|form| form.encode(&bytes)));
            }
            all.push(text);
        }
        all
    }
}

/// The same with a signature that is wrong in that way.
pub(super) fn invalid(mut delivery: Delivery, mode: SigningMode) -> Delivery {
    delivery.signing = Signing::Invalid(mode);
    delivery
}

/// The body with a line feed behind it that was not signed.
pub(super) fn padded(delivery: Delivery) -> Delivery {
    let body: Bytes = [&delivery.message.body[..], b"\n"].concat().into();
    with_body(delivery, body, SigningMode::Tampered)
}

/// Another letter or digit for each of a text behind the first `kept`. The last characters of base64 may stand for the same bytes,
/// so that it is never the last one alone.
pub(super) fn altered(text: &str, kept: usize) -> String {
    let other = |c: char| match c {
        '0' | 'a' | 'A' => char::from(u8::try_from(c).unwrap_or(b'0') + 1),
        '1'..='9' => '0',
        'b'..='z' => 'a',
        'B'..='Z' => 'A',
        c => c,
    };
    text.chars()
        .enumerate()
        .map(|(index, c)| if index < kept { c } else { other(c) })
        .collect()
}

/// Letters in the other case.
pub(super) fn other_case(text: &str) -> String {
    let swap = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    text.chars().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_signature_keeps_its_beginning_and_its_alphabet() {
        assert_eq!(altered("0a9fZA+/=", 2), "0a0aAB+/=");
        assert_eq!(altered("abc", 3), "abc");
        assert_eq!(other_case("aB1+="), "Ab1+=");
    }
}
