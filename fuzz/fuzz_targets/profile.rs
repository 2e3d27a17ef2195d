//! The parser of provider files, and what is compiled of them.

#![no_main]

use hook_fuzz::{compile, plant, provider_files};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: plant("profile", provider_files()),
    |text: &[u8]| compile(text)
);
