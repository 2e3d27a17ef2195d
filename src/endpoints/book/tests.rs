use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::clock::Timestamp;
use crate::endpoints::lock::beside;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::testing::{at, endpoint};
use crate::endpoints::{
    Batch, Change, DisabledBy, EndpointSecret, EndpointStore, Events, NewSecret, PlannedEndpoint, Reference, Step,
    StepOutcome,
};
use crate::fs::folder_of;
use crate::provider::Registry;
use crate::random::Random;
use crate::secret::Secret;

struct Fixture {
    folder: TempDir,
    book: Book,
}

fn fixture() -> Fixture {
    let folder = TempDir::new().unwrap();
    let vault = Vault::new(folder.path().join("state/secrets"), folder.path());
    let book = Book::new(folder.path().join("hook/endpoints.json"), vault);
    Fixture { folder, book }
}

impl Fixture {
    fn write(&self, text: &str) {
        fs::create_dir_all(folder_of(self.book.path())).unwrap();
        fs::write(self.book.path(), text).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.book.path()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.book
            .read()
            .unwrap()
            .into_iter()
            .map(|endpoint| endpoint.name)
            .collect()
    }

    /// Adds an endpoint with a stored secret and gives the secret's file.
    fn add_with_secret(&self, name: &str) -> (EndpointSecret, PathBuf) {
        let mut endpoint = endpoint(name);
        let fresh = NewSecret {
            secret: Secret::new("shared"),
            public: None,
        };
        let reference = self.book.vault().store(&endpoint.id, &fresh, &Random::os()).unwrap();
        let file = self.book.vault().path(&reference).unwrap();
        let secret = EndpointSecret {
            reference,
            name: None,
            until: None,
        };
        endpoint.secrets = vec![secret.clone()];
        self.book.add(endpoint).unwrap();
        (secret, file)
    }
}

/// An endpoint with every key.
fn full() -> Endpoint {
    let mut full = endpoint("crm");
    full.id = "ep_01b8e0a3b3f87000800000000000000a".into();
    full.provider = "acme@old".into();
    full.events = Events::Only(vec!["job.paid".into(), "job.lost".into()]);
    full.description = Some("the \"CRM\"".into());
    full.labels = BTreeMap::from([("team".into(), "sales".into()), ("env".into(), "staging".into())]);
    full.plan = Some("free".into());
    full.secrets = vec![
        EndpointSecret {
            reference: Reference::Stored("ep_01b8-0a1b2c3d".into()),
            name: None,
            until: None,
        },
        EndpointSecret {
            reference: Reference::Env("OLD_SECRET".into()),
            name: Some("old".into()),
            until: Some(at(1_893_553_445)),
        },
        EndpointSecret {
            reference: Reference::File("keys/older".into()),
            name: None,
            until: Some(Timestamp::from_unix_us(1_893_553_445_000_001)),
        },
    ];
    full.failed_deliveries = 6;
    full.disable(
        DisabledBy::FailedDeliveries,
        Some("6 deliveries in a row failed".into()),
        at(60),
    );
    full
}

const FULL: &str = r#"{
  "format": 1,
  "endpoints": [
    {
      "id": "ep_01b8e0a3b3f87000800000000000000a",
      "name": "crm",
      "url": "https://example.com/hooks",
      "provider": "acme@old",
      "events": [
        "job.paid",
        "job.lost"
      ],
      "description": "the \"CRM\"",
      "labels": {
        "env": "staging",
        "team": "sales"
      },
      "plan": "free",
      "secrets": [
        {
          "ref": "stored:ep_01b8-0a1b2c3d"
        },
        {
          "ref": "env:OLD_SECRET",
          "name": "old",
          "until": "2030-01-02T03:04:05Z"
        },
        {
          "ref": "file:keys/older",
          "until": "2030-01-02T03:04:05.000001Z"
        }
      ],
      "disabled": {
        "reason": "failed-deliveries",
        "detail": "6 deliveries in a row failed",
        "since": "1970-01-01T00:01:00Z"
      },
      "failed_deliveries": 6,
      "created": "1970-01-01T00:00:00Z",
      "updated": "1970-01-01T00:01:00Z"
    }
  ]
}
"#;

#[test]
fn a_book_is_written_for_people_and_reads_back_exactly() {
    let fixture = fixture();
    fixture.book.add(full()).unwrap();
    assert_eq!(fixture.text(), FULL);
    assert_eq!(fixture.book.read().unwrap(), [full()]);
}

#[test]
fn what_is_usual_is_not_written_and_all_events_are_one_word() {
    let fixture = fixture();
    let mut plain = endpoint("plain");
    plain.id = full().id;
    plain.events = Events::All;
    fixture.book.add(plain.clone()).unwrap();
    let text = fixture.text();
    assert!(text.contains("\"events\": \"all\",\n      \"created\""), "{text}");
    assert_eq!(fixture.book.read().unwrap(), [plain]);
}

#[test]
fn a_missing_file_is_an_empty_book_and_an_edit_that_changes_nothing_makes_none() {
    let fixture = fixture();
    assert_eq!(fixture.book.read().unwrap(), []);
    fixture.book.edit(|_| Ok(())).unwrap();
    assert!(!fixture.book.path().exists());
}

#[test]
fn an_edit_that_changes_nothing_leaves_the_users_own_formatting() {
    let fixture = fixture();
    let text = FULL.replace("\n  ", "\n\t");
    fixture.write(&text);
    fixture.book.edit(|endpoints| Ok(endpoints.len())).unwrap();
    assert_eq!(fixture.text(), text);
}

#[test]
fn wrong_files_are_refused_with_their_fault_and_its_place() {
    let twice = FULL.replace(
        "    }\n  ]\n}",
        &format!("    }},{}", FULL.split_once('[').unwrap().1.trim_start()),
    );
    for (text, says) in [
        (String::new(), "line 1 column 0"),
        ("{".to_owned(), "line 1 column 1"),
        (
            FULL.replace("\"url\"", "\"urll\""),
            "unknown field `urll`, expected one of",
        ),
        (FULL.replace("\"url\"", "\"urll\""), "line 7 column 12"),
        (
            FULL.replace("\"name\": \"crm\"", "\"name\": \"crm\", \"name\": \"crm\""),
            "duplicate field `name` at line 6",
        ),
        (FULL.replace("\"format\": 1,", ""), "missing field `format`"),
        (
            FULL.replace("\"format\": 1", "\"format\": 0"),
            "format 0 is not supported",
        ),
        (
            FULL.replace("\"format\": 1", "\"format\": \"1\""),
            "invalid type: string \"1\", expected u64 at line 2",
        ),
        (
            FULL.replace("https://example", "ftp://example"),
            "neither http nor https at line 7",
        ),
        (
            FULL.replace("2030-01-02T03:04:05Z", "tomorrow"),
            "`tomorrow` is not a time",
        ),
        (
            FULL.replace("env:OLD_SECRET", "whsec_0123"),
            "`stored:NAME`, `env:VAR` or `file:PATH` at line 24",
        ),
        (
            FULL.replace("stored:ep", "stored:../../ep"),
            "`stored:NAME`, `env:VAR` or `file:PATH`",
        ),
        (
            FULL.replace("failed-deliveries", "weather"),
            "`weather` is none of `hand`, `failed-deliveries`",
        ),
        (FULL.replace("\"crm\"", "\"C R M\""), "`C R M` is not a name"),
        (
            FULL.replace("ep_01b8e0a3", "cap_1"),
            "the id of endpoint `crm` is not `ep_`",
        ),
        (twice.clone(), "two endpoints have the name `crm`"),
        (
            twice.replacen("\"crm\"", "\"crm-2\"", 1),
            "two endpoints have the id `ep_01b8e0a3",
        ),
        (format!("{FULL}x"), "trailing characters at line 44"),
    ] {
        let fixture = fixture();
        fixture.write(&text);
        for error in [
            fixture.book.read().unwrap_err(),
            fixture.book.add(endpoint("b")).unwrap_err(),
        ] {
            let message = error.to_string();
            assert!(message.starts_with("endpoint file `"), "{message}");
            assert!(message.contains(says), "{message} lacks {says}");
            assert!(!message.contains("whsec_0123"), "{message}");
        }
        assert_eq!(fixture.text(), text);
    }
}

#[test]
fn a_newer_format_is_refused_as_such_whatever_else_it_has() {
    let fixture = fixture();
    fixture.write(r#"{"format": 7, "chapters": []}"#);
    let error = fixture.book.read().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("has format 7, this hook knows up to 1"), "{text}");
}

#[test]
fn changes_that_cannot_be_kept_leave_the_file_as_it_was() {
    let fixture = fixture();
    fixture.book.add(full()).unwrap();
    let with = |name: &str, id: &str, url: &str| Endpoint {
        name: name.to_owned(),
        id: id.to_owned(),
        url: url.to_owned(),
        ..endpoint("x")
    };
    let (id, url) = (endpoint("x").id, "https://example.com");
    for (wrong, code, says) in [
        (
            with("crm", &id, url),
            "duplicate",
            "there is already an endpoint with the name `crm`",
        ),
        (
            with("b", &full().id, url),
            "duplicate",
            "there is already an endpoint with the id `ep_01b8",
        ),
        (with("B", &id, url), "rule", "`B` is not a name"),
        (with("b", "7", url), "rule", "the id of endpoint `b` is not"),
        (with("b", &id, "nowhere"), "rule", "`nowhere` is not a URL"),
    ] {
        let error = fixture.book.add(wrong).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let refused = fixture.book.edit(|endpoints| -> Result<(), _> {
        endpoints.clear();
        Err(EndpointError::unsupported("no"))
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
    let unreadable = fixture.book.edit(|endpoints| {
        endpoints[0].secrets[0].reference = Reference::Stored("../x".into());
        Ok(())
    });
    assert!(unreadable.unwrap_err().to_string().contains("is not valid: "));
    assert_eq!(fixture.text(), FULL);
}

#[test]
fn endpoints_are_added_changed_and_removed_by_name_and_id_in_a_stable_order() {
    let fixture = fixture();
    for name in ["b", "a", "c"] {
        fixture.book.add(endpoint(name)).unwrap();
    }
    assert_eq!(fixture.names(), ["b", "a", "c"]);
    let change = Change {
        name: Some("z".into()),
        active: Some(false),
        description: Some("was a".into()),
        ..Change::default()
    };
    let changed = fixture.book.update("a", change, at(77)).unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.updated, changed.is_active()),
        ("z", at(77), false)
    );
    let change = Change {
        active: Some(true),
        description: Some(String::new()),
        ..Change::default()
    };
    let changed = fixture.book.update(&changed.id, change, at(78)).unwrap();
    assert_eq!(
        (changed.description, changed.disabled, changed.updated),
        (None, None, at(78))
    );
    assert_eq!(
        fixture.book.update("z", Change::default(), at(79)).unwrap().updated,
        at(78)
    );
    assert_eq!(fixture.book.remove("b").unwrap().name, "b");
    assert_eq!(fixture.names(), ["z", "c"]);
    assert_eq!(fixture.book.remove("b").unwrap_err().code(), "unknown");
}

#[test]
fn two_threads_that_edit_at_once_lose_nothing_of_each_other() {
    let fixture = fixture();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let book = fixture.book.clone();
            scope.spawn(move || {
                for number in 0..25 {
                    book.add(endpoint(&format!("t{thread}-{number}"))).unwrap();
                }
            });
        }
    });
    let mut names = fixture.names();
    assert_eq!(names.len(), 50);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 50);
}

#[test]
fn a_reader_never_sees_half_a_book() {
    let fixture = fixture();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..40 {
                fixture.book.add(endpoint(&format!("n{number}"))).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let mut seen = 0;
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            let now = fixture.book.read().unwrap().len();
            assert!(now >= seen);
            seen = now;
        }
    });
    assert_eq!(fixture.names().len(), 40);
}

#[test]
fn a_temporary_file_that_a_crash_left_is_ignored_and_cleaned() {
    let fixture = fixture();
    fixture.book.add(endpoint("a")).unwrap();
    let left = beside(fixture.book.path(), ".tmp");
    fs::write(&left, "{\"format\":1,\"endpo").unwrap();
    assert_eq!(fixture.names(), ["a"]);
    fixture.book.edit(|_| Ok(())).unwrap();
    assert!(!left.exists());
    fs::write(&left, "half").unwrap();
    fixture.book.add(endpoint("b")).unwrap();
    assert_eq!(fixture.names(), ["a", "b"]);
    assert!(!left.exists());
}

#[test]
fn a_write_that_fails_leaves_the_old_book() {
    let fixture = fixture();
    fixture.book.add(endpoint("a")).unwrap();
    let obstacle = beside(fixture.book.path(), ".tmp");
    fs::create_dir(&obstacle).unwrap();
    let error = fixture.book.add(endpoint("b")).unwrap_err();
    assert_eq!(error.code(), "store", "{error}");
    assert!(
        error.to_string().ends_with("endpoints.json.tmp` cannot be removed"),
        "{error}"
    );
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(fixture.names(), ["a"]);
}

#[test]
fn the_file_its_lock_and_a_new_folder_are_for_this_user_alone() {
    let fixture = fixture();
    fixture.book.add(endpoint("a")).unwrap();
    let path = fixture.book.path();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path), 0o600);
    assert_eq!(mode(&beside(path, ".lock")), 0o600);
    assert_eq!(mode(folder_of(path)), 0o700);
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fixture.book.add(endpoint("b")).unwrap();
    assert_eq!(mode(path), 0o600);
}

#[test]
fn a_book_behind_a_symbolic_link_stays_there() {
    let fixture = fixture();
    fixture.book.add(endpoint("a")).unwrap();
    let link = fixture.folder.path().join("link.json");
    symlink(fixture.book.path(), &link).unwrap();
    let linked = Book::new(&link, fixture.book.vault().clone());
    linked.add(endpoint("b")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fixture.names(), ["a", "b"]);
}

#[test]
fn a_lock_that_is_never_given_back_ends_in_an_error_and_readers_do_not_wait() {
    let fixture = fixture();
    fixture.book.add(endpoint("a")).unwrap();
    let impatient = Book {
        rows: Arc::new(FileRows {
            path: fixture.book.path().to_owned(),
            project: None,
            lock_wait: Duration::from_millis(20),
        }),
        ..fixture.book.clone()
    };
    fixture
        .book
        .edit(|_| {
            let error = impatient.add(endpoint("b")).unwrap_err().to_string();
            assert!(error.ends_with("is locked by another process"), "{error}");
            assert_eq!(impatient.read().unwrap().len(), 1);
            Ok(())
        })
        .unwrap();
    impatient.add(endpoint("b")).unwrap();
}

#[test]
fn a_removed_endpoint_takes_its_stored_secrets_along_and_no_others() {
    let fixture = fixture();
    let (_, one) = fixture.add_with_secret("one");
    let (two_secret, two) = fixture.add_with_secret("two");
    let own = fixture.folder.path().join("own");
    fs::write(&own, "mine").unwrap();
    fixture
        .book
        .edit(|endpoints| {
            for reference in [Reference::File("own".into()), two_secret.reference.clone()] {
                let secret = EndpointSecret {
                    reference,
                    name: None,
                    until: None,
                };
                endpoints[0].secrets.push(secret);
            }
            Ok(())
        })
        .unwrap();
    fixture.book.remove("one").unwrap();
    assert!(!one.exists());
    assert!(two.exists(), "another endpoint refers to it");
    assert!(own.exists(), "it is not ours");
    fixture.book.remove("two").unwrap();
    assert!(!two.exists());
}

#[test]
fn a_secret_that_a_rotation_dropped_is_deleted_and_one_in_its_overlap_is_not() {
    let fixture = fixture();
    let (_, first) = fixture.add_with_secret("a");
    let next = |variable: &str| EndpointSecret {
        reference: Reference::Env(variable.into()),
        name: None,
        until: None,
    };
    let rotate = |variable: &str, overlap: u64| {
        fixture
            .book
            .edit(|endpoints| {
                endpoints[0].rotate(next(variable), Duration::from_secs(overlap), at(10));
                Ok(())
            })
            .unwrap();
    };
    rotate("B", 60);
    assert!(first.exists());
    rotate("C", 0);
    assert!(!first.exists());
}

#[test]
fn a_failed_change_deletes_no_secret() {
    let fixture = fixture();
    let (_, file) = fixture.add_with_secret("a");
    let wrong = fixture.book.edit(|endpoints| {
        endpoints.clear();
        endpoints.push(endpoint("Not a name"));
        Ok(())
    });
    assert!(wrong.is_err());
    assert!(file.exists());
}

/// Does the steps through the trait, and tells what became of them.
fn apply(store: &dyn EndpointStore, steps: &[Step]) -> Result<Vec<StepOutcome>, EndpointError> {
    let registry = Registry::default();
    let batch = Batch {
        steps,
        registry: &registry,
        rules: &RuleOptions::default(),
        now: at(5),
        fits: &|_| true,
    };
    let mut outcomes = Vec::new();
    store.apply(&batch, &mut |outcome| {
        outcomes.push(outcome);
        true
    })?;
    Ok(outcomes)
}

fn planned(name: &str, url: &str) -> Step {
    Step::Add(PlannedEndpoint {
        endpoint: Endpoint {
            provider: "poolflow".into(),
            url: url.into(),
            ..endpoint(name)
        },
        active: None,
        secret: None,
    })
}

#[test]
fn the_book_does_steps_like_any_store_and_all_of_them_or_none() {
    let fixture = fixture();
    let store: &dyn EndpointStore = &fixture.book;
    let outcomes = apply(store, &[planned("", "https://a.example.com")]).unwrap();
    let [StepOutcome::Added(added)] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (added.endpoint.name.as_str(), added.findings.len()),
        ("a-example-com", 0)
    );
    assert_eq!(store.get(&added.endpoint.id[..20]).unwrap(), added.endpoint);
    let change = Change {
        url: Some("https://other.example.com".into()),
        ..Change::default()
    };
    let steps = [
        Step::change(&added.endpoint, change),
        planned("b", "http://b.example.com"),
    ];
    assert_eq!(apply(store, &steps).unwrap_err().code(), "rule", "b is not https");
    assert_eq!(
        store.list().unwrap(),
        std::slice::from_ref(&added.endpoint),
        "nothing is changed"
    );
    apply(store, &steps[..1]).unwrap();
    assert_eq!(store.get("a-example-com").unwrap().url, "https://other.example.com");
    let taken = planned("a-example-com", "https://c.example.com");
    assert_eq!(apply(store, &[taken]).unwrap_err().code(), "duplicate");
    apply(store, &[Step::Remove(added.endpoint.clone())]).unwrap();
    assert!(store.list().unwrap().is_empty());
    assert_eq!(store.get("a").unwrap_err().code(), "unknown");
}
