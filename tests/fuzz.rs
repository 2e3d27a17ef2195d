//! What comes from strangers breaks nothing: headers of signatures and provider files with random changes, the same ones
//! every time. The fuzz targets in `fuzz/` search with the same trials.

#[expect(unreachable_pub, reason = "the fuzz targets are other crates")]
#[path = "../fuzz/src/trial.rs"]
mod trial;

#[expect(unreachable_pub, reason = "the fuzz targets are other crates")]
#[path = "../fuzz/src/expressions.rs"]
mod expressions;

use hook::internals::random::Random;

use crate::support::{ROOT, Vector};

/// Pieces that the grammars are made of, and what they are not made of.
const PIECES: [&str; 26] = [
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
    "&&",
    ".all(i, ",
];

/// A number below `end`, which is above 0.
fn below(random: &Random, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % end as u64).unwrap_or(0)
}

/// The seed with a few changes: a piece put in, taken out, doubled, or a byte replaced.
fn changed(random: &Random, seed: &[u8]) -> Vec<u8> {
    let mut text = seed.to_vec();
    for _ in 0..=below(random, 4) {
        let at = below(random, text.len() + 1);
        let end = (at + below(random, 12)).min(text.len());
        match below(random, 4) {
            0 => drop(text.splice(at..at, PIECES[below(random, PIECES.len())].bytes())),
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

/// Changes each seed `times` times. A failure says its number.
fn with_changes(seeds: &[Vec<u8>], times: u64, trial: impl Fn(&[u8])) {
    for (number, seed) in seeds.iter().enumerate() {
        let random = Random::seeded(number as u64);
        for time in 0..times {
            let input = changed(&random, seed);
            let run = std::panic::AssertUnwindSafe(|| trial(&input));
            assert!(
                std::panic::catch_unwind(run).is_ok(),
                "change {time} of seed {number} broke it: {:?}",
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn no_header_of_a_signature_breaks_the_judge_nor_makes_it_believe() {
    let requests = trial::Requests::known();
    with_changes(&requests.seeds(), 20, |input| requests.judge(input));
}

#[test]
fn no_provider_file_breaks_the_parser_nor_what_is_compiled_of_it() {
    with_changes(&trial::provider_files(), 10, trial::compile);
}

#[test]
fn no_expression_breaks_the_parser_nor_the_evaluation() {
    with_changes(&expressions::expression_seeds(), 300, expressions::evaluate);
}
