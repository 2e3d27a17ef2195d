//! Forged requests, one for each way of taking one thing for another.

use hmac::{KeyInit as _, Mac as _};
use hook::internals::app::context::Secrets;
use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::provider::Registry;
use hook::internals::secret::Secret;
use hook::internals::signature::{AsymmetricKind, Received};
use hook::internals::verification::{Verification, VerificationResult};

const BODY: &[u8] = br#"{"type":"ContactCreate","timestamp":"2030-01-02T03:04:05Z"}"#;

fn judge(provider: &str, secrets: &[&str], lines: &[(&str, &str)], body: &[u8]) -> VerificationResult {
    let secrets = secrets.iter().map(|text| Secret::new(*text)).collect();
    let registry = Registry::default();
    let verification = Verification::new(&registry, &[provider.to_owned()], Some(Secrets::Given(secrets)));
    let headers: Headers = lines.iter().copied().collect();
    verification.expect("a provider").check(&Received {
        method: "POST",
        url: Some("https://a.example/"),
        headers: &headers,
        body,
        now: Timestamp::from_unix(1_893_553_445),
    })
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn sha1(key: &[u8], text: &[u8]) -> String {
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(key).expect("a key");
    mac.update(text);
    hex::encode(mac.finalize().into_bytes())
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    for kind in [AsymmetricKind::Ed25519, AsymmetricKind::Ecdsa, AsymmetricKind::Rsa] {
        let public = kind.generate().expect("a pair").public;
        let bare: String = public.lines().filter(|line| !line.starts_with('-')).collect();
        for text in [&public, &bare] {
            let forged = format!("sha256={}", hex::encode(hmac(text.as_bytes(), BODY)));
            let judged = judge("github", &[text], &[("x-hub-signature-256", &forged)], BODY);
            assert_eq!(judged.verdict.reason(), Some("unusable-secret"), "{kind:?}");
        }
    }
}

#[test]
fn a_good_weak_header_does_not_save_a_bad_strong_one() {
    let good = format!("sha1={}", sha1(b"secret", BODY));
    let bad = format!("sha256={}", "00".repeat(32));
    for provider in ["github", "meta"] {
        let both = [("x-hub-signature", &*good), ("x-hub-signature-256", &*bad)];
        let judged = judge(provider, &["secret"], &both, BODY);
        assert_eq!(judged.verdict.reason(), Some("no-match"), "{provider}");
        let alone = judge(provider, &["secret"], &both[..1], BODY);
        assert!(alone.verdict.detail().expect("a detail").contains("weak"), "{provider}");
    }
    let lines = [("x-gitlab-token", "secret"), ("webhook-signature", "v1,AAAA")];
    assert!(judge("gitlab", &["secret"], &lines, BODY).verdict.is_refused());
    assert_eq!(
        judge("gitlab", &["secret"], &lines[..1], BODY).verdict.name(),
        "token-only"
    );
}

#[test]
fn an_unsigned_request_is_never_verified() {
    let registry = Registry::default();
    for name in registry.names() {
        let judged = judge(&name, &["secret"], &[], BODY);
        assert!(!judged.verdict.is_verified(), "{name}");
    }
}

#[test]
fn an_empty_or_a_cut_signature_matches_nothing() {
    let whole = hex::encode(hmac(b"secret", BODY));
    for text in [
        "",
        "sha256=",
        &format!("sha256={}", &whole[..62]),
        &format!("sha256={whole}00"),
    ] {
        let judged = judge("github", &["secret"], &[("x-hub-signature-256", text)], BODY);
        assert!(judged.verdict.is_refused(), "{text}");
    }
    let judged = judge(
        "github",
        &["secret"],
        &[("x-hub-signature-256", &format!("sha256={whole}"))],
        BODY,
    );
    assert!(judged.verdict.is_verified());
}

#[test]
fn an_empty_secret_verifies_nothing() {
    let forged = format!("sha256={}", hex::encode(hmac(b"", BODY)));
    let judged = judge("github", &[""], &[("x-hub-signature-256", &forged)], BODY);
    assert_eq!(judged.verdict.reason(), Some("unusable-secret"));
    let judged = judge("svix", &["whsec_"], &[("svix-signature", "v1,AAAA")], BODY);
    assert_eq!(judged.verdict.reason(), Some("unusable-secret"));
    let judged = judge("gitlab", &[""], &[("x-gitlab-token", "")], BODY);
    assert!(judged.verdict.is_refused());
}

#[test]
fn each_item_of_a_list_must_be_signed() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let sign = |text: &str| {
        use base64::Engine as _;
        let key = hex::decode(key).expect("hex");
        base64::engine::general_purpose::STANDARD.encode(hmac(&key, text.as_bytes()))
    };
    let item = |value: u32, signature: &str| {
        format!(
            r#"{{"NotificationRequestItem":{{"pspReference":"p","amount":{{"value":{value},"currency":"EUR"}},"eventCode":"CAPTURE","success":"true","additionalData":{{"hmacSignature":"{signature}"}}}}}}"#
        )
    };
    let good = item(1, &sign("p::::1:EUR:CAPTURE:true"));
    let forged = item(2, &sign("p::::1:EUR:CAPTURE:true"));
    let all = |items: &[&str]| format!(r#"{{"notificationItems":[{}]}}"#, items.join(","));
    let verified = |body: &str| judge("adyen", &[key], &[], body.as_bytes()).verdict.is_verified();
    assert!(verified(&all(&[&good])));
    assert!(verified(&all(&[&good, &good])));
    assert!(!verified(&all(&[&good, &forged])), "the second is not signed");
    assert!(!verified(&all(&[&forged, &good])), "the first is not signed");
    assert!(!verified(&all(&[])));
    // Whoever parses this takes the last of two equal names.
    let twice = good.replace(r#""success""#, r#""eventCode":"REFUND","success""#);
    assert!(!verified(&all(&[&twice])));
}

#[test]
fn a_body_hash_covers_what_the_url_is_signed_for() {
    let judged = judge(
        "twilio",
        &["12345"],
        &[("x-twilio-signature", "AAAA"), ("content-type", "application/json")],
        b"{}",
    );
    assert_eq!(
        judged.verdict.reason(),
        Some("part-missing"),
        "nothing would cover the body"
    );
}

#[test]
fn an_age_that_is_to_be_enforced_is_not_skipped() {
    let body = br#"{"action":"create"}"#;
    let signature = hex::encode(hmac(b"secret", body));
    let judged = judge("linear", &["secret"], &[("linear-signature", &signature)], body);
    assert_eq!(judged.verdict.reason(), Some("part-missing"));
}
