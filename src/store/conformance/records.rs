//! What is written reads back.

use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use super::*;
use crate::provider::policy::{Codes, Exhaustion, Policy, RetryOn, RunFrom, Schedule};
use crate::store::{Capture, RecordKind};

pub(crate) fn a_capture_reads_back_as_it_was_written<F: Fixture>() {
    let mut store = F::new().open();
    let plain = capture(start(), "job.paid");
    let odd = NewCapture {
        headers: Headers::new(),
        body: vec![0, 0xff, b'\n', 0, 0xc3].into(),
        provider: None,
        event: None,
        event_id: None,
        verdict: VerdictNote {
            name: "refused".to_owned(),
            reason: Some("body-changed".to_owned()),
            detail: None,
            secret: None,
        },
        target: "/\u{fc}?\u{0}".to_owned(),
        ..plain.clone()
    };
    let keyed = NewCapture {
        dedupe_key: Some("job.paid:40".to_owned()),
        body: Bytes::new(),
        at: Timestamp::from_unix_us(-1),
        ..plain.clone()
    };
    for request in [plain, odd, keyed] {
        let number = record_capture(&mut store, &request).number;
        let expected = Capture {
            number,
            request,
            duplicate_of: None,
            forwarded_to: None,
            processing: Vec::new(),
            diagnosis: None,
            sealed: Vec::new(),
        };
        assert_eq!(store.get(number).unwrap(), Some(Record::Capture(Box::new(expected))));
    }
}

pub(crate) fn a_delivery_reads_back_with_its_attempts<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "job.paid");
    new.message.mode = Mode::Test;
    new.message.time = Timestamp::from_unix_us(1_893_553_445_123_456);
    new.message.body = vec![0xff, 0, b'a'].into();
    new.headers = [("x-mine", "1")].into_iter().collect();
    new.signing = SigningMode::AsCaptured;
    new.origin = Some(12);
    new.execution = Some(Execution {
        workflow: "welcome".to_owned(),
        note: Some("why".to_owned()),
        secret_header: Some("x-key".to_owned()),
    });
    new.secret = Some(SecretKind::Given(vec!["env:A".to_owned(), String::new()]));
    new.policy = Some(policy(503));
    new.addresses = Some("public".to_owned());
    new.delays = vec![Duration::ZERO, Duration::from_nanos(300_000_001), minutes(60)];
    new.owner = Some("somebody".to_owned());
    new.next_due = Some(after(5));
    let mut long = answered(2, after(1), 503, Duration::from_nanos(1_234_567));
    if let Outcome::Answer(answer) = &mut long.outcome {
        answer.body = vec![0xfe; 64 * 1024].into();
        answer.truncated = true;
        answer.note = Some("over HTTP/2".to_owned());
    }
    long.request_body = Some(br#"{"signature":"abc"}"#.as_slice().into());
    new.attempts = vec![unanswered(1, start(), ErrorKind::Connect), long];

    let number = record_delivery(&mut store, &new);
    assert_eq!(
        read_delivery(&store, number),
        DeliveryRecord {
            number,
            delivery: new,
            sealed: Vec::new(),
            is_again: false,
            is_orphan: false,
        }
    );
}

pub(crate) fn every_state_source_and_failure_reads_back<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = delivery(start(), "");
    new.message.body = Bytes::new();
    new.endpoint = None;
    new.provider = None;
    for state in [
        "pending",
        "delivered",
        "failed",
        "parked",
        "tested",
        "skipped",
        "rehearsed",
    ] {
        new.state = DeliveryState::from_name(state).unwrap();
        for source in ["send", "replay", "forward", "test"] {
            new.source = Source::from_name(source).unwrap();
            let number = record_delivery(&mut store, &new);
            assert_eq!(read_delivery(&store, number).delivery, new);
        }
    }
    let kinds = [
        "dns",
        "resolver",
        "connect",
        "tls",
        "timeout",
        "protocol",
        "cancelled",
        "blocked",
    ];
    new.attempts = (1..)
        .zip(kinds)
        .map(|(seq, kind)| unanswered(seq, start(), ErrorKind::from_name(kind).unwrap()))
        .collect();
    let number = record_delivery(&mut store, &new);
    assert_eq!(read_delivery(&store, number).delivery, new);
}

pub(crate) fn numbers_are_shared_and_have_no_gaps<F: Fixture>() {
    let mut store = F::new().open();
    let capture = || Op::Capture(Box::new(capture(start(), "a")));
    let delivery = || Op::Delivery(Box::new(delivery(start(), "a")));
    let acks = store.write(&[capture(), delivery(), delivery(), capture()]).unwrap();
    assert_eq!(acks.iter().map(|ack| ack.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(record(&mut store, delivery()).number, 5);
    assert_eq!(record(&mut store, capture()).number, 6);
    let kinds: Vec<_> = store.list(&Query::default()).unwrap().iter().map(|s| s.kind).collect();
    let (c, d) = (RecordKind::Capture, RecordKind::Delivery);
    assert_eq!(kinds, [c, d, c, d, d, c]);
}

pub(crate) fn a_number_that_was_never_given_is_no_record<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    for number in [0, 2, u64::MAX] {
        assert_eq!(store.get(number).unwrap(), None);
    }
}

pub(crate) fn an_empty_group_changes_nothing<F: Fixture>() {
    let mut store = F::new().open();
    assert_eq!(store.write(&[]).unwrap(), []);
    assert_eq!(store.list(&Query::default()).unwrap(), []);
}

pub(crate) fn one_message_serves_several_deliveries<F: Fixture>() {
    let mut store = F::new().open();
    let first = delivery(start(), "a");
    let second = NewDelivery {
        message: first.message.clone(),
        url: "http://127.0.0.1:4401/".to_owned(),
        ..delivery(after(1), "a")
    };
    let numbers = [
        record_delivery(&mut store, &first),
        record_delivery(&mut store, &second),
    ];
    for (number, expected) in numbers.iter().zip([first.clone(), second]) {
        assert_eq!(read_delivery(&store, *number).delivery, expected);
    }
    let mut found = store.find(&first.message.id.to_string(), 5).unwrap();
    found.sort_unstable();
    assert_eq!(found, numbers);
}

pub(crate) fn the_same_id_twice_makes_two_records<F: Fixture>() {
    let mut store = F::new().open();
    let one = delivery(start(), "a");
    let mut other = one.clone();
    other.message.body = "other".into();
    let numbers = [record_delivery(&mut store, &one), record_delivery(&mut store, &other)];
    assert_eq!(read_delivery(&store, numbers[0]).delivery, one);
    assert_eq!(read_delivery(&store, numbers[1]).delivery, other);
    let capture = capture(start(), "a");
    assert_ne!(
        record_capture(&mut store, &capture),
        record_capture(&mut store, &capture)
    );
    assert_eq!(store.find(&capture.id.to_string(), 5).unwrap().len(), 2);
}

pub(crate) fn two_stores_give_numbers_in_turn<F: Fixture>() {
    let fixture = F::new();
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let mut store = fixture.open();
            thread::spawn(move || {
                let groups = (0..50).map(|_| {
                    let ops = [
                        Op::Capture(Box::new(capture(start(), "a"))),
                        Op::Delivery(Box::new(delivery(start(), "a"))),
                    ];
                    store.write(&ops).unwrap()
                });
                groups.flatten().map(|ack| ack.number).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut numbers: Vec<u64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}

pub(crate) fn deliveries_keep_their_rules_apart<F: Fixture>() {
    let place = F::new();
    let mut store = place.open();
    let shared = policy(410);
    let policies = [
        Some(Arc::clone(&shared)),
        None,
        Some(policy(429)),
        Some(shared),
        Some(policy(410)),
    ];
    let all: Vec<NewDelivery> = policies
        .into_iter()
        .map(|policy| NewDelivery {
            policy,
            ..delivery(start(), "job.paid")
        })
        .collect();
    let ops: Vec<Op> = all.iter().map(|new| Op::Delivery(Box::new(new.clone()))).collect();
    let acks = store.write(&ops).unwrap();
    for (ack, new) in acks.iter().zip(all) {
        assert_eq!(read_delivery(&store, ack.number).delivery, new);
    }
}

/// Rules that differ from the defaults in every part.
fn policy(stop: u16) -> Arc<Policy> {
    let codes = |code: u16| Codes::parse(&[code.to_string()]).unwrap();
    Arc::new(Policy {
        timeout: Duration::from_millis(1500),
        success: Codes::parse(&["200-204", "409"]).unwrap(),
        schedule: Schedule {
            delays: vec![Duration::from_nanos(300_000_001)],
            from: RunFrom::First,
            jitter: Some(0.1),
            honour_retry_after: codes(429),
            retry_on: RetryOn::Only {
                codes: codes(500),
                errors: true,
                kinds: vec![ErrorKind::Timeout],
            },
            overload: None,
            stop_on: codes(stop),
            stop_on_header: Some(("x-stop".to_owned(), "1".to_owned())),
            disable_on: codes(410),
            then: Exhaustion::DisableEndpoint { after: 3 },
            notify: Some("email".to_owned()),
            instead: Some("nothing".to_owned()),
        },
    })
}

pub(crate) fn a_delivery_whose_event_is_gone_is_shown_as_such<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    let mut new = delivery(start(), "a");
    new.state = DeliveryState::Failed;
    new.attempts = vec![answered(1, start(), 503, minutes(0))];
    let number = record_delivery(&mut store, &new);
    fixture.drop_messages();
    let found = read_delivery(&store, number);
    assert!(found.is_orphan);
    assert_eq!((found.delivery.id, found.delivery.attempts), (new.id, new.attempts));
    assert_eq!(
        found.delivery.message,
        Message {
            event: "a".to_owned(),
            ..Message::default()
        }
    );
    let listed = store.list(&Query::default()).unwrap();
    let reason = listed[0].reason.clone().unwrap_or_default();
    assert!(reason.ends_with(crate::store::ORPHAN), "{reason}");
    assert_eq!(store.find(&new.id.to_string(), 2).unwrap(), [number]);
    // What comes later has its event.
    let later = record_delivery(&mut store, &delivery(start(), "b"));
    assert!(!read_delivery(&store, later).is_orphan);
    assert_eq!(store.list(&Query::default()).unwrap()[0].reason, None);
}
