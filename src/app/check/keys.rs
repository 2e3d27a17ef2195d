//! The secrets of an audit.

use std::sync::Arc;

use crate::app::context::Context;
use crate::app::resolve::signing_with;
use crate::endpoints::generate;
use crate::engine::Signing;
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::known;
use crate::provider::Profile;
use crate::random::Random;
use crate::secret::{DEV_SECRET, Secret};
use crate::signature::Scheme;
use crate::verification::dev_secret::{Purpose, Secrets};

/// The secrets of an audit.
pub(super) struct AuditKeys {
    /// What signs, the secret of today first.
    pub(super) signing: Vec<Secret>,
    /// What the receiver verifies with.
    pub(super) verifying: Vec<Secret>,
    kind: SecretKind,
}

impl AuditKeys {
    pub(super) fn new(context: &Context, profile: &Profile, (given, has_app): (&[String], bool)) -> Result<Self> {
        if matches!(profile.scheme, Scheme::Unsigned) {
            return Ok(Self {
                signing: Vec::new(),
                verifying: Vec::new(),
                kind: SecretKind::None,
            });
        }
        if given.is_empty() && has_app {
            return Self::generated(profile);
        }
        let (secrets, kind) = context.secrets_and_kind(given, (None, Vec::new()), Purpose::Sign)?;
        if secrets.is_dev() {
            context.notices.note(format!("signed with the {DEV_SECRET}"));
        }
        let signing = secrets.for_profile(profile, Purpose::Sign)?;
        let is_pair = matches!(profile.scheme, Scheme::Asymmetric(_));
        if is_pair && has_app && !secrets.is_dev() {
            // The receiver must not get the private key.
            return Err(Error::usage("`--app` cannot be given the public half of this key")
                .hint("leave `--secret` out: a pair is made for the run"));
        }
        let verifying = secrets.for_profile(profile, Purpose::Verify)?;
        Ok(Self {
            signing,
            verifying,
            kind,
        })
    }

    /// A secret for this audit alone: the receiver is started with it.
    fn generated(profile: &Profile) -> Result<Self> {
        let made = generate(profile, &Random::os())?;
        let made = made.ok_or_else(|| Error::internal("no secret can be made"))?;
        known::remember(&made.secret, None);
        let verifying = made
            .public
            .map_or_else(|| made.secret.clone(), |public| Secret::new(public.into_bytes()));
        Ok(Self {
            signing: vec![made.secret],
            verifying: vec![verifying],
            kind: SecretKind::Given(vec![String::new()]),
        })
    }

    /// How events are signed with one of them.
    pub(super) fn signing(&self, profile: &Arc<Profile>, index: usize) -> Result<Signing> {
        let one = self.signing.get(index).cloned().into_iter().collect();
        signing_with(profile, &Secrets::Given(one), self.kind.clone())
    }
}
