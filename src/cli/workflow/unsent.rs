//! Executions that send nothing, and are on record all the same.

use serde::Serialize;

use super::super::{runtime, send};
use crate::app::outgoing::{SendOptions, SendPlan};
use crate::cli::session::Session;
use crate::engine::Delivery;
use crate::error::Result;
use crate::exit::Exit;
use crate::mask;
use crate::pipeline::record;
use crate::store::{DeliveryState, Op, StoreError};

/// `{"schema":"hook.execution/1"}`: an execution that sent nothing.
#[derive(Serialize)]
struct ExecutionLine<'a> {
    schema: &'static str,
    workflow: &'a str,
    state: &'static str,
    number: u64,
    reason: &'a str,
}

/// Shows the request as it would go out.
pub(super) fn rehearse(session: &Session, args: &send::SendArgs, options: &SendOptions, name: &str) -> Result<Exit> {
    let deliveries = send::rehearse(session, args, options)?;
    let numbers = keep(
        session,
        &deliveries,
        DeliveryState::Rehearsed,
        "the workflow is in test",
    )?;
    session.ui.note(&format!(
        "workflow `{name}` is in test: #{} is what it would send to {}; nothing was sent",
        numbers.first().copied().unwrap_or_default(),
        deliveries
            .first()
            .map_or_else(String::new, |delivery| mask::url(delivery.url.as_str())),
    ));
    Ok(Exit::Ok)
}

/// Says why nothing is sent.
pub(super) fn skip(
    session: &Session,
    args: &send::SendArgs,
    options: &SendOptions,
    (name, why): (&str, &str),
) -> Result<Exit> {
    let deliveries = SendPlan::new(session, options)?.first_deliveries(session, args.bulk.random_seed)?;
    let numbers = keep(session, &deliveries, DeliveryState::Skipped, why)?;
    let number = numbers.first().copied().unwrap_or_default();
    session.ui.json(&ExecutionLine {
        schema: "hook.execution/1",
        workflow: name,
        state: DeliveryState::Skipped.name(),
        number,
        reason: why,
    })?;
    session
        .ui
        .warn(&format!("workflow `{name}` skipped the record, as #{number}: {why}"));
    Ok(Exit::Unmet)
}

/// Records deliveries that are not made. Returns their numbers.
fn keep(session: &Session, deliveries: &[Delivery], state: DeliveryState, why: &str) -> Result<Vec<u64>> {
    let ledger = session.ledger();
    let numbers = runtime()?.block_on(async {
        let mut numbers = Vec::new();
        for delivery in deliveries {
            let mut kept = record(delivery, None);
            kept.state = state;
            if let Some(execution) = &mut kept.execution {
                execution.note = Some(why.to_owned());
            }
            numbers.push(ledger.write(Op::Delivery(Box::new(kept))).await?.number);
        }
        Ok::<_, StoreError>(numbers)
    })?;
    ledger.close();
    Ok(numbers)
}
