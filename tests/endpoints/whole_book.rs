//! `hook endpoints export --book` and `import --book`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Outcome, Sandbox};

#[track_caller]
fn with_key(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let key = STANDARD.encode([7; 32]);
    sandbox.hook(args).env("HOOK_KEY", "env:A_KEY").env("A_KEY", key).run()
}

fn machine_with_two() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, more) in [("shop", ["-s", "literal:hidden-text"]), ("crm", ["-s", "env:CRM"])] {
        let url = format!("https://example.com/{name}");
        let add = [
            "endpoints",
            "add",
            &url,
            "-p",
            "generic",
            "--events",
            "all",
            "--name",
            name,
        ];
        let args: Vec<&str> = add.into_iter().chain(more).collect();
        with_key(&sandbox, &args).ok();
    }
    with_key(&sandbox, &["endpoints", "disable", "crm"]).ok();
    sandbox
}

fn file(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_whole_book_moves_to_another_machine() {
    let (here, there) = (machine_with_two(), Sandbox::new());
    let path = here.path("book.json");
    let exported = with_key(&here, &["endpoints", "export", "--book", file(&path)]).ok();
    exported.says(["2 endpoints in"]).never(["hidden"]);
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains("enc:v1:") && !text.contains("hidden"), "{text}");
    // Nothing is overwritten.
    with_key(&here, &["endpoints", "export", "--book", file(&path)]).exits(7);

    let import = ["endpoints", "import", "--book", file(&path)];
    there.hook(import).run().exits(7).says(["`HOOK_KEY` is not set"]);
    assert!(!there.config("endpoints.json").exists());
    with_key(&there, &import).ok().says(["2 endpoints imported"]);
    let book = |sandbox: &Sandbox| fs::read_to_string(sandbox.config("endpoints.json")).expect("a book");
    assert_eq!(book(&there), book(&here));
    let signature = |sandbox: &Sandbox| {
        let sign = ["sign", "-p", "generic", "-s", "endpoint:shop", "--body", "{}", "--json"];
        let signed = with_key(sandbox, &sign).ok().object();
        let headers = signed["headers"].as_array().cloned().expect("headers");
        let found = headers.into_iter().find(|header| header["name"] == "x-signature-256");
        found.expect("a signature")
    };
    assert_eq!(signature(&there), signature(&here));

    with_key(&there, &import)
        .exits(3)
        .says(["is in the book already", "`--replace`"]);
    with_key(&there, &["endpoints", "enable", "crm"]).ok();
    let replace: Vec<&str> = import.into_iter().chain(["--replace"]).collect();
    with_key(&there, &replace).ok().says(["1 replaced, 1 unchanged"]);
    assert_eq!(book(&there), book(&here));
}

#[test]
fn without_a_key_secrets_are_left_out_and_named_on_stderr() {
    let sandbox = Sandbox::new();
    let add = "endpoints add https://example.com/a -p generic --events all --name shop -s literal:hidden-text";
    sandbox.hook(add.split(' ')).run().ok();
    let path = sandbox.path("book.json");
    let exported = sandbox.hook(["endpoints", "export", "--book", file(&path)]).run().ok();
    exported.says(["the secret `stored:shop-", "of endpoint `shop` is left out", "HOOK_KEY"]);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(!text.contains("hidden") && !text.contains("\"secrets\": {"), "{text}");
    let there = Sandbox::new();
    let imported = there.hook(["endpoints", "import", "--book", file(&path)]).run().ok();
    imported.says(["is not on this machine", "rotate-secret shop"]);
}

#[test]
fn what_is_no_book_is_refused_and_a_book_is_for_this_machine() {
    let sandbox = Sandbox::new();
    sandbox.write("book.json", "{\"format\":9,\"endpoints\":[]}");
    sandbox
        .hook(["endpoints", "import", "--book", "book.json"])
        .run()
        .exits(7)
        .says(["format 9"]);
    sandbox.write("book.json", "[]");
    sandbox
        .hook(["endpoints", "import", "--book", "book.json"])
        .run()
        .exits(7);
    sandbox
        .hook(["endpoints", "import", "--book", "none.json"])
        .run()
        .exits(2);
    sandbox.hook(["endpoints", "import", "--replace"]).run().exits(2);
    sandbox
        .hook(["endpoints", "export", "--book", "new.json"])
        .run()
        .exits(6);
    let remote = [
        "endpoints",
        "export",
        "--remote",
        "slotflow",
        "--token",
        "env:T",
        "--book",
        "new.json",
    ];
    sandbox.hook(remote).env("T", "x").run().exits(2);
    let remote = [
        "endpoints",
        "import",
        "--remote",
        "slotflow",
        "--token",
        "env:T",
        "--book",
        "book.json",
    ];
    sandbox.hook(remote).env("T", "x").run().exits(2);
}
