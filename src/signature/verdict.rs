//! The result of a check.

use std::time::Duration;

use super::url_form::UrlForm;
use crate::clock::human_duration;

/// The name of [`Verdict::Verified`] in JSON and in the ledger.
pub const VERIFIED: &str = "verified";

/// The name of [`Verdict::TokenOnly`].
pub const TOKEN_ONLY: &str = "token-only";

/// The result of verifying a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A signature matched.
    Verified(Proof),
    /// The right token came: the sender knows the secret, but the request itself is not protected.
    TokenOnly(Proof),
    /// No signature matched, or the matching one is not fresh.
    Refused(RejectReason),
    /// The scheme signs nothing.
    Unsigned,
    /// No secret was given: nothing was checked.
    Unchecked,
}

/// What made a request count as verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The name of the secret that matched.
    pub secret: Option<String>,
    /// The form that matched, where the provider's documents leave it open.
    pub form: Option<String>,
    /// What the scheme does not protect, for a weak one.
    pub weakness: Option<String>,
    /// What is odd though accepted.
    pub warning: Option<String>,
    /// The form of the URL that was signed.
    pub url_form: UrlForm,
}

/// Why a request is refused. For the operator only: the HTTP answer is 401 without a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// The signature's header is not there.
    #[error("{}", missing(header))]
    HeaderMissing {
        /// The header.
        header: String,
    },
    /// A part of what is signed is not there.
    #[error("the signed {part} is missing from `{header}`")]
    PartMissing {
        /// `timestamp` or `id`.
        part: &'static str,
        /// Where it was looked for.
        header: String,
    },
    /// The header is there, but not in its grammar.
    #[error("{} is not of the form `{expected}`", header_or_place(header))]
    Malformed {
        /// The header.
        header: String,
        /// What the grammar wants.
        expected: String,
    },
    /// Well-formed, but no secret produces that signature.
    #[error("{}", no_match(header, *secrets))]
    NoMatch {
        /// The header.
        header: String,
        /// How many secrets were tried.
        secrets: usize,
    },
    /// A token is there, and it is not the secret.
    #[error("the token in `{header}` is not the secret")]
    WrongToken {
        /// The header.
        header: String,
    },
    /// The peer's address is not on the list of those allowed.
    #[error("address `{address}` is not allowed")]
    Address {
        /// The peer's address.
        address: String,
    },
    /// The bearer token that the receiver demands is missing or wrong.
    #[error("the bearer token in `authorization` is missing or wrong")]
    Bearer,
    /// It went to another path than that of the trigger.
    #[error("the trigger is at another path")]
    Path,
    /// The trigger does not take that method.
    #[error("the trigger takes no `{method}`")]
    Method {
        /// The request's.
        method: String,
    },
    /// The signature matches, but is too old.
    #[error(
        "timestamp too old by {}: signed {} ago, {} allowed",
        by(*.age, *.tolerance),
        human_duration(*.age),
        human_duration(*.tolerance)
    )]
    TooOld {
        /// Its age.
        age: Duration,
        /// The age allowed.
        tolerance: Duration,
    },
    /// The signature matches, but its clock is ahead.
    #[error(
        "timestamp {} in the future, {} allowed: one of the clocks is wrong",
        human_duration(*.ahead),
        human_duration(*.tolerance)
    )]
    TooNew {
        /// How far ahead.
        ahead: Duration,
        /// How far is allowed.
        tolerance: Duration,
    },
    /// The header is there, but no secret can be used to check it.
    #[error("`{header}` cannot be checked: {why}")]
    Unusable {
        /// The header; the provider, when its file cannot be used.
        header: String,
        /// The fact.
        why: String,
    },
    /// The signature is right, but what was signed is the content of another scheme, whose body it is not.
    #[error("what was signed reads as the content of another scheme, such as `{label}`, and not as a body")]
    Foreign {
        /// The provider or variant whose content it is.
        label: String,
        /// Whether that is a variant of the provider that was asked.
        variant: bool,
    },
    /// The signature is right, but it may be the answer to a handshake.
    #[error("what was signed could be the token of a handshake, whose answer is signed with the same secret")]
    HandshakeAnswer,
    /// The secret looks like a public key, and no provider is named that would decide.
    #[error(
        "`{header}` cannot be checked: the secret has 64 hex digits, as some public keys have, and no provider is named"
    )]
    Unnamed {
        /// The header.
        header: String,
    },
    /// The URL is signed, and it is not known.
    #[error("the URL is signed, but not known")]
    UrlUnknown,
    /// No provider's marks are there.
    #[error("no known provider's signature header is there")]
    Unrecognised,
}

impl Verdict {
    /// Whether a signature matched.
    #[cfg(any(test, feature = "internals"))]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    /// Whether the sender knows the secret: a signature matched, or the right token came.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Verified(_) | Self::TokenOnly(_))
    }

    /// The verdict when the request also carried the bearer token that the receiver demands.
    #[must_use]
    pub fn with_token(self) -> Self {
        match self {
            Self::Unsigned | Self::Unchecked => Self::TokenOnly(Proof::default()),
            verdict => verdict,
        }
    }

    /// What was proved of an accepted request.
    pub fn proof(&self) -> Option<&Proof> {
        match self {
            Self::Verified(proof) | Self::TokenOnly(proof) => Some(proof),
            _ => None,
        }
    }

    /// Whether a signature or a token matched, whatever its age.
    pub fn is_match(&self) -> bool {
        let aged = matches!(
            self,
            Self::Refused(RejectReason::TooOld { .. } | RejectReason::TooNew { .. })
        );
        aged || self.is_accepted()
    }

    /// Whether the request is refused.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// `verified`, `token-only`, `refused`, `unsigned` or `unchecked`: what JSON and the ledger keep.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verified(_) => VERIFIED,
            Self::TokenOnly(_) => TOKEN_ONLY,
            Self::Refused(_) => "refused",
            Self::Unsigned => "unsigned",
            Self::Unchecked => "unchecked",
        }
    }

    /// The name of the secret that matched.
    pub fn secret(&self) -> Option<&str> {
        self.proof()?.secret.as_deref()
    }

    /// The punctuation between the verdict and [`Verdict::detail`].
    pub fn joint(&self) -> &'static str {
        match self {
            Self::Verified(proof) | Self::TokenOnly(proof) if proof.secret.is_some() || proof.form.is_some() => "",
            Self::Verified(_) | Self::TokenOnly(_) => ",",
            Self::Refused(_) | Self::Unsigned | Self::Unchecked => ":",
        }
    }

    /// The machine-readable cause of a refusal.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.code()),
            _ => None,
        }
    }

    /// Details beside the name: the secret that matched, the reason of a refusal.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Verified(proof) | Self::TokenOnly(proof) => {
                let said = [
                    proof.secret.as_ref().map(|name| format!("by `{name}`")),
                    proof.form.as_ref().map(|form| format!("as {form}")),
                    proof.weakness.as_ref().map(|weakness| format!("weak: {weakness}")),
                    proof.warning.clone(),
                ];
                let said: Vec<_> = said.into_iter().flatten().collect();
                (!said.is_empty()).then(|| said.join(", "))
            }
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::Unsigned | Self::Unchecked => None,
        }
    }
}

impl RejectReason {
    pub(super) fn part_missing(part: &'static str, header: impl Into<String>) -> Self {
        let header = header.into();
        Self::PartMissing { part, header }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HeaderMissing { .. } => "header-missing",
            Self::PartMissing { .. } => "part-missing",
            Self::Malformed { .. } => "malformed",
            Self::NoMatch { .. } | Self::WrongToken { .. } => "no-match",
            Self::Address { .. } => "address",
            Self::Bearer => "bearer",
            Self::Path => "path",
            Self::Method { .. } => "method",
            Self::TooOld { .. } => "too-old",
            Self::TooNew { .. } => "too-new",
            Self::Unusable { .. } => "unusable-secret",
            Self::Foreign { variant: true, .. } => "other-variant",
            Self::Foreign { .. } => "other-provider",
            Self::HandshakeAnswer => "handshake-answer",
            Self::Unnamed { .. } => "provider-unnamed",
            Self::UrlUnknown => "url-unknown",
            Self::Unrecognised => "unrecognised",
        }
    }
}

/// The message for a missing signature.
fn missing(place: &str) -> String {
    match place.strip_prefix("body:") {
        Some(path) => format!("the body has no signature at `{path}`"),
        None => format!("header `{place}` is missing"),
    }
}

fn header_or_place(place: &str) -> String {
    let kind = if place.starts_with("body:") { "" } else { "header " };
    format!("{kind}`{place}`")
}

fn no_match(place: &str, secrets: usize) -> String {
    match secrets {
        _ if place.starts_with("query:") => {
            format!("`{place}` is not the hash of this body: the body changed on the way")
        }
        1 => format!("`{place}` does not match this request and secret"),
        _ => format!("`{place}` matches this request with none of {secrets} secrets"),
    }
}

fn by(age: Duration, tolerance: Duration) -> String {
    human_duration(age.saturating_sub(tolerance))
}
