//! Options of the service.

use std::time::Duration;

use super::keys::AccessOptions;
use crate::app::certificate::CertificateFiles;
use crate::endpoints::rules::RuleOptions;
use crate::transport::AddressPolicy;

/// What is served, to whom, and where deliveries may go.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// The provider whose API is played; absent: the durable service.
    pub provider: Option<String>,
    /// The account's plan instead of that of the settings.
    pub plan: Option<String>,
    /// Whether endpoints are validated as strictly as the provider does.
    pub production: bool,
    /// Who may call.
    pub access: AccessOptions,
    /// The certificate to serve with; absent: plain http.
    pub certificate: Option<CertificateFiles>,
    /// Scopes of the keys; all of them when there is none.
    pub scopes: Vec<String>,
    /// Whether other machines may call.
    pub exposed: bool,
    /// Whether addresses of private networks may be reached.
    pub allow_private: bool,
    /// What divides the waits between attempts.
    pub time_scale: f64,
    /// How often the status is reported; absent: never.
    pub status_every: Option<Duration>,
    /// A command for notices, in place of that of the settings.
    pub notify_exec: Option<String>,
}

impl ServeOptions {
    /// The addresses of targets, which callers of the API choose.
    pub(super) fn addresses(&self) -> AddressPolicy {
        // Other machines may call an exposed API: then its deliveries must not reach this machine either.
        match (self.allow_private, self.production || self.exposed) {
            (true, _) => AddressPolicy::PublicAndPrivate,
            (false, true) => AddressPolicy::Public,
            (false, false) => AddressPolicy::PublicAndLoopback,
        }
    }

    /// How strictly endpoints of its API are checked.
    pub(super) fn rules(&self) -> RuleOptions {
        RuleOptions {
            local: !self.production,
            production: self.production,
            reaches: Some(self.addresses()),
            ..RuleOptions::default()
        }
    }
}
