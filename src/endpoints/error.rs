//! What can go wrong with endpoints, in a book or behind a provider's API.

use std::io;
use std::path::Path;

use url::Url;

use crate::finding::Finding;
use crate::provider::RegistryError;
use crate::secret::SecretError;

/// Why something cannot be done with endpoints.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Nothing of that name or id.
    #[error("endpoint `{selector}` not found")]
    Unknown {
        /// As typed.
        selector: String,
        /// Near names.
        near: Vec<String>,
    },
    /// The beginning of several ids.
    #[error("`{selector}` may be any of `{}`", .names.join("`, `"))]
    Ambiguous {
        /// As typed.
        selector: String,
        /// Whose ids begin so.
        names: Vec<String>,
    },
    /// Name, id or URL is taken.
    #[error("there is already an endpoint with the {what} `{value}`")]
    Duplicate {
        /// `name`, `id`, `URL`.
        what: &'static str,
        /// Of both.
        value: String,
    },
    /// Rules of the provider refuse it.
    #[error("{}", first_refusal(.0))]
    Rule(Vec<Finding>),
    /// The store is not as it was when the steps were planned.
    #[error("the endpoints changed while the plan was looked at: nothing is done")]
    Outdated,
    /// The store has no such verb.
    #[error("{0}")]
    Unsupported(String),
    /// A provider's API refused, or did not answer sensibly.
    #[error("{0}")]
    Api(Box<ApiError>),
    /// The file is not JSON, or not of the format.
    #[error("endpoint file `{path}` is not valid: {what}")]
    Invalid {
        /// The file.
        path: String,
        /// The fault, with line and column where they are known.
        what: String,
    },
    /// The file was written by a newer hook.
    #[error("endpoint file `{path}` has format {found}, this hook knows up to {known}")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
        /// The newest known.
        known: u64,
    },
    /// Another process kept the file locked for too long.
    #[error("endpoint file `{0}` is locked by another process")]
    Locked(String),
    /// The system refused.
    #[error("`{path}` cannot be {verb}")]
    Io {
        /// The file or folder.
        path: String,
        /// What was to be done with it, as a participle.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The book was changed, but a secret that nothing refers to any more could not be deleted.
    #[error("the change is made, but the stored secret `{path}` cannot be removed")]
    LeftBehind {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The book refers to a secret that was stored on another machine, or is deleted.
    #[error("the secret `stored:{0}` is not on this machine")]
    NotStored(String),
    /// A reference gives no secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The system gave no random numbers for a pair of keys.
    #[error("no key pair can be made")]
    NoRandomness,
}

/// What went wrong at a provider's API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ApiError {
    /// What it means for the user.
    pub kind: ApiErrorKind,
    /// The fact.
    pub what: String,
    /// From the nearest to the deepest.
    pub causes: Vec<String>,
    /// A sentence that says what to do.
    pub hint: Option<String>,
}

/// What a failure at an API means for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// It answered, and said no.
    Refused,
    /// It knows no such subscription.
    Unknown,
    /// It did not answer.
    Unreachable,
    /// It answered something else than its description says.
    Garbled,
}

impl ApiError {
    /// The same with the call that it is about.
    #[must_use]
    pub fn of_call(mut self, method: &str, url: &Url) -> Self {
        self.causes
            .push(format!("`{method} {}`", crate::mask::url(url.as_str())));
        self
    }
}

impl EndpointError {
    pub(super) fn io(path: &Path, verb: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, verb, source }
    }

    pub(super) fn invalid(path: &Path, what: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.display().to_string(),
            what: what.into(),
        }
    }
}

impl From<RegistryError> for EndpointError {
    fn from(error: RegistryError) -> Self {
        Self::Unsupported(error.to_string())
    }
}

fn first_refusal(findings: &[Finding]) -> &str {
    let refusal = findings.iter().find(|finding| finding.is_problem());
    refusal.map_or("a rule refuses the endpoint", |finding| &finding.fact)
}
