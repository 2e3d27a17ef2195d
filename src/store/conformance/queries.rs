//! Lists, prefixes and figures.

use super::*;
use crate::store::{EventStats, QueryPage, RecordKind, Stats, Summary};

pub(crate) fn the_newest_come_first_unless_asked_otherwise<F: Fixture>() {
    let mut store = F::new().open();
    for i in 0..4 {
        record_capture(&mut store, &capture(after(i), "a"));
        record_delivery(&mut store, &delivery(after(i), "a"));
    }
    assert_eq!(numbers(&store, &Query::default()), [8, 7, 6, 5, 4, 3, 2, 1]);
    let mut query = Query::default();
    query.page.oldest_first = true;
    assert_eq!(numbers(&store, &query), [1, 2, 3, 4, 5, 6, 7, 8]);
}

pub(crate) fn a_page_begins_and_ends_where_asked<F: Fixture>() {
    let mut store = F::new().open();
    for i in 0..6 {
        record_capture(&mut store, &capture(after(i), "a"));
    }
    let page = |limit, after, oldest_first, skip| {
        let page = QueryPage {
            limit,
            after,
            before: None,
            oldest_first,
            skip,
        };
        let query = Query {
            page,
            ..Query::default()
        };
        numbers(&store, &query)
    };
    assert_eq!(page(2, None, false, 0), [6, 5]);
    assert_eq!(page(1, None, false, 2), [4]);
    assert_eq!(page(9, Some(3), true, 0), [4, 5, 6]);
    assert_eq!(page(1, Some(3), false, 1), [5]);
    assert_eq!(page(9, Some(6), true, 0), [0; 0]);
    assert_eq!(page(0, None, false, 0), [0; 0]);
    assert_eq!(page(usize::MAX, None, false, 5), [1]);
    let mut before = Query::default();
    before.page.before = Some(3);
    assert_eq!(numbers(&store, &before), [2, 1]);
}

pub(crate) fn kinds_failures_and_pending_ones_are_told_apart<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record_capture(&mut store, &refused(start()));
    for state in [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Failed,
        DeliveryState::Parked,
    ] {
        record_delivery(
            &mut store,
            &NewDelivery {
                state,
                ..delivery(start(), "a")
            },
        );
    }
    let list = |kind, failed, state| {
        let query = Query {
            kind,
            failed,
            state,
            ..Query::default()
        };
        numbers(&store, &query)
    };
    let (captures, deliveries) = (Some(RecordKind::Capture), Some(RecordKind::Delivery));
    let (pending, delivered) = (Some(DeliveryState::Pending), Some(DeliveryState::Delivered));
    assert_eq!(list(captures, false, None), [2, 1]);
    assert_eq!(list(deliveries, false, None), [6, 5, 4, 3]);
    assert_eq!(list(None, true, None), [5, 2]);
    assert_eq!(list(captures, true, None), [2]);
    assert_eq!(list(deliveries, true, None), [5]);
    assert_eq!(list(None, true, Some(DeliveryState::Failed)), [5]);
    assert_eq!(list(None, false, pending), [3]);
    assert_eq!(list(None, false, delivered), [4]);
    assert_eq!(list(captures, false, pending), [0; 0]);
    assert_eq!(list(None, true, pending), [0; 0]);
}

pub(crate) fn young_records_are_found_even_when_recorded_late<F: Fixture>() {
    let mut store = F::new().open();
    for minute in [0, 10, 20, 5, 30, 25, 90] {
        record_capture(&mut store, &capture(after(minute), "a"));
    }
    record_delivery(&mut store, &delivery(after(21), "a"));
    let since = |since| {
        let query = Query {
            since: Some(since),
            ..Query::default()
        };
        assert_eq!(
            store.stats(&query).unwrap().captures,
            numbers(&store, &query).iter().filter(|n| **n < 8).count() as u64
        );
        numbers(&store, &query)
    };
    assert_eq!(since(after(20)), [8, 7, 6, 5, 3]);
    assert_eq!(since(after(20).shifted_us(1)), [8, 7, 6, 5]);
    assert_eq!(since(after(5)), [8, 7, 6, 5, 4, 3, 2]);
    assert_eq!(since(after(91)), [0; 0]);
    assert_eq!(since(Timestamp::from_unix(0)).len(), 8);
}

pub(crate) fn event_patterns_know_the_star_only<F: Fixture>() {
    let mut store = F::new().open();
    for event in ["job.paid", "job.created", "jobs", "a[b]c", "abc", "a?c", "Job.paid"] {
        record_capture(&mut store, &capture(start(), event));
    }
    record_capture(&mut store, &refused(start()));
    record_delivery(&mut store, &delivery(start(), "job.paid"));
    record_delivery(&mut store, &delivery(start(), ""));
    let find = |pattern: &str| {
        let query = Query {
            event: Some(pattern.to_owned()),
            ..Query::default()
        };
        numbers(&store, &query)
    };
    assert_eq!(find("job.*"), [9, 2, 1]);
    assert_eq!(find("*.paid"), [9, 7, 1]);
    assert_eq!(find("job.paid"), [9, 1]);
    assert_eq!(find("a[b]c"), [4]);
    assert_eq!(find("a[b]*"), [4]);
    assert_eq!(find("a?c*"), [6]);
    assert_eq!(find("*"), [9, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(find("nothing"), [0; 0]);
}

pub(crate) fn a_provider_matches_with_each_of_its_variants<F: Fixture>() {
    let mut store = F::new().open();
    for provider in [Some("hoopai"), Some("hoopai@overview"), Some("hoopai2"), None] {
        let provider = provider.map(str::to_owned);
        record_capture(
            &mut store,
            &NewCapture {
                provider,
                ..capture(start(), "a")
            },
        );
    }
    let find = |provider: &str| {
        let query = Query {
            provider: Some(provider.to_owned()),
            ..Query::default()
        };
        numbers(&store, &query)
    };
    assert_eq!(find("hoopai"), [2, 1]);
    assert_eq!(find("hoopai@overview"), [2]);
    assert_eq!(find("hoop*"), [0; 0]);
}

pub(crate) fn an_endpoint_has_deliveries_only<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record_delivery(&mut store, &delivery(start(), "a"));
    record_delivery(
        &mut store,
        &NewDelivery {
            endpoint: None,
            ..delivery(start(), "a")
        },
    );
    let query = Query {
        endpoint: Some("local".to_owned()),
        ..Query::default()
    };
    assert_eq!(numbers(&store, &query), [2]);
}

pub(crate) fn a_workflow_has_its_executions_and_what_came_to_its_trigger<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    record_delivery(&mut store, &delivery(start(), "a"));
    for (workflow, note) in [("welcome", None), ("other", None), ("welcome", Some("not pro"))] {
        let execution = Execution {
            workflow: workflow.to_owned(),
            note: note.map(str::to_owned),
            secret_header: None,
        };
        let new = NewDelivery {
            execution: Some(execution),
            ..delivery(start(), "a")
        };
        record_delivery(&mut store, &new);
    }
    let query = Query {
        workflow: Some("welcome".to_owned()),
        ..Query::default()
    };
    let came = NewCapture {
        workflow: Some("welcome".to_owned()),
        ..capture(start(), "a")
    };
    record_capture(&mut store, &came);
    let found = store.list(&query).unwrap();
    let said: Vec<_> = found
        .iter()
        .map(|one| (one.number, one.workflow.as_deref(), one.reason.as_deref()))
        .collect();
    let welcome = Some("welcome");
    assert_eq!(
        said,
        [(6, welcome, None), (5, welcome, Some("not pro")), (3, welcome, None)]
    );
    let stats = store.stats(&query).unwrap();
    assert_eq!((stats.captures, stats.deliveries), (1, 2));
    assert_eq!(store.list(&Query::default()).unwrap()[4].workflow, None);
    let Some(Record::Capture(read)) = store.get(6).unwrap() else {
        panic!("a capture");
    };
    assert_eq!(read.request, came);
}

pub(crate) fn what_a_record_led_to_is_found_by_its_number<F: Fixture>() {
    let mut store = F::new().open();
    record_capture(&mut store, &capture(start(), "a"));
    let state = DeliveryState::Failed;
    for (origin, state) in [
        (Some(1), DeliveryState::Delivered),
        (None, state),
        (Some(2), state),
        (Some(1), state),
    ] {
        let new = NewDelivery {
            origin,
            state,
            ..delivery(start(), "a")
        };
        record_delivery(&mut store, &new);
    }
    let mut query = Query {
        origin: Some(1),
        ..Query::default()
    };
    assert_eq!(numbers(&store, &query), [5, 2]);
    assert_eq!(store.stats(&query).unwrap().captures, 0);
    query.failed = true;
    assert_eq!(numbers(&store, &query), [5]);
}

pub(crate) fn a_summary_tells_the_last_attempt<F: Fixture>() {
    let mut store = F::new().open();
    let refused = refused(start());
    record_capture(&mut store, &refused);
    let mut new = delivery(start(), "job.paid");
    new.state = DeliveryState::Failed;
    let unanswered = unanswered(2, after(1), ErrorKind::Connect);
    new.attempts = vec![answered(1, start(), 500, minutes(1)), unanswered.clone()];
    record_delivery(&mut store, &new);
    let expected = [
        Summary {
            number: 2,
            id: new.id,
            kind: RecordKind::Delivery,
            at: start(),
            event: Some("job.paid".to_owned()),
            provider: Some("poolflow".to_owned()),
            endpoint: Some("local".to_owned()),
            tenant: None,
            state: "failed".to_owned(),
            reason: Some("connect".to_owned()),
            target: new.url.clone(),
            status: None,
            attempts: 2,
            took: Some(unanswered.took),
            size: 7,
            duplicate_of: None,
            owner: None,
            workflow: None,
            unprocessed: None,
        },
        Summary {
            number: 1,
            id: refused.id,
            kind: RecordKind::Capture,
            at: start(),
            event: None,
            provider: None,
            endpoint: None,
            tenant: None,
            state: "refused".to_owned(),
            reason: Some("wrong-secret".to_owned()),
            target: "POST /hook?x=1".to_owned(),
            status: Some(401),
            attempts: 0,
            took: None,
            size: 2,
            duplicate_of: None,
            owner: None,
            workflow: None,
            unprocessed: None,
        },
    ];
    assert_eq!(store.list(&Query::default()).unwrap(), expected);
    let answered = answered(3, after(2), 200, minutes(2));
    let op = Op::Attempt {
        delivery: new.id,
        attempt: Box::new(answered),
        state: DeliveryState::Delivered,
        next_due: None,
    };
    record(&mut store, op);
    let summary = &store.list(&Query::default()).unwrap()[0];
    assert_eq!(
        (summary.status, summary.reason.as_deref(), summary.attempts),
        (Some(200), None, 3)
    );
    assert_eq!((summary.state.as_str(), summary.took), ("delivered", Some(minutes(2))));
}

pub(crate) fn a_prefix_finds_every_kind_of_id<F: Fixture>() {
    let mut store = F::new().open();
    let captures: Vec<_> = (0..3).map(|i| capture(after(60 * i), "a")).collect();
    for capture in &captures {
        record_capture(&mut store, capture);
    }
    let delivery = delivery(start(), "a");
    record_delivery(&mut store, &delivery);
    let find = |prefix: &str| store.find(prefix, 9).unwrap();
    for (capture, number) in captures.iter().zip(1..) {
        assert_eq!(find(&capture.id.to_string()), [number]);
        assert_eq!(find(&capture.id.to_string()[..16]), [number]);
    }
    assert_eq!(find(&delivery.id.to_string()), [4]);
    assert_eq!(find(&delivery.message.id.to_string()), [4]);
    assert_eq!(find("cap_"), [3, 2, 1]);
    assert_eq!(find("ca"), [3, 2, 1]);
    assert_eq!(find("msg_0"), [4]);
    assert_eq!(find(""), [4, 3, 2, 1]);
    assert_eq!(store.find("cap_", 2).unwrap(), [3, 2]);
    let long = format!("{}0", captures[0].id);
    for nothing in ["cap_x", "cap_%", "cap_f", "ep_", "xyz", "cap_0-", &long] {
        assert_eq!(find(nothing), [0; 0], "{nothing}");
    }
}

pub(crate) fn figures_count_what_matches<F: Fixture>() {
    let mut store = F::new().open();
    for key in ["1", "1", "2"] {
        let dedupe_key = Some(key.to_owned());
        record_capture(
            &mut store,
            &NewCapture {
                dedupe_key,
                ..capture(start(), "b")
            },
        );
    }
    record_capture(&mut store, &refused(start()));
    let with = |state, attempts| NewDelivery {
        state,
        attempts,
        ..delivery(start(), "a")
    };
    let ms = Duration::from_millis;
    let answers = (1..)
        .zip(1..=20)
        .map(|(seq, took)| answered(seq, start(), 500, ms(took)));
    record_delivery(&mut store, &with(DeliveryState::Failed, answers.collect()));
    let unanswered = unanswered(1, start(), ErrorKind::Timeout);
    record_delivery(&mut store, &with(DeliveryState::Pending, vec![unanswered]));
    let fast = answered(1, start(), 200, Duration::from_micros(1));
    record_delivery(&mut store, &with(DeliveryState::Delivered, vec![fast]));
    record_delivery(&mut store, &with(DeliveryState::Parked, Vec::new()));

    let all = store.stats(&Query::default()).unwrap();
    let expected = Stats {
        captures: 4,
        verified: 3,
        token_only: 0,
        refused: 1,
        duplicates: 1,
        deliveries: 4,
        delivered: 1,
        failed: 1,
        pending: 1,
        parked: 1,
        attempts: 22,
        p50: Some(ms(10)),
        p95: Some(ms(19)),
        unprocessed: 0,
        first: Some(start()),
        by_event: vec![
            EventStats {
                event: "a".to_owned(),
                records: 4,
                ..EventStats::default()
            },
            EventStats {
                event: "b".to_owned(),
                records: 3,
                duplicates: 1,
                unprocessed: 0,
            },
        ],
    };
    assert_eq!(all, expected);

    let mut query = Query {
        failed: true,
        ..Query::default()
    };
    // Figures are of all that matches, whatever the page.
    query.page = QueryPage {
        limit: 1,
        after: Some(5),
        before: Some(6),
        oldest_first: true,
        skip: 3,
    };
    let failed = store.stats(&query).unwrap();
    assert_eq!(
        (failed.captures, failed.refused, failed.deliveries, failed.failed),
        (1, 1, 1, 1)
    );
    assert_eq!((failed.attempts, failed.p50), (20, Some(ms(10))));
}

pub(crate) fn figures_of_nothing_are_zero<F: Fixture>() {
    let mut store = F::new().open();
    assert_eq!(store.stats(&Query::default()).unwrap(), Stats::default());
    record_delivery(&mut store, &delivery(start(), "a"));
    let query = Query {
        kind: Some(RecordKind::Capture),
        ..Query::default()
    };
    assert_eq!(store.stats(&query).unwrap(), Stats::default());
}

/// A delivery: its message, its target, where it stands and what it repeats.
type Row = (&'static str, &'static str, DeliveryState, Option<u64>);

/// Ledgers, and which of their deliveries are made again.
const UNDELIVERED: [(&str, &[Row], &[u64]); 12] = {
    use DeliveryState::{Delivered, Failed, Pending};
    [
        ("one that failed", &[("a", "x", Failed, None)], &[1]),
        ("one that was delivered", &[("a", "x", Delivered, None)], &[]),
        (
            "its replay failed too",
            &[("a", "x", Failed, None), ("a", "x", Failed, Some(1))],
            &[2],
        ),
        (
            "replays of replays",
            &[
                ("a", "x", Failed, None),
                ("a", "x", Failed, Some(1)),
                ("a", "x", Failed, Some(2)),
                ("a", "x", Failed, Some(1)),
            ],
            &[4],
        ),
        (
            "delivered since",
            &[("a", "x", Failed, None), ("a", "x", Delivered, Some(1))],
            &[],
        ),
        (
            "delivered elsewhere since",
            &[("a", "x", Failed, None), ("a", "z", Delivered, Some(1))],
            &[],
        ),
        (
            "failed again since",
            &[("a", "x", Delivered, None), ("a", "x", Failed, Some(1))],
            &[2],
        ),
        (
            "on its way",
            &[("a", "x", Failed, None), ("a", "x", Pending, Some(1))],
            &[],
        ),
        (
            "another event by its replay",
            &[("a", "x", Failed, None), ("b", "x", Delivered, Some(1))],
            &[],
        ),
        (
            "sent again by hand",
            &[("a", "x", Failed, None), ("a", "x", Delivered, None)],
            &[],
        ),
        (
            "two targets",
            &[
                ("a", "x", Failed, None),
                ("a", "y", Failed, None),
                ("a", "x", Delivered, Some(1)),
            ],
            &[2],
        ),
        (
            "tried elsewhere",
            &[("a", "x", Failed, None), ("a", "z", Failed, Some(1))],
            &[1],
        ),
    ]
};

pub(crate) fn what_is_still_undelivered_is_found_once<F: Fixture>() {
    for (name, rows, expected) in UNDELIVERED {
        let place = F::new();
        let mut store = place.open();
        let (first, second) = (message(start(), "job.paid"), message(start(), "job.paid"));
        for (message, target, state, origin) in rows {
            let new = NewDelivery {
                message: if *message == "a" { first.clone() } else { second.clone() },
                endpoint: (*target == "y").then(|| "shop".to_owned()),
                url: format!("http://127.0.0.1:4400/{target}"),
                source: if origin.is_some() { Source::Replay } else { Source::Send },
                origin: *origin,
                state: *state,
                ..delivery(start(), "job.paid")
            };
            record_delivery(&mut store, &new);
        }
        assert_eq!(store.undelivered(&Query::default()).unwrap(), expected, "{name}");
        let again = |failed| Op::Repeat {
            failed,
            delivery: Box::new(NewDelivery {
                source: Source::Replay,
                origin: Some(failed),
                state: DeliveryState::Pending,
                ..delivery(start(), "job.paid")
            }),
        };
        let mut taken = Vec::new();
        // The second time somebody else was faster.
        for failed in (1..=rows.len() as u64).chain(expected.iter().copied()) {
            if store.write(&[again(failed)]).unwrap()[0].number != 0 {
                taken.push(failed);
            }
        }
        assert_eq!(taken, *expected, "{name}");
        let other = Query {
            event: Some("job.lost".to_owned()),
            ..Query::default()
        };
        assert!(store.undelivered(&other).unwrap().is_empty(), "{name}");
    }
}

pub(crate) fn a_text_is_found_in_headers_bodies_and_answers<F: Fixture>() {
    let mut store = F::new().open();
    let with_body = |minute, body: &'static str| NewCapture {
        body: body.into(),
        ..capture(after(minute), "a")
    };
    record_capture(&mut store, &with_body(0, r#"{"name":"Grace Hopper"}"#));
    record_capture(&mut store, &with_body(1, r#"{"name":"Ada"}"#));
    let mut marked = with_body(2, "{}");
    marked.headers.append("x-trace", "4BF92F");
    record_capture(&mut store, &marked);
    let mut answer = delivery(after(3), "b");
    answer.attempts = vec![answered(1, after(3), 200, minutes(1))];
    record_delivery(&mut store, &answer);
    let find = |text: &str, query: Query| {
        let found = store.search(&query, text, 100).unwrap();
        assert_eq!(found.stopped_at, None);
        found.found.iter().map(|found| found.number).collect::<Vec<_>>()
    };
    assert_eq!(find("grace hopper", Query::default()), [1]);
    assert_eq!(find("4bf9", Query::default()), [3]);
    assert_eq!(find("X-TRACE", Query::default()), [3]);
    assert_eq!(find("SERVER", Query::default()), [4], "the answer's header");
    assert_eq!(find(":4400/HOOK", Query::default()), [4], "the target");
    assert_eq!(find("", Query::default()), [4, 3, 2, 1]);
    assert_eq!(find("nowhere", Query::default()), [0; 0]);
    let captures = Query {
        kind: Some(RecordKind::Capture),
        ..Query::default()
    };
    assert_eq!(find("server", captures), [0; 0]);
}

pub(crate) fn a_search_stops_at_its_limits_and_goes_on_from_there<F: Fixture>() {
    let mut store = F::new().open();
    for i in 0..250 {
        let body = if i % 100 == 0 { "needle" } else { "hay" };
        record_capture(
            &mut store,
            &NewCapture {
                body: body.into(),
                ..capture(after(i), "a")
            },
        );
    }
    let mut query = Query {
        page: QueryPage::newest(1),
        ..Query::default()
    };
    let first = store.search(&query, "needle", 1000).unwrap();
    assert_eq!((first.found[0].number, first.scanned), (201, 50));
    assert_eq!(first.stopped_at, Some(201));
    query.page.before = first.stopped_at;
    let second = store.search(&query, "needle", 30).unwrap();
    assert_eq!(
        (second.found.len(), second.scanned, second.stopped_at),
        (0, 30, Some(171))
    );
    query.page.before = second.stopped_at;
    let third = store.search(&query, "needle", 1000).unwrap();
    assert_eq!(third.found[0].number, 101);
    let mut forwards = Query {
        page: QueryPage::after(150, 9),
        ..Query::default()
    };
    let found = store.search(&forwards, "needle", 1000).unwrap();
    assert_eq!((found.found[0].number, found.stopped_at), (201, None));
    forwards.page.after = Some(250);
    assert_eq!(store.search(&forwards, "needle", 1000).unwrap().scanned, 0);
}

pub(crate) fn matching_records_are_counted<F: Fixture>() {
    let mut store = F::new().open();
    assert_eq!(store.count(&Query::default()), Ok(0));
    for i in 0..4 {
        record_capture(&mut store, &capture(after(i), "a"));
        record_delivery(&mut store, &delivery(after(i), "b"));
    }
    record_capture(&mut store, &refused(after(5)));
    let count = |query: Query| store.count(&query).unwrap();
    assert_eq!(count(Query::default()), 9);
    let failed = Query {
        failed: true,
        ..Query::default()
    };
    assert_eq!(count(failed), 1);
    let event = Query {
        event: Some("b".to_owned()),
        page: QueryPage::newest(1),
        ..Query::default()
    };
    assert_eq!(count(event), 4, "the limit of the page does not count");
    let mut between = Query::default();
    (between.page.after, between.page.before) = (Some(2), Some(6));
    assert_eq!(count(between), 3);
}
