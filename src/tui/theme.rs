//! Styles by meaning. Only the eight basic colours are used, which every terminal has, and none where the user wants none.

use ratatui::style::{Color, Modifier, Style};

use crate::view::style::Tone;

/// Which styles a terminal gets.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// Whether there are colours: without them, weight and reversal alone carry meaning.
    pub colors: bool,
}

impl Theme {
    /// The style of a meaning.
    pub fn tone(self, tone: Tone) -> Style {
        let (color, modifier) = match tone {
            Tone::Plain => return Style::new(),
            Tone::Good => (Some(Color::Green), Modifier::empty()),
            Tone::Bad => (Some(Color::Red), Modifier::BOLD),
            Tone::Caution => (Some(Color::Yellow), Modifier::empty()),
            Tone::Dim => (None, Modifier::DIM),
            Tone::Strong => (None, Modifier::BOLD),
            Tone::Name => (Some(Color::Cyan), Modifier::empty()),
        };
        let style = Style::new().add_modifier(modifier);
        match color.filter(|_| self.colors) {
            Some(color) => style.fg(color),
            None => style,
        }
    }

    /// The same by the name that a row has for it.
    pub fn named(self, name: &str) -> Style {
        self.tone(match name {
            "good" => Tone::Good,
            "bad" => Tone::Bad,
            "caution" => Tone::Caution,
            "dim" => Tone::Dim,
            "strong" => Tone::Strong,
            "name" => Tone::Name,
            _ => Tone::Plain,
        })
    }

    /// The selected row, the shown tab, and bytes that differ: visible without colours too.
    pub fn marked() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
