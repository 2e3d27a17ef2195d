//! Generated secrets, and the dev secret.

use super::{JsonRecord, Page};
use crate::app::new_secret::ShownSecret;

impl JsonRecord for ShownSecret {
    const SCHEMA: &'static str = "hook.secret/1";

    fn human(&self, page: &mut Page) {
        let Some(file) = &self.file else {
            page.lines.extend(self.secret.iter().chain(&self.public).cloned());
            return;
        };
        for file in [file].into_iter().chain(&self.public_file) {
            page.line(file.display().to_string());
        }
    }
}
