//! Copies of the ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::{accept, endpoint, service};
use crate::support::{App, ROOT, Reply, Sandbox};

#[test]
fn a_backup_is_whole_while_a_service_writes() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let service = service(&sandbox, &[]);
    accept(&service, 0);
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| {
            for name in ["first.db", "second.db"] {
                let made = sandbox.hook(["log", "backup", name, "--json"]).run().ok().object();
                let file = fs::metadata(sandbox.path(name)).expect("the copy");
                assert_eq!(
                    (&made["schema"], &made["file"]),
                    (&"hook.backup/1".into(), &name.into())
                );
                assert_eq!(made["bytes"], file.len());
                assert_eq!(file.permissions().mode() & 0o777, 0o600);
            }
        });
        let numbers = (1..).take_while(|_| !copying.is_finished());
        numbers.for_each(|n| accept(&service, n));
    });
    for name in ["first.db", "second.db"] {
        let copy = rusqlite::Connection::open(sandbox.path(name)).expect("it opens");
        let check: String = copy
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a database");
        assert_eq!(check, "ok");
        drop(copy);
        let listed = sandbox.hook(["--ledger", name, "log", "--json"]).run().ok().json();
        assert!(listed.iter().all(|record| record["kind"] == "delivery") && !listed.is_empty());
    }
    service.stop().ok();
}

#[test]
fn a_restored_backup_goes_on_with_what_was_unfinished_then() {
    let sandbox = Sandbox::new();
    let status = Arc::new(AtomicU16::new(503));
    let answer = Arc::clone(&status);
    let app = App::start(move |_| Reply::Status(answer.load(Ordering::SeqCst), ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let first = service(&sandbox, &[]);
    accept(&first, 1);
    first.until(|queue| queue.waiting == 1 && queue.taken == 0);
    sandbox.hook(["log", "backup", "copy.db"]).run().ok();
    accept(&first, 2);
    first.until(|queue| queue.waiting == 2 && queue.taken == 0);
    first.stop().ok();
    // As the document says it.
    let document = fs::read_to_string(format!("{ROOT}/docs/operating.md")).expect("the document");
    let (_, rest) = document.split_once("To restore, stop").expect("the section");
    let commands = rest
        .split("```sh\n")
        .nth(1)
        .and_then(|block| block.split("```").next())
        .expect("commands");
    let binary = Path::new(env!("CARGO_BIN_EXE_hook")).parent().expect("a folder");
    let commands = commands
        .replace("~/.local/state/hook", &sandbox.state("").display().to_string())
        .replace(
            "/backup/hook-2030-01-02.db",
            &sandbox.path("copy.db").display().to_string(),
        );
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let restored = sandbox
        .program("sh", ["-e", "-c", &commands])
        .env("PATH", path)
        .run()
        .ok();
    restored.prints(["1 delivery waiting, 0 parked"]);
    let mode = fs::metadata(sandbox.state("ledger.db"))
        .expect("the ledger")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(sandbox.state("before/ledger.db").exists());
    status.store(200, Ordering::SeqCst);
    drop(app.rest());
    let second = service(&sandbox, &["--time-scale", "1000x"]);
    assert_eq!(super::number(&app.next().body), 1);
    second.until(|queue| queue.waiting + queue.taken == 0);
    assert!(app.rest().is_empty(), "what came after the backup is not in it");
    second.stop().ok();
}

#[test]
fn an_older_program_refuses_a_newer_ledger_and_changes_nothing() {
    let sandbox = Sandbox::new();
    service(&sandbox, &[]).stop().ok();
    let file = sandbox.state("ledger.db");
    let ledger = rusqlite::Connection::open(&file).expect("it opens");
    let format: i64 = ledger
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .expect("a number");
    let document = fs::read_to_string(format!("{ROOT}/docs/operating.md")).expect("the document");
    assert!(
        document.contains(&format!("it is {format} now")),
        "the document names the format"
    );
    ledger
        .pragma_update(None, "user_version", format + 1)
        .expect("it is written");
    let _: i64 = ledger
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .expect("it is moved");
    drop(ledger);
    let before = fs::read(&file).expect("the ledger");
    let newer = format!(
        "has format {}; this version of hook supports up to {format}",
        format + 1
    );
    super::service_run(&sandbox, &[]).run().exits(7);
    sandbox
        .hook(["serve", "--check"])
        .run()
        .exits(7)
        .prints([newer.as_str()]);
    assert_eq!(fs::read(&file).expect("the ledger"), before);
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    sandbox.hook(["log", "backup", "copy.db"]).run().exits(6);
    sandbox
        .hook([
            "send",
            "thing.created",
            "-p",
            "generic",
            "--to",
            crate::support::CLOSED_PORT,
        ])
        .run();
    sandbox.write("copy.db", "mine");
    sandbox
        .hook(["log", "backup", "copy.db"])
        .run()
        .exits(2)
        .says(["`copy.db` exists already", "a new file"]);
    assert_eq!(fs::read(sandbox.path("copy.db")).expect("the file"), b"mine");
    fs::remove_file(sandbox.path("copy.db")).expect("the file");
    sandbox
        .hook(["log", "backup", "copy.db"])
        .file_limit(64)
        .run()
        .exits(7)
        .says(["cannot be copied to `copy.db`"]);
    sandbox.hook(["log", "backup", "no/folder.db"]).run().exits(7);
    let left: Vec<_> = fs::read_dir(sandbox.path("")).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
