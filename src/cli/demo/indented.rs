//! The screen of a command that runs within the tour.

use std::io::{self, Write};
use std::sync::Arc;

use crate::cli::ui::Ui;

/// Writes whole lines to the tour's own screen, indented.
pub(super) struct Indented {
    ui: Arc<Ui>,
    indent: &'static str,
    to_stderr: bool,
    line: Vec<u8>,
}

impl Indented {
    pub(super) fn new(ui: Arc<Ui>, indent: &'static str, to_stderr: bool) -> Self {
        Self {
            ui,
            indent,
            to_stderr,
            line: Vec::new(),
        }
    }
}

impl Write for Indented {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            let text = format!("{}{}", self.indent, text.trim_end_matches('\n'));
            if self.to_stderr {
                self.ui.note(&text);
            } else {
                let shown = self.ui.line(&text).and_then(|()| self.ui.flush());
                shown.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
