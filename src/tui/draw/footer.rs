//! The last lines: what is typed, the last notice, or the most useful keys.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::app::inspect::filter::WORDS;
use crate::inspector::model::Overlay;
use crate::inspector::tables::{Command, KEYS};
use crate::tui::lines::{Lines, packed};
use crate::tui::state::{Sheet, ViewState};
use crate::view::style::Tone;

/// Lines of notices.
const NOTICE_LINES: usize = 4;

/// Keys of the list, the most useful first: a narrow terminal shows fewer.
const LIST: [(Command, &str); 9] = [
    (Command::Help, "keys"),
    (Command::Open, "open"),
    (Command::Quit, "quit"),
    (Command::Filter, "filter"),
    (Command::Tab4, "why"),
    (Command::Replay, "replay"),
    (Command::Sample, "sample"),
    (Command::Follow, "follow"),
    (Command::Pause, "pause"),
];

/// Keys of an open record.
const RECORD: [(Command, &str); 8] = [
    (Command::Help, "keys"),
    (Command::Close, "back"),
    (Command::Quit, "quit"),
    (Command::Tab4, "why"),
    (Command::Replay, "replay"),
    (Command::Edit, "edit"),
    (Command::Curl, "curl"),
    (Command::Tamper, "tamper"),
];

/// The lines.
pub(super) fn lines(state: &ViewState, width: u16) -> Vec<Line<'static>> {
    let (model, theme) = (&state.model, state.theme);
    if let Some(typed) = &model.typing {
        let words: Vec<&str> = WORDS.iter().map(|word| word.word).collect();
        let help = format!("Enter filters, Esc leaves it; text, or: {}", words.join(" "));
        let mut lines = vec![Line::raw(crate::tui::lines::harmless(&format!("/{typed}")))];
        let mut wrapped = Lines::new(width);
        wrapped.text(&help, theme.tone(Tone::Dim), 0);
        lines.extend(wrapped.lines.into_iter().take(3));
        return lines;
    }
    let mut lines = Vec::new();
    // The latest notice is shown whole, and what came before it where there is room.
    for notice in state.notices().rev() {
        let mut wrapped = Lines::new(width);
        let tone = if notice.is_bad { Tone::Bad } else { Tone::Name };
        wrapped.text(&notice.text, theme.tone(tone), 0);
        if !lines.is_empty() && lines.len() + wrapped.lines.len() > NOTICE_LINES {
            break;
        }
        lines.splice(0..0, wrapped.lines.into_iter().take(NOTICE_LINES));
    }
    let mut items = Vec::new();
    if !model.filter.is_empty() {
        items.push((format!("/{}", model.filter), theme.tone(Tone::Caution)));
    }
    items.extend(hints(state));
    lines.extend(packed(items, width, 1));
    lines
}

fn hints(state: &ViewState) -> Vec<(String, Style)> {
    let dim = state.theme.tone(Tone::Dim);
    let fixed: Option<&[&str]> = match (&state.sheet, &state.model.overlay) {
        (Sheet::Endpoints { asked: Some(_), .. }, _) => Some(&["y makes a new secret", "any other key: no"]),
        (Sheet::Endpoints { .. }, _) => Some(&[
            "Esc back",
            "t test",
            "e enable or disable",
            "p pause or resume",
            "R rotate the secret",
        ]),
        (Sheet::Charts(_), _) | (Sheet::None, Overlay::Help | Overlay::Diff(_)) => Some(&["Esc back", "j k scroll"]),
        (Sheet::None, Overlay::Confirm { .. }) => Some(&["y deletes it", "any other key: no"]),
        (Sheet::None, Overlay::Samples { .. }) => Some(&["Enter sends it", "Esc back", "type to search"]),
        (Sheet::None, Overlay::None) => None,
    };
    if let Some(fixed) = fixed {
        return fixed.iter().map(|text| ((*text).to_owned(), dim)).collect();
    }
    let keys: &[(Command, &str)] = if state.model.is_open { &RECORD } else { &LIST };
    let hint = |(command, word): &(Command, &str)| {
        let binding = KEYS.iter().find(|binding| binding.command == *command)?;
        let key = match *binding.keys.first()? {
            "Escape" => "Esc",
            key => key,
        };
        Some((format!("{key} {word}"), dim))
    };
    keys.iter().filter_map(hint).collect()
}
