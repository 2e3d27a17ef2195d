//! What things look like: one form, one file. Everything here turns values into text; the screen prints it.

pub mod body;
pub mod call;
pub mod check;
pub mod columns;
pub mod curl;
pub mod delivery;
pub mod drift;
pub mod execution;
pub mod handshake;
pub mod processing;
pub mod progress;
pub mod received;
pub mod record;
pub mod request;
pub mod style;
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

/// Where JSON objects go, one a line.
pub struct JsonLines<'a>(pub &'a mut dyn io::Write);

impl JsonLines<'_> {
    /// Writes a record under the name and version of its schema, such as `hook.capture/1`.
    pub fn object(&mut self, schema: &str, record: &impl Serialize) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a, T> {
            schema: &'a str,
            #[serde(flatten)]
            record: &'a T,
        }
        write_json(&mut self.0, &Line { schema, record })?;
        self.0.write_all(b"\n")
    }
}
