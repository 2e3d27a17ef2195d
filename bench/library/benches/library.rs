//! What signing and verifying cost beside the bare hash, and what the diagnosis of a refusal costs: one planted mistake, two
//! of them, and a signature that nothing explains. `bench/run --only library` prints the figures with their goals.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hook::internals::app::context::Secrets;
use hook::internals::clock::Timestamp;
use hook::internals::event_filter::{EventFilter, RequestView, met_by_event};
use hook::internals::headers::Headers;
use hook::internals::provider::Registry;
use hook::internals::secret::Secret;
use hook::internals::server::Incoming;
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
        let headers = signed(name, SECRET, &body);
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

/// The headers of a signature of `body`, by the provider `name`.
fn signed(name: &str, secret: &str, body: &[u8]) -> Headers {
    let scheme = &Registry::default().get(name).expect("a built-in").scheme;
    let signer = scheme.signer(&[Secret::new(secret)]).expect("a usable secret");
    let none = Headers::new();
    let message = ToSign {
        id: "msg_1",
        event: "event",
        timestamp: Timestamp::from_unix(NOW),
        body,
        method: "POST",
        url: URL,
        headers: &none,
    };
    let Ok(Signed::Headers(lines)) = signer.sign(&message) else {
        panic!("{name} signs in headers");
    };
    lines.iter().map(|(name, value)| (&**name, &**value)).collect()
}

/// One diagnosis of a refused request, timed. `causes` is how many mistakes it must name.
fn diagnose(criterion: &mut Criterion, label: &str, provider: &str, headers: &Headers, body: &[u8], causes: usize) {
    let secrets = Secrets::Given(vec![Secret::new(SECRET)]);
    let verification =
        Verification::new(&Registry::default(), &[provider.to_owned()], Some(secrets)).expect("a built-in");
    let received = received(headers, body);
    let result = verification.check(&received);
    assert!(result.verdict.is_refused(), "{label}");
    let found = verification.explain(&result, &received, &[]).found;
    assert_eq!(found.map_or(0, |found| found.causes().len()), causes, "{label}");
    let mut group = criterion.benchmark_group("diagnosis");
    group.sample_size(10);
    group.bench_function(label, |bencher| {
        bencher.iter(|| verification.explain(black_box(&result), black_box(&received), &[]));
    });
    group.finish();
}

/// Changes a body.
type Change = fn(Vec<u8>) -> Vec<u8>;

/// Bodies as a receiver changes them before it verifies: what was signed is `orders`, what arrives is this.
const CHANGED_BODIES: [(&str, Change); 4] = [
    ("newline", |mut body| {
        body.push(b'\n');
        body
    }),
    ("minified", |body| replaced(&body, ": ", ":")),
    ("ascii", |body| replaced(&body, "\u{e9}", "\\u00e9")),
    ("slashes", |body| replaced(&body, "/", "\\/")),
];

fn replaced(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(body).replace(from, to).into_bytes()
}

/// Secrets as people paste them: what signed, when the receiver has `SECRET`.
const CHANGED_SECRETS: [(&str, &str); 3] = [
    ("secret-newline", "whsec_hooktest_0123456789abcdef\n"),
    ("secret-quoted", "\"whsec_hooktest_0123456789abcdef\""),
    ("secret-prefix", "hooktest_0123456789abcdef"),
];

/// One mistake and two mistakes in a request of 16 KiB: a signature of bare hex, and one with its time in pairs.
fn planted(criterion: &mut Criterion) {
    let body = orders(16 << 10);
    for provider in ["pool-brain", "slotflow"] {
        for (secret_name, secret) in CHANGED_SECRETS {
            let headers = signed(provider, secret, &body);
            diagnose(
                criterion,
                &format!("one-{provider}-{secret_name}"),
                provider,
                &headers,
                &body,
                1,
            );
            for (body_name, change) in CHANGED_BODIES {
                let label = format!("two-{provider}-{secret_name}-{body_name}");
                diagnose(criterion, &label, provider, &headers, &change(body.clone()), 2);
            }
        }
        let headers = signed(provider, SECRET, &body);
        for (name, change) in CHANGED_BODIES {
            diagnose(
                criterion,
                &format!("one-{provider}-{name}"),
                provider,
                &headers,
                &change(body.clone()),
                1,
            );
        }
    }
}

/// A signature that nothing explains: every mistake is tried, or all that there is time for.
fn unexplained(criterion: &mut Criterion) {
    let digest = "ab".repeat(32);
    for (provider, header, value) in [
        ("pool-brain", "x-webhook-signature", digest.clone()),
        ("slotflow", "slotflow-signature", format!("t={NOW},v1={digest}")),
    ] {
        let headers: Headers = [(header, &*value)].into_iter().collect();
        for (kind, size) in [("16k", 16 << 10), ("1m", 1 << 20), ("10m", 10 << 20)] {
            diagnose(
                criterion,
                &format!("none-{kind}-{provider}"),
                provider,
                &headers,
                &orders(size),
                0,
            );
        }
    }
}

/// A body of a kilobyte like those of the catalogues.
fn kilobyte() -> Vec<u8> {
    let item = |number: u32| {
        format!(r#"{{"id":"item_{number}","name":"Filter Cleaning","quantity":{number},"price_cents":2500}}"#)
    };
    let items: Vec<String> = (0..12).map(item).collect();
    let items = items.join(",");
    format!(
        r#"{{"type":"order.paid","data":{{"order":"A-1","total_cents":2500,"customer":{{"name":"Pat Example","email":"pat@example.com","country":"DE"}},"items":[{items}]}}}}"#
    )
    .into_bytes()
}

/// What a request costs with an expectation: parsing its JSON, and everything else. The goal is 10 us above parsing.
fn expectations(criterion: &mut Criterion) {
    let body = kilobyte();
    assert!((900..1200).contains(&body.len()), "{}", body.len());
    criterion.bench_function("expectation-parsing", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)).expect("JSON"));
    });
    let incoming = Incoming {
        method: "POST".to_owned(),
        target: "/webhooks".to_owned(),
        headers: [("content-type", "application/json")].into_iter().collect(),
        body: body.into(),
        remote: ([127, 0, 0, 1], 4000).into(),
    };
    let verification = Verification::new(&Registry::default(), &["standard-webhooks".to_owned()], None);
    let judged = verification
        .expect("a built-in")
        .check(&received(&incoming.headers, &incoming.body));
    for (name, source) in [
        ("expectation", r#"event == "order.paid" && data.total_cents > 1000"#),
        (
            "expectation-loop",
            "data.items.all(item, item.quantity >= 0 && item.name != '')",
        ),
    ] {
        let filters = [Arc::new(EventFilter::expression(source).expect("an expression"))];
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let view = RequestView::of_incoming(black_box(&incoming), &judged, 200, Timestamp::from_unix(NOW));
                let met = met_by_event(&filters, &view);
                assert_eq!(met, [1]);
            });
        });
    }
}

criterion_group!(benches, hash, signature, planted, unexplained, expectations);
criterion_main!(benches);
