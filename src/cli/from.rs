//! The flags that name a request of a file.

use std::fs::File;
use std::io::Read;

use crate::error::{Error, Result};
use crate::request_file::{self, ExportedRequest};

/// Bytes of a file that are read, at most: a saved session of a browser has some tens of megabytes.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct FromArgs {
    /// A request as another program exports it: curl command, raw HTTP, HAR, Lambda event, Postman item; `-` for stdin
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "body")]
    from: Option<String>,
    /// Which request of the file, counted from 1
    #[arg(long, value_name = "N", requires = "from")]
    entry: Option<usize>,
}

impl FromArgs {
    /// The file, as typed.
    pub(super) fn source(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// Reads the request of the file.
    pub(super) fn read(&self) -> Result<Option<ExportedRequest>> {
        let Some(path) = &self.from else { return Ok(None) };
        let bytes = match path.as_str() {
            "-" => bounded(std::io::stdin().lock()),
            path => File::open(path).and_then(bounded),
        };
        let bytes = bytes.map_err(|error| Error::usage(format!("`--from`: `{path}` cannot be read")).cause(error))?;
        if bytes.len() as u64 > MOST_BYTES {
            let fact = format!("`--from`: `{path}` has more than {} MiB", MOST_BYTES >> 20);
            return Err(Error::usage(fact).hint("save the one request in a file of its own"));
        }
        request_file::read(&bytes, self.entry).map(Some)
    }
}

/// The bytes, and one more than are read where there are too many.
fn bounded(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
