//! `[serve]` of the settings, and `hook serve --check`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{accept, endpoint, service};
use crate::support::{App, CLOSED_PORT, KEY, MockApi, Outcome, Reply, Sandbox};

/// What `hook serve --check ARGS` finds, by the name of the check.
#[track_caller]
fn check(sandbox: &Sandbox, args: &[&str], code: i32) -> (Vec<(String, String)>, Outcome) {
    let always = ["serve", "--check", "--json"];
    let outcome = sandbox
        .hook(always.iter().chain(args))
        .env("KEY", KEY)
        .run()
        .exits(code);
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let found = outcome.json();
    assert!(
        found.iter().all(|line| line["schema"] == "hook.serve-check/1"),
        "{outcome}"
    );
    let found = found.iter().map(|line| (text(line, "check"), text(line, "result")));
    (found.collect(), outcome)
}

fn has(found: &[(String, String)], check: &str, result: &str) -> bool {
    found.iter().any(|(of, is)| of == check && is == result)
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            // In it are the locks of SQLite.
            path if path.to_string_lossy().ends_with("-shm") => drop(found.insert((path, Vec::new()))),
            path => drop(found.insert((path.clone(), fs::read(path).unwrap_or_default()))),
        }
    }
    found
}

#[test]
fn the_settings_say_where_and_how_it_serves_and_flags_win() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let file = sandbox.config("config.toml");
    sandbox.write(&file, "[serve]\nport = 0\nkey = [\"env:KEY\"]\n");
    let service = MockApi::ready(sandbox.hook(["serve", "--json"]).env("KEY", KEY));
    accept(&service, 1);
    app.next();
    service.stop().ok();
    let shown = sandbox.hook(["config", "show"]).run().ok();
    shown.prints(["[serve]", "\"env:KEY\""]);
    sandbox.write(&file, "[serve]\nbind = \"0.0.0.0\"\n");
    sandbox
        .hook(["serve"])
        .run()
        .exits(2)
        .says(["`0.0.0.0` can be reached by other machines"]);
    sandbox.write(&file, "[serve]\nbind = \"0.0.0.0\"\nexpose = true\n");
    let open = sandbox.hook(["serve", "--no-auth", "--port", "0"]).run().exits(2);
    open.says(["`--no-auth` is for this machine alone"]);
    sandbox.write(&file, "[serve]\nbind = \"localhost\"\n");
    sandbox.hook(["serve"]).run().exits(2).says(["settings file", "bind"]);
    sandbox.write(&file, "[serve]\ncert = \"cert.pem\"\n");
    sandbox
        .hook(["serve"])
        .run()
        .exits(2)
        .says(["`serve.cert-key` only one is set"]);
    // What is for the durable service is not for the mock of a provider.
    sandbox.write(&file, "[serve]\nport = 1\nkey = [\"env:NOT_THERE\"]\n");
    sandbox.serve("generic", &[]).stop().ok();
}

#[test]
fn a_project_that_is_not_trusted_sets_the_port_alone() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hook.toml",
        "[serve]\nport = 0\nexpose = true\nbind = \"0.0.0.0\"\nkey = [\"literal:known-to-all\"]\ntest-key = [\"literal:a\"]\n\
         cert = \"c.pem\"\ncert-key = \"k.pem\"\nproduction = false\nallow-private = true\n",
    );
    let service = service(&sandbox, &[]);
    assert!(service.url.starts_with("http://127.0.0.1:"), "{}", service.url);
    let outcome = service.stop().ok();
    for key in [
        "bind",
        "expose",
        "key",
        "test-key",
        "cert",
        "cert-key",
        "production",
        "allow-private",
    ] {
        assert!(outcome.stderr().contains(&format!("`serve.{key}`")), "{key}\n{outcome}");
    }
    sandbox.trust();
    let (found, outcome) = check(&sandbox, &[], 2);
    assert!(has(&found, "certificate", "problem"), "{outcome}");
    let place = sandbox.path("c.pem").display().to_string();
    assert!(
        outcome.stdout().contains(&place),
        "it is counted from the project's folder\n{outcome}"
    );
}

#[test]
fn a_check_tells_what_a_start_would_find_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let before = files(sandbox.home());
    let (found, _) = check(&sandbox, &[], 0);
    for (of, result) in [
        ("settings", "ok"),
        ("key", "caution"),
        ("endpoints", "caution"),
        ("ledger", "ok"),
    ] {
        assert!(has(&found, of, result), "{of}: {found:?}");
    }
    assert_eq!(files(sandbox.home()), before);

    endpoint(&sandbox, "one", CLOSED_PORT, &[]);
    let key = ["--key", "env:KEY"];
    let running = service(&sandbox, &[]);
    accept(&running, 1);
    running.until(|queue| queue.waiting == 1 && queue.taken == 0);
    let (found, outcome) = check(&sandbox, &key, 0);
    assert!(has(&found, "ledger", "caution"), "another one works on it\n{outcome}");
    running.stop().ok();
    let before = files(sandbox.home());
    let (found, outcome) = check(&sandbox, &key, 0);
    for of in ["key", "endpoints", "ledger"] {
        assert!(has(&found, of, "ok"), "{of}\n{outcome}");
    }
    outcome.prints(["1 delivery waiting, 0 parked", "has format "]);
    assert_eq!(files(sandbox.home()), before);
}

#[test]
fn a_check_ends_with_the_code_that_the_start_would_end_with() {
    let sandbox = Sandbox::new();
    let add = [
        "endpoints",
        "add",
        CLOSED_PORT,
        "-p",
        "generic",
        "--name",
        "one",
        "--local",
    ];
    let add = add.iter().chain(&["--events", "all", "-s", "env:SECRET_OF_ONE"]);
    sandbox.hook(add).env("SECRET_OF_ONE", "whsec_a").run().ok();
    let (found, outcome) = check(&sandbox, &["--key", "env:NOT_THERE"], 2);
    assert!(
        has(&found, "key", "problem") && has(&found, "endpoint", "problem"),
        "{outcome}"
    );
    sandbox.write(
        sandbox.state("ledger.db"),
        "no ledger at all, but long enough to be looked at as one",
    );
    let (found, outcome) = check(&sandbox, &["--key", "env:KEY", "--ledger", "other.db"], 2);
    assert!(has(&found, "ledger", "ok"), "{outcome}");
    fs::remove_file(sandbox.config("endpoints.json")).expect("the book");
    let (found, outcome) = check(&sandbox, &["--key", "env:KEY"], 7);
    let problems: Vec<_> = found.iter().filter(|(_, result)| result == "problem").collect();
    assert_eq!(problems, [&("ledger".to_owned(), "problem".to_owned())], "{outcome}");
    sandbox
        .hook(["serve", "--key", "env:KEY", "--port", "0"])
        .env("KEY", KEY)
        .run()
        .exits(7);
}
