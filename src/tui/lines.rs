//! Text as lines of a screen. What comes in is escaped here once more, so that no text can steer the terminal.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{is_unsafe, printable};
use crate::view::columns::char_width;

/// Columns that a tab is shown as.
const TAB: &str = "    ";

/// Lines of one text, at most.
const MOST_LINES: usize = 20_000;

/// A text without anything that can steer a terminal.
pub fn harmless(text: &str) -> String {
    let text = if text.contains('\t') {
        text.replace('\t', TAB)
    } else {
        text.to_owned()
    };
    if text.chars().any(is_unsafe) {
        printable(&text, usize::MAX)
    } else {
        text
    }
}

/// Collects lines that are no wider than a screen.
#[derive(Debug)]
pub struct Lines {
    width: usize,
    /// What was collected.
    pub lines: Vec<Line<'static>>,
}

impl Lines {
    /// For a screen of so many columns.
    pub fn new(width: u16) -> Self {
        Self {
            width: usize::from(width).max(1),
            lines: Vec::new(),
        }
    }

    /// Columns of the screen.
    pub fn width(&self) -> usize {
        self.width
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    /// A text in one style, with its line ends; the lines after the first begin at `indent`.
    pub fn text(&mut self, text: &str, style: Style, indent: usize) {
        for line in text.split('\n') {
            self.pieces(&[(line.to_owned(), style)], indent);
        }
    }

    /// A word that says what follows, and the text.
    pub fn labelled(&mut self, label: (&str, Style), text: &str, style: Style, indent: usize) {
        let label = (format!("{:<indent$}", label.0), label.1);
        for (index, line) in text.split('\n').enumerate() {
            let first = if index == 0 {
                label.clone()
            } else {
                (" ".repeat(indent), Style::new())
            };
            self.pieces(&[first, (line.to_owned(), style)], indent);
        }
    }

    /// Two columns, the left one so wide, with a gap between them.
    pub fn beside(&mut self, left: Vec<Line<'static>>, right: Vec<Line<'static>>, width: u16, gap: u16) {
        let (mut left, mut right) = (left.into_iter(), right.into_iter());
        loop {
            let (mut line, other) = match (left.next(), right.next()) {
                (None, None) => return,
                (line, other) => (line.unwrap_or_default(), other.unwrap_or_default()),
            };
            let blanks = usize::from(width + gap).saturating_sub(line.width());
            line.push_span(Span::raw(" ".repeat(blanks)));
            line.spans.extend(other.spans);
            self.lines.push(line);
        }
    }

    /// One line of several styles, wrapped at blanks where there are some, else anywhere.
    pub fn pieces(&mut self, pieces: &[(String, Style)], indent: usize) {
        let indent = if indent * 2 > self.width { 0 } else { indent };
        let chars: Vec<(char, Style)> = pieces
            .iter()
            .flat_map(|(text, style)| harmless(text).chars().map(|c| (c, *style)).collect::<Vec<_>>())
            .collect();
        let mut start = 0;
        let mut is_first = true;
        loop {
            let room = if is_first { self.width } else { self.width - indent };
            let end = end_of_line(&chars[start..], room) + start;
            let mut spans = Vec::new();
            if !is_first && indent > 0 {
                spans.push(Span::raw(" ".repeat(indent)));
            }
            spans.extend(spans_of(&chars[start..end]));
            if self.lines.len() < MOST_LINES {
                self.lines.push(Line::from(spans));
            }
            if end >= chars.len() {
                return;
            }
            is_first = false;
            // The blank at which a line was broken is not shown.
            start = if chars[end].0 == ' ' { end + 1 } else { end };
        }
    }
}

/// How many of the characters fit into so many columns; at least one.
fn end_of_line(chars: &[(char, Style)], room: usize) -> usize {
    let (mut used, mut blank) = (0, None);
    for (index, (c, _)) in chars.iter().enumerate() {
        if *c == ' ' && index > 0 {
            blank = Some(index);
        }
        used += char_width(*c);
        if used > room {
            // A break far from the edge would waste the line.
            let near = blank.filter(|blank| *blank * 2 > index && *blank > 0);
            return near.unwrap_or(index).max(1);
        }
    }
    chars.len()
}

fn spans_of(chars: &[(char, Style)]) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (c, style) in chars {
        match spans.last_mut() {
            Some(last) if last.style == *style => last.content.to_mut().push(*c),
            _ => spans.push(Span::styled(c.to_string(), *style)),
        }
    }
    spans
}

/// Items beside each other with a gap, in as many lines as they need, at most `most`.
pub fn packed(items: Vec<(String, Style)>, width: u16, most: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = vec![Line::default()];
    for (text, style) in items {
        let text = harmless(&text);
        let Some(line) = lines.last_mut() else { break };
        let used = line.width();
        let own = text.chars().map(char_width).sum::<usize>();
        if used == 0 {
            line.push_span(Span::styled(text, style));
        } else if used + 2 + own <= usize::from(width) {
            line.push_span(Span::raw("  "));
            line.push_span(Span::styled(text, style));
        } else if lines.len() < most {
            lines.push(Line::from(Span::styled(text, style)));
        } else {
            break;
        }
    }
    lines
}
