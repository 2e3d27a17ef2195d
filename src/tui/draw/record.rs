//! The open record: its tabs, and the one that is shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{countdown, split_top, text, why};
use crate::clock::Timestamp;
use crate::inspector::body::{BodyForm, BodyPage};
use crate::inspector::detail::{Detail, Field};
use crate::inspector::tables::{TABS, Tab};
use crate::tui::lines::{Lines, harmless};
use crate::tui::state::ViewState;
use crate::tui::theme::Theme;
use crate::view::columns::shortened;
use crate::view::style::Tone;

/// Columns of the names in the summary.
const NAMES: usize = 14;

/// Columns of a line of a dump.
const DUMP_WIDTH: usize = 77;

/// Narrower than this, only the shown tab has its title.
const TITLES: u16 = 66;

/// Draws the tabs and the text of the one that is shown.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut ViewState) {
    let (top, rest) = split_top(area, 2);
    text(frame, top, vec![title(state, area.width), tabs(state, area.width)]);
    let lines = lines(state, rest.width);
    let room = usize::from(rest.height);
    state.record_lines = room;
    state.last_scroll = lines.len().saturating_sub(room);
    let first = state.model.scroll.min(state.last_scroll);
    let is_more = first < state.last_scroll;
    let mut shown: Vec<Line<'static>> = lines.into_iter().skip(first).take(room).collect();
    if is_more && let Some(last) = shown.last_mut() {
        let left = state.last_scroll - first + 1;
        let style = state.theme.tone(Tone::Dim);
        *last = Line::styled(format!("-- {left} more lines: PgDn --"), style);
    }
    text(frame, rest, shown);
}

fn title(state: &ViewState, width: u16) -> Line<'static> {
    let theme = state.theme;
    let number = state.model.selected.unwrap_or_default();
    let mut spans = vec![Span::styled(format!("#{number}"), theme.tone(Tone::Strong))];
    if let Some(row) = state.model.row() {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(row.verdict, theme.named(row.tone)));
    }
    if let Some(detail) = &state.model.detail {
        let used: usize = spans.iter().map(Span::width).sum();
        let room = usize::from(width).saturating_sub(used + 1);
        spans.push(Span::raw(format!(" {}", shortened(&harmless(&detail.title), room))));
    }
    Line::from(spans)
}

fn tabs(state: &ViewState, width: u16) -> Line<'static> {
    let mut spans = Vec::new();
    for (index, (tab, title)) in TABS.iter().enumerate() {
        let is_shown = *tab == state.model.tab;
        let style = if is_shown {
            Theme::marked()
        } else {
            state.theme.tone(Tone::Dim)
        };
        let text = if is_shown || width >= TITLES {
            format!(" {} {title} ", index + 1)
        } else {
            format!(" {} ", index + 1)
        };
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

fn lines(state: &ViewState, width: u16) -> Vec<Line<'static>> {
    let mut lines = Lines::new(width);
    let Some(detail) = &state.model.detail else {
        lines.text("reading ...", state.theme.tone(Tone::Dim), 0);
        return lines.lines;
    };
    match state.model.tab {
        Tab::Summary => fields(&mut lines, &detail.summary, state.theme),
        Tab::Headers => headers(&mut lines, &detail.headers, state.theme),
        Tab::Body => body(&mut lines, detail, state),
        Tab::Why => why::lines(&mut lines, state, width),
        Tab::Attempts => attempts(&mut lines, detail, state),
        Tab::Answer => answer(&mut lines, detail, state.theme),
    }
    lines.lines
}

fn fields(lines: &mut Lines, fields: &[Field], theme: Theme) {
    for (name, value) in fields {
        lines.labelled((name, theme.tone(Tone::Dim)), value, Style::new(), NAMES);
    }
}

fn headers(lines: &mut Lines, headers: &[Field], theme: Theme) {
    for (name, value) in headers {
        let name = (format!("{name}: "), theme.tone(Tone::Name));
        lines.pieces(&[name, (value.clone(), Style::new())], 4);
    }
}

fn body(lines: &mut Lines, detail: &Detail, state: &ViewState) {
    let theme = state.theme;
    let facts = &detail.body;
    let kind = if facts.content_type.is_empty() {
        "no content type"
    } else {
        &facts.content_type
    };
    let Some(page) = &state.model.body else {
        lines.text("reading ...", theme.tone(Tone::Dim), 0);
        return;
    };
    let head = format!("{}, {kind}, {}: `b` shows another form", facts.size_text, page.form);
    lines.text(&head, theme.tone(Tone::Dim), 0);
    body_page(lines, page, theme);
}

fn body_page(lines: &mut Lines, page: &BodyPage, theme: Theme) {
    if let Some(problem) = &page.problem {
        let text = format!("not JSON: {} (byte {})", problem.message, problem.offset);
        lines.text(&text, theme.tone(Tone::Bad), 0);
    }
    if page.offset > 0 {
        lines.text(&format!("-- from {}: PgUp --", page.offset), theme.tone(Tone::Dim), 0);
    }
    let marked = page
        .problem
        .as_ref()
        .filter(|_| page.form == BodyForm::Raw && page.offset == 0);
    let is_narrow = page.form == BodyForm::Hex && lines.width() < DUMP_WIDTH;
    for line in page.text.lines().filter(|_| is_narrow) {
        halves(lines, line);
    }
    for (index, line) in page.text.lines().enumerate().filter(|_| !is_narrow) {
        match marked.filter(|problem| problem.line == index + 1) {
            Some(problem) => lines.pieces(&split_at(line, problem.column), 0),
            None => lines.text(line, Style::new(), 0),
        }
    }
    if page.next.is_some() {
        lines.text("-- PgDn: the next part --", theme.tone(Tone::Dim), 0);
    }
}

/// A line of a dump as two lines of eight bytes each: place, bytes, characters.
fn halves(lines: &mut Lines, line: &str) {
    let part = |from: usize, to: usize| line.get(from..line.len().min(to)).unwrap_or_default();
    let place = u64::from_str_radix(part(0, 8), 16).unwrap_or_default();
    let (hex, shown) = (part(10, 60), part(61, usize::MAX));
    let (left, right) = (
        shown.get(..shown.len().min(8)).unwrap_or_default(),
        shown.get(8..).unwrap_or_default(),
    );
    for (at, hex, shown) in [(place, hex.get(..23), left), (place + 8, hex.get(25..48), right)] {
        if !shown.is_empty() {
            lines.text(
                &format!("{at:06x} {} {shown}", hex.unwrap_or_default()),
                Style::new(),
                0,
            );
        }
    }
}

/// The line with the character at that byte marked, counted from 1.
fn split_at(line: &str, column: usize) -> Vec<(String, Style)> {
    let mut at = column.saturating_sub(1).min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    let (before, rest) = line.split_at(at);
    let marked: String = rest.chars().take(1).collect();
    let after = rest[marked.len()..].to_owned();
    let marked = if marked.is_empty() { " ".to_owned() } else { marked };
    let style = Theme::marked().add_modifier(Modifier::BOLD);
    vec![
        (before.to_owned(), Style::new()),
        (marked, style),
        (after, Style::new()),
    ]
}

fn attempts(lines: &mut Lines, detail: &Detail, state: &ViewState) {
    let theme = state.theme;
    if detail.attempts.is_empty() && detail.planned.is_empty() {
        lines.text("No attempt was made.", theme.tone(Tone::Dim), 0);
    }
    for attempt in &detail.attempts {
        let tone = if attempt.ok { Tone::Good } else { Tone::Bad };
        let at = Timestamp::from_unix_ms(attempt.at_ms).local_clock();
        lines.pieces(
            &[
                (format!("{at}  "), theme.tone(Tone::Dim)),
                (
                    format!("#{} attempt {}  ", attempt.delivery, attempt.attempt),
                    Style::new(),
                ),
                (attempt.outcome.clone(), theme.tone(tone)),
                (format!("  {}", attempt.took), theme.tone(Tone::Dim)),
            ],
            4,
        );
        if let Some(more) = &attempt.detail {
            lines.text(&format!("    {more}"), Style::new(), 4);
        }
    }
    if !detail.planned.is_empty() {
        lines.blank();
        lines.text("Next, if the ones before fail:", theme.tone(Tone::Strong), 0);
    }
    for planned in &detail.planned {
        let due = Timestamp::from_unix_ms(planned.due_ms);
        lines.pieces(
            &[
                (format!("{}  ", due.local_datetime()), theme.tone(Tone::Dim)),
                (
                    format!("attempt {}  {}", planned.attempt, countdown(due, state.now)),
                    Style::new(),
                ),
                (
                    format!("  {} after the one before", planned.after),
                    theme.tone(Tone::Dim),
                ),
            ],
            4,
        );
    }
}

fn answer(lines: &mut Lines, detail: &Detail, theme: Theme) {
    let Some(answer) = &detail.answer else {
        lines.text(&detail.no_answer, Style::new(), 0);
        return;
    };
    lines.text(&answer.status, theme.tone(Tone::Strong), 0);
    if let Some(from) = &answer.from {
        lines.text(&format!("from {from}"), theme.tone(Tone::Dim), 0);
    }
    headers(lines, &answer.headers, theme);
    lines.blank();
    body_page(
        lines,
        &BodyPage {
            next: None,
            ..answer.body.clone()
        },
        theme,
    );
    if answer.truncated || answer.body.next.is_some() {
        lines.text("-- the rest is not shown --", theme.tone(Tone::Dim), 0);
    }
}
