//! TLS against this crate's own server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{BasicConstraints, CertificateParams, IsCa};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::tls::Tls;
use crate::server::{self, Handler, Incoming, Reply, ServerLimits};

struct Echo;

impl Handler for Echo {
    async fn handle(&self, incoming: Incoming) -> Reply {
        Reply {
            status: 200,
            headers: Headers::new(),
            body: incoming.body,
            ..Reply::default()
        }
    }
}

pub(super) async fn serve(tls: &Tls) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = server::serve(
        listener,
        Some(tls.clone()),
        ServerLimits::default(),
        Arc::new(Echo),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    tokio::spawn(served);
    port
}

/// What a bare server speaks TLS with.
pub(super) fn config() -> rustls::ServerConfig {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap()
}

/// A certificate for `localhost` alone, valid between those days from now.
fn certificate(from: i64, to: i64) -> Tls {
    let mut wanted = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let after = |days: i64| {
        let distance = Duration::from_secs(days.unsigned_abs() * 24 * 3600);
        let now = SystemTime::now();
        if days < 0 { now - distance } else { now + distance }
    };
    wanted.not_before = after(from).into();
    wanted.not_after = after(to).into();
    Tls::signed_by_itself(&wanted).unwrap()
}

/// A file of the temporary folder that is removed in the end.
struct Pem(PathBuf);

impl Pem {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hook-{}.pem", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn trusted(&self) -> Result<HttpTransport, HttpOptionsError> {
        HttpTransport::new(HttpOptions {
            ca_file: Some(self.0.clone()),
            ..HttpOptions::default()
        })
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn careless() -> HttpTransport {
    HttpTransport::new(HttpOptions {
        insecure: true,
        ..HttpOptions::default()
    })
    .unwrap()
}

async fn refusal(tls: &Tls, host: &str) -> String {
    let url = format!("https://{host}:{}/", serve(tls).await);
    let transport = Pem::new(&tls.certificate_pem).trusted().unwrap();
    let (kind, text) = failed(transport.send(&post(&url, &[], b"hi")).await);
    assert_eq!(kind, ErrorKind::Tls, "{text}");
    text
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_only_on_request() {
    let tls = Tls::self_signed(&["extra.localhost".to_owned()]).unwrap();
    let port = serve(&tls).await;
    let request = |host: &str| post(&format!("https://{host}:{port}/"), &[], b"hi");

    let (kind, text) = failed(transport().send(&request("localhost")).await);
    assert_eq!(kind, ErrorKind::Tls);
    assert_eq!(
        text,
        format!("the certificate of localhost:{port} comes from an unknown issuer: `--cacert FILE` trusts it")
    );

    let trusting = Pem::new(&tls.certificate_pem).trusted().unwrap();
    for host in ["localhost", "127.0.0.1", "extra.localhost"] {
        let answer = answered(trusting.send(&request(host)).await);
        assert_eq!(&answer.body[..], b"hi", "{host}");
    }
    let answer = answered(careless().send(&request("other.localhost")).await);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_called_self_signed_and_trusted_on_request() {
    // As `openssl req -x509` makes it.
    let mut wanted = CertificateParams::new(["localhost".to_owned()]).unwrap();
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let tls = Tls::signed_by_itself(&wanted).unwrap();
    let port = serve(&tls).await;
    let request = |host: &str| post(&format!("https://{host}:{port}/"), &[], b"hi");
    let (kind, text) = failed(transport().send(&request("localhost")).await);
    let told = format!("the certificate of localhost:{port} is self-signed: `--cacert FILE` trusts it");
    assert_eq!((kind, text), (ErrorKind::Tls, told));
    let trusting = Pem::new(&tls.certificate_pem).trusted().unwrap();
    assert_eq!(answered(trusting.send(&request("localhost")).await).status, 200);
    let (_, text) = failed(trusting.send(&request("127.0.0.1")).await);
    assert!(text.ends_with("is for another name: localhost"), "{text}");
    // Another one of that kind is not trusted with it.
    let other = serve(&Tls::signed_by_itself(&wanted).unwrap()).await;
    let (_, text) = failed(
        trusting
            .send(&post(&format!("https://localhost:{other}/"), &[], b""))
            .await,
    );
    assert!(text.contains("is self-signed"), "{text}");
}

#[tokio::test]
async fn a_certificate_without_names_is_trusted_where_it_is_the_one_of_the_file() {
    // As `openssl req -x509 -subj /CN=localhost` makes it.
    let mut wanted = CertificateParams::new([]).unwrap();
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (tls, other) = (
        Tls::signed_by_itself(&wanted).unwrap(),
        Tls::signed_by_itself(&wanted).unwrap(),
    );
    let trusting = Pem::new(&tls.certificate_pem).trusted().unwrap();
    let port = serve(&tls).await;
    for host in ["localhost", "127.0.0.1"] {
        let request = post(&format!("https://{host}:{port}/"), &[], b"hi");
        assert_eq!(answered(trusting.send(&request).await).status, 200, "{host}");
    }
    let request = post(&format!("https://localhost:{}/", serve(&other).await), &[], b"hi");
    let (kind, text) = failed(trusting.send(&request).await);
    assert_eq!(kind, ErrorKind::Tls, "{text}");
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_takes_nothing_else() {
    let mut only_h2 = config();
    only_h2.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(only_h2));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (first, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(first).await.is_err(), "HTTP/1.1 is offered first");
        let (second, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(second).await.unwrap();
        let mut preface = [0; 14];
        stream.read_exact(&mut preface).await.unwrap();
        // Empty settings, and 200 as the headers and the end of the first stream.
        let answer = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88";
        stream.write_all(answer).await.unwrap();
        // Until the client closes.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        preface
    });
    let client = careless();
    let answer = answered(client.send(&post(&url, &[], b"hi")).await);
    assert_eq!(answer.status, 200);
    let note = "over HTTP/2: the server refuses HTTP/1.1";
    assert_eq!(answer.note.as_deref(), Some(note), "it is recorded");
    drop(client);
    assert_eq!(&server.await.unwrap(), b"PRI * HTTP/2.0");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let text = refusal(&certificate(-1, 30), "other.localhost").await;
    assert!(text.ends_with("is for another name: localhost"), "{text}");
    let text = refusal(&certificate(-30, -1), "localhost").await;
    assert!(text.ends_with("has expired"), "{text}");
    let text = refusal(&certificate(1, 30), "localhost").await;
    assert!(text.ends_with("is not valid yet"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = Vec::with_capacity(4096);
            stream.read_buf(&mut hello).await.unwrap();
            stream.write_all(answer).await.unwrap();
        }
    });
    let request = post(&format!("https://{address}/"), &[], b"");
    let (kind, text) = failed(careless().send(&request).await);
    assert_eq!(
        (kind, text),
        (ErrorKind::Tls, format!("{address} does not speak TLS: use `http://`"))
    );
    let (kind, text) = failed(careless().send(&request).await);
    assert_eq!(
        (kind, text),
        (ErrorKind::Tls, format!("{address} broke off the TLS handshake"))
    );
    server.await.unwrap();
}

#[test]
fn a_file_without_certificates_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "hello", broken] {
        let error = Pem::new(text).trusted().err().unwrap().to_string();
        assert!(error.contains("contains no usable certificate"), "{error}");
    }
    let options = HttpOptions {
        ca_file: Some(PathBuf::from("/nowhere/ca.pem")),
        ..HttpOptions::default()
    };
    let error = HttpTransport::new(options).err().unwrap().to_string();
    assert_eq!(error, "cannot read the certificates in `/nowhere/ca.pem`");
}
