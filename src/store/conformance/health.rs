//! The health of endpoints.

use super::changes::finish;
use super::*;
use crate::health::{DeliveryOutcome, DisableRule, Disabled, DisabledBy, EndedDelivery, Health, HealthChange};
use crate::store::QueueOp;
use crate::store::queue::{Intake, NewEvent, NewQueued, ParkReason, SERVICE};

fn ended(outcome: DeliveryOutcome, at: Timestamp) -> EndedDelivery {
    EndedDelivery {
        id: "ep_1".to_owned(),
        name: "a".to_owned(),
        provider: "acme".to_owned(),
        notify: Some("email".to_owned()),
        outcome,
        rule: DisableRule::InARow(2),
        began: at,
        at,
    }
}

fn change(store: &mut impl Store, change: HealthChange) -> Ack {
    record(store, Op::Health(change))
}

fn end(store: &mut impl Store, outcome: DeliveryOutcome, at: Timestamp) -> Ack {
    change(store, HealthChange::Ended(Box::new(ended(outcome, at))))
}

fn health(store: &impl Store) -> Option<Health> {
    store.health().unwrap().remove("ep_1")
}

pub(crate) fn the_end_of_a_delivery_is_counted_with_its_attempt_and_may_disable<F: Fixture>() {
    let mut store = F::new().open();
    let made = delivery(start(), "a");
    let number = record_delivery(&mut store, &made);
    end(&mut store, DeliveryOutcome::Failed, after(1));
    assert_eq!(store.owner_notices("ep_1", 9).unwrap(), []);
    let last = HealthChange::Ended(Box::new(ended(DeliveryOutcome::Failed, after(2))));
    let attempt = finish(&made, answered(1, after(2), 500, minutes(1)));
    let ack = record(&mut store, Op::Together(vec![attempt, Op::Health(last)]));
    assert_eq!(ack.number, number);
    let disabled = ack.disabled.unwrap();
    assert_eq!((&*disabled.id, &*disabled.endpoint), ("ep_1", "a"));
    let known = health(&store).unwrap();
    assert_eq!((known.failed, known.failing_since), (2, Some(after(1))));
    assert_eq!(known.disabled.map(|disabled| disabled.since), Some(after(2)));
    assert_eq!(
        end(&mut store, DeliveryOutcome::Failed, after(3)).disabled,
        None,
        "it is"
    );
    let told = store.owner_notices("ep_1", 9).unwrap();
    assert_eq!((told.len(), told[0].at, &*told[0].kind), (1, after(2), "disabled"));
    assert_eq!(told[0].told["reason"], "2 deliveries in a row failed");
    assert_eq!(told[0].told["notified_by"], "email");
    assert_eq!(store.owner_notices("ep_2", 9).unwrap(), []);
}

pub(crate) fn health_reads_back_and_ends_with_its_endpoint<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    assert_eq!(health(&store), None);
    end(&mut store, DeliveryOutcome::Delivered, after(1));
    end(&mut store, DeliveryOutcome::Gone, after(2));
    let known = health(&fixture.open()).unwrap();
    assert_eq!((known.failed, known.succeeded_at), (1, Some(after(1))));
    let disabled = Disabled {
        reason: DisabledBy::Answer,
        detail: None,
        since: after(2),
    };
    assert_eq!(known.disabled, Some(disabled));
    let pause = QueueOp::Pause {
        lane: Some("ep_1".to_owned()),
        at: Some(after(2)),
    };
    record(&mut store, Op::Queue(pause));
    let id = "ep_1".to_owned();
    change(
        &mut store,
        HealthChange::Enabled {
            id: id.clone(),
            at: after(3),
        },
    );
    let known = health(&store).unwrap();
    assert_eq!(
        (known.failed, known.disabled, known.enabled_at),
        (0, None, Some(after(3)))
    );
    assert_eq!(known.succeeded_at, Some(after(1)));
    assert_eq!(store.paused().unwrap(), ["ep_1"], "enabling is not resuming");
    change(&mut store, HealthChange::Removed { id });
    assert_eq!((health(&store), store.paused().unwrap().len()), (None, 0));
}

pub(crate) fn what_an_earlier_hook_wrote_counts_less_than_what_is_known<F: Fixture>() {
    let mut store = F::new().open();
    let disabled = Some(Disabled {
        reason: DisabledBy::FailedDeliveries,
        detail: Some("why".to_owned()),
        since: after(1),
    });
    let old = Health {
        failed: 7,
        disabled: disabled.clone(),
        ..Health::default()
    };
    let kept = || HealthChange::Kept {
        id: "ep_1".to_owned(),
        health: Box::new(old.clone()),
    };
    change(&mut store, kept());
    assert_eq!(health(&store), Some(old.clone()));
    let id = "ep_1".to_owned();
    change(&mut store, HealthChange::Enabled { id, at: after(3) });
    end(&mut store, DeliveryOutcome::Failed, after(4));
    change(&mut store, kept());
    let known = health(&store).unwrap();
    assert_eq!((known.failed, known.disabled), (1, disabled));
}

pub(crate) fn an_endpoint_that_was_enabled_keeps_what_waits<F: Fixture>() {
    let mut store = F::new().open();
    let queued = NewQueued {
        delivery: delivery(start(), "a"),
        lane: "ep_1".to_owned(),
        taken: false,
    };
    let event = NewEvent {
        id: "msg_1".to_owned(),
        at: start(),
        name: "a".to_owned(),
        mode: Mode::Live,
        data: None,
        tenant: None,
        deliveries: vec![queued],
    };
    let intake = Intake {
        owner: SERVICE.to_owned(),
        key: None,
        events: vec![event],
    };
    record(&mut store, Op::Queue(QueueOp::Accept(Box::new(intake))));
    let id = "ep_1".to_owned();
    change(&mut store, HealthChange::Enabled { id, at: after(1) });
    let mut park = |enabled_at| {
        let op = QueueOp::ParkLane {
            owner: SERVICE.to_owned(),
            lane: "ep_1".to_owned(),
            reason: ParkReason::Disabled,
            enabled_at,
            limit: 9,
        };
        record(&mut store, Op::Queue(op)).number
    };
    assert_eq!(park(None), 0, "it was found disabled before that");
    assert_eq!(park(Some(after(1))), 1);
}
