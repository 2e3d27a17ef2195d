//! The grammars of the headers that carry signatures.

#![no_main]

use std::sync::LazyLock;

use hook_fuzz::{Requests, plant};
use libfuzzer_sys::fuzz_target;

static REQUESTS: LazyLock<Requests> = LazyLock::new(Requests::known);

fuzz_target!(
    init: plant("headers", REQUESTS.seeds()),
    |input: &[u8]| REQUESTS.judge(input)
);
