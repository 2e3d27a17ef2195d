//! `--ready-file`.

use std::path::Path;

use crate::error::{Error, Result};

/// Writes the URL to the file, when there is one.
pub(super) fn write_ready_file(file: Option<&Path>, url: &str) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    crate::fs::whole_file(file, format!("{url}\n").as_bytes()).map_err(|error| {
        Error::usage(format!("`--ready-file {}` cannot be written", file.display()))
            .cause(error)
            .hint("name a file in a folder that is there")
    })
}
