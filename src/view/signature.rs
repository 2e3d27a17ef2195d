//! A signature, where it stands in a request.

use std::io;

use crate::app::sign::SignedRequest;
use crate::view::{JsonLines, Page, View};

impl View for SignedRequest {
    fn human(&self, page: &mut Page) {
        for header in &self.headers {
            page.line(format!("{}: {}", header.name, header.value));
        }
        for text in self.body.iter().chain(&self.url) {
            page.line(text);
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.signature/1", self)
    }
}
