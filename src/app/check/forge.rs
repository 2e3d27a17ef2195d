//! Requests with a faulty signature, each made from an event of its own, so that a receiver that ignores repeated events still
//! has to check the signature.

use std::time::Duration;

use super::player::Player;
use crate::app::forged::{self, signed};
use crate::clock::Timestamp;
use crate::engine::{Delivery, Progress, Signing};
use crate::error::Result;
use crate::exchange::SigningMode;
use crate::provider::compose::Composer;
use crate::signature::{Encoding, Scheme};

/// How far a stale signature is beyond the limit.
pub(super) const BEYOND: Duration = Duration::from_secs(60);

/// The age that most providers allow: for one that signs the time and names no limit.
const USUAL_LIMIT: Duration = Duration::from_secs(300);

/// Secrets of examples, and of applications whose own secret is not set.
const GUESSES: &[&str] = &[
    "",
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
        if matches!(self.profile.scheme, Scheme::Unsigned) {
            return Ok(None);
        }
        let (profile, now) = (&self.profile, self.context.now());
        match (mode, self.age_limit()) {
            (SigningMode::Missing | SigningMode::Empty, _) => {
                forged::without_signature(self.event_of(composer)?, profile, mode)
            }
            (SigningMode::WrongSecret, _) => forged::with_other_secret(self.event_of(composer)?, profile),
            (SigningMode::Tampered, _) => forged::twin(self.event_of(composer)?, profile),
            (SigningMode::Stale, Some(limit)) => self.signed_at(now.minus(limit + BEYOND), mode).map(Some),
            (SigningMode::Future, Some(limit)) => self.signed_at(now.plus(limit + BEYOND), mode).map(Some),
            (SigningMode::Stale | SigningMode::Future | SigningMode::Fresh | SigningMode::AsCaptured, _) => Ok(None),
        }
    }

    /// Events that are signed with secrets that can be guessed, or with none.
    pub(super) fn guessed(&self, composer: &Composer<'_>) -> Result<Vec<Delivery>> {
        let signers = self.profile.scheme.guessed_signers(GUESSES);
        let signed = |signer| forged::signed_by(self.event_of(composer)?, &self.profile, signer);
        signers.into_iter().map(signed).collect()
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

    /// An event whose time was changed after it was signed: one that was too old. `None` where no signed time is beside the body.
    pub(super) fn with_other_time(&self) -> Result<Option<Delivery>> {
        let Some(limit) = self.age_limit().filter(|_| self.profile.scheme.signs_time()) else {
            return Ok(None);
        };
        let now = self.context.now();
        let stale = self.signed_at(now.minus(limit + BEYOND), SigningMode::Tampered)?;
        forged::with_changed_time(stale, &self.profile, |_| now)
    }

    /// An event whose id was changed after it was signed; `None` where no signed header carries it.
    pub(super) fn with_other_id(&self, composer: &Composer<'_>) -> Result<Option<Delivery>> {
        let id = self.profile.fresh_id(self.context.now(), &self.context.random);
        forged::with_changed_id(self.event_of(composer)?, &self.profile, &id)
    }

    /// A signed request with the signature of another secret: the same id, which a receiver may know by now.
    pub(super) fn wrongly_signed_copy(&self, delivery: &Delivery) -> Result<Option<Delivery>> {
        let mut copy = self.again(delivery);
        copy.headers = self.headers.clone();
        forged::with_other_secret(copy, &self.profile)
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
        for text in self.profile.scheme.signature_texts(&request.headers) {
            if let Some(bytes) = carrier.encoding.decode(text.as_bytes()) {
                all.extend([Encoding::Hex, Encoding::Base64, Encoding::Base64Url].map(|form| form.encode(&bytes)));
            }
            all.push(text);
        }
        all
    }
}
