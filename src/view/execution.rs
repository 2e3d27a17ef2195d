//! Executions of workflows that sent nothing.

use std::io;

use crate::app::workflow::UnsentExecution;
use crate::view::{JsonLines, Page, View};

impl View for UnsentExecution {
    /// The warning has said it.
    fn human(&self, _: &mut Page) {}

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.execution/1", self)
    }
}
