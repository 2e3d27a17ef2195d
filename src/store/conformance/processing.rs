//! Commands that failed for captures.

use super::*;
use crate::store::{EventStats, FailedProcessing, Processing};

fn ended(capture: u64, command: &str, at: Timestamp, error: Option<&str>) -> Op {
    Op::Processed {
        capture,
        command: command.to_owned(),
        at,
        error: error.map(str::to_owned),
    }
}

fn failed(capture: u64, command: &str, at: Timestamp) -> Op {
    ended(capture, command, at, Some("exit 3"))
}

fn processing(store: &impl Store, number: u64) -> Vec<Processing> {
    match store.get(number).unwrap() {
        Some(Record::Capture(capture)) => capture.processing,
        other => panic!("no capture: {other:?}"),
    }
}

fn unprocessed() -> Query {
    Query {
        unprocessed: true,
        ..Query::default()
    }
}

pub(crate) fn a_command_that_failed_is_kept_until_it_succeeds<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    assert_eq!(record(&mut store, ended(1, "./run", start(), None)), Ack::default());
    assert_eq!(processing(&store, 1), []);

    assert_eq!(record(&mut store, failed(1, "./run", after(1))).number, 1);
    record(&mut store, ended(1, "./run", after(2), Some("signal 9")));
    let mut expected = Processing {
        command: "./run".to_owned(),
        tries: 2,
        first_at: after(1),
        last_at: after(2),
        error: "signal 9".to_owned(),
        owner: None,
        mended_at: None,
    };
    assert_eq!(processing(&store, 1), [expected.clone()]);
    assert_eq!(store.unprocessed(&Query::default()).unwrap(), [(1, expected.clone())]);

    assert_eq!(record(&mut store, ended(1, "./run", after(3), None)).number, 1);
    expected.mended_at = Some(after(3));
    assert_eq!(processing(&store, 1), [expected]);
    assert_eq!(store.unprocessed(&Query::default()).unwrap(), []);
    assert_eq!(numbers(&store, &unprocessed()), [0; 0]);

    record(&mut store, failed(1, "./run", after(4)));
    let again = processing(&store, 1).remove(0);
    assert_eq!((again.tries, again.mended_at), (3, None));
}

pub(crate) fn of_two_who_run_a_command_again_one_gets_it<F: Fixture>() {
    let fixture = F::new();
    let (mut one, mut other) = (fixture.open(), fixture.open());
    record_capture(&mut one, &capture(start(), "a"));
    record(&mut one, failed(1, "./run", start()));
    let claim = |owner: &str, from: Option<&str>| Op::ClaimProcessing {
        capture: 1,
        command: "./run".to_owned(),
        from: from.map(str::to_owned),
        owner: owner.to_owned(),
    };
    assert_eq!(record(&mut one, claim("one", None)).number, 1);
    assert_eq!(record(&mut other, claim("other", None)), Ack::default());
    assert_eq!(record(&mut other, claim("other", Some("one"))).number, 1);
    assert_eq!(processing(&one, 1)[0].owner.as_deref(), Some("other"));
    record(&mut other, failed(1, "./run", after(1)));
    assert_eq!(processing(&one, 1)[0].owner, None);
    record(&mut one, ended(1, "./run", after(2), None));
    assert_eq!(record(&mut other, claim("other", None)), Ack::default());
}

pub(crate) fn captures_with_a_failed_command_are_found_and_counted<F: Fixture>() {
    let mut store = F::new().open();
    for (minute, event) in [(0, "a"), (1, "a"), (2, "b"), (3, "b")] {
        record_capture(&mut store, &capture(after(minute), event));
    }
    for (number, command) in [(1, "x"), (2, "x"), (2, "y"), (3, "y")] {
        record(&mut store, failed(number, command, after(number)));
    }
    record(&mut store, ended(2, "y", after(9), Some("the last")));
    assert_eq!(numbers(&store, &unprocessed()), [3, 2, 1]);
    let summaries = store.list(&Query::default()).unwrap();
    let shown: Vec<_> = summaries.into_iter().map(|summary| summary.unprocessed).collect();
    let failed = |tries, error: &str| {
        let error = error.to_owned();
        Some(FailedProcessing { tries, error })
    };
    let exit = failed(1, "exit 3");
    assert_eq!(shown, [None, exit.clone(), failed(2, "the last"), exit]);

    let stats = store.stats(&Query::default()).unwrap();
    assert_eq!((stats.captures, stats.unprocessed), (4, 3));
    let event = |event: &str, unprocessed| EventStats {
        event: event.to_owned(),
        records: 2,
        duplicates: 0,
        unprocessed,
    };
    assert_eq!(stats.by_event, [event("a", 2), event("b", 1)]);

    let mut query = Query {
        event: Some("a".to_owned()),
        since: Some(after(1)),
        ..unprocessed()
    };
    query.page.oldest_first = true;
    let open = store.unprocessed(&query).unwrap();
    let open: Vec<_> = open.iter().map(|(n, found)| (*n, found.command.as_str())).collect();
    assert_eq!(open, [(2, "x"), (2, "y")]);
    assert_eq!(store.stats(&query).unwrap().unprocessed, 1);
}

pub(crate) fn a_pruned_capture_takes_its_failed_commands_along<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record(&mut store, failed(1, "x", start()));
    assert_eq!(store.prune(Some(after(1)), None).unwrap().records, 1);
    assert_eq!(store.unprocessed(&Query::default()).unwrap(), []);
    assert_eq!(record(&mut store, failed(1, "x", start())), Ack::default());
    assert_eq!(store.stats(&Query::default()).unwrap().unprocessed, 0);
}
