//! Records as JSON: what `hook log show --json` prints, and what the API of `hook serve` answers.

use serde_json::{Value, json};

use super::show::RecordDetails;
use crate::exchange::Attempt;
use crate::store::queue::ParkReason;
use crate::store::{DeliveryRecord, DeliveryState, ORPHAN};
use crate::text::{WithSchema, encoded, millis};

/// The fields of `hook.delivery/1`.
pub fn delivery(details: &RecordDetails, record: &DeliveryRecord) -> Value {
    let delivery = &record.delivery;
    let (message, execution) = (&delivery.message, delivery.execution.as_ref());
    let (body, body_base64) = encoded(&message.body);
    let mut fields = json!({
        "number": record.number,
        "id": delivery.id,
        "at": delivery.at,
        "source": delivery.source.name(),
        "origin": delivery.origin,
        "event": Some(&message.event).filter(|event| !event.is_empty()),
        "message": Some(&message.wire_id).filter(|id| !id.is_empty()),
        "message_record": (!record.is_orphan).then_some(message.id),
        "message_time": (!record.is_orphan).then_some(message.time),
        "mode": message.mode.name(),
        "provider": delivery.provider,
        "endpoint": delivery.endpoint,
        "workflow": execution.map(|of| &of.workflow),
        "reason": (execution.and_then(|of| of.note.as_deref())).or(record.is_orphan.then_some(ORPHAN)),
        "method": delivery.method,
        "url": delivery.url,
        "signing": delivery.signing.name(),
        "state": delivery.state.name(),
        "next_due": delivery.next_due,
        "parked": details.parked.map(ParkReason::name),
        "crashes": details.crashes,
        "owner_alive": (delivery.state == DeliveryState::Pending).then_some(details.is_worked_on),
        "delays_ms": delivery.delays.iter().map(|delay| millis(*delay)).collect::<Vec<_>>(),
        "attempts": delivery.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "deliveries": later(details),
        "size": details.size,
        "content_type": message.content_type,
        "headers": delivery.headers.lines(),
        "body": body,
        "body_base64": body_base64,
    });
    if let (Some(tenant), Some(fields)) = (&delivery.tenant, fields.as_object_mut()) {
        fields.insert("tenant".to_owned(), json!(tenant));
    }
    fields
}

/// The fields of one attempt.
pub fn attempt(attempt: &Attempt) -> Value {
    let (answer, error) = (attempt.outcome.answer(), attempt.outcome.error());
    let (body, body_base64) = answer.map_or((None, None), |answer| encoded(&answer.body));
    let mut fields = json!({
        "attempt": attempt.seq,
        "at": attempt.at,
        "took_ms": millis(attempt.took),
        "request_headers": attempt.request_headers.lines(),
        "request_body": attempt.request_body.as_deref().and_then(|body| encoded(body).0),
        "status": answer.map(|answer| answer.status),
        "error": error.map(|(kind, _)| kind),
        "detail": error.map(|(_, text)| text),
        "headers": answer.map(|answer| answer.headers.lines()),
        "body": body,
        "body_base64": body_base64,
        "truncated": answer.map(|answer| answer.truncated),
    });
    // Recorded only where the signature is in the body; elsewhere it equals the delivery's.
    if let Some(fields) = fields.as_object_mut().filter(|fields| fields["request_body"].is_null()) {
        fields.shift_remove("request_body");
    }
    fields
}

/// What forwards or repeats the record. Credentials of URLs are never revealed.
pub fn later(details: &RecordDetails) -> Vec<Value> {
    let later = details.later.iter().map(|summary| {
        // `--reveal` is about the record itself, not about the targets of others.
        let mut summary = summary.clone();
        summary.mask_target();
        json!(WithSchema {
            schema: "hook.record/1",
            record: &summary
        })
    });
    later.collect()
}
