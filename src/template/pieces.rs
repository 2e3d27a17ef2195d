//! Templates made of pieces instead of text.

use super::placeholder::FIXED;
use super::{Part, Placeholder, Template};

impl Template {
    /// A template of these pieces, shown as it would be written.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        let shown = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => placeholder.shown(),
        };
        Self {
            text: parts.iter().map(shown).collect(),
            parts,
        }
    }

    /// The text before the first placeholder.
    pub fn fixed_start(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The same template with text in place of the placeholders for which `fill` has some.
    pub(crate) fn filled(&self, mut fill: impl FnMut(&Placeholder) -> Option<String>) -> Self {
        let fill = |part: &Part| match part {
            Part::Placeholder(placeholder) => fill(placeholder).map_or_else(|| part.clone(), Part::Text),
            Part::Text(_) => part.clone(),
        };
        Self::of(self.parts.iter().map(fill).collect())
    }
}

impl Placeholder {
    /// How it is written; one with a parameter by its kind.
    fn shown(&self) -> String {
        match FIXED.iter().find(|(_, fixed)| fixed == self) {
            Some((name, _)) => format!("${{{name}}}"),
            None => format!("${{{self:?}}}"),
        }
    }
}
