//! Why a signature does not match: a search for the one mistake, or the two, without which it does, and a hint for every
//! refusal. All of it is for the operator's eyes, never for the HTTP answer, and never shows a secret or the signature
//! that was expected.

mod added;
mod bodies;
mod byte_texts;
mod charset_tables;
mod charsets;
mod contents;
mod context;
mod data_forms;
mod digests;
mod documents;
mod embedded;
mod form_bodies;
mod guesses;
mod hints;
mod html_escapes;
mod json;
mod json_style;
mod json_write;
mod key_kinds;
mod keys;
mod languages;
mod macs;
mod mistake;
mod notations;
mod numbers;
mod parts;
mod search;
mod secret_cleanup;
mod sender_keys;
mod signature_metadata;
mod styles;
#[cfg(test)]
mod tests;
mod texts;
mod time_budget;
mod time_texts;
mod times;
mod token_values;
mod unknown_header;
mod url_words;
mod urls;
mod wrapped;

use context::SearchContext;
pub use hints::{HintCaller, HintContext, hint};
use mistake::explanation;
use search::Search;
pub use time_budget::TimeBudget;
pub use unknown_header::unknown_header;

use super::{Received, RejectReason, Scheme};
use crate::secret::Secret;

/// A refused request, and what may explain it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The scheme that refused it.
    pub scheme: &'a Scheme,
    /// The request.
    pub received: Received<'a>,
    /// The secrets that were tried.
    pub secrets: &'a [Secret],
    /// Other secrets that are known.
    pub others: &'a [Secret],
    /// What the provider's secrets begin with.
    pub prefix: Option<&'a str>,
}

/// A mistake that explains the refusal, or two at once: without them the signature matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// A stable name for scripts.
    pub cause: &'static str,
    /// The name of the second mistake, when there are two.
    pub second: Option<&'static str>,
    /// The fact.
    pub text: String,
    /// What to do.
    pub hint: String,
    /// Whether it is likely and no more.
    pub guessed: bool,
}

/// What the search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The mistake, when one fits.
    pub found: Option<Explanation>,
    /// What was tried and did not fit.
    pub excluded: Vec<&'static str>,
    /// What was not tried because the time was over.
    pub not_tried: Vec<&'static str>,
    /// The bytes that a signature covers, as the request came and as they were signed.
    pub bytes: Option<SignedBytes>,
}

/// The bytes that a signature covers. Where a scheme puts the secret among them there is a mask instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedBytes {
    /// Made from the request as it came.
    pub arrived: Vec<u8>,
    /// Those that the signature matches; absent when they were not found.
    pub signed: Option<Vec<u8>>,
}

/// The mistake that explains why the signature does not match, or the two. `elsewhere` tries other schemes, when no single
/// mistake fits: what they accept is proved as well, and a smaller change than two mistakes.
pub fn explain(
    case: &Case<'_>,
    budget: &TimeBudget,
    elsewhere: impl FnOnce(&mut Diagnosis) -> Option<Explanation>,
) -> Diagnosis {
    let context = SearchContext::new(*case, budget);
    let mut diagnosis = searched(&context, budget, elsewhere);
    diagnosis.bytes = context.bytes();
    diagnosis
}

fn searched(
    context: &SearchContext<'_>,
    budget: &TimeBudget,
    elsewhere: impl FnOnce(&mut Diagnosis) -> Option<Explanation>,
) -> Diagnosis {
    let mut search = Search::new(context);
    let mut diagnosis = Diagnosis::default();
    if let Some(single) = search.single(&mut diagnosis) {
        // What is old as well has two mistakes.
        let both: Vec<_> = single.into_iter().chain(times::staleness(context)).collect();
        diagnosis.found = explanation(&both);
        return diagnosis;
    }
    budget.release();
    diagnosis.found = elsewhere(&mut diagnosis);
    if diagnosis.found.is_some() {
        return diagnosis;
    }
    let found = search.pair(&mut diagnosis).or_else(|| search.last(&mut diagnosis));
    diagnosis.found = found
        .and_then(|mistakes| explanation(&mistakes))
        .or_else(|| guesses::guess(context));
    diagnosis
}

/// Why a signature that matches is not fresh.
pub fn explain_age(case: &Case<'_>, refusal: &RejectReason) -> Option<Explanation> {
    times::age(case, refusal)
}

impl Diagnosis {
    /// A mistake that was seen at once.
    pub fn of(found: Explanation) -> Self {
        Self {
            found: Some(found),
            ..Self::default()
        }
    }

    /// Notes what did not fit, or was not tried because the time was short.
    pub fn note(&mut self, names: &[&'static str], budget: &TimeBudget) {
        let list = if budget.was_short() {
            &mut self.not_tried
        } else {
            &mut self.excluded
        };
        list.extend(names);
    }
}

impl Explanation {
    /// What headers or a scheme prove.
    pub fn new(cause: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            cause,
            second: None,
            text: text.into(),
            hint: hint.into(),
            guessed: false,
        }
    }

    /// The fact, with what it is worth.
    pub fn said(&self) -> String {
        let worth = if self.guessed { " (likely, not proved)" } else { "" };
        format!("{}{worth}", self.text)
    }

    /// The names of all mistakes, in the order in which they are told.
    pub fn causes(&self) -> Vec<&'static str> {
        std::iter::once(self.cause).chain(self.second).collect()
    }

    /// The same without a proof.
    #[must_use]
    pub fn guess(self) -> Self {
        Self { guessed: true, ..self }
    }
}
