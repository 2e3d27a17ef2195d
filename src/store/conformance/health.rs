//! The health of endpoints.

use super::changes::finish;
use super::*;
use crate::health::{DeliveryOutcome, DisableRule, Disabled, DisabledBy, Health, HealthChange, HealthReport};
use crate::owner_notice::{FailedAttempt, NoticeChange, NoticeChannel, NoticeKind, NoticePlan};
use crate::store::QueueOp;
use crate::store::queue::{Intake, NewEvent, NewQueued, ParkReason, SERVICE};

fn ended(outcome: DeliveryOutcome, at: Timestamp) -> HealthReport {
    HealthReport {
        id: "ep_1".to_owned(),
        name: "a".to_owned(),
        provider: "acme".to_owned(),
        notify: Some("email".to_owned()),
        outcome,
        rule: DisableRule::InARow(2),
        began: at,
        at,
        attempt: None,
        notices: NoticePlan::default(),
    }
}

fn change(store: &mut impl Store, change: HealthChange) -> Ack {
    record(store, Op::Health(change))
}

fn end(store: &mut impl Store, outcome: DeliveryOutcome, at: Timestamp) -> Ack {
    change(store, HealthChange::Reported(Box::new(ended(outcome, at))))
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
    let last = HealthChange::Reported(Box::new(ended(DeliveryOutcome::Failed, after(2))));
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
    assert_eq!(
        (told.len(), told[0].at, &*told[0].kind),
        (1, after(2), "endpoint.disabled")
    );
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
        book: None,
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

/// What that channel has to do, by the beginnings of its notices.
fn tasks(store: &impl Store, channel: NoticeChannel, now: Timestamp) -> Vec<(u64, NoticeKind, u32)> {
    let tasks = store.notice_tasks(channel, now, 99).unwrap();
    tasks.iter().map(|task| (task.number, task.kind, task.tries)).collect()
}

pub(crate) fn each_channel_has_a_notice_to_do_until_it_is_told<F: Fixture>() {
    use NoticeChannel::{Exec, Mail, Webhook};
    use NoticeKind::{EndpointDisabled, EndpointDisabling};
    let fixture = F::new();
    let mut store = fixture.open();
    let failed = |second| HealthReport {
        notices: NoticePlan::new(&[EndpointDisabled, EndpointDisabling], &[Mail, Exec]),
        attempt: Some(FailedAttempt {
            attempt: 6,
            ..FailedAttempt::default()
        }),
        ..ended(DeliveryOutcome::Failed, after(second))
    };
    change(&mut store, HealthChange::Reported(Box::new(failed(1))));
    change(&mut store, HealthChange::Reported(Box::new(failed(2))));
    let both = [(1, EndpointDisabling, 0), (2, EndpointDisabled, 0)];
    for channel in [Mail, Exec] {
        assert_eq!(tasks(&store, channel, after(0)), [], "not before it came up");
        assert_eq!(tasks(&store, channel, after(9)), both);
    }
    assert_eq!(tasks(&store, Webhook, after(9)), []);
    let note = |number, channel, due| Op::Notice(NoticeChange { number, channel, due });
    record(&mut store, note(1, Mail, None));
    record(&mut store, note(2, Mail, Some(after(20))));
    drop(store);
    let store = fixture.open();
    assert_eq!(tasks(&store, Mail, after(19)), []);
    assert_eq!(tasks(&store, Mail, after(20)), [(2, EndpointDisabled, 1)]);
    assert_eq!(tasks(&store, Exec, after(9)), both);
    let told = store.notice_tasks(Exec, after(9), 1).unwrap().remove(0);
    assert_eq!(
        (told.at, &*told.data.endpoint, &*told.data.endpoint_id),
        (after(1), "a", "ep_1")
    );
    assert_eq!(told.data.attempt.unwrap().attempt, 6);
}

pub(crate) fn there_is_one_mail_for_an_endpoint_a_reason_and_a_day<F: Fixture>() {
    let mut store = F::new().open();
    let mut disable = |outcome, minute| {
        let report = HealthReport {
            notices: NoticePlan::new(&[NoticeKind::EndpointDisabled], NoticeChannel::ALL),
            rule: DisableRule::InARow(1),
            ..ended(outcome, start().plus(minutes(minute)))
        };
        change(&mut store, HealthChange::Reported(Box::new(report)));
        let (id, at) = ("ep_1".to_owned(), start().plus(minutes(minute)));
        change(&mut store, HealthChange::Enabled { id, at });
        let count = |channel| tasks(&store, channel, start().plus(minutes(9999))).len();
        (count(NoticeChannel::Mail), count(NoticeChannel::Webhook))
    };
    let day = 24 * 60;
    for (outcome, minute, counts) in [
        (DeliveryOutcome::Failed, 1, (1, 1)),
        (DeliveryOutcome::Failed, 2, (1, 2)),
        (DeliveryOutcome::Gone, 3, (2, 3)),
        (DeliveryOutcome::Failed, day, (2, 4)),
        (DeliveryOutcome::Failed, day + 1, (3, 5)),
    ] {
        assert_eq!(disable(outcome, minute), counts, "{outcome:?} {minute}");
    }
}

pub(crate) fn notices_about_attempts_go_when_they_are_told_and_the_oldest_when_there_are_many<F: Fixture>() {
    use NoticeKind::{AttemptFailed, DeliveryFailed};
    let mut store = F::new().open();
    let report = |outcome| HealthReport {
        notices: NoticePlan::new(&[AttemptFailed, DeliveryFailed], &[NoticeChannel::Exec]),
        rule: DisableRule::Never,
        ..ended(outcome, after(1))
    };
    let retried = DeliveryOutcome::Retried {
        after: minutes(1),
        is_last: false,
    };
    change(&mut store, HealthChange::Reported(Box::new(report(retried))));
    change(
        &mut store,
        HealthChange::Reported(Box::new(report(DeliveryOutcome::Failed))),
    );
    let all = tasks(&store, NoticeChannel::Exec, after(9));
    assert_eq!(
        all,
        [(1, AttemptFailed, 0), (2, AttemptFailed, 0), (3, DeliveryFailed, 0)]
    );
    for (number, _, _) in all {
        let (channel, due) = (NoticeChannel::Exec, None);
        record(&mut store, Op::Notice(NoticeChange { number, channel, due }));
    }
    assert_eq!(store.owner_notices("ep_1", 9).unwrap(), []);
    let many = vec![Op::Health(HealthChange::Reported(Box::new(report(retried)))); 10_003];
    store.write(&many).unwrap();
    let left = store
        .notice_tasks(NoticeChannel::Exec, after(9), usize::MAX >> 1)
        .unwrap();
    // The oldest are gone, whatever the numbers begin with.
    let numbers: Vec<u64> = left.iter().map(|task| task.number).collect();
    assert_eq!((numbers.len(), numbers[9_999] - numbers[0]), (10_000, 9_999));
    assert!(numbers[0] > 3, "{}", numbers[0]);
}
