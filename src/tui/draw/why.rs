//! Why a request was accepted or refused: the mistake and its fix first, then the bytes.

use ratatui::style::Style;

use crate::inspector::why::{BytesTab, Segment};
use crate::tui::lines::Lines;
use crate::tui::state::ViewState;
use crate::tui::theme::Theme;
use crate::view::style::Tone;

/// Columns of the words before a text.
const LABEL: usize = 8;

/// From this width on, both texts are beside each other.
const BESIDE: u16 = 100;

/// Between them.
const GAP: u16 = 3;

/// The lines of the tab.
pub(super) fn lines(lines: &mut Lines, state: &ViewState, width: u16) {
    let theme = state.theme;
    let Some(why) = &state.model.why else {
        lines.text("checking the signature again ...", theme.tone(Tone::Dim), 0);
        return;
    };
    if let Some(diagnosis) = &why.diagnosis {
        lines.labelled(("cause", theme.tone(Tone::Bad)), diagnosis, Style::new(), LABEL);
    }
    if let Some(hint) = &why.hint {
        lines.labelled(("fix", theme.tone(Tone::Good)), hint, Style::new(), LABEL);
    }
    if why.diagnosis.is_some() || why.hint.is_some() {
        lines.blank();
    }
    for sentence in &why.sentences {
        lines.text(sentence, Style::new(), 2);
    }
    if let Some(note) = &why.note {
        lines.text(note, theme.tone(Tone::Dim), 2);
    }
    if let Some(bytes) = &why.bytes {
        lines.blank();
        lines.text(bytes.note, theme.tone(Tone::Strong), 0);
        sides(lines, bytes, state, width);
    }
}

fn sides(lines: &mut Lines, bytes: &BytesTab, state: &ViewState, width: u16) {
    let theme = state.theme;
    let arrived = if bytes.sent { "sent" } else { "arrived" };
    let Some(signed) = &bytes.signed else {
        lines.text(arrived, theme.tone(Tone::Name), 0);
        segments(lines, &bytes.arrived);
        return;
    };
    if width < BESIDE {
        for (title, side) in [(arrived, &bytes.arrived), ("signed", signed)] {
            lines.text(title, theme.tone(Tone::Name), 0);
            segments(lines, side);
        }
    } else {
        let half = (width - GAP) / 2;
        let [left, right] = [(arrived, &bytes.arrived), ("signed", signed)].map(|(title, side)| {
            let mut column = Lines::new(half);
            column.text(title, theme.tone(Tone::Name), 0);
            segments(&mut column, side);
            column.lines
        });
        lines.beside(left, right, half, GAP);
    }
    if bytes.cut {
        lines.text("-- a part is left out --", theme.tone(Tone::Dim), 0);
    }
}

/// A text whose differing stretches are marked; its line ends begin new lines.
fn segments(lines: &mut Lines, segments: &[Segment]) {
    let mut line = Vec::new();
    for segment in segments {
        let style = if segment.differs { Theme::marked() } else { Style::new() };
        for (index, part) in segment.text.split('\n').enumerate() {
            if index > 0 {
                lines.pieces(&std::mem::take(&mut line), 0);
            }
            line.push((part.to_owned(), style));
        }
    }
    lines.pieces(&line, 0);
}
