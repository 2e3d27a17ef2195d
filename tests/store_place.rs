//! `--store FILE|URL`: where the ledger is, by options, variables and their old names.

use crate::support::{Outcome, Run, Sandbox};

// A server that is not there: only the superuser could listen on that port.
const URL: &str = "postgres://me:hidden-password@127.0.0.1:1/events";

/// The ledger that `hook config path` names.
#[track_caller]
fn ledger(run: Run) -> String {
    let object = run.run().ok().object();
    object["ledger"].as_str().expect("a text").to_owned()
}

fn path(sandbox: &Sandbox, options: &[&str]) -> Run {
    sandbox.hook(["config", "path", "--json"].iter().chain(options))
}

#[test]
fn an_option_beats_a_variable_and_old_names_count_like_new_ones() {
    let sandbox = Sandbox::new();
    assert_eq!(ledger(path(&sandbox, &["--store", "/a.db"])), "/a.db");
    assert_eq!(ledger(path(&sandbox, &["--ledger", "/a.db"])), "/a.db");
    for variable in ["HOOK_STORE", "HOOK_LEDGER"] {
        assert_eq!(ledger(path(&sandbox, &[]).env(variable, "/b.db")), "/b.db");
        for option in ["--store", "--ledger"] {
            let both = path(&sandbox, &[option, "/a.db"]).env(variable, "/b.db");
            assert_eq!(ledger(both), "/a.db", "{option} {variable}");
        }
    }
    let one_empty = path(&sandbox, &[]).env("HOOK_STORE", "/b.db").env("HOOK_LEDGER", "");
    assert_eq!(ledger(one_empty), "/b.db");
    let three = path(&sandbox, &["--ledger", "/a.db"])
        .env("HOOK_STORE", "/b.db")
        .env("HOOK_LEDGER", "/c.db");
    assert_eq!(ledger(three), "/a.db");
}

#[test]
fn both_names_at_once_are_refused() {
    let sandbox = Sandbox::new();
    let options = path(&sandbox, &["--store", "/a.db", "--ledger", "/b.db"]).run();
    options.exits(2).says(["`--store` and `--ledger` are the same"]);
    let variables = path(&sandbox, &[])
        .env("HOOK_STORE", "/a.db")
        .env("HOOK_LEDGER", "/b.db");
    variables
        .run()
        .exits(2)
        .says(["`HOOK_STORE` and `HOOK_LEDGER` are the same"]);
}

#[test]
fn a_url_is_masked_in_every_output() {
    let sandbox = Sandbox::new();
    let with = |args: &str| sandbox.hook(args.split(' ')).env("HOOK_STORE", URL);
    let shown = ledger(path(&sandbox, &[]).env("HOOK_STORE", URL));
    assert_eq!(shown, "postgres://127.0.0.1:1/events");
    for (args, exit) in [
        ("config path", 0),
        ("log", 7),
        ("send job.paid --to :9", 7),
        ("listen --port 0", 7),
        ("serve --port 0", 7),
        ("serve --check", 7),
        ("replay last", 7),
        ("log prune --yes", 7),
        ("log prune --max-size 1MiB --yes", 2),
        ("log backup copy.db", 2),
        ("serve keys list", 7),
    ] {
        with(args).run().exits(exit).never(["hidden"]);
    }
    let refused = with("log").run().exits(7);
    if cfg!(feature = "postgres") {
        refused.says([
            "PostgreSQL at `postgres://127.0.0.1:1/events` is not available",
            "hint: ",
        ]);
    } else {
        refused.says(["postgres://127.0.0.1:1/events", "no PostgreSQL store", "`--store FILE`"]);
    }
    with("log backup copy.db").run().exits(2).says(["pg_dump"]);
    assert!(!sandbox.state("ledger.db").exists());
}

#[test]
fn a_url_that_cannot_be_used_is_refused_without_its_text() {
    let sandbox = Sandbox::new();
    for text in [
        "postgres://me:hidden@h:none/db",
        "postgres://me:hidden@h/db?hidden=1",
        "mysql://me:hidden@h/db",
        "postgres://me:hidden@h/db?sslmode=bogus",
        "postgres://me:hidden@h/db?connect_timeout=soon",
        "postgres:/me:hidden@h/db",
        "postgres:/hidden/db",
        "postgres//me:hidden@h/d",
        " postgres://me:hidden@h/d",
        "postgress://me:hidden@h/d",
    ] {
        let refused: Outcome = sandbox.hook(["log"]).env("HOOK_STORE", text).run();
        refused.exits(2).says(["`HOOK_STORE`: "]).never(["hidden"]);
    }
}

#[test]
fn a_password_on_a_command_line_is_warned_of() {
    let sandbox = Sandbox::new();
    let exposed = path(&sandbox, &["--store", URL]).run().ok();
    exposed
        .says(["a password in `--store` is visible to other users"])
        .never(["hidden"]);
    path(&sandbox, &["--store", "postgres://me@h/db"])
        .run()
        .ok()
        .never(["visible"]);
}

#[test]
fn a_project_cannot_choose_the_store() {
    let sandbox = Sandbox::new();
    for line in [
        "store = \"postgres://h/db\"",
        "ledger = \"postgres://h/db\"",
        "[ledger]\nstore = \"a\"",
    ] {
        sandbox.write("hook.toml", line);
        sandbox.hook(["log"]).run().exits(2).says(["hook.toml"]);
    }
}
