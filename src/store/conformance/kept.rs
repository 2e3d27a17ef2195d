//! What everything that keeps documents must do.

use std::thread;

use crate::store::kept::{KeptKind, KeptRow, KeptRows, RowChange};
use crate::store::testing::kept_rows;

fn add(key: &str, text: &str) -> RowChange {
    let (key, text) = (key.to_owned(), text.to_owned());
    RowChange::Add { key, text }
}

fn replace(row: &KeptRow, text: &str) -> RowChange {
    let (key, text) = (row.key.clone(), text.to_owned());
    RowChange::Replace {
        key,
        text,
        version: row.version,
    }
}

fn remove(row: &KeptRow) -> RowChange {
    let (key, version) = (row.key.clone(), row.version);
    RowChange::Remove { key, version }
}

fn texts(rows: &dyn KeptRows, kind: KeptKind) -> Vec<(String, String)> {
    let rows = rows.rows(kind).unwrap().into_iter();
    rows.map(|row| (row.key, row.text)).collect()
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn kept_documents_keep_their_order_and_kinds_apart() {
    for rows in kept_rows() {
        let endpoints = [add("b", "1"), add("a", "2\0\u{ffff}")];
        assert_eq!(rows.rows(KeptKind::Endpoint), Ok(Vec::new()));
        assert_eq!(rows.generation(), Ok(0));
        assert_eq!(rows.change(KeptKind::Endpoint, &endpoints), Ok(true));
        assert_eq!(rows.change(KeptKind::Secret, &[add("b", "3")]), Ok(true));
        let first = rows.row(KeptKind::Endpoint, "b").unwrap().unwrap();
        assert_eq!(rows.change(KeptKind::Endpoint, &[replace(&first, "4")]), Ok(true));
        assert_eq!(
            texts(&*rows, KeptKind::Endpoint),
            pairs(&[("b", "4"), ("a", "2\0\u{ffff}")])
        );
        assert_eq!(texts(&*rows, KeptKind::Secret), pairs(&[("b", "3")]));
        assert_eq!(rows.row(KeptKind::Secret, "a"), Ok(None));
        assert_eq!(rows.generation(), Ok(3));
    }
}

#[test]
fn changes_of_kept_documents_are_made_as_a_whole_or_not_at_all() {
    for rows in kept_rows() {
        assert_eq!(
            rows.change(KeptKind::Endpoint, &[add("a", "1"), add("b", "1")]),
            Ok(true)
        );
        let (a, b) = (rows.row(KeptKind::Endpoint, "a"), rows.row(KeptKind::Endpoint, "b"));
        let (a, b) = (a.unwrap().unwrap(), b.unwrap().unwrap());
        assert_eq!(rows.change(KeptKind::Endpoint, &[replace(&a, "2")]), Ok(true));
        let generation = rows.generation().unwrap();
        for conflict in [add("a", "3"), replace(&a, "3"), remove(&a)] {
            let changes = [add("c", "3"), remove(&b), conflict];
            assert_eq!(rows.change(KeptKind::Endpoint, &changes), Ok(false), "{changes:?}");
            assert_eq!(texts(&*rows, KeptKind::Endpoint), pairs(&[("a", "2"), ("b", "1")]));
        }
        assert_eq!(rows.change(KeptKind::Secret, &[remove(&b)]), Ok(false));
        assert_eq!(rows.generation(), Ok(generation));
        assert_eq!(rows.change(KeptKind::Endpoint, &[remove(&b), add("c", "3")]), Ok(true));
        assert_eq!(texts(&*rows, KeptKind::Endpoint), pairs(&[("a", "2"), ("c", "3")]));
    }
}

#[test]
fn a_lock_of_kept_documents_is_held_by_one_caller_at_a_time() {
    for rows in kept_rows() {
        assert_eq!(rows.change(KeptKind::Endpoint, &[add("a", "0")]), Ok(true));
        let _other = rows.lock("other").unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let _held = rows.lock("name").unwrap();
                        let row = rows.row(KeptKind::Endpoint, "a").unwrap().unwrap();
                        let next = row.text.parse::<u32>().unwrap() + 1;
                        let changed = rows.change(KeptKind::Endpoint, &[replace(&row, &next.to_string())]);
                        assert_eq!(changed, Ok(true));
                    }
                });
            }
        });
        assert_eq!(texts(&*rows, KeptKind::Endpoint), pairs(&[("a", "20")]));
    }
}
