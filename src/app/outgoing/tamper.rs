//! Requests of `send` that a receiver must refuse.

use std::sync::Arc;
use std::time::Duration;

use crate::app::forged::texts::other_start;
use crate::app::forged::{twin, with_changed_signature, with_changed_time, with_other_secret, without_signature};
use crate::engine::{Delivery, Label};
use crate::error::{Error, Result};
use crate::exchange::SigningMode;
use crate::provider::Profile;
use crate::words::words;

/// By how much a changed time is later: too little to be refused for its age.
const LATER: Duration = Duration::from_secs(1);

words! {
    /// What is wrong with a request on purpose.
    pub enum Tamper {
        /// A byte of the body was changed after it was signed.
        Body = "body",
        /// A character of the signature was changed.
        Signature = "signature",
        /// The time was changed after it was signed.
        Timestamp = "timestamp",
        /// It is signed with another secret.
        Secret = "secret",
        /// It has no signature.
        Missing = "missing",
    }
}

impl Tamper {
    /// The delivery with that fault. It counts for the health of no endpoint.
    pub fn apply(self, delivery: Delivery, profile: &Arc<Profile>) -> Result<Delivery> {
        let forged = match self {
            Self::Body => twin(delivery, profile)?,
            // A token is a signature that is known as a whole or not at all.
            Self::Signature if profile.scheme.token_header().is_some() => with_other_secret(delivery, profile)?,
            Self::Signature => with_changed_signature(delivery, profile, other_start)?,
            Self::Timestamp => with_changed_time(delivery, profile, |at| at.plus(LATER))?,
            Self::Secret => with_other_secret(delivery, profile)?,
            Self::Missing if profile.scheme.place().is_none() => None,
            Self::Missing => without_signature(delivery, profile, SigningMode::Missing)?,
        };
        let mut forged = forged.ok_or_else(|| self.impossible(profile))?;
        forged.label = Arc::new(Label {
            health: None,
            ..(*forged.label).clone()
        });
        Ok(forged)
    }

    fn impossible(self, profile: &Profile) -> Error {
        let (name, label) = (self.name(), profile.label());
        let why = match self {
            Self::Body => "signs nothing of this body",
            Self::Timestamp => "signs no time that can be changed",
            Self::Signature | Self::Missing => "does not sign this request",
            Self::Secret => "has no secrets that can be made",
        };
        Error::usage(format!("`--tamper {name}` is not possible: `{label}` {why}"))
            .hint(format!("`hook providers show {label}` says what it signs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::endpoints::generate;
    use crate::engine::Signing;
    use crate::exchange::SecretKind;
    use crate::id::{Id, IdKind};
    use crate::provider::Registry;
    use crate::provider::compose::{ComposeOptions, Composer};
    use crate::random::Random;
    use crate::signature::{Received, Verdict, Verifier};

    const ALL: [Tamper; 5] = [
        Tamper::Body,
        Tamper::Signature,
        Tamper::Timestamp,
        Tamper::Secret,
        Tamper::Missing,
    ];

    fn now() -> Timestamp {
        Timestamp::from_unix(1_893_553_445)
    }

    /// An event with a value for each parameter that has no default.
    fn composed(profile: &Profile, event: &str) -> ComposeOptions {
        let required = profile.params.iter().filter(|(_, param)| param.default.is_none());
        ComposeOptions::of(
            event,
            required.map(|(name, _)| (name.clone(), "0".to_owned())).collect(),
        )
    }

    /// A signed delivery of a provider, and what verifies it; `None` where nothing is signed or no sample is known.
    fn delivery(profile: &Arc<Profile>) -> Option<(Delivery, Verifier)> {
        let random = Random::os();
        let secret = generate(profile, &random).ok()??;
        let event = profile.test_event.as_ref().or_else(|| profile.events.keys().next())?;
        let composer = Composer::new(profile, composed(profile, event)).ok()?;
        let message = composer
            .compose(Id::new(IdKind::Message, now(), &random), now(), &random)
            .ok()?;
        let public = secret
            .public
            .clone()
            .map_or_else(|| secret.secret.clone(), crate::secret::Secret::new);
        let signing = Signing::Fresh {
            profile: Arc::clone(profile),
            signer: Some(Arc::new(profile.signer(&[secret.secret]).ok()?)),
            secret: Arc::new(SecretKind::None),
        };
        let url = "https://example.com/hook".parse().ok()?;
        let policy = Arc::new(profile.policy.clone());
        let mut delivery = Delivery::new(&random, now(), message, url, signing, policy, Label::default());
        delivery.method.clone_from(&profile.delivery.method);
        Some((delivery, profile.scheme.verifier(&[public]).ok()?))
    }

    fn verify(delivery: &Delivery, verifier: &Verifier) -> Verdict {
        let request = delivery.request(now(), delivery.progress).unwrap();
        verifier.verify(&Received {
            method: &request.method,
            url: Some(request.url.as_str()),
            headers: &request.headers,
            body: &request.body,
            now: now(),
        })
    }

    #[test]
    fn every_provider_refuses_every_fault_that_is_possible() {
        let registry = Registry::default();
        let mut made = [0; 5];
        for name in registry.names() {
            let profile = registry.get(&name).unwrap();
            let Some((delivery, verifier)) = delivery(&profile) else {
                continue;
            };
            if verify(&delivery, &verifier).is_refused() {
                continue;
            }
            for (tamper, made) in ALL.into_iter().zip(&mut made) {
                let Ok(forged) = tamper.apply(delivery.clone(), &profile) else {
                    continue;
                };
                *made += 1;
                let verdict = verify(&forged, &verifier);
                assert!(verdict.is_refused(), "{name}: {tamper:?} {verdict:?}");
            }
        }
        assert!(
            made.iter()
                .zip([40, 35, 15, 45, 45])
                .all(|(made, least)| *made >= least),
            "{made:?}"
        );
    }

    #[test]
    fn what_is_not_signed_cannot_be_tampered_with() {
        let registry = Registry::default();
        for (name, tamper) in [("gitlab", Tamper::Body), ("poolflow", Tamper::Timestamp)] {
            let profile = registry.get(name).unwrap();
            let (delivery, _) = delivery(&profile).unwrap();
            let error = tamper.apply(delivery, &profile).err().map(|error| error.message);
            assert!(error.is_some_and(|text| text.contains("is not possible")), "{name}");
        }
    }

    #[test]
    fn a_tampered_token_is_another_one() {
        let profile = Registry::default().get("gitlab").unwrap();
        let (delivery, _) = delivery(&profile).unwrap();
        let token = |delivery: &Delivery| {
            let request = delivery.request(now(), delivery.progress).unwrap();
            request.headers.get_text("x-gitlab-token").map(str::to_owned).unwrap()
        };
        let (right, wrong) = (
            token(&delivery),
            token(&Tamper::Signature.apply(delivery, &profile).unwrap()),
        );
        let shared = right.bytes().zip(wrong.bytes()).filter(|(a, b)| a == b).count();
        assert!(shared < right.len() / 2, "nothing of the token is given away");
    }
}
