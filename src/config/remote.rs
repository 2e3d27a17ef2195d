//! `[remote.NAME]`: a provider's API as the user calls it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

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

impl RemoteFile {
    /// As it is shown: the text of a token is masked, a reference is not.
    pub(super) fn masked(&self) -> Self {
        Self {
            token: self.token.as_deref().map(|text| SecretRef::parse(text).to_string()),
            ..self.clone()
        }
    }
}
