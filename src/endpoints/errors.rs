//! Errors of endpoints and their stores as users see them: exit codes and hints.

use super::{ApiError, ApiErrorKind, EndpointError};
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::text::printable;

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
            E::Ambiguous { .. } => Self::usage(message).hint("write more of the id, or the name"),
            E::Unsupported(_) => Self::usage(message),
            E::Duplicate { what: "name", .. } => {
                Self::new(Exit::Refused, message).hint("choose another one: `--name NAME`")
            }
            E::Duplicate { .. } => Self::new(Exit::Refused, message),
            E::Api(error) => Self::of_api(message, *error),
            E::Invalid { .. } => Self::new(Exit::Store, message).hint("correct it by hand, or move it away"),
            E::Newer { .. } => Self::new(Exit::Store, message).hint("update hook"),
            E::Outdated => Self::new(Exit::Store, message).hint("run it again: it makes a new plan"),
            E::Locked(_) => Self::new(Exit::Store, message).hint("wait until the other process is done"),
            E::Io { source, .. } | E::LeftBehind { source, .. } => Self::new(Exit::Store, message).cause(source),
            E::NotStored(_) => Self::usage(message)
                .hint("`hook endpoints rotate-secret NAME` makes a new one, or takes one by `--secret`"),
            E::NoRandomness => Self::internal(message),
        }
    }
}

impl Error {
    /// What an API said is somebody else's text.
    fn of_api(message: String, error: ApiError) -> Self {
        let exit = match error.kind {
            ApiErrorKind::Refused | ApiErrorKind::Garbled => Exit::Refused,
            ApiErrorKind::Unknown => Exit::Nothing,
            ApiErrorKind::Unreachable => Exit::Unreachable,
        };
        Self {
            causes: error.causes.iter().map(|cause| printable(cause, 2000)).collect(),
            hints: error.hint.into_iter().collect(),
            ..Self::new(exit, message)
        }
    }

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
