//! The flags that name a request of a file.

use super::input;
use crate::error::Result;
use crate::request_file::{self, ExportedRequest};

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
            "-" => input::source("-", "--from")?,
            path => input::file(path, "--from")?,
        };
        request_file::read(&bytes, self.entry).map(Some)
    }
}
