//! The history of workflows: runs that send nothing are on record too.

use bytes::Bytes;

use super::UnsentExecution;
use crate::app::context::Context;
use crate::config::workflow::WorkflowMethod;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::exchange::{Execution, SecretKind, SigningMode, Source};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::mask;
use crate::message::{Message, Mode};
use crate::pipeline;
use crate::store::{DeliveryState, NewDelivery, Op};

/// Records what a workflow in test would send, and reports it.
pub async fn record_rehearsed(context: &Context, name: &str, deliveries: &[Delivery]) -> Result<()> {
    let number = record_unsent(context, deliveries, DeliveryState::Rehearsed, "the workflow is in test").await?;
    let url = deliveries.first().map(|delivery| mask::url(delivery.url.as_str()));
    context.notices.note(format!(
        "workflow `{name}` is in test: #{number} is what it would send to {}; nothing was sent",
        url.unwrap_or_default()
    ));
    Ok(())
}

/// Records what a workflow does not send, and why.
pub async fn record_skipped(
    context: &Context,
    name: &str,
    deliveries: &[Delivery],
    why: &str,
) -> Result<UnsentExecution> {
    let number = record_unsent(context, deliveries, DeliveryState::Skipped, why).await?;
    context
        .notices
        .warn(format!("workflow `{name}` skipped the record, as #{number}: {why}"));
    Ok(UnsentExecution {
        workflow: name.to_owned(),
        state: DeliveryState::Skipped.name(),
        number,
        reason: why.to_owned(),
    })
}

/// Records a run whose request could not be built. What the workflow is not, or may not do, is no run.
pub async fn record_failed(context: &Context, name: &str, error: &Error) -> Result<()> {
    let Some(file) = context
        .settings
        .workflows
        .get(name)
        .filter(|_| error.exit == Exit::Usage)
    else {
        return Ok(());
    };
    let now = context.now();
    let message = Message {
        id: Id::new(IdKind::Message, now, &context.random),
        wire_id: String::new(),
        event: String::new(),
        time: now,
        mode: Mode::default(),
        content_type: String::new(),
        body: Bytes::new(),
    };
    let failed = NewDelivery {
        id: Id::new(IdKind::Delivery, now, &context.random),
        at: now,
        message,
        provider: file.provider.clone(),
        endpoint: None,
        tenant: None,
        // As it is written: its tags may be what is wrong.
        url: file.url.clone().unwrap_or_default(),
        method: file.method.map_or("POST", WorkflowMethod::name).to_owned(),
        headers: Headers::new(),
        signing: SigningMode::AsCaptured,
        secret: Some(SecretKind::None),
        policy: None,
        addresses: None,
        source: Source::Send,
        origin: None,
        execution: Some(Execution {
            workflow: name.to_owned(),
            note: Some(error.to_string()),
            ..Execution::default()
        }),
        delays: Vec::new(),
        owner: None,
        state: DeliveryState::Skipped,
        next_due: None,
        attempts: Vec::new(),
    };
    let ledger = context.ledger();
    ledger.write(Op::Delivery(Box::new(failed))).await?;
    ledger.close();
    Ok(())
}

/// Records deliveries that are not made. Returns the number of the first.
async fn record_unsent(context: &Context, deliveries: &[Delivery], state: DeliveryState, why: &str) -> Result<u64> {
    let ledger = context.ledger();
    let mut first = None;
    for delivery in deliveries {
        let mut kept = pipeline::record(delivery, None);
        kept.state = state;
        if let Some(execution) = &mut kept.execution {
            execution.note = Some(why.to_owned());
        }
        let number = ledger.write(Op::Delivery(Box::new(kept))).await?.number;
        first.get_or_insert(number);
    }
    ledger.close();
    Ok(first.unwrap_or_default())
}
