//! `[remote.NAME]`: a provider's API as the user calls it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::secret::SecretRef;
use crate::transport::{address_policy, guard};
use crate::ui::printable;

/// Where endpoints are kept that `hook endpoints --remote NAME` manages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RemoteFile {
    /// Whose API it is; that of the same name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it is, when it is not the provider's usual place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// Reference of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The account's plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Parameters that its calls need.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, String>,
}

/// By name.
pub type Remotes = IndexMap<String, RemoteFile>;

/// As a setting to be shown: a token's text is masked, a reference is not.
pub(super) fn shown(remotes: &Remotes) -> Option<Value> {
    let masked = remotes.iter().map(|(name, remote)| {
        let token = remote.token.as_deref().map(|text| SecretRef::parse(text).to_string());
        (
            name.clone(),
            RemoteFile {
                token,
                ..remote.clone()
            },
        )
    });
    Value::try_from(masked.collect::<Remotes>()).ok()
}

/// Why a project's remote needs trust: it sends a token of the user's to a place of its choice.
pub(super) fn asks(name: &str, remote: &RemoteFile) -> Option<String> {
    let name = printable(name, 100);
    let to = remote.api_url.as_deref();
    let shown = to.map(|url| format!(" to `{}`", printable(url, 200)));
    match (&remote.token, to) {
        (Some(token), _) => {
            let token = printable(&SecretRef::parse(token).to_string(), 200);
            let shown = shown.unwrap_or_default();
            Some(format!("`remote.{name}` sends the token `{token}`{shown}"))
        }
        (None, Some(url)) if !is_here(url) => Some(format!("`remote.{name}` sends tokens{}", shown?)),
        (None, _) => None,
    }
}

fn is_here(text: &str) -> bool {
    guard::target(text).is_ok_and(|url| address_policy::is_loopback(&url))
}
