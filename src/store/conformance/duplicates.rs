//! Captures of the same event, with the window of 24 hours that a store has unless told otherwise.

use super::*;

const DAY: u64 = 24 * 60;

fn keyed(at: Timestamp, key: &str) -> NewCapture {
    NewCapture {
        dedupe_key: Some(key.to_owned()),
        ..capture(at, "a")
    }
}

fn duplicate_of(store: &mut impl Store, capture: &NewCapture) -> Option<u64> {
    let ack = record_capture(store, capture);
    let Some(Record::Capture(read)) = store.get(ack.number).unwrap() else {
        panic!("no capture")
    };
    assert_eq!(read.duplicate_of, ack.duplicate_of);
    ack.duplicate_of
}

pub(crate) fn the_same_event_within_the_window_is_a_duplicate<F: Fixture>() {
    let mut store = F::new().open();
    assert_eq!(duplicate_of(&mut store, &keyed(start(), "1")), None);
    assert_eq!(duplicate_of(&mut store, &keyed(start(), "2")), None);
    assert_eq!(duplicate_of(&mut store, &keyed(after(DAY), "1")), Some(1));
    assert_eq!(duplicate_of(&mut store, &keyed(after(DAY).shifted_us(1), "2")), None);
    assert_eq!(duplicate_of(&mut store, &keyed(after(DAY + 1), "2")), Some(4));
}

pub(crate) fn a_duplicate_of_a_duplicate_leads_to_the_first<F: Fixture>() {
    let mut store = F::new().open();
    for (hours, expected) in [
        (0, None),
        (20, Some(1)),
        (40, Some(1)),
        (60, Some(1)),
        (85, None),
        (86, Some(5)),
    ] {
        assert_eq!(duplicate_of(&mut store, &keyed(after(hours * 60), "1")), expected);
    }
}

pub(crate) fn events_differ_by_provider_but_not_by_variant<F: Fixture>() {
    let mut store = F::new().open();
    let of = |provider: Option<&str>, key: &str| NewCapture {
        provider: provider.map(str::to_owned),
        ..keyed(start(), key)
    };
    let cases = [
        (Some("hoopai"), "1", None),
        (Some("slotflow"), "1", None),
        (None, "1", None),
        (Some("hoopai@overview"), "1", Some(1)),
        (None, "1", Some(3)),
        (Some("hoopai1"), "", None),
        (Some("hoopai"), "11", None),
    ];
    for (provider, key, expected) in cases {
        assert_eq!(
            duplicate_of(&mut store, &of(provider, key)),
            expected,
            "{provider:?} {key}"
        );
    }
}

pub(crate) fn captures_without_a_key_are_never_duplicates<F: Fixture>() {
    let mut store = F::new().open();
    for _ in 0..2 {
        assert_eq!(duplicate_of(&mut store, &capture(start(), "a")), None);
    }
}

pub(crate) fn duplicates_are_known_to_every_store<F: Fixture>() {
    let fixture = F::new();
    let (mut one, mut other) = (fixture.open(), fixture.open());
    assert_eq!(duplicate_of(&mut one, &keyed(start(), "1")), None);
    assert_eq!(duplicate_of(&mut other, &keyed(start(), "2")), None);
    assert_eq!(duplicate_of(&mut one, &keyed(start(), "2")), Some(2));
    assert_eq!(duplicate_of(&mut other, &keyed(start(), "1")), Some(1));
    record_delivery(&mut other, &delivery(start(), "a"));
    assert_eq!(duplicate_of(&mut one, &keyed(start(), "1")), Some(1));
}

pub(crate) fn duplicates_are_known_after_opening_again<F: Fixture>() {
    let fixture = F::new();
    for expected in [None, Some(1), Some(1)] {
        let mut store = fixture.open();
        assert_eq!(duplicate_of(&mut store, &keyed(start(), "1")), expected);
    }
}

pub(crate) fn duplicates_are_found_among_many_events<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    let events = |minute, count| (0..count).map(move |i| Op::Capture(Box::new(keyed(after(minute), &i.to_string()))));
    let first: Vec<Op> = events(0, 500).collect();
    let acks = store.write(&first).unwrap();
    assert!(acks.iter().all(|ack| ack.duplicate_of.is_none()));
    let second: Vec<Op> = events(1, 600).collect();
    for chunk in second.chunks(70) {
        drop(fixture.open().write(chunk).unwrap());
    }
    let mut query = Query::default();
    query.page.limit = usize::MAX;
    query.page.oldest_first = true;
    let listed = fixture.open().list(&query).unwrap();
    for (summary, i) in listed[500..].iter().zip(0_u64..) {
        assert_eq!(summary.duplicate_of, (i < 500).then_some(i + 1));
    }
    assert_eq!(listed.len(), 1100);
    assert_eq!(duplicate_of(&mut store, &keyed(after(2), "0")), Some(1));
    assert_eq!(duplicate_of(&mut store, &keyed(after(2), "599")), Some(1100));
    assert_eq!(duplicate_of(&mut store, &keyed(after(2), "600")), None);
}
