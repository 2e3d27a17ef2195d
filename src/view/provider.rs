//! Providers: the list, the sheet of one, its events, a file that was checked.

mod api;
mod handshake;
mod json;
mod sheet;
mod show;

use std::io;
use std::path::Path;

use serde_json::json;

use super::columns::{Cell, Tone};
use super::{JsonLines, Page, View, count};
use crate::provider::{Profile, ProviderListing};

/// All providers, and where each comes from.
pub struct ProviderList<'a>(pub &'a [ProviderListing]);

impl View for ProviderList<'_> {
    fn human(&self, page: &mut Page) {
        let row = |listing: &ProviderListing| {
            vec![
                Cell::new(&listing.name, Tone::Name),
                Cell::new(&listing.title, Tone::Plain),
                Cell::new(format!("{:>3} events", listing.events), Tone::Plain),
                Cell::new(listing.origin.to_string(), Tone::Dim),
            ]
        };
        page.table(self.0.iter().map(row));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.objects("hook.provider/1", self.0)
    }
}

/// How one provider signs, delivers and retries.
pub struct ProviderSheet<'a> {
    /// The provider, or one of its variants.
    pub profile: &'a Profile,
    /// Where it comes from.
    pub origin: String,
}

impl View for ProviderSheet<'_> {
    fn human(&self, page: &mut Page) {
        page.lines.extend(show::lines(self.profile, &self.origin, page.style));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.profile/1", &json::profile(self.profile, &self.origin))
    }
}

/// The events of a provider.
pub struct ProviderEvents<'a>(pub &'a Profile);

impl View for ProviderEvents<'_> {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        page.table(self.0.events.iter().map(|(name, event)| {
            let mut text = event.summary.clone();
            if event.grouping {
                text += &style.dim("; may be grouped");
            }
            if !event.aliases.is_empty() {
                text += &style.dim(&format!("; also {}", event.aliases.join(", ")));
            }
            if event.assumed {
                text.push(' ');
                text += &style.caution("(assumed data)");
            }
            vec![Cell::new(name, Tone::Name), Cell::new(text, Tone::Plain)]
        }));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let provider = self.0.label();
        let records = self.0.events.iter().map(|(name, event)| {
            json!({
                "provider": provider,
                "event": name,
                "summary": event.summary,
                "grouping": event.grouping,
                "aliases": event.aliases,
            })
        });
        lines.objects("hook.event/1", records)
    }
}

/// A valid provider file.
pub struct CheckedFile<'a> {
    /// The file.
    pub file: &'a Path,
    /// The profile that it defines.
    pub profile: &'a Profile,
}

impl View for CheckedFile<'_> {
    fn human(&self, page: &mut Page) {
        page.line(format!(
            "{} {}: {}, {}",
            page.style.good("ok"),
            page.style.name(&self.profile.name),
            count(self.profile.events.len() as u64, "event"),
            count(self.profile.variants.len() as u64, "variant")
        ));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let record = json!({
            "file": self.file,
            "provider": self.profile.name,
            "events": self.profile.events.len(),
            "variants": self.profile.variants.len(),
        });
        lines.object("hook.provider-check/1", &record)
    }
}
