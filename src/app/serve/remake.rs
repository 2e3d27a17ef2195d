//! Makes the delivery of a record that was taken from the queue.

use std::sync::Arc;

use super::subscribers::Subscriber;
use super::trace::TraceContext;
use crate::app::context::Context;
use crate::app::replay;
use crate::engine::{Delivery, Label, Progress, Promise};
use crate::error::Result;
use crate::exchange::{SecretKind, SigningMode, Source};
use crate::store::TakenDelivery;
use crate::target::parse_url;
use crate::transport::AddressPolicy;

/// The delivery of an event to an endpoint, signed with the secrets that it has now. `None` when it was made in another way.
pub(super) fn of_endpoint(context: &Context, subscriber: &Subscriber, taken: &TakenDelivery) -> Option<Delivery> {
    let record = &taken.delivery;
    let is_own = record.source == Source::Serve && record.signing == SigningMode::Fresh;
    let is_known = matches!(
        &record.secret,
        Some(SecretKind::Endpoint(_) | SecretKind::Dev | SecretKind::None)
    );
    if !is_own || !is_known {
        return None;
    }
    let label = record.provider.as_deref()?;
    let addresses = record.addresses.as_deref().and_then(AddressPolicy::from_name)?;
    let mut delivery = Delivery {
        id: record.id,
        number: Some(taken.number),
        at: record.at,
        method: record.method.clone(),
        // Credentials among them are not in the ledger.
        headers: subscriber.headers(),
        addresses,
        progress: progress(taken),
        ..Delivery::new(
            &context.random,
            record.at,
            record.message.clone(),
            parse_url(&record.url).ok()?,
            subscriber.signing(context, label).ok()?,
            Arc::clone(record.policy.as_ref()?),
            Label {
                source: Source::Serve,
                provider: record.provider.clone(),
                endpoint: record.endpoint.clone(),
                promise: Promise::Queued,
                // A failure that was counted does not count again.
                health: subscriber.health(!taken.is_again),
                ..Label::default()
            },
        )
    };
    let trace = TraceContext::of_headers(|name| record.headers.all(name).collect());
    if let Some(trace) = trace {
        trace.pass_on(&mut delivery);
    }
    Some(delivery)
}

/// Any other delivery, as `hook replay --resume` makes it.
pub(super) fn of_record(context: &Context, taken: &TakenDelivery) -> Result<Delivery> {
    let mut delivery = replay::resumed(context, taken.number)?;
    delivery.progress = progress(taken);
    delivery.number = Some(taken.number);
    let label = Arc::make_mut(&mut delivery.label);
    label.promise = Promise::Queued;
    // As of a subscriber.
    if context.settings.notify.webhook.is_some() && context.settings.notify.webhook == label.endpoint {
        label.health = None;
    }
    Ok(delivery)
}

fn progress(taken: &TakenDelivery) -> Progress {
    let last = taken.delivery.attempts.last();
    Progress {
        attempts: taken.attempts,
        first_at: taken.first_at,
        next_due: None,
        due: None,
        retry_reason: last.map(|last| last.outcome.retry_reason()),
    }
}
