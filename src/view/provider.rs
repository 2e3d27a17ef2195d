//! Providers: the list, the sheet of one, its events, a file that was checked.

mod api;
mod handshake;
mod json;
mod sheet;
mod show;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::{JsonLines, Page, View, count};
use crate::provider::{Origin, Profile, ProviderListing};

/// All providers, and where each comes from.
pub struct ProviderList<'a>(pub &'a [ProviderListing]);

impl View for ProviderList<'_> {
    fn human(&self, page: &mut Page) {
        let widest =
            |text: fn(&ProviderListing) -> &str| self.0.iter().map(|listing| text(listing).chars().count()).max();
        let names = widest(|listing| &listing.name).unwrap_or(0);
        let titles = widest(|listing| &listing.title).unwrap_or(0);
        for listing in self.0 {
            page.line(format!(
                "{}  {:<titles$}  {:>3} events  {}",
                page.style.name(&format!("{:<names$}", listing.name)),
                listing.title,
                listing.events,
                page.style.dim(&listing.origin.to_string())
            ));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let mut listings = self.0.iter();
        listings.try_for_each(|listing| lines.object("hook.provider/1", listing))
    }
}

/// How one provider signs, delivers and retries.
pub struct ProviderSheet<'a> {
    /// The provider, or one of its variants.
    pub profile: &'a Profile,
    /// Where it comes from.
    pub origin: Option<&'a Origin>,
}

impl ProviderSheet<'_> {
    fn origin(&self) -> String {
        self.origin.map_or_else(String::new, ToString::to_string)
    }
}

impl View for ProviderSheet<'_> {
    fn human(&self, page: &mut Page) {
        page.lines.extend(show::lines(self.profile, &self.origin(), page.style));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.profile/1", &json::profile(self.profile, &self.origin()))
    }
}

/// The events of a provider.
pub struct ProviderEvents<'a>(pub &'a Profile);

impl View for ProviderEvents<'_> {
    fn human(&self, page: &mut Page) {
        let names = self.0.events.keys().map(|name| name.chars().count());
        let width = names.max().unwrap_or(0);
        for (name, event) in &self.0.events {
            let mut line = format!("{}  {}", page.style.name(&format!("{name:<width$}")), event.summary);
            if event.grouping {
                line += &page.style.dim("; may be grouped");
            }
            if !event.aliases.is_empty() {
                line += &page.style.dim(&format!("; also {}", event.aliases.join(", ")));
            }
            if event.assumed {
                line += " ";
                line += &page.style.caution("(assumed data)");
            }
            page.line(line);
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        #[derive(Serialize)]
        struct EventRecord<'a> {
            provider: &'a str,
            event: &'a str,
            summary: &'a str,
            grouping: bool,
            aliases: &'a [String],
        }
        let provider = self.0.label();
        self.0.events.iter().try_for_each(|(name, event)| {
            let record = EventRecord {
                provider: &provider,
                event: name,
                summary: &event.summary,
                grouping: event.grouping,
                aliases: &event.aliases,
            };
            lines.object("hook.event/1", &record)
        })
    }
}

/// A file that was checked and is good.
pub struct CheckedFile<'a> {
    /// The file.
    pub file: &'a Path,
    /// What it says.
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
        #[derive(Serialize)]
        struct CheckRecord<'a> {
            file: &'a Path,
            provider: &'a str,
            events: usize,
            variants: usize,
        }
        let record = CheckRecord {
            file: self.file,
            provider: &self.profile.name,
            events: self.profile.events.len(),
            variants: self.profile.variants.len(),
        };
        lines.object("hook.provider-check/1", &record)
    }
}

/// Whole milliseconds, for JSON.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
