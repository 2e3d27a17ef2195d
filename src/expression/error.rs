//! What is wrong with an expression, and what went wrong in an evaluation.

use std::fmt;

use crate::text::printable;

/// Characters of a line, and of a message, that are shown.
const SHOWN: usize = 200;

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// A clause.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The line with the error.
    text: String,
}

impl SyntaxError {
    /// At a byte of the source.
    pub(super) fn new(source: &str, at: usize, what: String) -> Self {
        let before = source.get(..at).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self::at(source, line, column, what)
    }

    /// At a line and a column, from 1.
    pub(super) fn at(source: &str, line: usize, column: usize, what: String) -> Self {
        let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        Self {
            line,
            column,
            what,
            hint: None,
            text: text.to_owned(),
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The line with the error, and a caret below the column.
    pub fn excerpt(&self) -> String {
        // Of a long line the part before the error is left out.
        let start = self.column.saturating_sub(SHOWN / 2);
        let shown: String = self.text.chars().skip(start).collect();
        let before: String = self.text.chars().take(self.column - 1).skip(start).collect();
        // Escapes take more places than the character.
        let indent = printable(&before, SHOWN).chars().count();
        format!("{}\n{}^", printable(&shown, SHOWN), " ".repeat(indent))
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for SyntaxError {}

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// What CEL says: a missing field, values that cannot be compared.
    #[error("{0}")]
    Failed(String),
    /// The result is a value of that type.
    #[error("the result is of the type `{0}`, not `bool`")]
    NotBoolean(String),
    /// The budget is spent.
    #[error("it takes too much work for this body")]
    TooMuchWork,
}
