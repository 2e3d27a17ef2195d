//! Rows in columns that fit a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::view::style::Style;
pub use crate::view::style::Tone;

/// Between columns.
const GAP: &str = "  ";

/// A text in a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Without control characters.
    pub text: String,
    /// Its meaning.
    pub tone: Tone,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Over the column, on terminals.
    pub title: &'static str,
    /// Whether texts stand at the right edge.
    pub right: bool,
    /// To how many characters it may be cut where the terminal is narrow.
    pub least: usize,
    /// Whether it may be left out where the terminal is narrower still.
    pub optional: bool,
}

/// A column in one line of a table of columns: title, right, least, optional.
pub(super) const fn column(title: &'static str, right: bool, least: usize, optional: bool) -> Column {
    Column {
        title,
        right,
        least,
        optional,
    }
}

/// Columns without titles, at their full width.
pub(super) const UNTITLED: [Column; 6] = [column("", false, 0, false); 6];

/// How wide each column is; 0 leaves it out.
#[derive(Debug, Clone)]
pub struct Layout {
    columns: &'static [Column],
    widths: Vec<usize>,
}

impl Cell {
    /// A text with a meaning.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }

    /// The text in the colour of its meaning.
    pub fn paint(&self, style: Style) -> String {
        style.paint(self.tone, &self.text)
    }
}

impl Layout {
    /// Widths for these rows. Within `total` characters, when it is given: optional columns go from the right until the
    /// others fit at their least, then the widest are cut.
    pub fn fit(columns: &'static [Column], rows: &[Vec<Cell>], total: Option<usize>) -> Self {
        let widest = |index: usize| {
            rows.iter()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.text.width())
                .max()
        };
        let natural = |(index, column): (usize, &Column)| match widest(index) {
            Some(width) if width > 0 => width.max(column.title.width()),
            _ => 0,
        };
        let mut layout = Self {
            columns,
            widths: columns.iter().enumerate().map(natural).collect(),
        };
        if let Some(total) = total {
            layout.squeeze(total);
        }
        layout
    }

    /// Given widths, for rows that are not known yet. Nothing is cut.
    pub fn fixed(columns: &'static [Column], widths: &[usize]) -> Self {
        Self {
            columns,
            widths: widths.to_vec(),
        }
    }

    fn squeeze(&mut self, total: usize) {
        let least = |(width, column): (&usize, &Column)| (*width).min(column.least);
        // Dropping a whole column hurts less than cutting all of them.
        while over_all(self.widths.iter().zip(self.columns).map(least)) > total {
            let Some(index) = self.last_optional() else { break };
            self.widths[index] = 0;
        }
        while over_all(self.widths.iter().copied()) > total {
            let spare = |index: &usize| self.widths[*index].saturating_sub(self.columns[*index].least);
            let Some(widest) = (0..self.widths.len())
                .max_by_key(spare)
                .filter(|index| spare(index) > 0)
            else {
                return;
            };
            self.widths[widest] -= 1;
        }
    }

    fn last_optional(&self) -> Option<usize> {
        let leaves = |index: &usize| self.columns[*index].optional && self.widths[*index] > 0;
        (0..self.widths.len()).rev().find(leaves)
    }

    /// The titles as a row.
    pub fn titles(&self) -> Vec<Cell> {
        let title = |column: &Column| Cell::new(column.title, Tone::Dim);
        self.columns.iter().map(title).collect()
    }

    /// A row as a line, without blanks at its end. Texts are cut to their columns when `cut`, else they push the rest.
    pub fn line(&self, row: &[Cell], style: Style, cut: bool) -> String {
        let mut line = String::new();
        let mut blanks = 0;
        for ((cell, column), width) in row.iter().zip(self.columns).zip(&self.widths) {
            if *width == 0 {
                continue;
            }
            let text = shortened(&cell.text, if cut { *width } else { usize::MAX });
            let room = width.saturating_sub(text.width());
            let (before, after) = if column.right { (room, 0) } else { (0, room) };
            // Blanks are collected, so that none remain at the end of a line.
            if text.is_empty() {
                blanks += width + GAP.len();
                continue;
            }
            line.extend(std::iter::repeat_n(' ', blanks + before));
            line.push_str(&style.paint(cell.tone, &text));
            blanks = after + GAP.len();
        }
        line
    }
}

/// How many columns of a terminal a character takes.
pub fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// What columns of these widths take together.
fn over_all(widths: impl Iterator<Item = usize>) -> usize {
    let shown = widths.filter(|width| *width > 0).map(|width| width + GAP.len());
    shown.sum::<usize>().saturating_sub(GAP.len())
}

/// The text, cut to that many columns.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 1;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= width
    };
    format!("{}…", text.chars().take_while(fits).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        column("#", true, 2, false),
        column("EVENT", false, 5, false),
        column("SIZE", true, 4, true),
    ];

    fn row(cells: [&str; 3]) -> Vec<Cell> {
        cells.iter().map(|text| Cell::new(*text, Tone::Plain)).collect()
    }

    fn lines(rows: &[Vec<Cell>], total: Option<usize>) -> Vec<String> {
        let layout = Layout::fit(&COLUMNS, rows, total);
        let line = |row: &Vec<Cell>| layout.line(row, Style::default(), total.is_some());
        rows.iter().map(line).collect()
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold_and_empty_ones_are_left_out() {
        let rows = [row(["#1", "job.paid", "12 B"]), row(["#12", "a", ""])];
        assert_eq!(lines(&rows, None), [" #1  job.paid  12 B", "#12  a"]);
        let rows = [row(["#1", "", "12 B"]), row(["#2", "", "1 B"])];
        assert_eq!(lines(&rows, None), ["#1  12 B", "#2   1 B"]);
    }

    #[test]
    fn a_narrow_terminal_drops_what_is_optional_and_cuts_the_widest_column() {
        let rows = [row(["#1", "job.completed", "12 B"])];
        assert_eq!(lines(&rows, Some(16)), ["#1  job.c…  12 B"]);
        assert_eq!(lines(&rows, Some(14)), ["#1  job.compl…"]);
        assert_eq!(lines(&rows, Some(1)), ["#1  job.…"]);
    }

    #[test]
    fn characters_of_two_columns_count_as_two() {
        let rows = [row(["#1", "注文.完了", "1 B"]), row(["#2", "job.paid", "12 B"])];
        assert_eq!(lines(&rows, None), ["#1  注文.完了   1 B", "#2  job.paid   12 B"]);
        assert_eq!(lines(&rows, Some(16)), ["#1  注文.…   1 B", "#2  job.p…  12 B"]);
    }
}
