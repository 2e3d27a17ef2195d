//! How secrets are stored after a change of the key.

use std::io;

use super::{JsonLines, Page, View};
use crate::app::endpoints::rekey::Rekeyed;
use crate::text::count;

impl View for Rekeyed {
    fn human(&self, page: &mut Page) {
        let before = match self.unchanged {
            0 => String::new(),
            some => format!("; {some} before"),
        };
        let secrets = count(self.changed, "secret");
        page.line(match &self.key {
            Some(key) => format!("encrypted {secrets} with key {key}{before}"),
            None => format!("decrypted {secrets}: they are stored in clear text{before}"),
        });
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.rekey/1", self)
    }
}
