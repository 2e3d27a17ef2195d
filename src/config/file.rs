//! The settings file.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use toml::Value;

use super::conditions::ConditionsFile;
use super::notify::NotifyFile;
use super::remote::Remotes;
use super::serve::ServeFile;
use super::workflow::WorkflowFile;
use crate::endpoints::EndpointEntry;
use crate::secret::SecretRef;

/// Tables whose keys are settings of their own.
const TABLES: [&str; 5] = ["account", "listen", "serve", "ledger", "notify"];

/// One file. An absent key leaves the value of the layer below.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ConfigFile {
    /// The provider to play.
    pub provider: Option<String>,
    /// Reference of the secret.
    pub secret: Option<String>,
    /// `human`, `json` or `quiet`.
    pub output: Option<String>,
    /// Which events `hook listen` forwards, and where to.
    pub route: Option<Vec<RouteFile>>,
    /// APIs that keep endpoints.
    pub remote: Option<Remotes>,
    /// Of the account at the provider.
    pub account: AccountFile,
    /// Of `hook listen`.
    pub listen: ListenFile,
    /// Of the durable service.
    pub serve: ServeFile,
    /// Of the ledger.
    pub ledger: LedgerFile,
    /// Notices to the owners of endpoints.
    pub notify: NotifyFile,
    /// The endpoints that `hook endpoints apply` creates or changes.
    #[serde(skip_serializing)]
    pub endpoint: Option<Vec<EndpointEntry>>,
    /// Requests that the user defines, by name.
    #[serde(skip_serializing)]
    pub workflow: IndexMap<String, WorkflowFile>,
}

/// `[[route]]`: `forward` or `run`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RouteFile {
    /// Event types, with `*` for any characters; every event when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What has to hold.
    #[serde(rename = "where", skip_serializing_if = "ConditionsFile::is_empty")]
    pub conditions: ConditionsFile,
    /// A URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<String>,
    /// A command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// `[account]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AccountFile {
    /// The provider's master switch: with `false`, nothing is sent to any endpoint.
    pub enabled: Option<bool>,
    /// Its plan, where the provider limits endpoints by plan.
    pub plan: Option<String>,
    /// Parameters of the provider's envelope, such as the company whose events these are.
    pub params: Option<IndexMap<String, String>>,
}

/// `[listen]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ListenFile {
    /// Port.
    pub port: Option<u16>,
    /// Where requests are forwarded.
    pub forward_to: Option<String>,
    /// `EVENT=URL or CMD`.
    pub on: Option<Vec<String>>,
    /// A duration.
    pub dedupe_window: Option<String>,
}

/// `[ledger]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LedgerFile {
    /// A duration.
    pub retention: Option<String>,
    /// MiB.
    pub max_size: Option<u64>,
}

impl ConfigFile {
    /// Every setting by its dotted key, in the order of the fields, the same for each layer; `None` where this layer has no
    /// value. A secret's text is masked, a reference is not.
    pub fn entries(&self) -> Vec<(String, Option<Value>)> {
        let masked = |text: &String| match text.as_str() {
            "" => String::new(),
            text => SecretRef::parse(text).to_string(),
        };
        let all_masked = |texts: &Option<Vec<String>>| texts.as_ref().map(|texts| texts.iter().map(masked).collect());
        let shown = Self {
            serve: ServeFile {
                key: all_masked(&self.serve.key),
                test_key: all_masked(&self.serve.test_key),
                ..self.serve.clone()
            },
            secret: self.secret.as_ref().map(masked),
            remote: self.remote.as_ref().map(|remotes| {
                let remotes = remotes.iter();
                remotes.map(|(name, remote)| (name.clone(), remote.masked())).collect()
            }),
            notify: self.notify.masked(),
            ..self.clone()
        };
        // Through JSON, because TOML has no null for a key without a value.
        let Ok(Json::Object(keys)) = serde_json::to_value(shown) else {
            return Vec::new();
        };
        let value = |json: Json| Value::try_from(json).ok();
        let mut entries = Vec::new();
        for (key, json) in keys {
            match json {
                Json::Object(table) if TABLES.contains(&key.as_str()) => {
                    let named = |(name, json)| (format!("{key}.{name}"), value(json));
                    entries.extend(table.into_iter().map(named));
                }
                json => entries.push((key, value(json))),
            }
        }
        entries
    }
}

impl RouteFile {
    /// As it is shown.
    pub(super) fn entry(&self) -> Option<Value> {
        Value::try_from(self).ok()
    }
}
