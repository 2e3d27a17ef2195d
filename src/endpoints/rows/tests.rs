//! The same rules over rows of each store that keeps some.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::encryption::testing;
use crate::endpoints::testing::{at, endpoint};
use crate::endpoints::{Book, BookWatch, Change, NewSecret, Reference, Vault};
use crate::error::Error;
use crate::exit::Exit;
use crate::random::Random;
use crate::secret::Secret;
use crate::store::StorePlace;
use crate::store::kept::testing::MemoryRows;
use crate::store::kept::{KeptKind, KeptRows, RowChange};
use crate::store::testing::kept_rows;

fn place() -> StorePlace {
    StorePlace::parse("postgres://me:hidden-password@h/db".as_ref()).unwrap()
}

/// An empty book in each store.
fn books() -> Vec<(Book, Arc<dyn KeptRows>)> {
    let book = |rows: Arc<dyn KeptRows>| (Book::of_store(&rows, &place(), ""), rows);
    kept_rows().into_iter().map(book).collect()
}

fn named(name: &str) -> Change {
    Change {
        name: Some(name.to_owned()),
        ..Change::default()
    }
}

fn names(book: &Book) -> Vec<String> {
    book.read().unwrap().into_iter().map(|endpoint| endpoint.name).collect()
}

#[test]
fn endpoints_keep_their_order_and_only_what_changed_is_written() {
    for (book, rows) in books() {
        for name in ["a", "b", "c"] {
            book.add(endpoint(name)).unwrap();
        }
        let versions = || -> Vec<u64> {
            let rows = rows.rows(KeptKind::Endpoint).unwrap().into_iter();
            rows.map(|row| row.version).collect()
        };
        assert_eq!(
            (names(&book), versions()),
            (vec!["a".into(), "b".into(), "c".into()], vec![1, 2, 3])
        );
        book.update("b", named("x"), at(5)).unwrap();
        assert_eq!(
            (names(&book), versions()),
            (vec!["a".into(), "x".into(), "c".into()], vec![1, 4, 3])
        );
        book.remove("a").unwrap();
        assert_eq!((names(&book), versions()), (vec!["x".into(), "c".into()], vec![4, 3]));
        let generation = rows.generation().unwrap();
        book.edit(|_| Ok(())).unwrap();
        assert_eq!(
            rows.generation().unwrap(),
            generation,
            "nothing is written where nothing changed"
        );
        assert_eq!(book.add(endpoint("x")).unwrap_err().code(), "duplicate");
        assert_eq!(names(&book), ["x", "c"]);
    }
}

#[test]
fn changes_at_the_same_time_lose_nothing() {
    for (book, _) in books() {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let book = &book;
                scope.spawn(move || {
                    for number in 0..10 {
                        book.add(endpoint(&format!("e{thread}-{number}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(&book).len(), 40);
    }
}

#[test]
fn a_change_after_a_lost_lock_is_refused_as_a_whole() {
    let rows = Arc::new(MemoryRows::default());
    let kept: Arc<dyn KeptRows> = rows.clone();
    let book = Book::of_store(&kept, &place(), "");
    book.add(endpoint("a")).unwrap();
    rows.contest();
    let error = book.update("a", named("b"), at(5)).unwrap_err();
    assert!(matches!(error, EndpointError::Outdated), "{error}");
    assert_eq!(names(&book), ["a"]);
}

#[test]
fn a_row_that_is_no_endpoint_is_named_without_the_password() {
    for (book, rows) in books() {
        for (key, text) in [("ep_1", "{"), ("ep_1", &serde_json::to_string(&endpoint("a")).unwrap())] {
            let (key, text) = (key.to_owned(), text.to_owned());
            assert!(
                rows.change(KeptKind::Endpoint, &[RowChange::Add { key, text }])
                    .unwrap()
            );
            let error = Error::from(book.read().unwrap_err());
            assert_eq!(error.exit, Exit::Store);
            assert!(
                error.message.contains("row `ep_1`") && !error.message.contains("hidden"),
                "{}",
                error.message
            );
            let (key, version) = ("ep_1".to_owned(), rows.generation().unwrap());
            assert!(
                rows.change(KeptKind::Endpoint, &[RowChange::Remove { key, version }])
                    .unwrap()
            );
        }
    }
}

#[test]
fn a_watch_sees_changes_by_the_generation() {
    for (book, rows) in books() {
        let watch = BookWatch::new(book.clone(), |_| {});
        assert!(watch.read().unwrap().endpoints.is_empty());
        assert!(watch.current().is_some());
        book.add(endpoint("a")).unwrap();
        assert!(watch.current().is_none());
        assert_eq!(watch.read().unwrap().endpoints.len(), 1);
        assert!(watch.current().is_some());
        let (key, text) = ("a".to_owned(), "{}".to_owned());
        assert!(rows.change(KeptKind::Secret, &[RowChange::Add { key, text }]).unwrap());
        assert!(watch.current().is_none(), "a secret may have another key");
    }
}

#[test]
fn two_that_hold_a_book_wait_for_each_other_and_changes_do_not() {
    for (book, _) in books() {
        let held = book.hold().unwrap();
        book.add(endpoint("a")).unwrap();
        let (sent, held_too) = std::sync::mpsc::channel();
        let other = book.clone();
        let waiting = std::thread::spawn(move || {
            let _held = other.hold().unwrap();
            sent.send(()).unwrap();
        });
        assert!(held_too.try_recv().is_err());
        drop(held);
        held_too.recv().unwrap();
        waiting.join().unwrap();
    }
}

#[test]
fn secrets_in_a_store_are_encrypted_or_refused() {
    for rows in kept_rows() {
        let fresh = NewSecret::from(Secret::new("hidden-text"));
        let vault = || Vault::of_store(Arc::clone(&rows), place(), "");
        let refused = Error::from(vault().store("a", &fresh, &Random::os()).unwrap_err());
        assert_eq!(refused.exit, Exit::Usage);
        assert!(
            refused.message.contains("HOOK_KEY") && !refused.hints.is_empty(),
            "{}",
            refused.message
        );
        assert!(rows.rows(KeptKind::Secret).unwrap().is_empty());

        let vault = vault().with_encryption(testing::with(1));
        let reference = vault.store("a", &fresh, &Random::os()).unwrap();
        let row = &rows.rows(KeptKind::Secret).unwrap()[0];
        assert!(
            row.text.contains("enc:v1:") && !row.text.contains("hidden"),
            "{}",
            row.text
        );
        let secret = reference.clone().into();
        assert_eq!(vault.signing(&secret).unwrap().expose(), b"hidden-text");
        assert!(vault.path(&reference).is_none() && !vault.has_clear_text());

        let count = vault.change_key(&testing::change(Some(1), Some(2)), false).unwrap();
        assert_eq!(count.changed, 1);
        assert!(vault.signing(&secret).is_err());
        let vault = vault.with_encryption(testing::with(2));
        assert_eq!(vault.signing(&secret).unwrap().expose(), b"hidden-text");
        assert!(vault.change_key(&testing::change(Some(2), None), false).is_err());
        vault.discard(&reference).unwrap();
        assert!(rows.rows(KeptKind::Secret).unwrap().is_empty());
    }
}

#[test]
fn a_book_moves_from_a_file_into_a_store_and_back() {
    for rows in kept_rows() {
        let folder = tempfile::tempdir().unwrap();
        let in_file = |name: &str| {
            let path: &Path = folder.path();
            let vault = Vault::new(path.join(format!("{name}-secrets")), path).with_encryption(testing::with(1));
            Book::new(path.join(name), vault)
        };

        let stored = Book::of_store(&rows, &place(), folder.path()).with_encryption(testing::with(1));
        let (from, to) = (in_file("one"), in_file("two"));
        let secret = NewSecret::from(Secret::new("text"));
        let mut one = endpoint("a");
        one.secrets
            .push(from.vault().store("a", &secret, &Random::os()).unwrap().into());
        from.add(one).unwrap();
        from.add(endpoint("b")).unwrap();
        stored.take_in(&from.whole().unwrap().0, false, &Random::os()).unwrap();
        to.take_in(&stored.whole().unwrap().0, false, &Random::os()).unwrap();
        for book in [&stored, &to] {
            assert_eq!(book.read().unwrap(), from.read().unwrap());
            let secret = &book.read().unwrap()[0].secrets[0];
            assert!(matches!(secret.reference, Reference::Stored(_)));
            assert_eq!(book.vault().signing(secret).unwrap().expose(), b"text");
        }
        stored.remove("a").unwrap();
        assert!(
            rows.rows(KeptKind::Secret).unwrap().is_empty(),
            "its secret goes with it"
        );
    }
}
