//! Keys of the API of `hook serve`.

use std::io;

use super::columns::{Cell, Tone};
use super::{JsonLines, Page, View};
use crate::app::service_keys::ServiceKey;

/// The schema of a key.
const SCHEMA: &str = "hook.key/1";

/// A key that was just made, with its text.
pub struct AddedKey(pub ServiceKey);

/// Keys, a line each.
pub struct KeyList(pub Vec<ServiceKey>);

/// A key that counts no more.
pub struct RevokedKey(pub ServiceKey);

impl View for AddedKey {
    fn human(&self, page: &mut Page) {
        page.lines.extend(self.0.key.clone());
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object(SCHEMA, &self.0)
    }
}

impl View for KeyList {
    fn human(&self, page: &mut Page) {
        if self.0.is_empty() {
            return;
        }
        let titles = ["NAME", "ACCESS", "MODE", "TENANT", "CREATED"];
        let titles = titles.map(|title| Cell::new(title, Tone::Dim)).to_vec();
        let row = |key: &ServiceKey| {
            vec![
                Cell::new(&key.name, Tone::Name),
                Cell::new(key.access, Tone::Plain),
                Cell::new(key.mode.name(), Tone::Plain),
                Cell::new(key.tenant.as_deref().unwrap_or("-"), Tone::Plain),
                Cell::new(key.created.local_datetime(), Tone::Plain),
            ]
        };
        page.table([titles].into_iter().chain(self.0.iter().map(row)));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.objects(SCHEMA, &self.0)
    }
}

impl View for RevokedKey {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        page.line(format!("{} {}", style.bad("revoked"), style.name(&self.0.name)));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object(SCHEMA, &self.0)
    }
}
