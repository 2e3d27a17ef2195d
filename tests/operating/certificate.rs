//! `hook serve --cert FILE --cert-key FILE`.

use std::process::Command;
use std::time::Instant;

use super::{endpoint, service};
use crate::support::{App, DEADLINE, MockApi, Reply, Sandbox};

/// Writes a self-signed certificate for `localhost` and its key, to be trusted as `NAME.pem`.
fn certificate(sandbox: &Sandbox, name: &str) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    for file in [&format!("{name}.pem"), "cert.pem"] {
        sandbox.write(file, made.cert.pem());
    }
    sandbox.write("key.pem", made.signing_key.serialize_pem());
}

/// The status of `/health` for a client that trusts that certificate alone; nothing when there is no connection.
fn health(sandbox: &Sandbox, service: &MockApi, trusted: &str) -> Option<String> {
    let port = service.url.rsplit(':').next().expect("a port");
    let output = Command::new("curl")
        .args(["-sS", "-w", "%{http_code}", "-o", "/dev/null", "--cacert"])
        .arg(sandbox.path(trusted))
        .arg(format!("https://localhost:{port}/health"))
        .output()
        .expect("curl");
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn tls_service(sandbox: &Sandbox) -> MockApi {
    service(sandbox, &["--cert", "cert.pem", "--cert-key", "key.pem"])
}

#[test]
fn a_certificate_that_changes_is_used_for_new_connections_and_a_broken_one_is_not() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "first");
    let mut service = tls_service(&sandbox);
    assert!(service.url.starts_with("https://127.0.0.1:"), "{}", service.url);
    assert_eq!(health(&sandbox, &service, "first.pem").as_deref(), Some("200"));

    // A key that does not fit is what stands there between the renewal of one file and of the other.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    sandbox.write("key.pem", other.signing_key.serialize_pem());
    let warning = service.process.wait_said(|line| line.contains("\"warn\""));
    assert!(warning.contains("`cert.pem` has changed and cannot be used: key `key.pem` does not fit certificate"));
    assert!(warning.contains("connections use the one before"), "{warning}");
    assert_eq!(health(&sandbox, &service, "first.pem").as_deref(), Some("200"));

    certificate(&sandbox, "second");
    service
        .process
        .wait_said(|line| line.contains("new connections use it"));
    assert_eq!(health(&sandbox, &service, "second.pem").as_deref(), Some("200"));
    assert_eq!(health(&sandbox, &service, "first.pem"), None);
    std::fs::remove_file(sandbox.path("key.pem")).expect("a file");
    service.process.wait_said(|line| line.contains("cannot read `key.pem`"));
    assert_eq!(health(&sandbox, &service, "second.pem").as_deref(), Some("200"));
    service.stop().ok();
}

#[test]
fn a_pair_that_cannot_be_used_is_no_start() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "first");
    sandbox.write("key.pem", "no key");
    let args = ["serve", "--port", "0", "--cert", "cert.pem", "--cert-key", "key.pem"];
    sandbox
        .hook(args)
        .run()
        .exits(2)
        .says(["`key.pem` contains no private key"]);
    sandbox.hook(&args[..5]).run().exits(2).says(["--cert-key"]);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    sandbox.write("key.pem", other.signing_key.serialize_pem());
    let what = "key `key.pem` does not fit certificate `cert.pem`";
    sandbox.hook(args).run().exits(2).says([what]);
    let check = [&args[..], &["--check"]].concat();
    sandbox.hook(check).run().exits(2).prints([what]);
}

#[test]
fn events_come_over_tls_and_plain_calls_are_told_so() {
    let sandbox = Sandbox::new();
    certificate(&sandbox, "first");
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let service = tls_service(&sandbox);
    let port = service.url.rsplit(':').next().expect("a port");
    let mut curl = Command::new("curl");
    let body = r#"{"event":"a","data":{}}"#;
    curl.args(["-sSf", "--cacert"])
        .arg(sandbox.path("first.pem"))
        .args(["-H", &format!("Authorization: Bearer {}", crate::support::KEY)])
        .args(["-H", "Content-Type: application/json", "-d", body])
        .arg(format!("https://localhost:{port}/events"));
    let output = curl.output().expect("curl");
    assert!(output.status.success(), "{output:?}");
    app.next();
    let begun = Instant::now();
    let plain = Command::new("curl")
        .args(["-sS", "-w", "%{http_code}", &format!("http://localhost:{port}/health")])
        .output();
    let said = String::from_utf8(plain.expect("curl").stdout).expect("text");
    assert_eq!(said, "This port speaks TLS: use https:// instead of http://\n400");
    assert!(begun.elapsed() < DEADLINE);
    service
        .stop()
        .ok()
        .says(["the client speaks plain HTTP, and this port TLS"]);
}
