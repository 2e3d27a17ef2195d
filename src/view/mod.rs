//! What things look like: one form, one file. Everything here turns values into text; the screen prints it.

pub mod attempt;
pub mod body;
pub mod bulk;
pub mod columns;
pub mod curl;
pub mod drift;
pub mod progress;
pub mod record;
pub mod request;
pub mod signature;
pub mod style;
pub mod verdict;

use std::io;
use std::time::Duration;

use serde::Serialize;

pub use crate::text::count;
use crate::text::write_json;
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
    /// What was written.
    pub lines: Vec<String>,
}

impl Page {
    /// An empty page.
    pub fn new(style: Style, columns: Option<usize>) -> Self {
        Self {
            style,
            columns,
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

/// A short duration for tables: `850us`, `3.4ms`, `1.20s`.
pub fn short_time(took: Duration) -> String {
    let us = took.as_micros();
    match us {
        0..1000 => format!("{us}us"),
        1000..1_000_000 => format!("{:.1}ms", took.as_secs_f64() * 1000.0),
        _ => format!("{:.2}s", took.as_secs_f64()),
    }
}

/// A size for tables: `812 B`, `1.2 KiB`, `3.0 MiB`.
pub fn short_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{:.1} MiB", value / 1_048_576.0),
    }
}

/// Milliseconds with three decimals, for JSON.
pub fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1000.0
}

/// The standard phrase of a status, or nothing.
pub fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// `200 OK`.
pub fn status_line(status: u16) -> String {
    format!("{status} {}", phrase(status)).trim_end().to_owned()
}
