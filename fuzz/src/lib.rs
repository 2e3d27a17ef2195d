//! What the fuzz targets share, with the tests and with each other.

#[expect(dead_code, reason = "the tests read more of a vector")]
#[path = "../../tests/support/vector.rs"]
mod vector;

mod expressions;
mod trial;

use std::path::Path;

pub use expressions::{evaluate, expression_seeds};
pub use trial::{Requests, compile, provider_files};
use vector::Vector;

/// The project's folder.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Writes what a search starts with to where `cargo fuzz run TARGET` looks for it.
///
/// # Panics
///
/// When it cannot be written.
pub fn plant(target: &str, seeds: Vec<Vec<u8>>) {
    let folder = Path::new(ROOT).join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).expect("the folder of the corpus");
    for (number, seed) in seeds.into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed");
    }
}
