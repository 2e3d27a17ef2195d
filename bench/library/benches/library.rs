//! What signing and verifying cost beside the bare hash, and what looking for the reason of a refusal costs when there is
//! none to be found. `bench/run --only library` prints the figures with their goals.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hook::internals::app::context::Secrets;
use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::provider::Registry;
use hook::internals::secret::Secret;
use hook::internals::signature::{Received, Signed, ToSign};
use hook::internals::verification::Verification;
use library::orders;
use sha2::Sha256;

const SECRET: &str = "whsec_hooktest_0123456789abcdef";
const URL: &str = "http://localhost/";

/// The moment of signing and of checking, in seconds since 1970.
const NOW: i64 = 1_893_553_445;

fn received<'a>(headers: &'a Headers, body: &'a [u8]) -> Received<'a> {
    Received {
        method: "POST",
        url: Some(URL),
        headers,
        body,
        now: Timestamp::from_unix(NOW),
    }
}

fn hash(criterion: &mut Criterion) {
    let body = vec![b'a'; 1024];
    let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length is a key");
    criterion.bench_function("hash", |bencher| {
        bencher.iter(|| {
            let mut mac = key.clone();
            mac.update(black_box(&body));
            mac.finalize().into_bytes()
        });
    });
}

/// A bare hex digest, and a timestamp with the digest in pairs.
fn signature(criterion: &mut Criterion) {
    let body = vec![b'a'; 1024];
    let secrets = [Secret::new(SECRET)];
    for name in ["pool-brain", "slotflow"] {
        let scheme = &Registry::default().get(name).expect("a built-in").scheme;
        let signer = scheme.signer(&secrets).expect("a usable secret");
        let verifier = scheme.verifier(&secrets).expect("a usable secret");
        let none = Headers::new();
        let message = ToSign {
            id: "msg_1",
            event: "event",
            timestamp: Timestamp::from_unix(NOW),
            body: &body,
            method: "POST",
            url: URL,
            headers: &none,
        };
        let Ok(Signed::Headers(lines)) = signer.sign(&message) else {
            panic!("{name} signs in headers");
        };
        let headers: Headers = lines.iter().map(|(name, value)| (&**name, &**value)).collect();
        let received = received(&headers, &body);
        assert!(verifier.verify(&received).is_verified(), "{name}");
        criterion.bench_function(&format!("sign-{name}"), |bencher| {
            bencher.iter(|| signer.sign(black_box(&message)));
        });
        criterion.bench_function(&format!("verify-{name}"), |bencher| {
            bencher.iter(|| verifier.verify(black_box(&received)));
        });
    }
}

/// A signature that nothing explains: every mistake is tried, or all that there is time for.
fn autopsy(criterion: &mut Criterion) {
    let registry = Registry::default();
    let secrets = Secrets::Given(vec![Secret::new(SECRET)]);
    for (name, provider, signature, value) in [
        ("bare", "pool-brain", "x-webhook-signature", "ab".repeat(32)),
        (
            "pairs",
            "slotflow",
            "slotflow-signature",
            format!("t={},v1={}", NOW, "ab".repeat(32)),
        ),
    ] {
        let verification =
            Verification::new(&registry, &[provider.to_owned()], Some(secrets.clone())).expect("a built-in");
        let headers: Headers = [(signature, &*value)].into_iter().collect();
        for (kind, size) in [("16k", 16 << 10), ("1m", 1 << 20), ("10m", 10 << 20)] {
            let body = orders(size);
            let received = received(&headers, &body);
            let judged = verification.check(&received);
            assert!(judged.verdict.is_refused(), "{name}");
            let found = verification.explain(&judged, &received, &[]);
            assert!(found.found.is_none(), "{name}: a mistake fits");
            let mut group = criterion.benchmark_group("autopsy");
            group.sample_size(10);
            group.bench_function(format!("{name}-{kind}"), |bencher| {
                bencher.iter(|| verification.explain(black_box(&judged), black_box(&received), &[]));
            });
        }
    }
}

criterion_group!(benches, hash, signature, autopsy);
criterion_main!(benches);
