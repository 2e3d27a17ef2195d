//! Requests that a receiver must refuse. Each is made from an event of its own, so that a receiver that ignores repeated
//! events still has to check the signature.

use std::sync::Arc;
use std::time::Duration;

use super::EndpointProbe;
use crate::app::forged::{signed, tampered, with_body};
use crate::endpoints::generate;
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::exchange::{SecretKind, SigningMode};
use crate::provider::compose::Composer;
use crate::random::Random;
use crate::signature::Scheme;

/// How far a stale signature is beyond the limit.
const BEYOND: Duration = Duration::from_secs(60);

/// The age that most providers allow: for one that signs the time and names no limit.
const USUAL_LIMIT: Duration = Duration::from_secs(300);

impl EndpointProbe<'_> {
    /// One request for each fault that the provider's scheme can have.
    pub(super) fn invalid(&self, composer: &Composer<'_>) -> Result<Vec<Delivery>> {
        let scheme = &self.profile.scheme;
        if matches!(scheme, Scheme::Unsigned) {
            return Ok(Vec::new());
        }
        let mut invalid = Vec::new();
        for mode in [SigningMode::Missing, SigningMode::Empty] {
            let mut delivery = signed(self.event_of(composer)?)?;
            let body = delivery.message.body.clone();
            let body = scheme.strip(&mut delivery.headers, &body, mode == SigningMode::Empty);
            invalid.extend(body.map(|body| with_body(delivery, body, mode)));
        }
        invalid.extend(self.wrongly_signed(composer)?);
        let delivery = signed(self.event_of(composer)?)?;
        if let Some(body) = tampered(&self.profile, &delivery.headers, &delivery.message.body) {
            invalid.push(with_body(delivery, body, SigningMode::Tampered));
        }
        invalid.extend(self.stale()?);
        Ok(invalid)
    }

    fn wrongly_signed(&self, composer: &Composer<'_>) -> Result<Option<Delivery>> {
        // A seeded source would make a secret that others can guess, and the receiver may be any.
        let Some(other) = generate(&self.profile, &Random::os())? else {
            return Ok(None);
        };
        let mut delivery = self.event_of(composer)?;
        delivery.signing = Signing::Fresh {
            profile: Arc::clone(&self.profile),
            signer: Some(Arc::new(self.profile.scheme.signer(&[other.secret])?)),
            secret: Arc::new(SecretKind::None),
        };
        let mut delivery = signed(delivery)?;
        delivery.signing = Signing::Invalid(SigningMode::WrongSecret);
        Ok(Some(delivery))
    }

    /// An event whose signature is older than the provider, or most others, allow.
    fn stale(&self) -> Result<Option<Delivery>> {
        let scheme = &self.profile.scheme;
        let freshness = scheme.freshness();
        let usual = scheme.signs_time().then_some(USUAL_LIMIT);
        let Some(limit) = freshness.tolerance.or(freshness.advised).or(usual) else {
            return Ok(None);
        };
        let then = self.context.now().minus(limit + BEYOND);
        let mut options = self.compose_options();
        // Some providers sign the time of the body.
        options.time = Some(then);
        let mut delivery = self.event_of(&Composer::new(&self.profile, options)?)?;
        let now = std::mem::replace(&mut delivery.at, then);
        let mut delivery = signed(delivery)?;
        delivery.at = now;
        delivery.signing = Signing::Invalid(SigningMode::Stale);
        Ok(Some(delivery))
    }
}
