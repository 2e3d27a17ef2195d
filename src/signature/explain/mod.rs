//! The autopsy of a signature that does not match: the likely mistakes, each tried by itself, and a hint for every
//! refusal. All of it is for the operator's eyes, never for the HTTP answer, and never shows a secret or the signature
//! that was expected.

mod addresses;
mod bodies;
mod clocks;
mod codings;
mod context;
mod encodings;
mod hints;
mod json;
mod numbers;
mod pairs;
mod secrets;
mod styles;
#[cfg(test)]
mod tests;
mod time_budget;

use context::ProbeContext;
pub use hints::{HintCaller, HintContext, hint};
pub use time_budget::TimeBudget;

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
}

/// A mistake that explains the refusal: without it the signature matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// A stable name for scripts.
    pub cause: &'static str,
    /// The fact.
    pub text: String,
    /// What to do.
    pub hint: String,
    /// Whether it is likely and no more.
    pub guessed: bool,
}

/// What an autopsy came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The mistake, when one fits.
    pub found: Option<Explanation>,
    /// What was tried and did not fit.
    pub excluded: Vec<&'static str>,
    /// What was not tried any more: the body is large and the time was over.
    pub not_tried: Vec<&'static str>,
}

/// One kind of mistake.
struct Probe {
    /// The cause, unless the finding has a narrower one.
    name: &'static str,
    run: fn(&ProbeContext<'_>) -> Option<Explanation>,
}

const fn probe(name: &'static str, run: fn(&ProbeContext<'_>) -> Option<Explanation>) -> Probe {
    Probe { name, run }
}

/// The cheap and the frequent ones first.
const PROBES: [Probe; 25] = [
    probe("key-kind", secrets::key_kind),
    probe("other-secret", secrets::other_secret),
    probe("secret-whitespace", secrets::whitespace),
    probe("url-differs", addresses::url_differs),
    probe("body-newline", bodies::end),
    probe("body-line-ends", bodies::line_ends),
    probe("body-reserialised", bodies::reserialised),
    probe("secret-encoding", secrets::key_form),
    probe("signature-encoding", encodings::encoding),
    probe("secret-quotes", secrets::quotes),
    probe("wrong-hash", encodings::hash),
    probe("body-compressed", codings::compressed),
    probe("timestamp-unit", clocks::unit),
    probe("signed-content", clocks::content),
    probe("timestamp-header", clocks::other_header),
    probe("body-reserialised-rarely", bodies::rarely_reserialised),
    probe("body-form", codings::form),
    probe("body-bom", bodies::bom),
    probe("body-truncated", bodies::cut),
    probe("url-signed", addresses::url_signed),
    probe("plain-hash", encodings::plain),
    probe("secret-and-body", pairs::secret_and_body),
    probe("form-and-body", pairs::form_and_body),
    // What nothing proves comes last.
    probe("body-incomplete", bodies::incomplete),
    probe("token-form", secrets::token),
];

/// The first mistake that explains why the signature did not match. Each probe hashes the body again, as long as there is
/// time for it.
pub fn explain(case: &Case<'_>, pace: &TimeBudget) -> Diagnosis {
    let bench = ProbeContext::new(*case, pace);
    let mut autopsy = Diagnosis::default();
    for probe in &PROBES {
        if let Some(found) = (probe.run)(&bench) {
            autopsy.found = Some(found.or_under(probe.name));
            return autopsy;
        }
        autopsy.tried(probe.name, pace);
    }
    autopsy
}

/// Why a signature that matches is not fresh.
pub fn explain_age(case: &Case<'_>, refusal: &RejectReason) -> Option<Explanation> {
    clocks::age(case, refusal)
}

/// Where the signature is when its header is not there.
pub fn explain_missing(case: &Case<'_>, pace: &TimeBudget) -> Option<Explanation> {
    encodings::other_header(&ProbeContext::new(*case, pace)).map(|found| found.under("other-header"))
}

/// A finding whose cause is the probe's.
fn found(text: impl Into<String>, hint: impl Into<String>) -> Explanation {
    Explanation {
        cause: "",
        text: text.into(),
        hint: hint.into(),
        guessed: false,
    }
}

impl Diagnosis {
    /// A mistake that was seen at once.
    pub fn of(found: Explanation) -> Self {
        Self::default().with(found)
    }

    /// The same, with the mistake that was found after all.
    #[must_use]
    pub fn with(self, found: Explanation) -> Self {
        Self {
            found: Some(found),
            ..self
        }
    }

    /// Notes what did not fit, or was not tried because the time was short.
    pub fn tried(&mut self, name: &'static str, pace: &TimeBudget) {
        let list = if pace.was_short() {
            &mut self.not_tried
        } else {
            &mut self.excluded
        };
        list.push(name);
    }
}

impl Explanation {
    /// The fact, with what it is worth.
    pub fn said(&self) -> String {
        let worth = if self.guessed { " (likely, not proved)" } else { "" };
        format!("{}{worth}", self.text)
    }

    /// Whether the signature was seen to match without the mistake. What is not proved stands back behind what is.
    pub fn is_proved(&self) -> bool {
        !self.guessed
    }

    fn guess(self) -> Self {
        Self { guessed: true, ..self }
    }

    fn under(self, cause: &'static str) -> Self {
        Self { cause, ..self }
    }

    fn or_under(self, cause: &'static str) -> Self {
        if self.cause.is_empty() { self.under(cause) } else { self }
    }
}
