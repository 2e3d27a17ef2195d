//! Which secrets a request is checked with.

use super::Verification;
use crate::error::Result;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::signature::{Scheme, is_hex_key};
use crate::verification::dev_secret::Purpose;

impl Verification {
    /// The secret of a provider: the one of that name, or the first.
    pub fn secret_of(&self, profile: &Profile, name: Option<&str>) -> Option<Secret> {
        let secrets = self.secrets_of(profile).ok()?;
        let named = secrets.iter().find(|secret| name.is_some() && secret.name() == name);
        named.or(secrets.first()).cloned()
    }

    /// Whether anything is checked at all.
    pub fn checks(&self) -> bool {
        self.secrets.is_some()
    }

    /// The secrets for a provider. One that has the form of a public key in hex is a shared secret only where the provider
    /// was named: recognised by a header, its kind would be the sender's choice.
    pub(super) fn secrets_of(&self, profile: &Profile) -> Result<Vec<Secret>> {
        let mut secrets = self.all_secrets_of(profile)?;
        if self.asks_for_name(profile) {
            secrets.retain(|secret| !is_hex_key(secret.expose()));
        }
        Ok(secrets)
    }

    /// Whether a secret is left out because no provider is named.
    pub(super) fn leaves_out_keys(&self, profile: &Profile) -> bool {
        let is_one = |secret: &Secret| is_hex_key(secret.expose());
        self.asks_for_name(profile) && self.all_secrets_of(profile).is_ok_and(|all| all.iter().any(is_one))
    }

    fn asks_for_name(&self, profile: &Profile) -> bool {
        let given = self.secrets.as_ref().is_some_and(|secrets| !secrets.is_dev());
        self.any && given && !matches!(profile.scheme, Scheme::Asymmetric(_))
    }

    fn all_secrets_of(&self, profile: &Profile) -> Result<Vec<Secret>> {
        self.secrets.as_ref().map_or_else(
            || Ok(Vec::new()),
            |secrets| secrets.for_profile(profile, Purpose::Verify),
        )
    }
}
