//! TLS for the server: a certificate from files, or a self-signed one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
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

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
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
    /// They do not match, or rustls does not support them.
    #[error("cannot use this certificate and key")]
    Unusable(#[source] rustls::Error),
    /// A name is not valid in a certificate.
    #[error("cannot create a certificate for these names")]
    InvalidName(#[source] rcgen::Error),
}

impl Tls {
    /// Reads a certificate, with its chain if there is one, and its private key from PEM files.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let pem = read(certificate)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(certificate.to_owned()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
        Self::new(chain, key, String::from_utf8_lossy(&pem).into_owned())
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
        Self::new(vec![certificate.into()], key.into(), pem)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        certificate_pem: String,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        // A client that speaks only HTTP/2 is refused in the handshake.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate_pem,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
