//! What a settings file may say.

use serde::Deserialize;

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
        }
    }
}
