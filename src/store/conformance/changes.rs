//! What becomes of recorded deliveries and captures.

use super::*;
use crate::store::DiagnosisNote;

pub(crate) fn an_attempt_moves_its_delivery_on<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "a");
    new.owner = Some("me".to_owned());
    let number = record_delivery(&mut store, &new);
    let first = unanswered(1, after(1), ErrorKind::Timeout);
    let op = Op::Attempt {
        delivery: new.id,
        number: None,
        attempt: Box::new(first.clone()),
        state: DeliveryState::Pending,
        next_due: Some(after(6)),
    };
    assert_eq!(record(&mut store, op).number, number);

    new.attempts = vec![first];
    new.next_due = Some(after(6));
    assert_eq!(read_delivery(&store, number).delivery, new);
}

pub(crate) fn a_repeated_attempt_replaces_the_earlier_one<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "a");
    new.attempts = vec![unanswered(1, start(), ErrorKind::Cancelled)];
    let number = record_delivery(&mut store, &new);
    let again = answered(1, after(1), 200, minutes(1));
    record(&mut store, finish(&new, again.clone()));
    let read = read_delivery(&store, number).delivery;
    assert_eq!(read.attempts, [again]);
    assert_eq!(store.list(&Query::default()).unwrap()[0].attempts, 1);
}

pub(crate) fn a_finished_delivery_has_neither_owner_nor_due_time<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "a");
    new.owner = Some("me".to_owned());
    new.next_due = Some(after(1));
    let number = record_delivery(&mut store, &new);
    record(&mut store, finish(&new, answered(1, after(1), 200, minutes(1))));
    let read = read_delivery(&store, number).delivery;
    assert_eq!(
        (read.state, read.owner, read.next_due),
        (DeliveryState::Delivered, None, None)
    );
}

pub(crate) fn a_parked_delivery_is_not_due<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "a");
    new.owner = Some("me".to_owned());
    new.next_due = Some(after(1));
    let number = record_delivery(&mut store, &new);
    let mut set = |state, owner: Option<&str>| {
        let op = Op::State {
            delivery: new.id,
            state,
            owner: owner.map(str::to_owned),
        };
        assert_eq!(record(&mut store, op).number, number);
        let read = read_delivery(&store, number).delivery;
        (read.state, read.owner, read.next_due)
    };
    let you = Some("you".to_owned());
    assert_eq!(
        set(DeliveryState::Pending, Some("you")),
        (DeliveryState::Pending, you, Some(after(1)))
    );
    assert_eq!(set(DeliveryState::Parked, None), (DeliveryState::Parked, None, None));
}

pub(crate) fn one_of_two_claims_succeeds<F: Fixture>() {
    let fixture = F::new();
    let (mut one, mut other) = (fixture.open(), fixture.open());
    let mut new = delivery(start(), "a");
    let number = record_delivery(&mut one, &new);
    let claim = |owner: &str, from: Option<&str>| Op::Claim {
        delivery: new.id,
        from: from.map(str::to_owned),
        owner: owner.to_owned(),
    };
    assert_eq!(record(&mut one, claim("one", None)).number, number);
    assert_eq!(record(&mut other, claim("other", None)), Ack::default());
    assert_eq!(record(&mut other, claim("other", Some("one"))).number, number);
    new.owner = Some("other".to_owned());
    assert_eq!(read_delivery(&one, number).delivery, new);

    record(&mut one, finish(&new, answered(1, after(1), 200, minutes(1))));
    assert_eq!(record(&mut other, claim("other", None)), Ack::default());
}

pub(crate) fn a_forwarded_capture_knows_where_it_went<F: Fixture>() {
    let mut store = F::new().open();
    let number = record_capture(&mut store, &capture(start(), "a")).number;
    for url in ["http://127.0.0.1:3000/", "http://127.0.0.1:3001/"] {
        let op = Op::Forwarded {
            capture: number,
            url: url.to_owned(),
        };
        assert_eq!(record(&mut store, op).number, number);
        let Some(Record::Capture(read)) = store.get(number).unwrap() else {
            panic!("no capture")
        };
        assert_eq!(read.forwarded_to.as_deref(), Some(url));
    }
}

pub(crate) fn changes_of_unknown_records_are_answered_with_number_0<F: Fixture>() {
    let mut store = F::new().open();
    let unknown = delivery(start(), "a");
    let ops = [
        finish(&unknown, answered(1, start(), 200, minutes(1))),
        Op::State {
            delivery: unknown.id,
            state: DeliveryState::Parked,
            owner: None,
        },
        Op::Claim {
            delivery: unknown.id,
            from: None,
            owner: "me".to_owned(),
        },
        Op::Forwarded {
            capture: 1,
            url: String::new(),
        },
        Op::Capture(Box::new(capture(start(), "a"))),
    ];
    let acks = store.write(&ops).unwrap();
    assert_eq!(acks.iter().map(|ack| ack.number).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
    assert_eq!(store.stats(&Query::default()).unwrap().attempts, 0);
}

pub(crate) fn finish(delivery: &NewDelivery, attempt: Attempt) -> Op {
    Op::Attempt {
        delivery: delivery.id,
        number: None,
        attempt: Box::new(attempt),
        state: DeliveryState::Delivered,
        next_due: None,
    }
}

pub(crate) fn a_refused_capture_keeps_why_until_it_is_pruned<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    let note = |cause: &str| DiagnosisNote {
        cause: cause.to_owned(),
        text: "the fact".to_owned(),
        hint: Some("the help".to_owned()),
    };
    let explained = |capture, note| Op::Explained {
        capture,
        note: Box::new(note),
    };
    let kept = |store: &F::Store| match store.get(1).unwrap() {
        Some(Record::Capture(capture)) => capture.diagnosis,
        _ => None,
    };
    assert_eq!(kept(&store), None);
    assert_eq!(record(&mut store, explained(1, note("first"))).number, 1);
    record(&mut store, explained(1, note("second")));
    assert_eq!(kept(&store), Some(note("second")));
    store.prune(Some(after(1)), None).unwrap();
    assert_eq!(record(&mut store, explained(1, note("late"))), Ack::default());
    assert_eq!(kept(&store), None);
}
