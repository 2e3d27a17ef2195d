//! Secrets that the user asked for.

use std::io;

use super::{JsonLines, Page, View};
use crate::app::new_secret::ShownSecret;

impl View for ShownSecret {
    fn human(&self, page: &mut Page) {
        let Some(file) = &self.file else {
            page.lines.extend(self.secret.iter().chain(&self.public).cloned());
            return;
        };
        for file in [file].into_iter().chain(&self.public_file) {
            page.line(file.display().to_string());
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.secret/1", self)
    }
}
