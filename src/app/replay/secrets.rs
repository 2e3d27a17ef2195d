//! The secret of a repetition. A delivery is never signed with another secret than before only because that one is not
//! available.

use super::original::{Original, received};
use super::{Replay, ReplayOptions};
use crate::app::context::{Purpose, Secrets};
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::provider::Profile;
use crate::secret::SecretRef;
use crate::shell;

/// How a repetition is signed.
pub(super) enum Choice {
    /// These keys.
    Keys(Secrets, SecretKind),
    /// The headers of the record.
    AsCaptured,
    /// The right secret is not available.
    Missing(Error),
}

impl Replay<'_> {
    /// The secrets to sign with, when the right ones are known.
    pub(super) fn choose(&self, original: &Original, profile: &Profile) -> Result<Choice> {
        // A resumed delivery goes out as it was begun, whatever secrets exist now.
        if self.options.as_captured || (self.options.resume && original.captured()) {
            return Ok(Choice::AsCaptured);
        }
        if self.applies(original) {
            let (secrets, kind) = self.given()?;
            return Ok(Choice::Keys(secrets, kind));
        }
        // A valid signature would turn the request that a receiver must refuse into a genuine one.
        if original.delivery.signing.fault().is_some() {
            return Ok(Choice::AsCaptured);
        }
        let missing = || Choice::Missing(missing(self.options, original));
        let context = self.context;
        Ok(match &original.delivery.secret {
            Some(SecretKind::Dev) => Choice::Keys(Secrets::Dev(context.dev_secret()?), SecretKind::Dev),
            Some(SecretKind::Settings) => match context.settings_secrets(Purpose::Sign)? {
                Some(secrets) => Choice::Keys(secrets, SecretKind::Settings),
                None => missing(),
            },
            Some(SecretKind::Endpoint(name)) => self.of_endpoint(name, profile)?.unwrap_or_else(missing),
            Some(SecretKind::Given(_)) => missing(),
            // Nothing is signed, so the keys do not matter.
            Some(SecretKind::None) if !original.captured() => {
                Choice::Keys(Secrets::Given(Vec::new()), SecretKind::None)
            }
            Some(SecretKind::None) | None => self.unrecorded(original, profile)?,
        })
    }

    /// For captures, and for deliveries of a format that did not say which secret it was.
    fn unrecorded(&self, original: &Original, profile: &Profile) -> Result<Choice> {
        let context = self.context;
        // A forward has no secret of its own: that of the request that came is the right one.
        if original.captured()
            && let Some(capture) = received(self.store, original.delivery.origin)?
            && capture.request.verdict.secret == Some(SecretKind::Dev)
        {
            return Ok(Choice::Keys(Secrets::Dev(context.dev_secret()?), SecretKind::Dev));
        }
        if let Some(name) = &original.delivery.endpoint
            && let Some(choice) = self.of_endpoint(name, profile)?
        {
            return Ok(choice);
        }
        if let Some(secrets) = context.settings_secrets(Purpose::Sign)? {
            return Ok(Choice::Keys(secrets, SecretKind::Settings));
        }
        Ok(match original.captured() {
            true => Choice::AsCaptured,
            false if self.options.resume => Choice::Missing(missing(self.options, original)),
            false => Choice::Keys(Secrets::Dev(context.dev_secret()?), SecretKind::Dev),
        })
    }

    fn of_endpoint(&self, name: &str, profile: &Profile) -> Result<Option<Choice>> {
        let Some(endpoint) = self.endpoint(name)? else {
            return Ok(None);
        };
        let secrets = self.context.endpoint_secrets(&endpoint, profile, Purpose::Sign)?;
        if secrets.is_empty() {
            return Ok(None);
        }
        let kind = SecretKind::Endpoint(name.to_owned());
        Ok(Some(Choice::Keys(Secrets::Given(secrets), kind)))
    }

    /// Whether the secrets of the options apply to that record. When many are resumed, they apply to those that were signed
    /// with secrets of options, not to those with another kind.
    fn applies(&self, original: &Original) -> bool {
        let options = self.options;
        if options.secrets.is_empty() {
            return false;
        }
        match &original.delivery.secret {
            _ if !options.resume || options.provider.is_some() => true,
            None | Some(SecretKind::None) => true,
            Some(SecretKind::Given(recorded)) => {
                let given = options.secrets.iter().map(|text| SecretRef::parse(text).anywhere());
                recorded.iter().any(String::is_empty) || given.eq(recorded.iter().cloned()) || recorded.is_empty()
            }
            Some(SecretKind::Dev | SecretKind::Settings | SecretKind::Endpoint(_)) => false,
        }
    }

    /// The endpoint of that name, as it is now.
    pub(super) fn endpoint(&self, name: &str) -> Result<Option<Endpoint>> {
        let endpoints = self.endpoints()?;
        Ok(endpoints.iter().find(|endpoint| endpoint.name == name).cloned())
    }
}

fn missing(options: &ReplayOptions, original: &Original) -> Error {
    let references: &[String] = match &original.delivery.secret {
        Some(SecretKind::Given(references)) => references,
        _ => &[],
    };
    let shown = references.iter().filter(|text| !text.is_empty());
    let shown: Vec<String> = shown.map(|text| format!("`{text}`")).collect();
    let which = match &original.delivery.secret {
        Some(SecretKind::Given(_)) if shown.is_empty() => "a secret of its command line".to_owned(),
        Some(SecretKind::Given(_)) => shown.join(" and "),
        Some(SecretKind::Settings) => "the secret of the settings".to_owned(),
        Some(SecretKind::Endpoint(name)) => format!("the secret of endpoint `{name}`"),
        Some(SecretKind::None | SecretKind::Dev) | None => "a secret that is not recorded".to_owned(),
    };
    let flag = |text: &String| match text.as_str() {
        "" => "--secret REF".to_owned(),
        text => format!("--secret {}", shell::quote(text)),
    };
    let mut flags: Vec<String> = references.iter().map(flag).collect();
    if flags.is_empty() {
        flags.push("--secret REF".to_owned());
    }
    let number = original.number;
    Error::usage(format!(
        "`#{number}` was signed with {which}, which is not available: not sent"
    ))
    .hint(format!("`{} {}`", options.command(number), flags.join(" ")))
}
