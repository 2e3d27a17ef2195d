//! Requests and deliveries by the minute.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::overlay::{scrolled, window};
use crate::app::inspect::charts::Minute;
use crate::text::short_time;
use crate::tui::lines::Lines;
use crate::tui::state::{Sheet, ViewState};
use crate::tui::theme::Theme;
use crate::view::record::tone;
use crate::view::style::Tone;

/// Columns beside the bars.
const BESIDE: u16 = 36;

/// Draws a bar for each minute, the latest first, one part for each verdict.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut ViewState) {
    let Sheet::Charts(minutes) = &state.sheet else { return };
    let inner = window(frame, area, "requests a minute", (u16::MAX, u16::MAX));
    let lines = lines(minutes, inner.width, state.theme);
    scrolled(frame, inner, state, lines.lines);
}

fn lines(minutes: &[Minute], width: u16, theme: Theme) -> Lines {
    let mut lines = Lines::new(width);
    if minutes.is_empty() {
        lines.text("Nothing was recorded yet.", Style::new(), 0);
    }
    let total = |minute: &Minute| minute.received.values().sum::<u64>();
    let most = minutes.iter().map(total).max().unwrap_or(0).max(1);
    let room = u64::from(width.saturating_sub(BESIDE).max(4));
    for minute in minutes.iter().rev() {
        let clock = minute.at.local_clock();
        let mut pieces = vec![(format!("{} ", clock.get(..5).unwrap_or(&clock)), theme.tone(Tone::Dim))];
        for (verdict, number) in &minute.received {
            let length = usize::try_from((number * room).div_ceil(most)).unwrap_or(0);
            pieces.push(("█".repeat(length), theme.tone(tone(verdict))));
        }
        let sent: u64 = minute.deliveries.values().sum();
        pieces.push((format!(" {} in {sent} out", total(minute)), Style::new()));
        if let (Some(p50), Some(p99)) = (minute.p50, minute.p99) {
            let text = format!("  p50 {} p99 {}", short_time(p50), short_time(p99));
            pieces.push((text, theme.tone(Tone::Dim)));
        }
        lines.pieces(&pieces, 6);
    }
    lines
}
