//! Errors of the service's own calls, as problem documents (RFC 9457).

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::Summary;
use super::endpoint_answer::FindingAnswer;
use crate::api::server::AccessDenied;
use crate::app::serve::access::CallRefused;
use crate::error::Error;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::server::Reply;
use crate::store::StoreError;

/// The type of a problem document.
const CONTENT_TYPE: &str = "application/problem+json";

/// Seconds after which a caller may try again when the ledger refuses an event.
const RETRY_AFTER: u64 = 5;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    pub(super) status: u16,
    /// The same for every problem of that status, which is its type.
    pub(super) title: &'static str,
    /// This one.
    pub(super) detail: String,
    /// What to do, as the command line says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) hint: Option<String>,
    /// What is wrong with single fields, and what rules say about an endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<FindingAnswer>,
    /// Seconds after which the caller may try again.
    #[serde(skip)]
    pub(super) retry_after: Option<u64>,
    #[serde(skip)]
    pub(super) asks_for_key: bool,
}

impl Problem {
    /// A problem of that status.
    pub(super) fn new(status: u16, detail: impl Into<String>) -> Self {
        let known = StatusCode::from_u16(status).ok();
        Self {
            status,
            title: known.and_then(|status| status.canonical_reason()).unwrap_or("Error"),
            detail: detail.into(),
            hint: None,
            findings: Vec::new(),
            retry_after: None,
            asks_for_key: false,
        }
    }

    /// 400: the call is not what it should be.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, detail)
    }

    /// 401: without a key.
    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self {
            asks_for_key: true,
            ..Self::new(401, detail)
        }
    }

    /// 403: not from there.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, detail)
    }

    /// 404: there is nothing of that name.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, detail)
    }

    /// 409: it contradicts an earlier call, or the state of things.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, detail)
    }

    /// 422: it is understood, and these findings are why it is not done.
    pub(super) fn unusable(findings: &[Finding]) -> Self {
        let first = findings.iter().find(|finding| finding.is_problem());
        let detail = first.map_or("a rule refuses it", |finding| &finding.fact);
        Self {
            findings: findings.iter().map(FindingAnswer::from).collect(),
            ..Self::new(422, detail)
        }
    }

    /// 400: the field at that place is not what it should be.
    pub(super) fn invalid_field(path: &[&str], what: impl Into<String>) -> Self {
        let finding = Finding::problem("invalid", what).at(path);
        Self {
            findings: vec![FindingAnswer::from(&finding)],
            ..Self::invalid(finding.fact)
        }
    }

    /// The same about an item of a list.
    pub(super) fn of_item(mut self, index: usize) -> Self {
        self.detail = format!("event {index}: {}", self.detail);
        for finding in &mut self.findings {
            finding.pointer.insert_str(0, &format!("/{index}"));
        }
        self
    }

    /// 500: a fault of ours.
    pub(super) fn broken() -> Self {
        Self::new(500, "the call failed: this is a fault of hook")
    }

    /// 503: later.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(503, detail)
        }
    }
}

impl From<CallRefused> for Problem {
    fn from(refused: CallRefused) -> Self {
        match refused {
            CallRefused::Denied(denied @ (AccessDenied::NoKey | AccessDenied::UnknownKey)) => {
                Self::unauthorized(denied.to_string())
            }
            CallRefused::Denied(denied) => Self::forbidden(denied.to_string()),
            CallRefused::TooMany(wait) => Self {
                retry_after: Some(wait.as_secs() + 1),
                ..Self::new(429, "too many calls with this key")
            },
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The path of the ledger is not for clients.
        let detail = match error {
            StoreError::Full(_) => "the store is full",
            StoreError::Locked(_) => "the store is locked by another process",
            StoreError::Closed => "the service is stopping",
            _ => "the store cannot be used",
        };
        Self::unavailable(detail)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match error.exit {
            Exit::Usage => Self::invalid(error.message),
            Exit::Nothing => Self::not_found(error.message),
            Exit::Refused => Self::conflict(error.message),
            // Here too the path of the ledger would be told.
            Exit::Store => return Self::unavailable("the store cannot be used"),
            _ => return Self::broken(),
        };
        Self {
            hint: hint(&error.hints),
            ..problem
        }
    }
}

/// All hints of an error in one text.
fn hint(hints: &[String]) -> Option<String> {
    (!hints.is_empty()).then(|| hints.join("; "))
}

/// What is wrong with the fields of a body, all of it.
#[derive(Debug, Default)]
pub(super) struct FieldFindings(Vec<Finding>);

impl FieldFindings {
    /// The value of the field at that place, unless it is refused.
    pub(super) fn take<T>(
        &mut self,
        code: &'static str,
        path: &[&str],
        value: Result<T, impl Into<Error>>,
    ) -> Option<T> {
        let refused = |error: Error| Finding {
            hint: hint(&error.hints),
            ..Finding::problem(code, error.message).at(path)
        };
        value.map_err(|error| self.0.push(refused(error.into()))).ok()
    }

    /// The refusal of the call, when a field is refused.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::unusable(&self.0))
    }
}

impl Problem {
    /// The answer to a request that axum never saw.
    pub(super) fn reply(&self) -> Reply {
        Reply {
            status: self.status,
            headers: [("content-type", CONTENT_TYPE)].into_iter().collect(),
            body: serde_json::to_vec(self).unwrap_or_default().into(),
            ..Reply::default()
        }
    }
}

/// Makes a problem document of an error that is none: those of the router itself.
pub(super) async fn as_problem(response: axum::response::Response) -> axum::response::Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let headers = response.headers();
    if !is_error
        || headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|name| name == CONTENT_TYPE)
    {
        return response;
    }
    let allow = headers.get(header::ALLOW).cloned();
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "the path has no such method",
        _ => "the request is not valid",
    };
    let mut problem = Problem::new(status.as_u16(), detail).into_response();
    if let Some(allow) = allow {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        response.extensions_mut().insert(Summary(self.detail));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.asks_for_key {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
