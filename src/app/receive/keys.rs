//! The expected providers of a listener, and its secrets. Where commands run for verified requests, the user names the
//! provider: the headers of a request are its sender's choice.

use super::options::ListenOptions;
use super::routes::{NamedRoute, runs_commands};
use crate::app::context::{Context, Purpose, Secrets};
use crate::error::{Error, Result};
use crate::provider::name_of;
use crate::secret::{Secret, SecretRef, SecretSource, endpoint_of};
use crate::shell::quote;
use crate::signature::Scheme;

/// The keys of a listener.
pub(super) struct Keys {
    /// The providers that are expected.
    pub(super) providers: Vec<String>,
    /// The secrets; absent: nothing is verified.
    pub(super) secrets: Option<Secrets>,
    /// Whether the expected providers sign nothing, so that nothing is verified whatever the secrets.
    pub(super) unsigned: bool,
}

/// The providers that are expected, and the secrets to verify with; none: nothing is verified.
pub(super) fn keys(context: &Context, options: &ListenOptions, routes: &[NamedRoute]) -> Result<Keys> {
    let mut keys = Keys {
        providers: options.providers.clone(),
        secrets: secrets(context, options)?,
        unsigned: false,
    };
    if let Some(Secrets::Given(secrets)) = keys.secrets {
        // Without a reference of its own it is that of the settings.
        let settings = context.settings.secret.iter().filter(|_| options.secrets.is_empty());
        let given: Vec<String> = options.secrets.iter().chain(settings).cloned().collect();
        let owners = owners(context, &given)?;
        if keys.providers.is_empty() {
            keys.providers = expected_providers(context, &owners);
        }
        let owned: Vec<(String, String)> = owners.into_iter().flatten().collect();
        let secrets = bind(secrets, &owned, &keys.providers);
        if runs_commands(routes) {
            check_bound(&given, &secrets, &keys.providers)?;
        }
        keys.secrets = Some(Secrets::Given(secrets));
    }
    keys.unsigned = sign_nothing(context, &keys.providers)?;
    if keys.unsigned && runs_commands(routes) {
        check_signed(options, &keys.providers)?;
    }
    Ok(keys)
}

/// Whether providers are named, and none of them signs anything.
pub(super) fn sign_nothing(context: &Context, labels: &[String]) -> Result<bool> {
    for label in labels {
        if !matches!(context.registry.get(label)?.scheme, Scheme::Unsigned) {
            return Ok(false);
        }
    }
    Ok(!labels.is_empty())
}

/// The providers of the endpoints whose secrets are the only ones, else the settings' provider.
fn expected_providers(context: &Context, owners: &[Option<(String, String)>]) -> Vec<String> {
    if owners.is_empty() || !owners.iter().all(Option::is_some) {
        return context.settings.named_provider.iter().cloned().collect();
    }
    let labels = owners.iter().flatten().map(|(_, provider)| provider.clone());
    // Each once, in the order in which the user gave them.
    labels.collect::<indexmap::IndexSet<_>>().into_iter().collect()
}

/// Refuses to run commands for requests that no provider signs.
fn check_signed(options: &ListenOptions, labels: &[String]) -> Result<()> {
    if options.unverified || options.inbound.is_some() || options.require_bearer.is_some() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "refusing to run commands for unverified requests: `{}` signs nothing",
        labels.join("`, `")
    ))
    .hint("add `--unverified` if anyone may run them"))
}

/// The name and the provider of the secrets of each reference that is `endpoint:NAME`.
fn owners(context: &Context, given: &[String]) -> Result<Vec<Option<(String, String)>>> {
    let owner = |text: &String| match endpoint_of(text) {
        Some((name, selector)) => context.endpoint(selector).map(|endpoint| {
            let name = name.map_or_else(|| format!("endpoint:{}", endpoint.name), str::to_owned);
            Some((name, endpoint.provider))
        }),
        None => Ok(None),
    };
    given.iter().map(owner).collect()
}

/// Refuses to run commands when the headers of a request choose the provider.
fn check_bound(given: &[String], secrets: &[Secret], labels: &[String]) -> Result<()> {
    let named = providers(labels).len();
    if named == 0 {
        let what = "refusing to run commands for requests of any provider that a sender chooses to imitate";
        return Err(Error::usage(what)
            .hint("name the provider whose secret it is: `--provider NAME`; `hook providers list` shows all"));
    }
    let open = secrets.iter().filter(|secret| secret.provider().is_none()).count();
    if named == 1 || open == 0 {
        return Ok(());
    }
    let which = match open {
        1 => "a secret does not say".to_owned(),
        n => format!("{n} secrets do not say"),
    };
    let flags = flags_for(given, labels);
    Err(Error::usage(format!(
        "refusing to run commands for several providers: {which} which of them signs with it"
    ))
    .hint(format!("say whose secret each is: `{}`", flags.join(" "))))
}

/// The flags that name the provider of each secret. A reference that names it stays; the others are assigned in order.
fn flags_for(given: &[String], labels: &[String]) -> Vec<String> {
    let named = |text: &String| match endpoint_of(text) {
        Some((name, _)) => name.map(str::to_owned),
        None => SecretRef::parse(text).name,
    };
    let is_of =
        |text: &String, label: &String| named(text).is_some_and(|name| name == *label || name == name_of(label));
    let is_open = |text: &&String| labels.iter().all(|label| !is_of(text, label));
    let shown = given.iter().filter(is_open).filter_map(|text| shown_reference(text));
    let mut open = shown.clone();
    let flag = |label: &String| {
        let own = given.iter().find(|text| is_of(text, label));
        let reference = match own {
            Some(text) => shown_reference(text),
            None => open.next().or_else(|| shown.clone().next_back()),
        };
        let reference = reference.unwrap_or_else(|| "REF".to_owned());
        format!("--secret {}={reference}", name_of(label))
    };
    labels.iter().map(flag).collect()
}

/// A reference as it may be shown: without its name, and never the text of a secret.
fn shown_reference(text: &str) -> Option<String> {
    if let Some((_, endpoint)) = endpoint_of(text) {
        return Some(quote(&format!("endpoint:{endpoint}")));
    }
    match SecretRef::parse(text).source {
        SecretSource::Env(name) => Some(format!("env:{name}")),
        SecretSource::File(path) => Some(quote(&format!("file:{}", path.display()))),
        SecretSource::Stdin | SecretSource::Literal(_) => None,
    }
}

fn secrets(context: &Context, options: &ListenOptions) -> Result<Option<Secrets>> {
    match (options.dev_secret, options.secrets.is_empty()) {
        (false, true) => Ok(None),
        (true, false) => Err(Error::usage(
            "`--secret` alone is the dev secret, and does not go with given ones",
        )),
        _ => {
            let secrets = context.secrets_for(&options.secrets, Vec::new(), Purpose::Verify)?;
            Ok(Some(secrets))
        }
    }
}

/// Binds secrets to the providers whose names they have; where several are expected, those of endpoints to the providers
/// of these. `owners` are the names of endpoints' secrets, with a provider each.
fn bind(secrets: Vec<Secret>, owners: &[(String, String)], labels: &[String]) -> Vec<Secret> {
    let several = providers(labels).len() > 1;
    let expected = |provider: &&str| several && labels.iter().any(|label| name_of(label) == *provider);
    let bound = |secret: Secret| {
        let name = secret.name();
        let owner = owners.iter().find(|(owned, _)| Some(owned.as_str()) == name);
        let owner = owner.map(|(_, provider)| name_of(provider)).filter(expected);
        let is_own = |label: &&String| Some(label.as_str()) == name || Some(name_of(label)) == name;
        let own = labels.iter().find(is_own).filter(|_| secret.provider().is_none());
        match owner.or(own.map(|label| name_of(label))) {
            Some(provider) => secret.bound_to(provider),
            None => secret,
        }
    };
    secrets.into_iter().map(bound).collect()
}

fn providers(labels: &[String]) -> Vec<&str> {
    let mut providers: Vec<&str> = labels.iter().map(|label| name_of(label)).collect();
    providers.sort_unstable();
    providers.dedup();
    providers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_a_named_provider_binds_and_any_other_stays_a_name() {
        let labels = ["github".to_owned(), "slotflow@absolute".to_owned()];
        let secret = |name: &str| Secret::new("x").named(name);
        let bound = bind(
            vec![secret("github"), secret("old"), secret("slotflow"), Secret::new("y")],
            &[],
            &labels,
        );
        let providers: Vec<_> = bound.iter().map(Secret::provider).collect();
        assert_eq!(providers, [Some("github"), None, Some("slotflow"), None]);
        let refusal =
            |secrets: &[Secret], labels: &[String]| check_bound(&[], secrets, labels).err().map(|e| e.message);
        assert!(refusal(&bound, &labels).unwrap().contains("2 secrets do not say"));
        assert_eq!(refusal(&bound[..1], &labels), None);
        assert_eq!(refusal(&bound, &labels[..1]), None);
        assert!(refusal(&bound, &[]).unwrap().contains("any provider"));
    }
}
