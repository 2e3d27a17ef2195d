//! What signing and verifying cost above the hash itself, for 1 KiB: `cargo bench --bench signature`. A loop and a clock are
//! all that it takes; a benchmark library would bring more packages than hook's network side.

use std::hint::black_box;
use std::time::Instant;

use hmac::{KeyInit as _, Mac as _};

use hook::clock::Timestamp;
use hook::headers::Headers;
use hook::provider::Registry;
use hook::secret::Secret;
use hook::signature::{Received, Signed, ToSign};

const SECRET: &str = "whsec_hooktest_0123456789abcdef";

/// Runs of a round, and rounds: the median of the rounds counts.
const RUNS: u32 = 20_000;
const ROUNDS: usize = 21;

/// Nanoseconds that a run takes.
fn measure<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..RUNS {
                black_box(run());
            }
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(RUNS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(what: &str, nanoseconds: f64, hash: f64) {
    println!(
        "{what:<24} {nanoseconds:>7.0} ns  {:>+7.0} ns above the hash",
        nanoseconds - hash
    );
}

fn main() {
    let body = vec![b'a'; 1024];
    let now = Timestamp::from_unix(1_893_553_445);
    let Ok(key) = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()) else {
        return;
    };
    let hash = measure(|| {
        let mut mac = key.clone();
        mac.update(black_box(&body));
        mac.finalize().into_bytes()
    });
    say("HMAC-SHA-256 of 1 KiB", hash, hash);
    // A bare hex digest, and a timestamp with the digest in pairs.
    for name in ["pool-brain", "slotflow"] {
        let Ok(profile) = Registry::default().get(name) else {
            continue;
        };
        let secrets = [Secret::new(SECRET)];
        let (Ok(signer), Ok(verifier)) = (profile.scheme.signer(&secrets), profile.scheme.verifier(&secrets)) else {
            continue;
        };
        let none = Headers::new();
        let message = ToSign {
            id: "msg_1",
            event: "event",
            timestamp: now,
            body: &body,
            method: "POST",
            url: "http://localhost/",
            headers: &none,
        };
        say(
            &format!("{name} signs"),
            measure(|| signer.sign(black_box(&message))),
            hash,
        );
        let Signed::Headers(lines) = signer.sign(&message) else {
            continue;
        };
        let headers: Headers = lines
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let received = Received {
            method: "POST",
            url: None,
            headers: &headers,
            body: &body,
            now,
        };
        say(
            &format!("{name} verifies"),
            measure(|| verifier.verify(black_box(&received))),
            hash,
        );
    }
}
