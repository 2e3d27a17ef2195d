use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::encryption::testing;
use crate::endpoints::testing::{at, endpoint};
use crate::endpoints::{EndpointSecret, Events, HealthStore, NewSecret, Vault};
use crate::health::{Disabled, DisabledBy, HealthById};
use crate::secret::Secret;

/// Health in memory, kept by the rule of the ledger.
#[derive(Debug, Default)]
struct Memory(Mutex<HealthById>);

impl HealthStore for Memory {
    fn read(&self) -> Result<HealthById, EndpointError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn write(&self, changes: &[HealthChange]) -> Result<(), EndpointError> {
        for change in changes {
            if let HealthChange::Kept { id, health } = change {
                let mut all = self.0.lock().unwrap();
                all.entry(id.clone()).or_insert_with(|| (**health).clone());
            }
        }
        Ok(())
    }
}

struct Machine {
    folder: tempfile::TempDir,
    health: Arc<Memory>,
    book: Book,
}

fn machine(key: Option<u8>) -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::new(folder.path().join("secrets"), folder.path());
    let vault = match key {
        Some(key) => vault.with_encryption(testing::with(key)),
        None => vault,
    };
    let health = Arc::new(Memory::default());
    let book = Book::new(folder.path().join("endpoints.json"), vault).with_health(health.clone());
    Machine { folder, health, book }
}

impl Machine {
    /// Endpoints, health and secrets, all in clear text.
    fn content(&self) -> (Vec<Endpoint>, HealthById, Vec<Vec<u8>>) {
        let endpoints = self.book.read().unwrap();
        let secrets = endpoints.iter().flat_map(|endpoint| &endpoint.secrets);
        let stored = secrets.filter(|secret| matches!(secret.reference, Reference::Stored(_)));
        let texts = stored.map(|secret| self.book.vault().signing(secret).unwrap().expose().to_vec());
        let texts = texts.collect();
        (endpoints, self.health.read().unwrap(), texts)
    }

    fn secret_files(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path().join("secrets"));
        let names = files.into_iter().flatten().map(|file| file.unwrap().file_name());
        names
            .filter(|name| Path::new(name).extension().is_none_or(|ending| ending != "lock"))
            .count()
    }

    fn add(&self, mut endpoint: Endpoint, secret: Option<&[u8]>) -> Endpoint {
        if let Some(text) = secret {
            let fresh = NewSecret::from(Secret::new(text));
            let stored = self.book.vault().store(&endpoint.name, &fresh, &Random::os()).unwrap();
            endpoint.secrets.push(stored.into());
        }
        self.book.add(endpoint).unwrap()
    }
}

fn through_text(whole: &WholeBook) -> WholeBook {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.json");
    std::fs::write(&path, whole.to_text().unwrap()).unwrap();
    WholeBook::read(&path).unwrap()
}

/// What an endpoint of the property is made of: limits, whether it is disabled by hand, a secret, a reference, its health.
type Parts = (
    Option<u16>,
    bool,
    Option<Vec<u8>>,
    Option<String>,
    Option<(u32, i64, bool)>,
);

fn parts() -> impl Strategy<Value = Parts> {
    (
        proptest::option::of(1_u16..100),
        any::<bool>(),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 1..40)),
        proptest::option::of("[A-Z_]{1,12}"),
        proptest::option::of((0_u32..9, 0_i64..2_000_000_000_000_000, any::<bool>())),
    )
}

fn add(machine: &Machine, number: usize, (limit, by_hand, secret, variable, health): &Parts) {
    let mut new = endpoint(&format!("e{number}"));
    new.url = format!("https://example.com/{number}?a=%20b");
    new.events = if *by_hand { Events::All } else { new.events };
    new.limits.concurrency = limit.and_then(NonZeroU16::new);
    new.description = variable.clone();
    if *by_hand {
        new.disable(DisabledBy::Hand, Some("by \"hand\"".into()), at(77));
    }
    if let Some(variable) = variable {
        new.secrets.push(EndpointSecret::from(Reference::Env(variable.clone())));
    }
    let new = machine.add(new, secret.as_deref());
    if let Some((failed, micros, is_disabled)) = health {
        let moment = crate::clock::Timestamp::from_unix_us(*micros);
        let known = Health {
            failed: *failed,
            failing_since: Some(moment),
            enabled_at: (!is_disabled).then_some(moment),
            disabled: is_disabled.then(|| Disabled {
                reason: DisabledBy::FailedDeliveries,
                detail: None,
                since: at(micros / 1_000_000),
            }),
            ..Health::default()
        };
        machine.health.0.lock().unwrap().insert(new.id, known);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_imported_book_is_the_one_that_was_exported(all in proptest::collection::vec(parts(), 0..5)) {
        let (here, there) = (machine(Some(1)), machine(Some(1)));
        for (number, parts) in all.iter().enumerate() {
            add(&here, number, parts);
        }
        let (whole, absent) = here.book.whole().unwrap();
        prop_assert_eq!(absent, []);
        let imported = there.book.take_in(&through_text(&whole), false, &Random::os()).unwrap();
        prop_assert_eq!(imported.added.len(), all.len());
        prop_assert_eq!(imported.absent, []);
        prop_assert_eq!(there.content(), here.content());
        // Into itself nothing changes either, and no secret is left behind.
        let files = here.secret_files();
        here.book.take_in(&whole, true, &Random::os()).unwrap();
        prop_assert_eq!(there.content(), here.content());
        prop_assert_eq!(here.secret_files(), files);
    }
}

#[test]
fn without_a_key_secrets_are_left_out_and_named() {
    let (here, there) = (machine(None), machine(None));
    let added = here.add(endpoint("a"), Some(b"hidden-text"));
    let (whole, absent) = here.book.whole().unwrap();
    assert!(whole.secrets.is_empty() && !whole.to_text().unwrap().contains("hidden"));
    let Reference::Stored(secret) = &added.secrets[0].reference else {
        panic!("it is stored");
    };
    let expected = AbsentSecret {
        endpoint: "a".into(),
        secret: secret.clone(),
    };
    assert_eq!(absent, std::slice::from_ref(&expected));
    let imported = there.book.take_in(&whole, false, &Random::os()).unwrap();
    assert_eq!(imported.absent, [expected]);
    assert_eq!(there.book.read().unwrap(), [added]);
}

#[test]
fn an_import_that_is_refused_changes_nothing() {
    let (here, there) = (machine(Some(1)), machine(Some(1)));
    let one = here.add(endpoint("one"), Some(b"first"));
    here.add(endpoint("two"), Some(b"second"));
    let (whole, _) = here.book.whole().unwrap();
    let mut known = one.clone();
    known.secrets.clear();
    known.name = "other".into();
    there.add(known, None);
    let before = there.content();
    let refused = there.book.take_in(&whole, false, &Random::os()).unwrap_err();
    assert_eq!(Error::from(refused).exit, Exit::Refused);
    assert_eq!((there.content(), there.secret_files()), (before, 0));

    // A name of another endpoint is not replaced.
    let named = machine(Some(1));
    named.add(endpoint("two"), None);
    let refused = named.book.take_in(&whole, true, &Random::os()).unwrap_err();
    assert_eq!(refused.code(), "duplicate");
    assert_eq!((named.book.read().unwrap().len(), named.secret_files()), (1, 0));

    let other_key = machine(Some(2));
    let locked = other_key.book.take_in(&whole, false, &Random::os()).unwrap_err();
    assert_eq!(Error::from(locked).exit, Exit::Store);
    assert_eq!((other_key.book.read().unwrap().len(), other_key.secret_files()), (0, 0));

    let imported = there.book.take_in(&whole, true, &Random::os()).unwrap();
    assert_eq!((imported.added.len(), imported.replaced.len()), (1, 1));
    assert_eq!(there.content(), here.content());

    // Once more: deliveries that failed meanwhile are no difference, and stay.
    let id = there.book.read().unwrap()[0].id.clone();
    let failing = Health {
        failed: 3,
        ..Health::default()
    };
    there.health.0.lock().unwrap().insert(id.clone(), failing.clone());
    let again = there.book.take_in(&whole, true, &Random::os()).unwrap();
    assert_eq!(
        (again.added.len(), again.replaced.len(), again.unchanged.len()),
        (0, 0, 2)
    );
    assert_eq!(there.health.read().unwrap().get(&id), Some(&failing));
}

#[test]
fn a_secret_whose_name_is_taken_gets_another_one() {
    let (here, there) = (machine(Some(1)), machine(Some(1)));
    let added = here.add(endpoint("a"), Some(b"text"));
    let (whole, _) = here.book.whole().unwrap();
    let Reference::Stored(name) = &added.secrets[0].reference else {
        panic!("it is stored");
    };
    let own = NewSecret::from(Secret::new("another"));
    there.book.vault().put_back(name, "x", &own, &Random::os()).unwrap();
    there.book.take_in(&whole, false, &Random::os()).unwrap();
    let taken = &there.book.read().unwrap()[0].secrets[0];
    assert_ne!(taken.reference, added.secrets[0].reference);
    assert_eq!(there.book.vault().signing(taken).unwrap().expose(), b"text");
}
