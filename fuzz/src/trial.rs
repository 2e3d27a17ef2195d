//! What is done with bytes from a stranger. `tests/fuzz.rs` does it with a few thousand random changes, the fuzz targets
//! for as long as they are let, led by the code that they reach.

use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::provider::{Profile, Registry};
use hook::internals::random::Random;
use hook::internals::secret::Secret;
use hook::internals::signature::{Received, Verdict};

use serde_json::{Map, Value};

use super::{ROOT, Vector};

/// Known requests, whose headers the input replaces.
pub struct Requests {
    registry: Registry,
    vectors: Vec<(String, Vector)>,
}

impl Requests {
    /// Those whose bodies are small enough for thousands of trials.
    pub fn known() -> Self {
        let small = |vector: &Vector| vector.is_small();
        Self {
            registry: Registry::default(),
            vectors: Vector::all().into_iter().filter(|(_, vector)| small(vector)).collect(),
        }
    }

    /// For each request the input that leaves it as it is.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let seed = |(number, (_, vector)): (usize, &(String, Vector))| {
            let values: Vec<&str> = vector.headers.values().map(String::as_str).collect();
            let number = u16::try_from(number).expect("fewer requests than that");
            [&number.to_le_bytes(), values.join("\n").as_bytes()].concat()
        };
        self.vectors.iter().enumerate().map(seed).collect()
    }

    /// Verifies another body with the headers of `input`: the number of a request in two bytes, then the value of each of
    /// its headers on a line; further lines repeat the headers from the first on.
    ///
    /// # Panics
    ///
    /// When something verifies that nobody signed.
    pub fn judge(&self, input: &[u8]) {
        let Some((number, values)) = input.split_first_chunk::<2>() else {
            return;
        };
        let number = usize::from(u16::from_le_bytes(*number)) % self.vectors.len();
        let (provider, vector) = &self.vectors[number];
        let mut headers = Headers::new();
        for (name, value) in vector.headers.keys().cycle().zip(values.split(|&byte| byte == b'\n')) {
            headers.append(name, value);
        }
        // White space at the end: a signature inside of it is still read.
        let mut body = vector.body();
        body.push(b' ');
        let secrets: Vec<Secret> = vector.secrets().iter().map(|text| Secret::new(*text)).collect();
        for profile in self.registry.ranked(provider).expect("a built-in") {
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
    }
}

/// The built-in provider files.
pub fn provider_files() -> Vec<Vec<u8>> {
    std::fs::read_dir(format!("{ROOT}/src/provider/builtin"))
        .expect("the folder of providers")
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect()
}

/// Parses a provider file, compiles each of its variants, and signs and makes samples with what came of it.
pub fn compile(text: &[u8]) {
    let Ok(file) = toml::from_str::<Value>(&String::from_utf8_lossy(text)) else {
        return;
    };
    let random = Random::seeded(0);
    let variants = file["variants"].as_object().into_iter().flat_map(Map::keys);
    for variant in variants.map(|name| Some(name.as_str())).chain([None]) {
        let Ok(profile) = Profile::read(&file, variant) else {
            continue;
        };
        let secret = Secret::new(profile.secret.form.fresh(&random));
        let _ = profile.scheme.signer(&[secret]);
        for event in profile.events.keys().take(3) {
            let _ = profile.sample(event);
        }
    }
}
