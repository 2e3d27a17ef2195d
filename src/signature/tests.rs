use super::*;
use crate::provider::Registry;

const SECRET: &str = "whsec_hooktest_0123456789abcdef";

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| (*name, *value)).collect()
}

fn line(signed: Signed) -> (String, String) {
    match signed {
        Signed::Headers(lines) => lines.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn check(provider: &str, secret: &str, lines: &[(&str, &str)], body: &[u8], now: i64) -> Verdict {
    let profile = Registry::default().get(provider).unwrap();
    let verifier = profile.scheme.verifier(&[Secret::new(secret).named("test")]).unwrap();
    verifier.verify(&Received {
        method: "POST",
        url: None,
        headers: &headers(lines),
        body,
        now: Timestamp::from_unix(now),
    })
}

#[test]
fn the_documented_vectors_of_three_providers_verify_and_any_change_is_refused() {
    let brain = br#"{"id":"00000000-0000-4000-8000-000000000002","event":"customer.created","company_id":1,"timestamp":"2030-01-02T03:04:05.000000Z","data":{"customerId":1001,"displayName":"Pat Example"}}"#;
    let pockets = br#"{"id":"evt_test_1","type":"order.completed","data":{"amount":2500,"product":{"id":"prod_test_1"},"customer":{"email":"pat@example.com"}}}"#;
    let slot = br#"{"event":"booking.confirmed","created_at":"2030-01-02T03:04:05.000Z","data":{"id":"00000000-0000-4000-8000-000000000001"}}"#;
    let cases: [(&str, &str, &str, &[u8]); 3] = [
        (
            "pool-brain",
            "x-webhook-signature",
            "21dbd3928b9f8ecd072fd6b1cf2e5564daf34c4c913816127c919ab7a49b731a",
            brain,
        ),
        (
            "pocketsflow",
            "x-pocketsflow-signature",
            "ba0849f4c6a6fe70737626554010265d07a6f3eb7d6b00b5d60d12c9dfdd82f5",
            pockets,
        ),
        (
            "slotflow",
            "x-slotflow-signature",
            "t=1893553445,v1=9fec6f2138bd403578a73e76074731c721a0af23d3d30e6db89a5c35df07fa53",
            slot,
        ),
    ];
    for (provider, header, value, body) in cases {
        let now = 1_893_553_445;
        assert!(
            check(provider, SECRET, &[(header, value)], body, now).is_verified(),
            "{provider}"
        );
        assert!(
            check(provider, "other", &[(header, value)], body, now).is_refused(),
            "{provider}"
        );
        let mut changed = body.to_vec();
        changed[5] ^= 1;
        assert!(
            check(provider, SECRET, &[(header, value)], &changed, now).is_refused(),
            "{provider}"
        );
        let cut = &value[..value.len() - 1];
        assert!(
            check(provider, SECRET, &[(header, cut)], body, now).is_refused(),
            "{provider}"
        );
        assert_eq!(
            check(provider, SECRET, &[], body, now).reason(),
            Some("header-missing"),
            "{provider}"
        );
    }
}

#[test]
fn a_stale_or_future_timestamp_is_refused_only_when_the_signature_matches() {
    let body = br#"{"event":"booking.confirmed","created_at":"2030-01-02T03:04:05.000Z","data":{"id":"00000000-0000-4000-8000-000000000001"}}"#;
    let line = [(
        "x-slotflow-signature",
        "t=1893553445,v1=9fec6f2138bd403578a73e76074731c721a0af23d3d30e6db89a5c35df07fa53",
    )];
    let at = |now| check("slotflow", SECRET, &line, body, now).reason();
    assert_eq!(at(1_893_553_445 + 300), None);
    assert_eq!(at(1_893_553_445 + 301), Some("too-old"));
    assert_eq!(at(1_893_553_445 - 300), None);
    assert_eq!(at(1_893_553_445 - 301), Some("too-new"));
    assert_eq!(check("slotflow", "other", &line, body, 0).reason(), Some("no-match"));
}

#[test]
fn pairs_are_read_in_any_order_with_blanks_and_repeats() {
    let body = br#"{"event":"booking.confirmed","created_at":"2030-01-02T03:04:05.000Z","data":{"id":"00000000-0000-4000-8000-000000000001"}}"#;
    let good = "9fec6f2138bd403578a73e76074731c721a0af23d3d30e6db89a5c35df07fa53";
    let verified = |value: &str| {
        check(
            "slotflow",
            SECRET,
            &[("x-slotflow-signature", value)],
            body,
            1_893_553_445,
        )
        .is_verified()
    };
    assert!(verified(&format!("v1={good}, t=1893553445")));
    assert!(verified(&format!("t=1893553445,v1=00,v1={good},v0=junk")));
    assert!(!verified(&format!("v1={good}")), "the timestamp is signed");
    assert!(!verified("t=1893553445"));
    assert!(!verified(&format!("t=soon,v1={good}")));
}

#[test]
fn a_form_that_the_documents_leave_open_is_accepted_and_named() {
    let profile = Registry::default().get("poolflow").unwrap();
    let message = ToSign {
        id: "",
        event: "",
        timestamp: Timestamp::from_unix(0),
        body: b"{}",
        method: "POST",
        url: "",
        headers: &Headers::new(),
    };
    let (_, hex) = line(
        profile
            .scheme
            .signer(&[Secret::new(SECRET)])
            .unwrap()
            .sign(&message)
            .unwrap(),
    );
    let Verdict::Verified(proof) = check(
        "poolflow",
        SECRET,
        &[("x-poolflow-signature", &format!("sha256={hex}"))],
        b"{}",
        0,
    ) else {
        panic!("must be accepted")
    };
    assert_eq!(proof.form.as_deref(), Some("`sha256=` and hex"));
    assert_eq!(proof.secret.as_deref(), Some("test"));
    assert!(
        check(
            "poolflow",
            SECRET,
            &[("x-poolflow-signature", &hex.to_uppercase())],
            b"{}",
            0
        )
        .is_verified()
    );
}

#[test]
fn key_material_of_another_kind_and_empty_secrets_are_refused() {
    let registry = Registry::default();
    let poolflow = registry.get("poolflow").unwrap();
    let pair = AsymmetricKind::Ed25519.generate().unwrap();
    let public = Secret::new(pair.public.clone());
    assert!(
        poolflow.scheme.verifier(std::slice::from_ref(&public)).is_err(),
        "a public key as an HMAC secret"
    );
    assert!(poolflow.scheme.verifier(&[Secret::new("")]).is_err());
    assert!(poolflow.scheme.verifier(&[]).is_err());
    let ed25519 = registry.get("hoopai@ed25519").unwrap();
    assert!(
        ed25519.scheme.verifier(&[pair.private]).is_err(),
        "a private key must not verify"
    );
    assert!(ed25519.scheme.signer(&[public]).is_err(), "a public key cannot sign");
    assert!(ed25519.scheme.verifier(&[Secret::new("plain text")]).is_err());
}

#[test]
fn several_secrets_verify_and_the_one_that_matched_is_named() {
    let profile = Registry::default().get("poolflow").unwrap();
    let message = ToSign {
        id: "",
        event: "",
        timestamp: Timestamp::from_unix(0),
        body: b"{}",
        method: "POST",
        url: "",
        headers: &Headers::new(),
    };
    let (header, value) = line(
        profile
            .scheme
            .signer(&[Secret::new("b")])
            .unwrap()
            .sign(&message)
            .unwrap(),
    );
    let secrets = [Secret::new("a").named("new"), Secret::new("b").named("old")];
    let verdict = profile.scheme.verifier(&secrets).unwrap().verify(&Received {
        method: "POST",
        url: None,
        headers: &headers(&[(&header, &value)]),
        body: b"{}",
        now: Timestamp::from_unix(0),
    });
    let Verdict::Verified(proof) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(proof.secret.as_deref(), Some("old"));
}
