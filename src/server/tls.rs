//! TLS for the server: a certificate from files, or a self-signed one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Names of every self-signed certificate.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Common clients accept at most 398 days.
const VALID: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long before now a certificate becomes valid: for clients whose clocks are slow.
const EARLIER: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a file of certificates or of a key, at most.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A certificate with its key, ready to serve. Clones share them.
#[derive(Clone)]
pub struct Tls {
    acceptor: Arc<Mutex<TlsAcceptor>>,
    /// The certificate in PEM form, for clients that must trust it.
    pub certificate_pem: String,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate file contains something else.
    #[error("`{0}` contains no certificate in PEM form")]
    NoCertificate(PathBuf),
    /// The key file contains something else.
    #[error("`{0}` contains no private key in PEM form")]
    NoKey(PathBuf),
    /// The key is that of another certificate.
    #[error("key `{key}` does not fit certificate `{certificate}`")]
    OtherKey {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// rustls does not support them.
    #[error("cannot use certificate `{certificate}` with key `{key}`")]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A generated certificate cannot be used.
    #[error("cannot use the generated certificate")]
    Generated(#[source] rustls::Error),
    /// A name is not valid in a certificate.
    #[error("cannot create a certificate for these names")]
    InvalidName(#[source] rcgen::Error),
}

impl Tls {
    /// Connections that are accepted from now on get the other certificate.
    pub fn replace(&self, other: &Self) {
        *self.lock() = other.acceptor();
    }

    /// What a new connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, TlsAcceptor> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Generates a key and a certificate for `localhost`, `127.0.0.1`, `::1` and more names or addresses. The key never
    /// leaves the process.
    pub fn self_signed(names: &[String]) -> Result<Self, TlsError> {
        let own = NAMES.iter().map(|name| (*name).to_owned());
        let more = names.iter().filter(|name| !NAMES.contains(&name.as_str())).cloned();
        let mut wanted = CertificateParams::new(own.chain(more).collect::<Vec<_>>()).map_err(TlsError::InvalidName)?;
        wanted.distinguished_name.push(DnType::CommonName, "hook, self-signed");
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        wanted.not_before = (now - EARLIER).into();
        wanted.not_after = (now - EARLIER + VALID).into();
        Self::signed_by_itself(&wanted)
    }

    pub(crate) fn signed_by_itself(wanted: &CertificateParams) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(TlsError::InvalidName)?;
        let certificate = wanted.self_signed(&key).map_err(TlsError::InvalidName)?;
        let pem = certificate.pem();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self::new(vec![certificate.into()], key.into(), pem).map_err(TlsError::Generated)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        certificate_pem: String,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))?;
        // A client that speaks only HTTP/2 is refused in the handshake.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: Arc::new(Mutex::new(TlsAcceptor::from(Arc::new(config)))),
            certificate_pem,
        })
    }
}

/// The text of two PEM files: of a certificate, with its chain if there is one, and of its private key.
#[derive(Clone, PartialEq, Eq)]
pub struct PemPair {
    paths: [PathBuf; 2],
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl PemPair {
    /// Reads the files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
            paths: [certificate, key].map(Path::to_owned),
        })
    }

    /// The certificate with its key, when they belong together.
    pub fn tls(&self) -> Result<Tls, TlsError> {
        let [certificate, key] = self.paths.clone();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(certificate.clone()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey(key.clone()))?;
        let pem = String::from_utf8_lossy(&self.certificate).into_owned();
        Tls::new(chain, private, pem).map_err(|source| match source {
            rustls::Error::InconsistentKeys(_) => TlsError::OtherKey { certificate, key },
            source => TlsError::Unusable {
                certificate,
                key,
                source,
            },
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST_FILE).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
