//! What a user may choose about the transport, checked before the first request.

use std::fmt;
use std::path::PathBuf;

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::guard;

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
    /// The text, whose origin is named, is no proxy's URL.
    #[error("{0} is not the URL of an HTTP proxy")]
    Proxy(String),
}

/// Checked options.
pub(super) struct Settings {
    pub(super) keep_host: bool,
    insecure: bool,
    roots: Vec<Certificate>,
    explicit: Option<Url>,
    from_env: Environment,
}

/// The proxies that the environment names.
#[derive(Default)]
struct Environment {
    http: Option<Url>,
    https: Option<Url>,
    except: String,
}

impl Settings {
    pub(super) fn new(
        options: HttpOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, HttpOptionsError> {
        let explicit = match &options.proxy {
            Some(text) => Some(proxy_url(text).ok_or_else(|| HttpOptionsError::Proxy("the given proxy".to_owned()))?),
            None => None,
        };
        let from_env = match options.proxy_from_env && explicit.is_none() {
            true => Environment::read(variable)?,
            false => Environment::default(),
        };
        Ok(Self {
            keep_host: options.keep_host,
            insecure: options.insecure,
            roots: options.ca_file.map(read_roots).transpose()?.unwrap_or_default(),
            explicit,
            from_env,
        })
    }

    /// Whether a proxy may stand between; `NO_PROXY` may still spare the target.
    pub(super) fn is_proxied(&self, url: &Url) -> bool {
        if self.explicit.is_some() {
            return true;
        }
        let environment = &self.from_env;
        (environment.http.is_some() || environment.https.is_some()) && !guard::is_loopback(url)
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder, proxied: bool, is_tls: bool) -> ClientBuilder {
        if self.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if proxied {
            for proxy in self.proxies() {
                builder = builder.proxy(proxy);
            }
        }
        // A proxy may itself be reached over TLS.
        match is_tls || proxied {
            true => builder.tls_certs_merge(self.roots.iter().cloned()),
            false => builder.tls_certs_only([]),
        }
    }

    fn proxies(&self) -> impl Iterator<Item = Proxy> {
        let except = NoProxy::from_string(&self.from_env.except);
        let of =
            |url: &Option<Url>, build: fn(Url) -> reqwest::Result<Proxy>| url.clone().and_then(|url| build(url).ok());
        let from_env = [
            of(&self.from_env.http, Proxy::http),
            of(&self.from_env.https, Proxy::https),
        ];
        let from_env = from_env
            .into_iter()
            .flatten()
            .map(move |proxy| proxy.no_proxy(except.clone()));
        of(&self.explicit, Proxy::all).into_iter().chain(from_env)
    }
}

impl Environment {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, HttpOptionsError> {
        // The lower-case form wins, as in curl.
        let first = |names: [&str; 4]| {
            names.into_iter().filter(|name| !name.is_empty()).find_map(|name| {
                variable(name)
                    .filter(|value| !value.is_empty())
                    .map(|value| (name.to_owned(), value))
            })
        };
        let url = |found: Option<(String, String)>| match found {
            Some((name, text)) => match proxy_url(&text) {
                Some(url) => Ok(Some(url)),
                None => Err(HttpOptionsError::Proxy(format!("the environment variable `{name}`"))),
            },
            None => Ok(None),
        };
        Ok(Self {
            http: url(first(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]))?,
            https: url(first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]))?,
            except: first(["no_proxy", "NO_PROXY", "", ""])
                .map(|(_, list)| list)
                .unwrap_or_default(),
        })
    }
}

/// `host:port` means http, as everywhere.
fn proxy_url(text: &str) -> Option<Url> {
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("http://{text}")),
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
