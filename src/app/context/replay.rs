//! What a replay asks of this run.

use super::{Context, Purpose, Secrets};
use crate::app::replay::Services;
use crate::clock::Timestamp;
use crate::endpoints::Endpoint;
use crate::error::Result;
use crate::exchange::SecretKind;
use crate::provider::{Profile, Registry};
use crate::random::Random;
use crate::secret::Secret;
use crate::store::Record;

impl Services for Context {
    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self) -> &Random {
        &self.random
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>> {
        Ok(self.book().read()?)
    }

    fn account_off(&self) -> bool {
        self.settings.account_off
    }

    fn given_secrets(&self, references: &[String]) -> Result<(Secrets, SecretKind)> {
        self.secrets_and_kind(references, (None, Vec::new()), Purpose::Sign)
    }

    fn endpoint_secrets(&self, endpoint: &Endpoint, profile: &Profile) -> Result<Vec<Secret>> {
        Context::endpoint_secrets(self, endpoint, profile, Purpose::Sign)
    }

    fn settings_secrets(&self) -> Result<Option<Secrets>> {
        let text = self.settings.secret.as_deref();
        text.map(|text| self.secrets(text, Purpose::Sign).map(Secrets::Given))
            .transpose()
    }

    fn restore(&self, record: &mut Record) {
        Context::restore(self, record);
    }

    fn dev_secrets(&self) -> Result<Secrets> {
        self.dev_secret().map(Secrets::Dev)
    }
}
