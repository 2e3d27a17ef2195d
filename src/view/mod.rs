//! How domain objects look: one file per noun. Everything here turns values into text; the front end prints it.

pub mod attempt;
pub mod audit;
pub mod backup;
pub mod body;
pub mod bulk;
pub mod call;
pub mod case_report;
pub mod check;
pub mod columns;
pub mod config;
pub mod curl;
pub mod details;
pub mod drift;
pub mod endpoint;
pub mod execution;
pub mod expectation;
pub mod faults;
pub mod fixes;
pub mod handshake;
pub mod log_level;
pub mod processing;
pub mod progress;
pub mod provider;
pub mod received;
pub mod record;
pub mod rekey;
pub mod report;
pub mod request;
pub mod retries;
pub mod secret;
pub mod serve_check;
pub mod serve_status;
pub mod service_key;
pub mod signature;
pub mod stats;
pub mod style;
pub mod verdict;
pub mod work;

use std::io;

use serde::Serialize;

pub use crate::text::{WithSchema, count, millis, short_size, short_time, status_line};
use crate::text::{printable, write_json};
use columns::{Cell, Layout, UNTITLED};
use style::Style;

/// How a value looks: lines for people, JSON objects for scripts. The front end chooses.
pub trait View {
    /// Lines for people.
    fn human(&self, page: &mut Page);

    /// JSON objects, one a line, each with its `schema`.
    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()>;
}

/// A record that is its own JSON object.
pub trait JsonRecord: Serialize {
    /// Name and version of the schema, such as `hook.capture/1`.
    const SCHEMA: &'static str;

    /// Lines for people; none where a notice on stderr has the same content.
    fn human(&self, _: &mut Page) {}
}

impl<T: JsonRecord> View for T {
    fn human(&self, page: &mut Page) {
        JsonRecord::human(self, page);
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object(T::SCHEMA, self)
    }
}

/// Lines for people, and what decides how they look.
#[derive(Debug)]
pub struct Page {
    /// Colours.
    pub style: Style,
    /// Characters of a line, on a terminal.
    pub columns: Option<usize>,
    /// Whether `-v` was given.
    pub verbose: bool,
    /// What was written.
    pub lines: Vec<String>,
    /// The names and values among it.
    pub fields: Vec<(String, String)>,
}

impl Page {
    /// An empty page.
    pub fn new(style: Style, columns: Option<usize>) -> Self {
        Self {
            style,
            columns,
            verbose: false,
            lines: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Adds a line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    /// Adds rows in columns that are as wide as their widest text.
    pub fn table(&mut self, rows: impl IntoIterator<Item = Vec<Cell>>) {
        let rows: Vec<_> = rows.into_iter().collect();
        let layout = Layout::fit(&UNTITLED, &rows, None);
        self.lines
            .extend(rows.iter().map(|row| layout.line(row, self.style, false)));
    }

    /// Adds a name and its value.
    pub fn field(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
        let name = self.style.dim(&format!("{name:<12}"));
        self.line(format!("{name}{value}"));
    }
}

/// Text from the network, cut to `most` characters, or a dash.
pub fn or_dash(text: Option<&str>, most: usize) -> String {
    text.map_or_else(|| "-".to_owned(), |text| printable(text, most))
}

/// `2 to add`, `1 to remove`: the counts that are not zero.
pub fn counted<'a>(parts: impl IntoIterator<Item = (u64, &'a str)>) -> Vec<String> {
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    parts.map(|(n, what)| format!("{n} {what}")).collect()
}

/// Where JSON objects go, one a line.
pub struct JsonLines<'a>(pub &'a mut dyn io::Write);

impl JsonLines<'_> {
    /// Writes a record under the name and version of its schema, such as `hook.capture/1`.
    pub fn object(&mut self, schema: &str, record: &impl Serialize) -> io::Result<()> {
        write_json(&mut self.0, &WithSchema { schema, record })?;
        self.0.write_all(b"\n")
    }

    /// Writes several records of one schema.
    pub fn objects<T: Serialize>(&mut self, schema: &str, records: impl IntoIterator<Item = T>) -> io::Result<()> {
        records.into_iter().try_for_each(|record| self.object(schema, &record))
    }
}
