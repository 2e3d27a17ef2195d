//! Templates made of pieces instead of text.

use super::{Part, Placeholder, Template, TimeForm};

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

    /// What stands before the first placeholder.
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
    /// How the parts of signed content are written; the rest by its kind.
    fn shown(&self) -> String {
        match self {
            Self::Body => "${body}".to_owned(),
            Self::Id => "${id}".to_owned(),
            Self::Url => "${url}".to_owned(),
            Self::Method => "${method}".to_owned(),
            Self::Form => "${form}".to_owned(),
            Self::Secret => "${secret}".to_owned(),
            Self::Timestamp(TimeForm::Unix) => "${timestamp}".to_owned(),
            Self::Timestamp(TimeForm::UnixMs) => "${timestamp.ms}".to_owned(),
            Self::Timestamp(TimeForm::Rfc3339(_)) => "${timestamp.rfc3339}".to_owned(),
            other => format!("${{{other:?}}}"),
        }
    }
}
