//! The outcome of a call before it becomes bytes: a reply, or a rejection in the provider's shape.

use bytes::Bytes;
use serde_json::Value;

use crate::endpoints::EndpointError;
use crate::finding::Finding;
use crate::headers::Headers;
use crate::provider::api::{Api, FaultKind};
use crate::server::Reply;

/// The outcome of a call.
pub(super) type ApiResult<T = ApiReply> = Result<T, ApiRejection>;

/// The reply of a call that succeeded.
#[derive(Debug)]
pub(super) struct ApiReply {
    pub(super) status: u16,
    /// `None`: no body.
    pub(super) body: Option<Value>,
    /// What was done, for the terminal.
    pub(super) summary: String,
    /// A new secret that the body does not contain.
    pub(super) secret: Option<String>,
}

/// A call that was rejected.
#[derive(Debug)]
pub(super) struct ApiRejection {
    kind: RejectKind,
    pub(super) message: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Status and code of a rejection.
#[derive(Debug)]
enum RejectKind {
    /// As the profile describes them.
    Fault(FaultKind),
    /// hook's own.
    Own(u16, String),
}

impl ApiRejection {
    fn new(kind: RejectKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    pub(super) fn fault(kind: FaultKind, message: impl Into<String>) -> Self {
        Self::new(RejectKind::Fault(kind), message)
    }

    pub(super) fn own(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(RejectKind::Own(status, code.to_owned()), message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::fault(FaultKind::Invalid, message)
    }

    /// Nothing has that id.
    pub(super) fn unknown(what: &str) -> Self {
        Self::fault(FaultKind::Unknown, format!("{what} not found"))
    }

    /// hook itself failed, for example because it cannot read the endpoint file.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self::own(500, "INTERNAL", message)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn reply(&self, api: &Api) -> Reply {
        let (status, code) = match &self.kind {
            RejectKind::Fault(kind) => api.faults.of(*kind),
            RejectKind::Own(status, code) => (*status, code.as_str()),
        };
        let body = api.faults.answer.fill(|hole| match hole {
            "code" => Some(Value::from(code)),
            "message" => Some(Value::from(self.message.as_str())),
            "status" => Some(Value::from(status)),
            _ => None,
        });
        let mut reply = json(status, Some(&body));
        for (name, value) in &self.headers {
            reply.headers.append(name, value);
        }
        reply
    }
}

impl ApiRejection {
    /// The rejection for the rules that refuse a subscription. Limit and duplicate are answers to a request that is valid.
    fn of_findings(findings: &[Finding]) -> Self {
        let kind = |finding: &Finding| match finding.code {
            "duplicate-url" => FaultKind::Duplicate,
            "plan-limit" => FaultKind::Limit,
            _ => FaultKind::Invalid,
        };
        let problems: Vec<&Finding> = findings.iter().filter(|finding| finding.is_problem()).collect();
        let invalid = problems.iter().find(|finding| kind(finding) == FaultKind::Invalid);
        match invalid.or(problems.first()) {
            Some(finding) => Self::fault(kind(finding), finding.fact.clone()),
            None => Self::invalid("a rule refuses the endpoint"),
        }
    }
}

impl From<EndpointError> for ApiRejection {
    fn from(error: EndpointError) -> Self {
        let kind = match &error {
            EndpointError::Unknown { .. } => return Self::unknown("webhook"),
            EndpointError::Duplicate { .. } => FaultKind::Duplicate,
            EndpointError::Rule(findings) => return Self::of_findings(findings),
            _ => return Self::broken(error.to_string()),
        };
        Self::fault(kind, error.to_string())
    }
}

/// An answer in JSON, or without a body.
pub(super) fn json(status: u16, body: Option<&Value>) -> Reply {
    let mut headers = Headers::new();
    if body.is_some() {
        headers.append("content-type", "application/json");
    }
    Reply {
        status,
        headers,
        body: body.map_or_else(Bytes::new, |body| body.to_string().into()),
        ..Reply::default()
    }
}
