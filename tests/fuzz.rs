//! What comes from strangers breaks nothing: headers of signatures and provider files, changed at random, for as long as
//! `HOOK_FUZZ_SECONDS` says. A failure says its seed; `HOOK_FUZZ_SEED` begins with it.

use std::time::{Duration, Instant};

use hook::clock::Timestamp;
use hook::headers::Headers;
use hook::provider::file::ProviderFile;
use hook::provider::{Profile, Registry};
use hook::random::Random;
use hook::secret::Secret;
use hook::signature::{Received, Verdict};

use crate::support::Vector;

/// Pieces that the grammars are made of, and what they are not made of.
const PIECES: [&str; 24] = [
    ",",
    ";",
    "=",
    " ",
    "\t",
    "v1",
    "v1=",
    "v1,",
    "t=",
    "sha256=",
    "\"",
    "==",
    "-",
    "0",
    "9223372036854775808",
    "\u{e9}",
    "\\",
    "${",
    "}",
    "[",
    "{",
    "\n",
    "'''",
    "#",
];

/// Runs one trial after the other until the time is over.
fn for_a_while(trial: impl Fn(&Random)) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let time = Duration::from_secs(number("HOOK_FUZZ_SECONDS").unwrap_or(1));
    let first = number("HOOK_FUZZ_SEED").unwrap_or(0);
    let begun = Instant::now();
    for seed in first.. {
        let random = Random::seeded(seed);
        let run = std::panic::AssertUnwindSafe(|| trial(&random));
        assert!(
            std::panic::catch_unwind(run).is_ok(),
            "the trial with the seed {seed} failed"
        );
        if begun.elapsed() > time {
            break;
        }
    }
}

/// A number below `end`, which is above 0.
fn below(random: &Random, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % end as u64).unwrap_or(0)
}

fn any<'a, T>(random: &Random, items: &'a [T]) -> &'a T {
    &items[below(random, items.len())]
}

/// The text with a few changes: a piece put in, taken out, doubled, or a byte replaced.
fn changed(random: &Random, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=below(random, 4) {
        let at = below(random, text.len() + 1);
        let end = (at + below(random, 12)).min(text.len());
        match below(random, 4) {
            0 => drop(text.splice(at..at, any(random, &PIECES).bytes())),
            1 => drop(text.drain(at..end)),
            2 => {
                let part = text[at..end].to_vec();
                text.splice(at..at, part);
            }
            _ if at < text.len() => text[at] = u8::try_from(below(random, 256)).unwrap_or(0),
            _ => {}
        }
    }
    text
}

#[test]
fn no_header_of_a_signature_breaks_the_judge_nor_makes_it_believe() {
    let registry = Registry::default();
    let vectors: Vec<(String, Vector)> = Vector::all()
        .into_iter()
        .filter(|(_, vector)| vector.is_small())
        .collect();
    for_a_while(|random| {
        let (provider, vector) = any(random, &vectors);
        let mut body = vector.body();
        let mut headers = Headers::new();
        for (name, value) in &vector.headers {
            headers.append(name, changed(random, value.as_bytes()));
        }
        // What is signed is another body: whatever the header says, it must not verify.
        body.push(b'x');
        let secrets: Vec<Secret> = vector.secrets().iter().map(|text| Secret::new(*text)).collect();
        for profile in registry.ranked(provider).expect("a built-in") {
            let Ok(verifier) = profile.scheme.verifier_of_usable(&secrets) else {
                continue;
            };
            let verdict = verifier.verify(&Received {
                method: vector.method.as_deref().unwrap_or("POST"),
                url: vector.url.as_deref(),
                headers: &headers,
                body: &body,
                now: Timestamp::from_unix(vector.timestamp_unix.unwrap_or(0)),
            });
            let _ = verdict.detail();
            let covers_body = profile.scheme.content().is_some_and(|content| {
                let text = content.to_string();
                text.contains("${body}") || text.contains("${form}")
            });
            assert!(
                !covers_body || !matches!(verdict, Verdict::Verified(_)),
                "{provider}: {} with {headers:?}",
                vector.id
            );
        }
    });
}

#[test]
fn no_provider_file_breaks_the_parser_nor_what_is_compiled_of_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider/builtin");
    let files: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .expect("the folder of providers")
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect();
    for_a_while(|random| {
        let text = changed(random, any::<Vec<u8>>(random, &files));
        let Ok(file) = toml::from_str::<ProviderFile>(&String::from_utf8_lossy(&text)) else {
            return;
        };
        let variants: Vec<Option<String>> = file.variants.keys().cloned().map(Some).chain([None]).collect();
        let variant = any(random, &variants).clone();
        let Ok(profile) = Profile::compile(file, variant.as_deref()) else {
            return;
        };
        let secret = Secret::new(profile.secret_form.fresh(random));
        let _ = profile.scheme.signer(&[secret]);
        for event in profile.events.keys().take(3) {
            let _ = profile.sample(event);
        }
    });
}
