//! What goes wrong: a mistake with its words, and a part of a request changed back to what it was before the mistake.

use std::borrow::Cow;

use super::Explanation;

/// One mistake, with its fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// A stable name for scripts.
    pub(super) cause: &'static str,
    /// The fact, as the object of a sentence: no full stop.
    pub(super) text: Cow<'static, str>,
    /// What to do.
    pub(super) hint: Cow<'static, str>,
    /// What to do when this is the only mistake: the flag that makes the request verify.
    pub(super) alone: Option<String>,
}

/// How frequent a mistake is, which is the order in which pairs are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Common,
    Sometimes,
    /// Never looked for beside another mistake.
    Rare,
}

/// A part of the request as it was without those mistakes.
#[derive(Debug, Clone)]
pub(super) struct Change<T> {
    pub(super) value: T,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) rank: Rank,
}

/// Another key.
pub(super) type KeyChange = Change<Vec<u8>>;

/// Takes changes as they are made; answers whether to stop.
pub(super) type Sink<'s, T> = &'s mut dyn FnMut(Change<T>) -> bool;

/// A mistake whose words may be known at compile time.
pub(super) fn mistake(
    cause: &'static str,
    text: impl Into<Cow<'static, str>>,
    hint: impl Into<Cow<'static, str>>,
) -> Mistake {
    Mistake {
        cause,
        text: text.into(),
        hint: hint.into(),
        alone: None,
    }
}

impl Mistake {
    /// The same with the words for when it is the only mistake.
    pub(super) fn alone(self, hint: String) -> Self {
        Self {
            alone: Some(hint),
            ..self
        }
    }
}

impl<T> Change<T> {
    pub(super) fn new(rank: Rank, value: T, mistake: Mistake) -> Self {
        Self {
            value,
            mistakes: vec![mistake],
            rank,
        }
    }

    /// The same after another mistake.
    pub(super) fn and(mut self, other: &Mistake) -> Self {
        self.mistakes.push(other.clone());
        self
    }
}

/// Pairs that have a name of their own, by their causes' first word.
fn class_of(first: &str, second: &str) -> &'static str {
    let kind = |cause: &str| cause.split('-').next().unwrap_or_default().to_owned();
    let is_secret = |cause: &str| matches!(kind(cause).as_str(), "secret" | "other" | "key");
    match (first, second) {
        (form, body) if matches!(form, "signature-encoding" | "wrong-hash") && kind(body) == "body" => {
            " (form-and-body)"
        }
        (secret, body) if is_secret(secret) && secret != "other-header" && kind(body) == "body" => " (secret-and-body)",
        _ => "",
    }
}

/// What is said of one mistake, or of two at once.
pub(super) fn explanation(mistakes: &[Mistake]) -> Option<Explanation> {
    match mistakes {
        [one] => Some(Explanation {
            cause: one.cause,
            second: None,
            text: one.text.to_string(),
            hint: one.alone.clone().unwrap_or_else(|| one.hint.to_string()),
            guessed: false,
        }),
        [first, second, ..] => Some(Explanation {
            cause: first.cause,
            second: Some(second.cause),
            text: format!(
                "two mistakes{}: {}, and {}",
                class_of(first.cause, second.cause),
                first.text,
                second.text
            ),
            hint: format!("{}; then {}", first.hint, second.hint),
            guessed: false,
        }),
        [] => None,
    }
}
