//! A copy of the ledger.

use std::io;

use super::{JsonLines, Page, View, short_size};
use crate::app::backup::MadeBackup;
use crate::text::printable;

impl View for MadeBackup {
    fn human(&self, page: &mut Page) {
        let (size, file) = (short_size(self.bytes), printable(&self.file, 1000));
        page.line(format!("copied the ledger to {file} ({size})"));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.backup/1", self)
    }
}
