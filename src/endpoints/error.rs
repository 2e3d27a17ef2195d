//! What can go wrong with endpoints, in a book or behind a provider's API, and how a user sees it. A kind of its own has only
//! what some caller tells apart.

use std::path::Path;
use std::{fmt, io};

use crate::error::Error;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::provider::RegistryError;
use crate::secret::SecretError;
use crate::text::printable;

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
    /// The book was changed, but a secret that nothing refers to any more could not be deleted.
    #[error("the change is made, but the stored secret `{path}` cannot be removed")]
    LeftBehind {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A reference gives no secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nothing that a caller tells apart: the error as the user sees it.
    #[error("{}", .0.message)]
    Other(Box<Error>),
}

impl EndpointError {
    pub(super) fn io(path: &Path, verb: &'static str) -> impl FnOnce(io::Error) -> Self {
        let what = format!("`{}` cannot be {verb}", path.display());
        move |error| Error::new(Exit::Store, what).cause(error).into()
    }

    /// The endpoint file is not JSON, or not of the format.
    pub(super) fn invalid(path: &Path, what: impl fmt::Display) -> Self {
        let what = format!("endpoint file `{}` is not valid: {what}", path.display());
        let error = Error::new(Exit::Store, what);
        error.hint("correct it by hand, or move it away").into()
    }

    /// The store, or the provider, cannot do that.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Error::usage(what).into()
    }
}

impl From<Error> for EndpointError {
    fn from(error: Error) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<RegistryError> for EndpointError {
    fn from(error: RegistryError) -> Self {
        Error::from(error).into()
    }
}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Self {
        use EndpointError as E;
        // A message may quote the book of a cloned project.
        let message = printable(&error.to_string(), 2000);
        match error {
            E::Rule(findings) => Self::of_findings(message, &findings),
            E::Secret(error) => error.into(),
            E::Unknown { near, .. } => Self::nothing(message)
                .near(&near, |name| format!("hook endpoints show {name}"))
                .hint("`hook endpoints list` shows what there is"),
            E::Duplicate { what: "name", .. } => {
                Self::new(Exit::Refused, message).hint("choose another one: `--name NAME`")
            }
            E::Duplicate { .. } => Self::new(Exit::Refused, message),
            E::Outdated => Self::new(Exit::Store, message).hint("run it again: it makes a new plan"),
            E::LeftBehind { source, .. } => Self::new(Exit::Store, message).cause(source),
            E::Other(error) => Self {
                // Causes may quote a provider's answer.
                causes: error.causes.iter().map(|cause| printable(cause, 2000)).collect(),
                message,
                ..*error
            },
        }
    }
}

impl Error {
    /// All refusals of an endpoint; what else was found is not why.
    fn of_findings(first: String, findings: &[Finding]) -> Self {
        let refusals: Vec<&Finding> = findings.iter().filter(|finding| finding.is_problem()).collect();
        let mut error = match refusals.len() {
            0 | 1 => Self::new(Exit::Refused, first),
            several => Self::new(Exit::Refused, format!("the endpoint is refused for {several} reasons")),
        };
        for finding in &refusals {
            if refusals.len() > 1 {
                error = error.cause(printable(&finding.fact, 2000));
            }
            if let Some(hint) = finding.hint.as_ref().filter(|hint| !error.hints.contains(hint)) {
                error = error.hint(hint);
            }
        }
        error
    }
}

fn first_refusal(findings: &[Finding]) -> &str {
    let refusal = findings.iter().find(|finding| finding.is_problem());
    refusal.map_or("a rule refuses the endpoint", |finding| &finding.fact)
}
