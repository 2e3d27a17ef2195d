//! Expressions, and what they are evaluated on: a source text and a body, separated by a byte that is in neither.

#![no_main]

use hook_fuzz::{evaluate, expression_seeds, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: plant("expression", expression_seeds()),
    |input: &[u8]| evaluate(input)
);
