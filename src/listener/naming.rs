//! Whose secrets a listener has. What acts on a verdict needs to know that from its user: from the sender's headers it would
//! be the sender's choice.

use crate::secret::Secret;

/// Why commands cannot be run with these secrets.
#[derive(Debug, PartialEq, Eq)]
pub enum Nameless {
    /// No provider is named.
    Provider,
    /// Several are, and some secrets say none of them: their places in the list.
    Secrets(Vec<usize>),
}

/// The name of a provider without its variant.
pub fn provider_of(label: &str) -> &str {
    label.split_once('@').map_or(label, |(name, _)| name)
}

/// Binds secrets to the providers whose names they have.
pub fn bind(secrets: Vec<Secret>, labels: &[String]) -> Vec<Secret> {
    let owner = |secret: &Secret| {
        let name = secret.name()?;
        let label = labels
            .iter()
            .find(|label| *label == name || provider_of(label) == name)?;
        Some(provider_of(label).to_owned())
    };
    let bound = |secret: Secret| match owner(&secret) {
        Some(provider) if secret.provider().is_none() => secret.bound_to(provider),
        _ => secret,
    };
    secrets.into_iter().map(bound).collect()
}

/// Binds the secrets of endpoints to the providers of these, where several are expected. `owners` are the secrets' names,
/// with a provider each.
pub fn bind_owned(secrets: Vec<Secret>, owners: &[(String, String)], labels: &[String]) -> Vec<Secret> {
    if let [] | [_] = providers(labels).as_slice() {
        return secrets;
    }
    let owner = |secret: &Secret| {
        let (_, owner) = owners.iter().find(|(name, _)| Some(name.as_str()) == secret.name())?;
        let expected = labels.iter().any(|label| provider_of(label) == provider_of(owner));
        expected.then(|| provider_of(owner))
    };
    let bound = |secret: Secret| match owner(&secret) {
        Some(provider) => secret.bound_to(provider),
        None => secret,
    };
    secrets.into_iter().map(bound).collect()
}

fn providers(labels: &[String]) -> Vec<&str> {
    let mut providers: Vec<&str> = labels.iter().map(|label| provider_of(label)).collect();
    providers.sort_unstable();
    providers.dedup();
    providers
}

/// What is missing before commands may run.
pub fn nameless(secrets: &[Secret], labels: &[String]) -> Option<Nameless> {
    match providers(labels).as_slice() {
        [] => Some(Nameless::Provider),
        [_] => None,
        _ => {
            let open = |(index, secret): (usize, &Secret)| secret.provider().is_none().then_some(index);
            let open: Vec<usize> = secrets.iter().enumerate().filter_map(open).collect();
            (!open.is_empty()).then_some(Nameless::Secrets(open))
        }
    }
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
            &labels,
        );
        let providers: Vec<_> = bound.iter().map(Secret::provider).collect();
        assert_eq!(providers, [Some("github"), None, Some("slotflow"), None]);
        assert_eq!(nameless(&bound, &labels), Some(Nameless::Secrets(vec![1, 3])));
        assert_eq!(nameless(&bound[..1], &labels), None);
        assert_eq!(nameless(&bound, &labels[..1]), None);
        assert_eq!(nameless(&bound, &[]), Some(Nameless::Provider));
    }
}
