//! Copies of the ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{accept, endpoint, service};
use crate::support::{App, Reply, Sandbox};

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
fn a_backup_replaces_nothing_and_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    sandbox.hook(["log", "backup", "copy.db"]).run().exits(6);
    sandbox
        .hook(["send", "thing.created", "-p", "generic", "--to", crate::support::NOBODY])
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
