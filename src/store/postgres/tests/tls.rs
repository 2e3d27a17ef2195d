//! Encrypted connections: the certificate of the server is checked.

use super::*;

/// A certificate of that name, and its key.
fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn is_encrypted(url: &str) -> Result<bool, StoreError> {
    let place = Place::parse(url)?;
    let asked = Session::open(&place, Access::ReadOnly).and_then(|session| {
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        session.row(sql, &[], |row| values::get(row, 0))
    });
    asked
        .map(Option::unwrap_or_default)
        .map_err(|fault| place.error(&fault))
}

#[test]
fn the_certificate_of_a_server_is_checked() {
    let Some(server) = cluster::start(cluster::Durability::Off) else {
        return;
    };
    let (own, own_key) = certificate("127.0.0.1");
    server.offer_tls(&own, &own_key);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (known, other) = (file("own.pem", &own), file("other.pem", &certificate("127.0.0.1").0));
    let url = server.url(&server.database());
    // The server reads its settings a little later.
    let end = Instant::now() + Duration::from_secs(10);
    let with = |more: &str| is_encrypted(&format!("{url}?{more}"));
    while with(&format!("sslmode=verify-full&sslrootcert={known}")) != Ok(true) {
        assert!(Instant::now() < end, "no encrypted connection");
        thread::yield_now();
    }
    assert_eq!(with("sslmode=disable"), Ok(false));
    assert_eq!(with(""), Ok(false), "what stays on this machine");
    for refused in [
        format!("sslmode=verify-full&sslrootcert={other}"),
        "sslmode=require".to_owned(),
    ] {
        let error = with(&refused).unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable { what, .. } if what.contains("certificate")),
            "{refused}: {error}"
        );
    }
    // As `openssl req -x509` makes one: the error says how to make another.
    let mut wanted = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = wanted.self_signed(&key).unwrap().pem();
    server.offer_tls(&authority, &key.serialize_pem());
    let authority = file("authority.pem", &authority);
    loop {
        let error = with(&format!("sslmode=verify-full&sslrootcert={authority}")).unwrap_err();
        if matches!(&error, StoreError::Unavailable { what, .. } if what.contains("CA:FALSE")) {
            break;
        }
        assert!(Instant::now() < end, "{error}");
        thread::yield_now();
    }
    server.offer_tls(&own, &own_key);
    // The name counts too.
    let named = url.replace("127.0.0.1", "localhost");
    let error = is_encrypted(&format!("{named}?sslmode=verify-full&sslrootcert={known}")).unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable { what, .. } if what.contains("certificate")),
        "{error}"
    );
}
