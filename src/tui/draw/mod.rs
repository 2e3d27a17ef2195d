//! Draws the view: header, list and record beside or instead of each other, what is in front, and the last line.

mod chart;
mod endpoints;
mod footer;
mod header;
mod list;
mod overlay;
mod record;
mod why;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use super::state::{Sheet, ViewState};
use crate::clock::{Timestamp, human_duration};
use crate::inspector::model::Overlay;

/// From this width on, list and record are beside each other.
const BESIDE: u16 = 120;

/// From this height on, the record is below the list.
const BELOW: u16 = 36;

/// Lines of the list above a record.
const LIST_ABOVE: u16 = 10;

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, state: &mut ViewState) {
    let area = frame.area();
    let (_, rest) = split_top(area, header::draw(frame, area, state));
    let footer = footer::lines(state, area.width);
    let (rest, bottom) = split_bottom(rest, u16::try_from(footer.len()).unwrap_or(1));
    text(frame, bottom, footer);
    body(frame, rest, state);
    match (&state.sheet, &state.model.overlay) {
        (Sheet::Endpoints { .. }, _) => endpoints::draw(frame, rest, state),
        (Sheet::Charts(_), _) => chart::draw(frame, rest, state),
        (Sheet::None, Overlay::None) => {}
        (Sheet::None, _) => overlay::draw(frame, rest, state),
    }
    if let Some(typed) = &state.model.typing {
        let width = Line::raw(super::lines::harmless(typed)).width();
        let x = u16::try_from(width + 1)
            .unwrap_or(u16::MAX)
            .min(bottom.width.saturating_sub(1));
        frame.set_cursor_position((bottom.x + x, bottom.y));
    }
}

/// List and record.
fn body(frame: &mut Frame<'_>, area: Rect, state: &mut ViewState) {
    if !state.model.is_open {
        state.model.page_lines = usize::from(area.height.saturating_sub(1));
        return list::draw(frame, area, state);
    }
    let (list, record) = if area.width >= BESIDE {
        let left = Rect {
            width: area.width * 2 / 5,
            ..area
        };
        let right = Rect {
            x: area.x + left.width + 1,
            width: area.width - left.width - 1,
            ..area
        };
        (Some(left), right)
    } else if area.height >= BELOW {
        let (above, below) = split_top(area, LIST_ABOVE);
        (Some(above), below)
    } else {
        (None, area)
    };
    if let Some(list) = list {
        state.model.page_lines = usize::from(list.height.saturating_sub(1));
        list::draw(frame, list, state);
    }
    record::draw(frame, record, state);
}

fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    let rest = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (Rect { height, ..area }, rest)
}

fn split_bottom(area: Rect, height: u16) -> (Rect, Rect) {
    let (above, below) = split_top(area, area.height.saturating_sub(height));
    (above, below)
}

/// Lines from the top of an area; what does not fit is not shown.
fn text(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Text::from(lines), area);
}

/// How long until then, in words: `in 4m 10s`.
fn countdown(due: Timestamp, now: Timestamp) -> String {
    if due > now {
        format!("in {}", human_duration(due.since(now)))
    } else {
        "now".to_owned()
    }
}
