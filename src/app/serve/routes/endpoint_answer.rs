//! Endpoints and their tests as they are answered. The place of a secret is left out, and its text is there only when it
//! is new.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::{self, LimitsAnswer};
use crate::app::check::player::Exchange;
use crate::app::endpoints::EndpointDetails;
use crate::app::endpoints::probe::ProbeReport;
use crate::clock::Timestamp;
use crate::endpoints::{EndpointLimits, Events};
use crate::finding::{Finding, Level};
use crate::health::DisabledBy;
use crate::text::millis;

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndpointAnswer {
    id: String,
    name: String,
    provider: String,
    /// Credentials masked.
    url: String,
    #[schema(schema_with = schema::events)]
    events: Events,
    #[schema(required)]
    description: Option<String>,
    #[schema(required)]
    env: Option<String>,
    #[schema(required)]
    plan: Option<String>,
    params: BTreeMap<String, String>,
    #[schema(required)]
    tenant: Option<String>,
    #[serde(rename = "where")]
    #[schema(schema_with = schema::conditions)]
    conditions: BTreeMap<String, Value>,
    /// Credentials masked.
    headers: BTreeMap<String, String>,
    #[schema(value_type = LimitsAnswer)]
    limits: EndpointLimits,
    active: bool,
    paused: bool,
    #[schema(required)]
    disabled: Option<DisabledAnswer>,
    failed_deliveries: u32,
    /// Those that count now, the current one first.
    secrets: Vec<SecretAnswer>,
    #[schema(required)]
    public_key: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
    /// Only when it is new, and once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
    /// What the rules found that does not stop it, where they were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    findings: Option<Vec<FindingAnswer>>,
}

/// Why an endpoint gets nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DisabledAnswer {
    #[schema(value_type = String)]
    reason: DisabledBy,
    detail: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// A secret, without its text.
#[derive(Debug, Serialize, ToSchema)]
struct SecretAnswer {
    #[schema(required)]
    fingerprint: Option<String>,
    /// When a rotation ends it.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    until: Option<Timestamp>,
}

/// What a rule says about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FindingAnswer {
    code: &'static str,
    severity: &'static str,
    message: String,
    /// What to do, as the command line says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// The field of the body, as a JSON pointer (RFC 6901); absent: none alone.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false, example = "/limits/timeout")]
    pub(super) pointer: String,
}

/// The result of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestAnswer {
    endpoint: String,
    event: String,
    /// Whether nothing failed and nothing is in doubt.
    passed: bool,
    /// Whether it was received, its signature checked, answered with success, and in time.
    verdicts: Vec<FindingAnswer>,
    requests: Vec<TestedRequest>,
}

/// One request of a test.
#[derive(Debug, Serialize, ToSchema)]
struct TestedRequest {
    /// The number of its delivery.
    number: u64,
    /// `genuine`, or what is wrong with its signature.
    kind: &'static str,
    #[schema(required)]
    status: Option<u16>,
    /// Why there was no answer.
    #[schema(required)]
    error: Option<&'static str>,
    took_ms: f64,
}

impl From<EndpointDetails> for EndpointAnswer {
    fn from(mut details: EndpointDetails) -> Self {
        let secrets = details.secrets.into_iter().map(|secret| SecretAnswer {
            fingerprint: secret.fingerprint,
            until: secret.until,
        });
        let disabled = details.disabled.map(|disabled| DisabledAnswer {
            reason: disabled.reason,
            detail: disabled.detail,
            since: disabled.since,
        });
        Self {
            secrets: secrets.collect(),
            disabled,
            env: details.labels.remove("env"),
            id: details.id,
            name: details.name,
            provider: details.provider,
            url: details.url,
            events: details.events,
            description: details.description,
            plan: details.plan,
            params: details.params,
            tenant: details.tenant,
            conditions: details.conditions,
            headers: details.headers,
            limits: details.limits,
            active: details.active,
            paused: details.paused,
            failed_deliveries: details.failed_deliveries,
            public_key: details.public_key,
            created: details.created,
            updated: details.updated,
            secret: details.secret,
            findings: details
                .findings
                .map(|findings| findings.iter().map(FindingAnswer::from).collect()),
        }
    }
}

impl From<&Finding> for FindingAnswer {
    fn from(finding: &Finding) -> Self {
        let is_problem = finding.level == Level::Problem;
        Self {
            code: finding.code,
            severity: if is_problem { "refused" } else { finding.level.name() },
            message: finding.fact.clone(),
            hint: finding.hint.clone(),
            pointer: finding.pointer.clone(),
        }
    }
}

impl From<&ProbeReport> for TestAnswer {
    fn from(report: &ProbeReport) -> Self {
        Self {
            endpoint: report.endpoint.name.clone(),
            event: report.event.clone(),
            passed: report.passed(),
            verdicts: report.findings.iter().map(FindingAnswer::from).collect(),
            requests: report.exchanges.iter().map(TestedRequest::from).collect(),
        }
    }
}

impl From<&Exchange> for TestedRequest {
    fn from(exchange: &Exchange) -> Self {
        let error = exchange.attempt.outcome.error();
        Self {
            number: exchange.number,
            kind: if exchange.is_genuine() {
                "genuine"
            } else {
                exchange.signing.name()
            },
            status: exchange.status(),
            error: error.map(|(kind, _)| kind.name()),
            took_ms: millis(exchange.attempt.took),
        }
    }
}
