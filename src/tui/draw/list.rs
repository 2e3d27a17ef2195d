//! The list of records.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use crate::inspector::row::ListRow;
use crate::inspector::tables::{COLUMNS, EMPTY, ListColumn};
use crate::store::RecordKind;
use crate::tui::lines::{Lines, harmless};
use crate::tui::state::ViewState;
use crate::tui::theme::Theme;
use crate::view::columns::{char_width, shortened};
use crate::view::style::Tone;

/// Columns before the first one, for the mark.
const MARK: u16 = 1;

/// The column that gets the room that is left.
const FLEXIBLE: &str = "event";

/// Draws the titles and the rows around the selected one.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &ViewState) {
    let model = &state.model;
    if model.rows.is_empty() {
        return text(frame, area, empty(state, area.width));
    }
    let columns = columns(area.width);
    let title = |column: &ListColumn| (column.title.to_owned(), Style::new());
    let mut titles = line(&columns, " ", title);
    titles.style = state.theme.tone(Tone::Dim);
    let room = usize::from(area.height.saturating_sub(1));
    let first = first_row(model.position().unwrap_or(0), room, model.rows.len());
    let mut lines = vec![titles];
    for row in model.rows.iter().skip(first).take(room) {
        let mark = if model.marks.contains(&row.number) { "*" } else { " " };
        let mut line = line(&columns, mark, |column| cell(row, column, state.theme));
        if model.selected == Some(row.number) {
            // To the edge, so that the bar has one width.
            let rest = usize::from(area.width).saturating_sub(line.width());
            line.push_span(Span::raw(" ".repeat(rest)));
            line.style = Theme::marked();
        }
        lines.push(line);
    }
    text(frame, area, lines);
}

/// The first row that is shown: the selected one is in the middle, except at both ends.
fn first_row(selected: usize, room: usize, rows: usize) -> usize {
    selected.saturating_sub(room / 2).min(rows.saturating_sub(room))
}

/// The columns of a list of that width, each with its own.
fn columns(width: u16) -> Vec<(ListColumn, usize)> {
    let shown: Vec<ListColumn> = COLUMNS.into_iter().filter(|column| column.from <= width).collect();
    let fixed: u16 = shown
        .iter()
        .filter(|column| column.key != FLEXIBLE)
        .map(|column| column.width + 1)
        .sum();
    let left = usize::from(width.saturating_sub(fixed + MARK));
    let widths = shown.into_iter().map(|column| match column.key {
        FLEXIBLE => (column, left),
        _ => (column, usize::from(column.width)),
    });
    widths.collect()
}

/// A line with a text in each column.
fn line(columns: &[(ListColumn, usize)], mark: &str, text: impl Fn(&ListColumn) -> (String, Style)) -> Line<'static> {
    let mut spans = vec![Span::raw(mark.to_owned())];
    for (index, (column, width)) in columns.iter().enumerate() {
        let (text, style) = text(column);
        let text = shortened(&harmless(&text), *width);
        let blanks = " ".repeat(width.saturating_sub(text.chars().map(char_width).sum()));
        let (before, after) = if column.right {
            (blanks, String::new())
        } else {
            (String::new(), blanks)
        };
        let gap = if index > 0 { " " } else { "" };
        spans.push(Span::raw(format!("{gap}{before}")));
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(after));
    }
    Line::from(spans)
}

fn cell(row: &ListRow, column: &ListColumn, theme: Theme) -> (String, Style) {
    let plain = Style::new();
    match column.key {
        "number" => (format!("#{}", row.number), theme.tone(Tone::Strong)),
        "at" => (clock(row), theme.tone(Tone::Dim)),
        "direction" => match row.kind {
            RecordKind::Capture => ("<--".to_owned(), plain),
            RecordKind::Delivery => ("-->".to_owned(), theme.tone(Tone::Name)),
        },
        "event" => (event(row), plain),
        "provider" => (row.provider.clone(), plain),
        "verdict" => (row.verdict.to_owned(), theme.named(row.tone)),
        "status" => (
            row.status
                .map(|status| status.to_string())
                .or_else(|| row.unanswered.clone())
                .unwrap_or_default(),
            plain,
        ),
        "size" => (row.size.clone(), theme.tone(Tone::Dim)),
        "took" => (row.took_text.clone(), plain),
        _ => (String::new(), plain),
    }
}

/// The local time without the fraction.
fn clock(row: &ListRow) -> String {
    let clock = row.at.local_clock();
    clock
        .split_once('.')
        .map_or(clock.clone(), |(seconds, _)| seconds.to_owned())
}

/// The event, or the target of a request without one. That it came before goes first, as a narrow column is cut.
fn event(row: &ListRow) -> String {
    let name = if row.event.is_empty() { &row.target } else { &row.event };
    match row.duplicate_of {
        Some(first) => format!("duplicate of #{first}: {name}"),
        None => name.clone(),
    }
}

/// The text of an empty list.
fn empty(state: &ViewState, width: u16) -> Vec<Line<'static>> {
    let (theme, model) = (state.theme, &state.model);
    let mut lines = Lines::new(width);
    lines.blank();
    if let Some(problem) = state.problem.as_ref().filter(|_| model.filter.is_empty()) {
        lines.text(&format!("{problem}: {}", state.ledger), theme.tone(Tone::Caution), 0);
        lines.blank();
    }
    if !model.filter.is_empty() {
        match &model.problem {
            Some(problem) => lines.text(problem, theme.tone(Tone::Bad), 0),
            None => lines.text(
                &format!("No record matches `{}`.", model.filter),
                theme.tone(Tone::Strong),
                0,
            ),
        }
        if model.next.is_some() {
            lines.text("The search goes on with `j`.", Style::new(), 0);
        }
        lines.text("`Esc` shows all of them, `/` changes the filter.", Style::new(), 0);
        return lines.lines;
    }
    lines.text("Nothing was recorded yet.", theme.tone(Tone::Strong), 0);
    for (what, command) in EMPTY {
        lines.blank();
        lines.text(what, Style::new(), 0);
        lines.text(&format!("  {command}"), theme.tone(Tone::Name), 2);
    }
    lines.lines
}
