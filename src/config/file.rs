//! What a settings file may say.

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Value;

use super::remote::{self, Remotes};
use super::workflow::WorkflowFile;
use crate::endpoints::EndpointEntry;
use crate::secret::SecretRef;

/// One file; absent keys leave the layer below as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ConfigFile {
    /// The provider to play.
    pub provider: Option<String>,
    /// Reference of the secret.
    pub secret: Option<String>,
    /// `human`, `json` or `quiet`.
    pub output: Option<String>,
    /// Of `hook listen`.
    pub listen: ListenFile,
    /// Of the ledger.
    pub ledger: LedgerFile,
    /// Of the account at the provider.
    pub account: AccountFile,
    /// Which events `hook listen` passes on, and where to.
    pub route: Option<Vec<RouteFile>>,
    /// APIs that keep endpoints.
    pub remote: Option<Remotes>,
    /// Which endpoints there are to be: what `hook endpoints apply` goes by.
    pub endpoint: Option<Vec<EndpointEntry>>,
    /// Requests that the user shapes, by name.
    pub workflow: IndexMap<String, WorkflowFile>,
}

/// `[[route]]`: `forward` or `run`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RouteFile {
    /// Of these types, `*` standing for anything; every event when absent.
    pub event: Option<String>,
    /// Dotted paths into the body, and what stands there.
    #[serde(rename = "where")]
    pub conditions: IndexMap<String, serde_json::Value>,
    /// A URL.
    pub forward: Option<String>,
    /// A command.
    pub run: Option<String>,
}

/// `[account]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AccountFile {
    /// The provider's master switch: `false`, and no endpoint gets anything.
    pub enabled: Option<bool>,
    /// Its plan, where the provider limits endpoints by plan.
    pub plan: Option<String>,
    /// Parameters of the provider's envelope, such as the company whose events these are.
    pub params: Option<IndexMap<String, String>>,
}

/// `[listen]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LedgerFile {
    /// A duration.
    pub retention: Option<String>,
    /// MiB.
    pub max_size: Option<u64>,
}

impl ConfigFile {
    /// Every setting by its dotted key, in the order of the defaults; `None` where this layer says nothing. A secret's
    /// text is masked, a reference is not.
    pub fn entries(&self) -> Vec<(&'static str, Option<Value>)> {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let secret = self.secret.as_ref().map(|text| match text.as_str() {
            "" => String::new(),
            text => SecretRef::parse(text).to_string(),
        });
        let listen = &self.listen;
        let list = |items: &Vec<String>| Value::Array(items.iter().cloned().map(Value::String).collect());
        let size = self.ledger.max_size.and_then(|size| i64::try_from(size).ok());
        vec![
            ("provider", text(&self.provider)),
            ("secret", secret.map(Value::String)),
            ("output", text(&self.output)),
            ("route", self.route.as_deref().map(routes)),
            ("remote", self.remote.as_ref().and_then(remote::shown)),
            ("account.enabled", self.account.enabled.map(Value::Boolean)),
            ("account.plan", text(&self.account.plan)),
            (
                "account.params",
                self.account
                    .params
                    .as_ref()
                    .and_then(|params| Value::try_from(params).ok()),
            ),
            ("listen.port", listen.port.map(|port| Value::Integer(port.into()))),
            ("listen.forward-to", text(&listen.forward_to)),
            ("listen.on", listen.on.as_ref().map(list)),
            ("listen.dedupe-window", text(&listen.dedupe_window)),
            ("ledger.retention", text(&self.ledger.retention)),
            ("ledger.max-size", size.map(Value::Integer)),
        ]
    }

    /// This layer over the one below.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            provider: self.provider.or(base.provider),
            secret: self.secret.or(base.secret),
            output: self.output.or(base.output),
            listen: ListenFile {
                port: self.listen.port.or(base.listen.port),
                forward_to: self.listen.forward_to.or(base.listen.forward_to),
                on: self.listen.on.or(base.listen.on),
                dedupe_window: self.listen.dedupe_window.or(base.listen.dedupe_window),
            },
            ledger: LedgerFile {
                retention: self.ledger.retention.or(base.ledger.retention),
                max_size: self.ledger.max_size.or(base.ledger.max_size),
            },
            account: AccountFile {
                enabled: self.account.enabled.or(base.account.enabled),
                plan: self.account.plan.or(base.account.plan),
                params: self.account.params.or(base.account.params),
            },
            route: self.route.or(base.route),
            remote: match (self.remote, base.remote) {
                (Some(own), Some(mut below)) => {
                    below.extend(own);
                    Some(below)
                }
                (own, below) => own.or(below),
            },
            endpoint: self.endpoint.or(base.endpoint),
            // Of one name the stronger layer's counts, whole.
            workflow: base.workflow.into_iter().chain(self.workflow).collect(),
        }
    }
}

impl RouteFile {
    /// As it is shown.
    pub(super) fn entry(&self) -> Value {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let conditions = Value::try_from(&self.conditions)
            .ok()
            .filter(|_| !self.conditions.is_empty());
        let keys = [
            ("event", text(&self.event)),
            ("where", conditions),
            ("forward", text(&self.forward)),
            ("run", text(&self.run)),
        ];
        let said = keys
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Table(said.collect())
    }
}

fn routes(routes: &[RouteFile]) -> Value {
    Value::Array(routes.iter().map(RouteFile::entry).collect())
}
