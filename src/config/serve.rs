//! `[serve]`: the durable service.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// The port of `hook serve` unless another one is set.
pub const PORT: u16 = 4401;

/// `[serve]` of one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServeFile {
    /// Port.
    pub port: Option<u16>,
    /// Address.
    pub bind: Option<IpAddr>,
    /// Whether other machines may call.
    pub expose: Option<bool>,
    /// References of keys.
    pub key: Option<Vec<String>>,
    /// References of test keys.
    pub test_key: Option<Vec<String>>,
    /// File of the certificate.
    pub cert: Option<String>,
    /// File of its key.
    pub cert_key: Option<String>,
    /// Whether nothing on this machine is delivered to.
    pub production: Option<bool>,
    /// Whether addresses of private networks may be reached.
    pub allow_private: Option<bool>,
}

/// `[serve]` after the layers were merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    /// Port.
    pub port: u16,
    /// Address.
    pub bind: IpAddr,
    /// Whether other machines may call.
    pub expose: bool,
    /// References of keys.
    pub keys: Vec<String>,
    /// References of test keys.
    pub test_keys: Vec<String>,
    /// File of the certificate.
    pub cert: Option<String>,
    /// File of its key.
    pub cert_key: Option<String>,
    /// Whether nothing on this machine is delivered to.
    pub production: bool,
    /// Whether addresses of private networks may be reached.
    pub allow_private: bool,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            port: PORT,
            bind: Ipv4Addr::LOCALHOST.into(),
            expose: false,
            keys: Vec::new(),
            test_keys: Vec::new(),
            cert: None,
            cert_key: None,
            production: false,
            allow_private: false,
        }
    }
}
