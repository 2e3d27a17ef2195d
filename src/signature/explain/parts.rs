//! Pieces of signed contents, and the words for them.

use super::mistake::{Mistake, mistake};
use crate::template::{Part, Placeholder, Template};

/// What the sender signs, as the template shows it, and what it must sign.
pub(super) fn signs(content: &Template, other: &Template) -> Mistake {
    let text = format!("the sender signs `{}`", other.to_string().escape_debug());
    mistake("signed-content", text, must_sign(content))
}

pub(super) fn must_sign(content: &Template) -> String {
    format!("what is signed must be `{}`", content.to_string().escape_debug())
}

pub(super) fn is_time(placeholder: &Placeholder) -> bool {
    matches!(placeholder, Placeholder::Timestamp(_))
}

pub(super) fn joined(placeholders: &[&Placeholder], separator: &str) -> Template {
    let mut parts = Vec::new();
    for (index, placeholder) in placeholders.iter().enumerate() {
        if index > 0 && !separator.is_empty() {
            parts.push(Part::Text(separator.to_owned()));
        }
        parts.push(Part::Placeholder((*placeholder).clone()));
    }
    Template::of(parts)
}
