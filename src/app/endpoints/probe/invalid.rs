//! Requests that a receiver must refuse. Each is made from an event of its own, so that a receiver that ignores repeated
//! events still has to check the signature.

use std::time::Duration;

use super::EndpointProbe;
use crate::app::forged::{signed, tampered, with_body, with_other_secret, without_signature};
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::exchange::SigningMode;
use crate::provider::compose::Composer;
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
            let delivery = self.event_of(composer)?;
            invalid.extend(without_signature(delivery, &self.profile, mode)?);
        }
        invalid.extend(with_other_secret(self.event_of(composer)?, &self.profile)?);
        let delivery = signed(self.event_of(composer)?)?;
        if let Some(body) = tampered(&self.profile, &delivery.headers, &delivery.message.body) {
            invalid.push(with_body(delivery, body, SigningMode::Tampered));
        }
        invalid.extend(self.stale()?);
        Ok(invalid)
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
