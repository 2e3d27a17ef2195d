//! Trust in the certificates of a file: as issuers, and as they are. `openssl req -x509` makes certificates that are their own
//! issuer, which no chain of a certificate authority leads to.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Checks certificates as the system does, and accepts a server that presents one of the file.
#[derive(Debug)]
struct PinnedVerifier {
    system: Verifier,
    pinned: Vec<CertificateDer<'static>>,
}

/// TLS with these certificates besides the system's, for one protocol.
pub(super) fn config(pinned: Vec<CertificateDer<'static>>, protocol: &[u8]) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let system = Verifier::new_with_extra_roots(pinned.iter().cloned(), Arc::clone(&provider))?;
    let verifier = Arc::new(PinnedVerifier { system, pinned });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError as Cert;
        let verified = self
            .system
            .verify_server_cert(presented, intermediates, name, ocsp, now);
        let is_out_of_date = matches!(
            &verified,
            Err(Error::InvalidCertificate(
                Cert::Expired | Cert::ExpiredContext { .. } | Cert::NotValidYet | Cert::NotValidYetContext { .. }
            ))
        );
        if verified.is_ok() || is_out_of_date || !self.pinned.iter().any(|pinned| pinned == presented) {
            return verified;
        }
        match verify_server_name(&ParsedCertificate::try_from(presented)?, name) {
            // Without `-addext` openssl makes a certificate for no name: then the file alone says whose it is.
            Err(Error::InvalidCertificate(Cert::NotValidForNameContext { presented, .. })) if presented.is_empty() => {}
            names => names?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}
