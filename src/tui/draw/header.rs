//! The header: the listener, and what was counted.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{countdown, text};
use crate::text::{count, short_time};
use crate::tui::lines::packed;
use crate::tui::state::ViewState;
use crate::view::style::Tone;

/// Narrower than this, the header has less and takes more lines.
const NARROW: u16 = 60;

/// Draws it and returns its height.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &ViewState) -> u16 {
    let most = if area.width < NARROW { 3 } else { 2 };
    let mut lines = packed(facts(state), area.width, most);
    lines.extend(packed(counters(state, area.width), area.width, most));
    // A terminal of a few lines has them for the list.
    lines.truncate(usize::from(area.height / 3));
    let height = u16::try_from(lines.len()).unwrap_or(0);
    text(frame, Rect { height, ..area }, lines);
    height
}

/// Where requests come in, how they are checked, and where they go.
fn facts(state: &ViewState) -> Vec<(String, Style)> {
    let theme = state.theme;
    let Some(live) = &state.live else {
        return vec![
            ("hook".to_owned(), theme.tone(Tone::Strong)),
            (format!("ledger {}", state.ledger), theme.tone(Tone::Dim)),
        ];
    };
    let facts = live.facts();
    let mut items = vec![(facts.url.unwrap_or_default(), theme.tone(Tone::Strong))];
    if let Some(public) = facts.public_url {
        items.push((format!("reachable as {public}"), theme.tone(Tone::Name)));
    }
    if !facts.providers.is_empty() {
        items.push((facts.providers.join(", "), theme.tone(Tone::Name)));
    }
    if facts.secrets.is_empty() {
        items.push((facts.takes, theme.tone(Tone::Caution)));
    } else {
        items.push((format!("secret {}", facts.secrets.join(", ")), Style::new()));
    }
    if let Some(target) = facts.target {
        items.push((format!("-> {target}"), Style::new()));
        items.extend(health(state));
    }
    if let Some(error) = facts.unrecorded {
        items.push((format!("answers 503: {error}"), theme.tone(Tone::Bad)));
    }
    if let Some(trouble) = facts.trouble {
        items.push((format!("work waits: {trouble}"), theme.tone(Tone::Bad)));
    }
    if let Some(filter) = facts.filter {
        items.push((format!("only {filter}"), theme.tone(Tone::Caution)));
    }
    items
}

/// How the latest deliveries went.
fn health(state: &ViewState) -> Option<(String, Style)> {
    let tone = |tone| state.theme.tone(tone);
    Some(match state.model.counters.failing? {
        0 => ("healthy".to_owned(), tone(Tone::Good)),
        percent @ 1..50 => (format!("{percent} % fail"), tone(Tone::Caution)),
        percent => (format!("{percent} % fail"), tone(Tone::Bad)),
    })
}

fn counters(state: &ViewState, width: u16) -> Vec<(String, Style)> {
    let (theme, counters, model) = (state.theme, &state.model.counters, &state.model);
    let mut items = Vec::new();
    if counters.paused {
        items.push(("PAUSED".to_owned(), theme.tone(Tone::Bad)));
    }
    for (number, word, tone, always) in [
        (counters.received, "received", Tone::Plain, true),
        (counters.verified, "verified", Tone::Good, true),
        (counters.token_only, "token only", Tone::Caution, false),
        (counters.refused, "refused", Tone::Bad, true),
        (counters.delivered, "delivered", Tone::Good, false),
        (counters.failed, "failed", Tone::Bad, false),
        (counters.parked, "parked", Tone::Caution, false),
        (model.hidden, "hidden", Tone::Dim, false),
    ] {
        if number > 0 || always {
            let tone = if number == 0 { Tone::Dim } else { tone };
            items.push((format!("{number} {word}"), theme.tone(tone)));
        }
    }
    if counters.duplicates > 0 {
        items.push((count(counters.duplicates, "duplicate"), theme.tone(Tone::Caution)));
    }
    if counters.waiting > 0 {
        let due = counters
            .next_due
            .map(|due| format!(", next {}", countdown(due, state.now)));
        let text = format!("{} waiting{}", counters.waiting, due.unwrap_or_default());
        items.push((text, theme.tone(Tone::Caution)));
    }
    if let (Some(p50), Some(p99)) = (counters.p50, counters.p99)
        && width >= NARROW
    {
        let text = format!("p50 {}  p99 {}", short_time(p50), short_time(p99));
        items.push((text, theme.tone(Tone::Dim)));
    }
    items
}
