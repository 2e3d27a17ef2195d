//! A signature, in the place where the request carries it.

use crate::app::sign::SignedRequest;
use crate::view::{JsonRecord, Page};

impl JsonRecord for SignedRequest {
    const SCHEMA: &'static str = "hook.signature/1";

    fn human(&self, page: &mut Page) {
        for header in &self.headers {
            page.line(format!("{}: {}", header.name, header.value));
        }
        for text in self.body.iter().chain(&self.url) {
            page.line(text);
        }
    }
}
