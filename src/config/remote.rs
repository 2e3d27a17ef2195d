//! `[remote.NAME]`: a provider's API as the user calls it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::secret::SecretRef;

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
    let shown = remotes
        .iter()
        .map(|(name, remote)| Some((name.clone(), entry(remote)?)));
    Some(Value::Table(shown.collect::<Option<_>>()?))
}

/// One of them, as it is shown.
pub(super) fn entry(remote: &RemoteFile) -> Option<Value> {
    let token = remote.token.as_deref().map(|text| SecretRef::parse(text).to_string());
    let shown = RemoteFile {
        token,
        ..remote.clone()
    };
    Value::try_from(shown).ok()
}
