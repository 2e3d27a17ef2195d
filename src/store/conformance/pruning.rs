//! What goes when the ledger is pruned.

use super::*;

pub(crate) fn old_records_go_and_young_ones_stay<F: Fixture>() {
    let mut store = F::new().open();
    for i in 0..600 {
        record_capture(&mut store, &capture(after(i), "a"));
    }
    let mut old = delivery(start(), "a");
    old.attempts = vec![answered(1, start(), 200, minutes(1))];
    let number = record_delivery(&mut store, &old);
    assert_eq!(store.prune(Some(after(590)), None).unwrap().records, 591);
    assert_eq!(store.get(number).unwrap(), None);
    let stats = store.stats(&Query::default()).unwrap();
    assert_eq!((stats.captures, stats.deliveries, stats.p50), (10, 0, None));
    assert_eq!(numbers(&store, &Query::default()).last(), Some(&591));
}

pub(crate) fn numbers_are_not_given_again<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record_delivery(&mut store, &delivery(start(), "a"));
    assert_eq!(store.prune(Some(after(1)), None).unwrap().records, 2);
    assert_eq!(record_capture(&mut store, &capture(after(2), "a")).number, 3);
    let query = Query {
        since: Some(after(1)),
        ..Query::default()
    };
    assert_eq!(numbers(&store, &query), [3]);
}

pub(crate) fn a_message_goes_with_its_last_delivery<F: Fixture>() {
    let mut store = F::new().open();
    let first = delivery(start(), "a");
    let again = |minute| NewDelivery {
        message: first.message.clone(),
        ..delivery(after(minute), "a")
    };
    let message = first.message.id.to_string();
    for delivery in [first.clone(), again(10), again(20)] {
        record_delivery(&mut store, &delivery);
    }
    for (minute, left) in [(5, vec![3, 2]), (15, vec![3]), (25, vec![])] {
        assert_eq!(store.prune(Some(after(minute)), None).unwrap().records, 1);
        let mut found = store.find(&message, 9).unwrap();
        found.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found, left);
        for number in left {
            assert_eq!(read_delivery(&store, number).delivery.message, first.message);
        }
    }
    record_delivery(&mut store, &again(30));
    assert_eq!(store.find(&message, 9).unwrap(), [4]);
}

pub(crate) fn the_oldest_go_until_the_rest_fits<F: Fixture>() {
    let mut store = F::new().open();
    for i in 0..1200 {
        let body = vec![b'x'; 2000].into();
        record_capture(
            &mut store,
            &NewCapture {
                body,
                ..capture(after(i), "a")
            },
        );
    }
    let gone = store.prune(None, Some(1_200_000)).unwrap().records;
    assert!((600..1100).contains(&gone), "{gone}");
    let mut query = Query::default();
    query.page.limit = usize::MAX;
    let left = numbers(&store, &query);
    assert_eq!(left, (gone + 1..=1200).rev().collect::<Vec<_>>());
    assert_eq!(store.prune(None, Some(1_200_000)).unwrap().records, 0);
}

pub(crate) fn deliveries_with_attempts_left_do_not_make_room<F: Fixture>() {
    let mut store = F::new().open();
    let pending = record_delivery(&mut store, &delivery(start(), "a"));
    let state = DeliveryState::Delivered;
    record_delivery(
        &mut store,
        &NewDelivery {
            state,
            ..delivery(start(), "a")
        },
    );
    assert_eq!(store.prune(None, Some(0)).unwrap().records, 1);
    assert_eq!(numbers(&store, &Query::default()), [pending]);
    assert_eq!(store.prune(Some(after(1)), Some(0)).unwrap().records, 1);
    assert_eq!(numbers(&store, &Query::default()), [0; 0]);
}

pub(crate) fn a_pruned_capture_makes_no_duplicates<F: Fixture>() {
    let fixture = F::new();
    let keyed = |at, key: u64| NewCapture {
        dedupe_key: Some(key.to_string()),
        ..capture(at, "a")
    };
    let mut store = fixture.open();
    for key in 0..200 {
        record_capture(&mut store, &keyed(start(), key));
    }
    assert_eq!(store.prune(Some(after(1)), None).unwrap().records, 200);
    for mut store in [store, fixture.open()] {
        for key in [0, 199] {
            assert_eq!(record_capture(&mut store, &keyed(after(2), key)).duplicate_of, None);
        }
        store.prune(Some(after(3)), None).unwrap();
    }
}

pub(crate) fn pruning_nothing_drops_nothing<F: Fixture>() {
    let mut store = F::new().open();
    assert_eq!(store.prune(Some(start()), Some(0)).unwrap().records, 0);
    record_capture(&mut store, &refused(start()));
    assert_eq!(store.prune(None, None).unwrap().records, 0);
    assert_eq!(store.prune(Some(start()), Some(1 << 30)).unwrap().records, 0);
}

pub(crate) fn one_record_is_removed_unless_something_is_left_to_do<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record_capture(&mut store, &capture(after(1), "a"));
    let pending = record_delivery(&mut store, &delivery(after(2), "a"));
    let mut done = delivery(after(3), "a");
    done.state = DeliveryState::Delivered;
    let done = record_delivery(&mut store, &done);
    assert_eq!(store.remove(2), Ok(true));
    assert_eq!(store.remove(2), Ok(false), "it is gone");
    assert_eq!(store.remove(99), Ok(false));
    assert_eq!(store.remove(pending), Ok(false), "attempts are left");
    assert_eq!(store.remove(done), Ok(true));
    assert_eq!(numbers(&store, &Query::default()), [3, 1]);
    assert_eq!(record_capture(&mut store, &capture(after(4), "b")).number, 5);
}
