//! What is done to an endpoint of the local book.

use std::time::Duration;

use serde::Deserialize;

use super::{ActionResult, CollectedNotices};
use crate::app::context::Context;
use crate::app::endpoints::probe::{ProbeOptions, probe};
use crate::app::endpoints::{EndpointDetails, EndpointFilter, Endpoints, SecretOptions};
use crate::app::outgoing::RequestOptions;
use crate::error::Result;
use crate::headers::Headers;
use crate::shutdown::Shutdown;
use crate::transport::{AddressPolicy, HttpOptions};

/// How long the old secret still verifies after a rotation.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// The endpoints of the local book.
pub fn endpoints(context: &Context) -> Result<Vec<EndpointDetails>> {
    let book = context.book();
    let endpoints = Endpoints {
        context,
        store: &book,
        on: &|_| Ok(()),
    };
    endpoints.list(&EndpointFilter::default())
}

/// A change or a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointAction {
    /// Send a signed event and some with faulty signatures.
    Test,
    /// A new secret, which goes to a private file and nowhere else; the old one verifies for a day.
    Rotate,
    /// Deliver to it again.
    Enable,
    /// Deliver nothing to it.
    Disable,
    /// Let deliveries to it wait.
    Pause,
    /// End a pause.
    Resume,
}

/// Does that to the endpoint.
pub async fn endpoint(
    context: &Context,
    name: &str,
    action: EndpointAction,
    shutdown: &Shutdown,
) -> Result<ActionResult> {
    let (context, notices) = CollectedNotices::of(context);
    if action == EndpointAction::Test {
        return test(&context, name, shutdown, &notices).await;
    }
    let book = context.book();
    let endpoints = Endpoints {
        context: &context,
        store: &book,
        on: &|_| Ok(()),
    };
    let names = [name.to_owned()];
    let done = match action {
        EndpointAction::Rotate => {
            // No front end but the file gets the secret.
            let file = format!("rotated-{}.secret", context.now().unix_ms());
            let file = context.paths.state.join(file);
            let secret = SecretOptions {
                file: Some(file.clone()),
                ..SecretOptions::default()
            };
            endpoints.rotate(name, OVERLAP, secret)?;
            format!(
                "has a new secret, written to `{}`; the old one verifies for 24h",
                file.display()
            )
        }
        EndpointAction::Enable => {
            endpoints.enable(&names, false)?;
            "is enabled".to_owned()
        }
        EndpointAction::Disable => {
            endpoints.disable(&names)?;
            "is disabled".to_owned()
        }
        EndpointAction::Pause => {
            endpoints.pause(&names, true)?;
            "is paused".to_owned()
        }
        EndpointAction::Resume | EndpointAction::Test => {
            endpoints.pause(&names, false)?;
            "is resumed".to_owned()
        }
    };
    Ok(ActionResult {
        text: format!("`{name}` {done}"),
        ok: true,
        records: Vec::new(),
        notices: notices.take(),
    })
}

async fn test(context: &Context, name: &str, shutdown: &Shutdown, notices: &CollectedNotices) -> Result<ActionResult> {
    let request = RequestOptions {
        transport: HttpOptions {
            proxy_from_env: true,
            ..HttpOptions::default()
        },
        ..RequestOptions::default()
    };
    let options = ProbeOptions {
        event: None,
        count: 1,
        params: Vec::new(),
        method: None,
        headers: Headers::new(),
        addresses: AddressPolicy::Any,
        timeout: None,
        transport: request.transport()?,
        cancel: shutdown.soft.child_token(),
        remote: None,
    };
    let report = probe(context, context.endpoint(name)?, &options).await?;
    let passed = report.passed();
    let mut notices = notices.take();
    notices.extend(report.findings.iter().map(|finding| super::ActionNotice {
        level: if finding.level < crate::finding::Level::Unknown {
            super::NoticeLevel::Note
        } else {
            super::NoticeLevel::Warning
        },
        text: crate::text::printable(&finding.fact, super::NOTICE_SHOWN),
    }));
    Ok(ActionResult {
        text: format!(
            "`{name}` {}",
            if passed { "passed the test" } else { "failed the test" }
        ),
        ok: passed,
        records: report.exchanges.iter().map(|exchange| exchange.number).collect(),
        notices,
    })
}

/// Pauses everything, or ends that.
pub fn pause_all(context: &Context, paused: bool) -> Result<ActionResult> {
    let (context, notices) = CollectedNotices::of(context);
    let book = context.book();
    let endpoints = Endpoints {
        context: &context,
        store: &book,
        on: &|_| Ok(()),
    };
    endpoints.pause_all(paused)?;
    let text = if paused {
        "deliveries to endpoints are paused"
    } else {
        "deliveries to endpoints go on"
    };
    Ok(ActionResult {
        text: text.to_owned(),
        ok: true,
        records: Vec::new(),
        notices: notices.take(),
    })
}
