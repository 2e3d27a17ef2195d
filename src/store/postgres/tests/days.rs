//! Days are dropped as a whole.

use super::*;
use crate::store::conformance::changes::finish;

const DAY: u64 = 24 * 60;

fn tables(database: &TestDatabase) -> Vec<String> {
    let sql = "SELECT DISTINCT day FROM hook.day_table ORDER BY day";
    database.sql(sql).lines().map(str::to_owned).collect()
}

#[test]
fn a_finished_day_is_dropped_and_one_with_pending_deliveries_stays() {
    let Some(database) = database() else { return };
    let mut store = database.open();
    for day in 0..4 {
        let new = event(after(day * DAY), &format!("day {day}"), "one", true);
        let made = new.deliveries[0].delivery.clone();
        record(&mut store, accept(vec![new]));
        record_capture(&mut store, &capture(after(day * DAY), "a"));
        if day != 1 {
            record(
                &mut store,
                finish(&made, answered(1, after(day * DAY), 200, minutes(0))),
            );
        }
    }
    assert_eq!(
        tables(&database),
        ["2030-01-02", "2030-01-03", "2030-01-04", "2030-01-05"]
    );
    // Tables with names like those that hook makes, but of others.
    database.sql("CREATE TABLE hook.capture_2030_01_01 (a int); CREATE TABLE public.capture_2030_01_02 (a int)");
    let pruned = store.prune(Some(after(3 * DAY)), None).unwrap();
    // Two deliveries and three captures: the pending delivery of the second day stays.
    assert_eq!((pruned.records, pruned.parked), (5, 0));
    assert_eq!(tables(&database), ["2030-01-03", "2030-01-05"]);
    assert_eq!(numbers(&store, &Query::default()), [8, 7, 3]);
    let left: Vec<_> = store
        .events(None, None, 9)
        .unwrap()
        .into_iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(left, ["day 3", "day 1"]);
    let others = "SELECT count(*) FROM pg_tables WHERE tablename IN ('capture_2030_01_01', 'capture_2030_01_02')";
    assert_eq!(database.sql(others), "2");
    // The day is made again when something of it comes.
    assert_eq!(record_capture(&mut store, &capture(start(), "late")).number, 9);
}

#[test]
fn a_day_that_another_process_dropped_is_made_again() {
    let Some(database) = database() else { return };
    let (mut one, mut other) = (database.open(), database.open());
    record_capture(&mut one, &capture(start(), "a"));
    assert_eq!(other.prune(Some(after(2 * DAY)), None).unwrap().records, 1);
    assert_eq!(tables(&database), [""; 0]);
    // The number of the first try is lost.
    let number = record_capture(&mut one, &capture(after(1), "b")).number;
    assert!(number > 1);
    assert_eq!(numbers(&other, &Query::default()), [number]);
}

#[test]
fn parked_deliveries_of_a_dropped_day_are_counted() {
    let Some(database) = database() else { return };
    let mut store = database.open();
    record(&mut store, accept(vec![event(start(), "a", "one", false)]));
    let park = QueueOp::ParkLane {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        reason: ParkReason::Disabled,
        enabled_at: None,
        limit: 9,
    };
    record(&mut store, Op::Queue(park));
    let pruned = store.prune(Some(after(2 * DAY)), None).unwrap();
    assert_eq!((pruned.records, pruned.parked), (1, 1));
    let counts = store.queue_counts(SERVICE).unwrap();
    assert_eq!(
        (
            counts.waiting,
            counts.parked,
            database.sql("SELECT count(*) FROM hook.queue")
        ),
        (0, 0, "0".to_owned())
    );
}
