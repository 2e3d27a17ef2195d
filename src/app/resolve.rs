//! Resolves the provider and the secrets that sign or verify: one place for every front end. Choices that the user did not
//! make are noted.

use std::sync::Arc;

use crate::app::context::Context;
use crate::engine::Signing;
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::exit::Exit;
use crate::fs::is_readable_by_others;
use crate::known;
use crate::provider::{Profile, near_names};
use crate::secret::{self, DEV_SECRET, Secret, SecretRef, SecretSource};
use crate::shell;
use crate::signature::{Scheme, Signer, is_public_key};
use crate::text::quoted;
use crate::verification::dev_secret::{DevSecret, Purpose, Secrets};

impl Context {
    /// Which provider is played: the flag, the endpoint's, the settings', the one whose catalogue has the event. The
    /// choice is noted when it was found by the event.
    pub fn provider_for(&self, named: Option<&str>, event: Option<&str>) -> Result<Arc<Profile>> {
        if let Some(name) = named.or(self.settings.provider.as_deref()) {
            return Ok(self.registry.get(name)?);
        }
        let Some(event) = event else {
            return Err(Error::usage("no provider is given")
                .hint("add `--provider NAME`; `hook providers list` shows all of them"));
        };
        let found = self.registry.find_event(event, None);
        match found.as_slice() {
            [one] => {
                let alias = if one.alias {
                    format!(" (`{event}` is its `{}`)", one.event)
                } else {
                    String::new()
                };
                self.notices.note(format!("provider: {}{alias}", one.provider));
                Ok(self.registry.get(&one.provider)?)
            }
            [] => {
                let all = self.registry.all_events();
                let near = near_names(event, all.iter().map(|(name, _)| name.as_str()));
                Err(Error::nothing(format!("no provider has an event `{event}`"))
                    .near(&near, |name| format!("hook send {}", shell::quote(name)))
                    .hint("`hook providers events NAME` shows a catalogue"))
            }
            several => {
                let providers = quoted(several.iter().map(|found| &found.provider));
                let first = several.first().map_or("", |found| found.provider.as_str());
                let what = format!("event `{event}` belongs to several providers: {providers}");
                Err(Error::usage(what).hint(format!("pick one: `--provider {first}`")))
            }
        }
    }

    /// The account's parameters that the provider's envelope has.
    pub fn account_params(&self, profile: &Profile) -> Vec<(String, String)> {
        let params = self.settings.account_params.iter();
        let known = params.filter(|(name, _)| profile.params.contains_key(*name));
        known.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Which secrets: the flags, the endpoint's, the settings' (with `HOOK_SECRET`), the dev secret.
    pub fn secrets_for(&self, given: &[String], endpoint: Vec<Secret>, purpose: Purpose) -> Result<Secrets> {
        Ok(self.secrets_and_kind(given, (None, endpoint), purpose)?.0)
    }

    /// As [`Context::secrets_for`], with what the ledger keeps in place of them. The endpoint's come with its name.
    pub fn secrets_and_kind(
        &self,
        given: &[String],
        (endpoint, own): (Option<&str>, Vec<Secret>),
        purpose: Purpose,
    ) -> Result<(Secrets, SecretKind)> {
        if !given.is_empty() {
            let found = given.iter().map(|text| self.secrets(text, purpose));
            let secrets = found.collect::<Result<Vec<_>>>()?.concat();
            return Ok((Secrets::Given(secrets), given_kind(given)));
        }
        if !own.is_empty() {
            let kind = endpoint.map_or(SecretKind::Given(Vec::new()), |name| SecretKind::Endpoint(name.into()));
            return Ok((Secrets::Given(own), kind));
        }
        // Settings come after the endpoint's own: they apply to every endpoint that has none.
        if let Some(secrets) = self.settings_secrets(purpose)? {
            return Ok((secrets, SecretKind::Settings));
        }
        Ok((Secrets::Dev(self.dev_secret()?), SecretKind::Dev))
    }

    /// The secret of the settings, where they name one.
    pub fn settings_secrets(&self, purpose: Purpose) -> Result<Option<Secrets>> {
        let text = self.settings.secret.as_deref();
        text.map(|text| self.secrets(text, purpose).map(Secrets::Given))
            .transpose()
    }

    /// How deliveries are signed: with the given secrets, else the endpoint's own, else the settings' or the dev secret.
    pub fn signing(
        &self,
        profile: &Arc<Profile>,
        given: &[String],
        own: (Option<&str>, Vec<Secret>),
    ) -> Result<Signing> {
        let (secrets, kind) = self.secrets_and_kind(given, own, Purpose::Sign)?;
        if secrets.is_dev() {
            self.notices.detail(format!("signed with the {DEV_SECRET}"));
        }
        signing_with(profile, &secrets, kind)
    }

    /// The signer of [`Context::signing`] alone, for requests that are not deliveries.
    pub fn signer(&self, profile: &Arc<Profile>, own: (Option<&str>, Vec<Secret>)) -> Result<Option<Arc<Signer>>> {
        Ok(match self.signing(profile, &[], own)? {
            Signing::Fresh { signer, .. } => signer,
            Signing::AsCaptured | Signing::Invalid(_) => None,
        })
    }

    /// Fetches what `[NAME=]endpoint:NAME` stands for, or the one secret of another reference.
    fn secrets(&self, text: &str, purpose: Purpose) -> Result<Vec<Secret>> {
        let Some((name, endpoint)) = secret::endpoint_of(text) else {
            return self.secret(text).map(|secret| vec![secret]);
        };
        let secrets = self.secrets_of_endpoint(endpoint, purpose)?.into_iter();
        let named = |secret: Secret| match name {
            Some(name) => secret.named(name),
            None => secret,
        };
        Ok(secrets.map(named).collect())
    }

    /// Fetches a secret by its reference, with a warning when others can read it.
    pub fn secret(&self, text: &str) -> Result<Secret> {
        let reference = SecretRef::parse(text);
        let secret = reference.resolve()?;
        if remember(&secret, &reference) && !is_public_key(secret.expose()) {
            self.warn_of_readers(&reference);
        }
        Ok(secret)
    }

    /// Warns of a secret that other users of this machine can read.
    pub fn warn_of_readers(&self, reference: &SecretRef) {
        match &reference.source {
            SecretSource::Literal(_) => self
                .notices
                .warn("a secret given as text is visible to other users; use `env:VAR` or `file:PATH`"),
            SecretSource::File(path) if is_readable_by_others(path) => {
                let path = path.display().to_string();
                self.notices
                    .warn(format!("other users can read the secret file `{path}`"));
                self.notices.hint(format!("`chmod 600 {}`", shell::quote(&path)));
            }
            SecretSource::File(_) | SecretSource::Env(_) | SecretSource::Stdin => {}
        }
    }

    /// Secrets that this machine knows already: the settings', the dev secret when it was ever used, and those
    /// of endpoints. For explanations: what cannot be read is left out.
    pub fn known_secrets(&self, profile: &Profile) -> Vec<Secret> {
        let mut all = Vec::new();
        let settings = self.settings.secret.as_deref().map(SecretRef::parse);
        // Standard input can be read only once, and an explanation must not take it.
        if let Some(reference) = settings.filter(|reference| reference.source != SecretSource::Stdin)
            && let Ok(secret) = reference.resolve()
        {
            remember(&secret, &reference);
            all.push(secret);
        }
        if DevSecret::exists(&self.paths, profile) {
            let dev = self.dev_secret();
            all.extend(dev.and_then(|dev| dev.for_profile(profile, Purpose::Verify)));
        }
        all.extend(self.known_endpoint_secrets(profile, false));
        all
    }

    /// Secrets that may have signed a request which a provider's own ones did not: those that are known for the provider,
    /// then those of other providers.
    pub fn secrets_for_diagnosis(&self, profile: &Profile) -> Vec<Secret> {
        let mut all = self.known_secrets(profile);
        all.extend(self.known_endpoint_secrets(profile, true));
        if !self.paths.dev_secret().exists() {
            return all;
        }
        let Ok(dev) = self.dev_secret() else { return all };
        let names = self.registry.names().into_iter().filter(|name| **name != *profile.name);
        for other in names.filter_map(|name| self.registry.get(&name).ok()) {
            // Pairs of keys are the same for all providers.
            if !matches!(other.scheme, Scheme::Asymmetric(_))
                && let Ok(secret) = dev.for_profile(&other, Purpose::Verify)
            {
                all.push(secret.named(format!("the dev secret of {}", other.name)));
            }
        }
        all
    }

    /// The dev secret, made at first use.
    pub fn dev_secret(&self) -> Result<DevSecret> {
        DevSecret::open(&self.paths)
    }
}

/// Why no endpoint gets anything.
pub const ACCOUNT_OFF: &str = "the account's webhooks are switched off by `account.enabled`: its endpoints get nothing";

/// Refuses to deliver to endpoints.
pub fn account_off() -> Error {
    Error::new(Exit::Refused, ACCOUNT_OFF).hint("`hook config show` says where that is set")
}

/// Signing with those secrets; without a signer where the provider signs nothing.
pub fn signing_with(profile: &Arc<Profile>, secrets: &Secrets, kind: SecretKind) -> Result<Signing> {
    let (signer, kind) = match &profile.scheme {
        Scheme::Unsigned => (None, SecretKind::None),
        _ => {
            let keys = secrets.for_profile(profile, Purpose::Sign)?;
            (Some(Arc::new(profile.signer(&keys)?)), kind)
        }
    };
    Ok(Signing::Fresh {
        profile: Arc::clone(profile),
        signer,
        secret: Arc::new(kind),
    })
}

/// The kind of secrets that were given by reference. A text that is the secret itself leaves nothing but its place.
fn given_kind(references: &[String]) -> SecretKind {
    let kept = |text: &String| match secret::endpoint_of(text) {
        Some(_) => text.clone(),
        None => {
            let reference = SecretRef::parse(text);
            match &reference.source {
                SecretSource::Env(_) | SecretSource::File(_) => reference.anywhere(),
                SecretSource::Stdin | SecretSource::Literal(_) => String::new(),
            }
        }
    };
    match references {
        [one] if one.starts_with("endpoint:") => SecretKind::Endpoint(one["endpoint:".len()..].to_owned()),
        several => SecretKind::Given(several.iter().map(kept).collect()),
    }
}

/// Takes note of a secret under the reference that can be typed again. Returns whether it was not known.
fn remember(secret: &Secret, reference: &SecretRef) -> bool {
    let nameless = SecretRef {
        name: None,
        ..reference.clone()
    };
    let typed = matches!(reference.source, SecretSource::Env(_) | SecretSource::File(_)).then(|| nameless.anywhere());
    known::remember(secret, typed.as_deref())
}
