//! What a user may choose about the transport, checked before the first request.

use std::fmt;
use std::path::PathBuf;

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::answer::KeptAnswer;
use crate::exchange::ANSWER_KEPT;
use crate::transport::address_policy::{self, AddressPolicy};

/// What a user may choose.
#[derive(Clone, Default)]
pub struct HttpOptions {
    /// Takes any certificate.
    pub insecure: bool,
    /// Trusts the certificates of this PEM file besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Sends everything through this proxy, whatever the environment says.
    pub proxy: Option<String>,
    /// Honours `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (or their lower-case forms) for targets that are
    /// not loopback.
    pub proxy_from_env: bool,
    /// Sends a request's own `host` line instead of the target's.
    pub keep_host: bool,
    /// How much of an answer is kept, in bytes, instead of [`ANSWER_KEPT`].
    pub answer_kept: Option<usize>,
    /// Up to which length the whole body of an answer is kept besides, in bytes: for those who pass it on.
    pub whole_answers: Option<usize>,
    /// Which addresses may be reached, whatever else a delivery is allowed. A proxy looks names up itself and cannot be held
    /// to a policy: with any but [`AddressPolicy::Any`] no proxy is used.
    pub addresses: AddressPolicy,
}

// A proxy's URL may hold a password.
impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("insecure", &self.insecure)
            .field("ca_file", &self.ca_file)
            .field("proxy", &self.proxy.as_ref().map(|_| "(masked)"))
            .field("proxy_from_env", &self.proxy_from_env)
            .field("keep_host", &self.keep_host)
            .field("answer_kept", &self.answer_kept)
            .field("whole_answers", &self.whole_answers)
            .field("addresses", &self.addresses)
            .finish()
    }
}

/// Why options cannot be used.
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
    /// The file holds something else.
    #[error("`{0}` holds no usable certificate in PEM form")]
    NoCertificate(PathBuf),
    /// The given proxy is none.
    #[error("the given proxy is not the URL of an HTTP proxy")]
    Proxy,
}

/// Checked options.
pub(super) struct TransportSettings {
    pub(super) keep_host: bool,
    pub(super) kept: KeptAnswer,
    pub(super) addresses: AddressPolicy,
    insecure: bool,
    roots: Vec<Certificate>,
    explicit: Option<Url>,
    from_env: Environment,
}

/// What the environment says of proxies, as it stands: an unusable proxy matters only to targets that would need it.
#[derive(Default)]
struct Environment {
    http: Option<Variable>,
    https: Option<Variable>,
    except: String,
}

struct Variable {
    name: &'static str,
    value: String,
}

impl TransportSettings {
    pub(super) fn new(
        options: HttpOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, HttpOptionsError> {
        let explicit = match &options.proxy {
            Some(text) => Some(proxy_url(text).ok_or(HttpOptionsError::Proxy)?),
            None => None,
        };
        let from_env = if options.proxy_from_env && explicit.is_none() {
            Environment::read(variable)
        } else {
            Environment::default()
        };
        Ok(Self {
            keep_host: options.keep_host,
            kept: KeptAnswer {
                beginning: options.answer_kept.unwrap_or(ANSWER_KEPT),
                whole: options.whole_answers,
            },
            addresses: options.addresses,
            insecure: options.insecure,
            roots: options.ca_file.map(read_roots).transpose()?.unwrap_or_default(),
            explicit,
            from_env,
        })
    }

    /// Whether a proxy is set for such a target; `NO_PROXY` may still spare it.
    pub(super) fn is_proxied(&self, url: &Url, addresses: AddressPolicy) -> bool {
        let from_env = match url.scheme() {
            "https" => &self.from_env.https,
            _ => &self.from_env.http,
        };
        addresses == AddressPolicy::Any
            && (self.explicit.is_some() || from_env.is_some() && !address_policy::is_loopback(url))
    }

    /// The error says which proxy cannot be used.
    pub(super) fn apply(
        &self,
        mut builder: ClientBuilder,
        proxied: bool,
        is_tls: bool,
    ) -> Result<ClientBuilder, String> {
        if self.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if !is_tls && !proxied {
            return Ok(builder.tls_certs_only([]));
        }
        if proxied {
            for proxy in self.proxies()? {
                builder = builder.proxy(proxy);
            }
        }
        // For a proxy too: it may itself be reached over TLS.
        Ok(builder.tls_certs_merge(self.roots.iter().cloned()))
    }

    fn proxies(&self) -> Result<Vec<Proxy>, String> {
        let unusable = |_| HttpOptionsError::Proxy.to_string();
        if let Some(url) = &self.explicit {
            return Ok(vec![Proxy::all(url.clone()).map_err(unusable)?]);
        }
        let Environment { http, https, except } = &self.from_env;
        let mut proxies = Vec::new();
        if let Some(variable) = http {
            proxies.push(Proxy::http(variable.url()?).map_err(unusable)?);
        }
        if let Some(variable) = https {
            proxies.push(Proxy::https(variable.url()?).map_err(unusable)?);
        }
        let except = NoProxy::from_string(except);
        Ok(proxies
            .into_iter()
            .map(|proxy| proxy.no_proxy(except.clone()))
            .collect())
    }
}

impl Environment {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // The lower-case form wins, as in curl.
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some(Variable { name, value })
            })
        };
        Self {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: first(&["no_proxy", "NO_PROXY"]).map_or_else(String::new, |found| found.value),
        }
    }
}

impl Variable {
    fn url(&self) -> Result<Url, String> {
        proxy_url(&self.value).ok_or_else(|| {
            format!(
                "the environment variable `{}` is not the URL of an HTTP proxy",
                self.name
            )
        })
    }
}

/// `host:port` means http, as everywhere.
fn proxy_url(text: &str) -> Option<Url> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn read_roots(path: PathBuf) -> Result<Vec<Certificate>, HttpOptionsError> {
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(HttpOptionsError::Unreadable { path, source }),
    };
    // reqwest would find a broken certificate only when it builds the client.
    let mut store = RootCertStore::empty();
    let sound = CertificateDer::pem_slice_iter(&pem).all(|der| der.is_ok_and(|der| store.add(der).is_ok()));
    match Certificate::from_pem_bundle(&pem) {
        Ok(roots) if sound && !roots.is_empty() => Ok(roots),
        _ => Err(HttpOptionsError::NoCertificate(path)),
    }
}
