//! The endpoints of the local book.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::overlay::window;
use super::text;
use crate::app::endpoints::EndpointDetails;
use crate::inspector::tables::NO_ENDPOINTS;
use crate::text::printable;
use crate::tui::lines::{Lines, harmless};
use crate::tui::state::{Sheet, ViewState};
use crate::tui::theme::Theme;
use crate::view::columns::shortened;
use crate::view::endpoint::state_cell;
use crate::view::style::Tone;

/// Lines below the list, for the selected endpoint.
const FACTS: u16 = 6;

/// Draws the list, and more about the selected one.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &ViewState) {
    let Sheet::Endpoints { found, selected, .. } = &state.sheet else {
        return;
    };
    let inner = window(frame, area, "endpoints", (u16::MAX, u16::MAX));
    let mut lines = Lines::new(inner.width);
    if found.is_empty() {
        lines.text("There are no endpoints yet.", Style::new(), 0);
        lines.text(&format!("  {NO_ENDPOINTS}"), state.theme.tone(Tone::Name), 2);
        return text(frame, inner, lines.lines);
    }
    let room = usize::from(inner.height.saturating_sub(FACTS)).max(1);
    let first = (selected + 1).saturating_sub(room);
    for (index, endpoint) in found.iter().enumerate().skip(first).take(room) {
        let mut line = row(endpoint, inner.width, state.theme);
        if index == *selected {
            line.style = Theme::marked();
        }
        lines.lines.push(line);
    }
    if let Some(endpoint) = found.get(*selected) {
        facts(&mut lines, endpoint, state.theme);
    }
    text(frame, inner, lines.lines);
}

fn row(endpoint: &EndpointDetails, width: u16, theme: Theme) -> Line<'static> {
    let state = state_cell(endpoint);
    let name = shortened(&harmless(&endpoint.name), usize::from(width / 3));
    let url = harmless(&printable(&endpoint.url, 500));
    let mut line = Line::raw(format!("{name:<18} "));
    line.push_span(ratatui::text::Span::styled(
        format!("{:<9} ", state.text),
        theme.tone(state.tone),
    ));
    line.push_span(shortened(&url, usize::from(width).saturating_sub(29)));
    line
}

fn facts(lines: &mut Lines, endpoint: &EndpointDetails, theme: Theme) {
    let dim = theme.tone(Tone::Dim);
    lines.blank();
    let mut fact = |name: &str, value: &str| lines.labelled((name, dim), value, Style::new(), 10);
    fact("provider", &endpoint.provider);
    fact("events", &endpoint.events.summary(60));
    fact("health", &health(endpoint));
}

fn health(endpoint: &EndpointDetails) -> String {
    match (&endpoint.disabled, endpoint.failed_deliveries) {
        (Some(disabled), _) => printable(&disabled.detail, 300),
        (None, 0) => "no failed delivery since the last success".to_owned(),
        (None, failed) => format!("{failed} failed in a row"),
    }
}
