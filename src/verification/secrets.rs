//! Which secrets a request is checked with.

use super::Verification;
use crate::error::Result;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::session::Purpose;

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

    pub(super) fn secrets_of(&self, profile: &Profile) -> Result<Vec<Secret>> {
        self.secrets.as_ref().map_or_else(
            || Ok(Vec::new()),
            |secrets| secrets.for_profile(profile, Purpose::Verify),
        )
    }
}
