//! What is in front: keys, a question, the catalogue, a comparison.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::text;
use crate::app::actions::Sample;
use crate::inspector::model::{DiffTable, Overlay};
use crate::inspector::tables::{KEYS, OPEN_PAGE};
use crate::tui::lines::{Lines, harmless};
use crate::tui::state::ViewState;
use crate::tui::theme::Theme;
use crate::view::style::Tone;

/// Columns of the keys in the help.
const KEY: usize = 16;

/// From this width on, both sides of a comparison are beside each other.
const BESIDE: u16 = 80;

/// Draws the overlay of the model.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut ViewState) {
    let theme = state.theme;
    match &state.model.overlay {
        Overlay::None => {}
        Overlay::Help => {
            let inner = window(frame, area, "keys", (76, u16::MAX));
            let lines = help(inner.width, theme);
            scrolled(frame, inner, state, lines);
        }
        Overlay::Confirm { delete } => {
            let inner = window(frame, area, "delete", (44, 4));
            let mut lines = Lines::new(inner.width);
            lines.text(
                &format!("Delete #{delete}? It cannot be undone."),
                theme.tone(Tone::Bad),
                0,
            );
            lines.text("y: delete it", Style::new(), 0);
            text(frame, inner, lines.lines);
        }
        Overlay::Samples { query, found, selected } => {
            let inner = window(frame, area, "send a sample", (70, 24));
            let lines = samples(state, inner, query, found, *selected);
            text(frame, inner, lines);
        }
        Overlay::Diff(table) => {
            let (left, right) = table.numbers;
            let inner = window(frame, area, &format!("#{left} and #{right}"), (u16::MAX, u16::MAX));
            let lines = differences(table, inner.width, theme);
            scrolled(frame, inner, state, lines);
        }
    }
}

/// A window in the middle, of that size at most; its inner area.
pub(super) fn window(frame: &mut Frame<'_>, area: Rect, title: &str, (width, height): (u16, u16)) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered().title(format!(" {title} "));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    inner
}

/// Lines from where the sheet is scrolled to.
pub(super) fn scrolled(frame: &mut Frame<'_>, area: Rect, state: &mut ViewState, lines: Vec<Line<'static>>) {
    let room = usize::from(area.height);
    state.record_lines = room;
    state.last_scroll = lines.len().saturating_sub(room);
    let first = state.sheet_scroll.min(state.last_scroll);
    text(frame, area, lines.into_iter().skip(first).take(room).collect());
}

fn help(width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Lines::new(width);
    for binding in KEYS.iter().chain([&OPEN_PAGE]) {
        let keys = binding.keys.join(", ");
        let keys = keys.replace("Arrow", "").replace("Page", "Pg").replace("Escape", "Esc");
        lines.labelled((&keys, theme.tone(Tone::Name)), binding.help, Style::new(), KEY);
    }
    lines.text(
        "In an open record PgDn and PgUp move its text.",
        theme.tone(Tone::Dim),
        0,
    );
    lines.lines
}

fn samples(state: &ViewState, area: Rect, query: &str, found: &[Sample], selected: usize) -> Vec<Line<'static>> {
    let theme = state.theme;
    let mut lines = Lines::new(area.width);
    lines.pieces(
        &[
            ("> ".to_owned(), theme.tone(Tone::Name)),
            (format!("{query}_"), Style::new()),
        ],
        0,
    );
    let to = state.model.target.as_deref();
    let to = to.map_or("no target: start the view with `hook listen --tui`".to_owned(), |to| {
        format!("to {}", crate::mask::url(to))
    });
    lines.text(&to, theme.tone(Tone::Dim), 0);
    let room = usize::from(area.height).saturating_sub(lines.lines.len()).max(1);
    let first = (selected + 1).saturating_sub(room);
    for (index, sample) in found.iter().enumerate().skip(first).take(room) {
        let mut line = Line::raw(harmless(&format!("{}  {}", sample.event, sample.provider)));
        if index == selected {
            line.style = Theme::marked();
        }
        lines.lines.push(line);
    }
    if found.is_empty() {
        lines.text("nothing in the catalogue has these letters", theme.tone(Tone::Dim), 0);
    }
    lines.lines
}

fn differences(table: &DiffTable, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Lines::new(width);
    let (left, right) = table.numbers;
    let (left_name, right_name) = (format!("#{left} "), format!("#{right} "));
    if table.rows.is_empty() {
        lines.text("Method, path, headers and body are the same.", Style::new(), 0);
    }
    for (place, before, after) in &table.rows {
        lines.text(place, theme.tone(Tone::Strong), 0);
        let sides = [(&left_name, before, Tone::Bad), (&right_name, after, Tone::Good)];
        if width >= BESIDE {
            let half = (width - 3) / 2;
            let [one, other] = sides.map(|(name, value, tone)| {
                let mut column = Lines::new(half);
                side(&mut column, name, value, theme.tone(tone));
                column.lines
            });
            lines.beside(one, other, half, 3);
        } else {
            for (name, value, tone) in sides {
                side(&mut lines, name, value, theme.tone(tone));
            }
        }
    }
    if table.more {
        lines.text("-- there are more differences --", theme.tone(Tone::Dim), 0);
    }
    lines.lines
}

fn side(lines: &mut Lines, name: &str, value: &str, style: Style) {
    let value = if value.is_empty() { "(absent)" } else { value };
    lines.labelled((&format!("  {name}"), style), value, Style::new(), name.len() + 2);
}
