//! What things look like: one form, one file. Everything here turns values into text; the screen prints it.

pub mod attempt;
pub mod body;
pub mod bulk;
pub mod call;
pub mod check;
pub mod columns;
pub mod config;
pub mod curl;
pub mod details;
pub mod drift;
pub mod endpoint;
pub mod execution;
pub mod handshake;
pub mod processing;
pub mod progress;
pub mod provider;
pub mod received;
pub mod record;
pub mod report;
pub mod request;
pub mod secret;
pub mod signature;
pub mod stats;
pub mod style;
pub mod verdict;
pub mod work;

use std::io;

use serde::Serialize;

use crate::text::write_json;
pub use crate::text::{count, millis, short_size, short_time, status_line};
use style::Style;

/// How a value looks: lines for people, JSON objects for scripts, side by side. The front end says which is wanted.
pub trait View {
    /// Lines for people.
    fn human(&self, page: &mut Page);

    /// JSON objects, one a line, each with its `schema`.
    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()>;
}

/// Lines for people, and what decides how they look.
#[derive(Debug)]
pub struct Page {
    /// Colours.
    pub style: Style,
    /// Characters of a line, on a terminal.
    pub columns: Option<usize>,
    /// Whether more is wanted than usual.
    pub verbose: bool,
    /// What was written.
    pub lines: Vec<String>,
}

impl Page {
    /// An empty page.
    pub fn new(style: Style, columns: Option<usize>) -> Self {
        Self {
            style,
            columns,
            verbose: false,
            lines: Vec::new(),
        }
    }

    /// Adds a line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }
}

/// A record with the name and version of its schema before its fields.
#[derive(Serialize)]
pub struct WithSchema<'a, T> {
    /// Such as `hook.capture/1`.
    pub schema: &'a str,
    /// An object.
    #[serde(flatten)]
    pub record: &'a T,
}

/// Where JSON objects go, one a line.
pub struct JsonLines<'a>(pub &'a mut dyn io::Write);

impl JsonLines<'_> {
    /// Writes a record under the name and version of its schema, such as `hook.capture/1`.
    pub fn object(&mut self, schema: &str, record: &impl Serialize) -> io::Result<()> {
        write_json(&mut self.0, &WithSchema { schema, record })?;
        self.0.write_all(b"\n")
    }
}
