//! Options of the HTTP transport, checked before the first request.

use std::path::PathBuf;

use reqwest::{ClientBuilder, NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::answer::KeptAnswer;
use super::{MOST_IDLE, pinned};
use crate::error::Error;
use crate::exchange::ANSWER_KEPT;
use crate::transport::address_policy::{self, AddressPolicy};
use crate::transport::url_scheme;

/// Options of the HTTP transport.
#[derive(Clone, Default)]
pub struct HttpOptions {
    /// Accepts any certificate.
    pub insecure: bool,
    /// Trusts the certificates of this PEM file besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Sends everything through this proxy, whatever the environment says.
    pub proxy: Option<String>,
    /// Honours `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (or their lower-case forms) for targets that are
    /// not loopback.
    pub proxy_from_env: bool,
    /// Sends the request's own `host` header instead of the target's host.
    pub keep_host: bool,
    /// Bytes of a body that are kept of each answer, instead of [`ANSWER_KEPT`].
    pub answer_kept: Option<usize>,
    /// Maximum size in bytes of a body that is also kept whole, to be passed on.
    pub whole_answers: Option<usize>,
    /// Connections that are kept open for later requests, at most, instead of 512; where a name was looked up, for each host.
    pub idle: Option<usize>,
    /// The addresses that may be reached, in addition to the policy of each delivery. A proxy resolves names itself and cannot
    /// follow a policy: only with [`AddressPolicy::Any`] a proxy is used.
    pub addresses: AddressPolicy,
}

/// Why options are not valid.
#[derive(Debug, thiserror::Error)]
pub enum HttpOptionsError {
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates in `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file contains something else.
    #[error("`{0}` contains no usable certificate in PEM form")]
    NoCertificate(PathBuf),
    /// The given proxy is not valid.
    #[error("the given proxy is not the URL of an HTTP proxy")]
    Proxy,
}

impl From<HttpOptionsError> for Error {
    fn from(error: HttpOptionsError) -> Self {
        Self::usage(error.to_string()).because_of(&error)
    }
}

/// Checked options.
pub(super) struct TransportSettings {
    pub(super) keep_host: bool,
    pub(super) kept: KeptAnswer,
    pub(super) idle: usize,
    pub(super) addresses: AddressPolicy,
    insecure: bool,
    /// Certificates that are trusted besides the system's.
    roots: Vec<CertificateDer<'static>>,
    http_proxy: Option<ProxySetting>,
    https_proxy: Option<ProxySetting>,
    /// Hosts that need no proxy, as in `NO_PROXY`.
    no_proxy: String,
}

/// A proxy as it was given. One of the environment is checked when a target needs it: an unusable one does not matter before.
#[derive(Clone)]
struct ProxySetting {
    /// The environment variable; `None` for the user's option.
    variable: Option<&'static str>,
    url: String,
}

impl TransportSettings {
    pub(super) fn new(
        options: HttpOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, HttpOptionsError> {
        if options.proxy.as_deref().is_some_and(|text| proxy_url(text).is_none()) {
            return Err(HttpOptionsError::Proxy);
        }
        let uses_env = options.proxy_from_env && options.proxy.is_none();
        let given = options.proxy.map(|url| ProxySetting { variable: None, url });
        // The lower-case form wins, as in curl.
        let from_env = |names: &[&'static str]| {
            names.iter().filter(|_| uses_env).find_map(|name| {
                let url = variable(name).filter(|value| !value.is_empty())?;
                Some(ProxySetting {
                    variable: Some(name),
                    url,
                })
            })
        };
        let no_proxy = from_env(&["no_proxy", "NO_PROXY"]);
        Ok(Self {
            keep_host: options.keep_host,
            idle: options.idle.unwrap_or(MOST_IDLE),
            kept: KeptAnswer {
                beginning: options.answer_kept.unwrap_or(ANSWER_KEPT),
                whole: options.whole_answers,
            },
            addresses: options.addresses,
            insecure: options.insecure,
            roots: options.ca_file.map(read_roots).transpose()?.unwrap_or_default(),
            http_proxy: given
                .clone()
                .or_else(|| from_env(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])),
            https_proxy: given.or_else(|| from_env(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])),
            no_proxy: no_proxy.map_or_else(String::new, |found| found.url),
        })
    }

    fn proxy(&self, is_tls: bool) -> Option<&ProxySetting> {
        if is_tls {
            self.https_proxy.as_ref()
        } else {
            self.http_proxy.as_ref()
        }
    }

    /// Whether a proxy is set for that target; `NO_PROXY` may still exclude it.
    pub(super) fn is_proxied(&self, url: &Url, addresses: AddressPolicy) -> bool {
        let proxy = self.proxy(url.scheme() == "https");
        // Proxies of the environment are for remote targets; a user's option holds for every target.
        let holds = |proxy: &ProxySetting| proxy.variable.is_none() || !address_policy::is_loopback(url);
        addresses == AddressPolicy::Any && proxy.is_some_and(holds)
    }

    /// Applies the options to a client. The error names the proxy that is not valid.
    pub(super) fn apply(
        &self,
        mut builder: ClientBuilder,
        proxied: bool,
        is_tls: bool,
        protocol: &[u8],
    ) -> Result<ClientBuilder, String> {
        if self.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if !is_tls && !proxied {
            return Ok(builder.tls_certs_only([]));
        }
        if let Some(proxy) = self.proxy(is_tls).filter(|_| proxied) {
            builder = builder.proxy(proxy.build()?.no_proxy(NoProxy::from_string(&self.no_proxy)));
        }
        if self.insecure || self.roots.is_empty() {
            return Ok(builder);
        }
        // For a proxy too: it may itself be reached over TLS.
        let trusting = pinned::config(self.roots.clone(), protocol);
        let trusting = trusting.map_err(|error| format!("cannot set up TLS: {error}"))?;
        Ok(builder.tls_backend_preconfigured(trusting))
    }
}

impl ProxySetting {
    fn build(&self) -> Result<Proxy, String> {
        let proxy = proxy_url(&self.url).and_then(|url| Proxy::all(url).ok());
        proxy.ok_or_else(|| match self.variable {
            Some(name) => format!("the environment variable `{name}` is not the URL of an HTTP proxy"),
            None => HttpOptionsError::Proxy.to_string(),
        })
    }
}

/// `host:port` means http, as everywhere.
fn proxy_url(text: &str) -> Option<Url> {
    let scheme = url_scheme(text).map_or("http://", |_| "");
    let url = Url::parse(&format!("{scheme}{text}")).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn read_roots(path: PathBuf) -> Result<Vec<CertificateDer<'static>>, HttpOptionsError> {
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(HttpOptionsError::Unreadable { path, source }),
    };
    let mut store = RootCertStore::empty();
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match roots {
        Ok(roots) if !roots.is_empty() && roots.iter().all(|der| store.add(der.clone()).is_ok()) => Ok(roots),
        _ => Err(HttpOptionsError::NoCertificate(path)),
    }
}
