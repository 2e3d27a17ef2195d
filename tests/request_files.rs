//! `--from`: requests as browsers, proxies, gateways and API clients export them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{App, Reply, Sandbox};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/request_files")
}

/// Every file holds one request with the signature of the body that its program sent, by the secret `s3cret`.
#[test]
fn a_request_of_every_form_verifies() {
    let sandbox = Sandbox::new();
    let mut forms: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let path = path.to_str().expect("a path in UTF-8");
        let verified = sandbox
            .hook(["verify", "-p", "generic", "-s", "literal:s3cret", "--from", path])
            .run();
        assert_eq!(
            verified.stdout(),
            "verified: generic\n",
            "{path}: {}",
            verified.stderr()
        );
        let name = path.rsplit('/').next().and_then(|name| name.split(['-', '.']).next());
        forms.extend(name.map(str::to_owned));
    }
    for form in ["curl", "raw", "har", "lambda", "postman"] {
        let count = forms.iter().filter(|found| *found == form).count();
        assert!(count >= 3, "{form}: {count}");
    }
}

#[test]
fn several_requests_need_an_entry_and_a_file_that_is_named_is_not_read() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "two.sh",
        "curl https://a.example/1 -d 1\ncurl https://a.example/2 -d @secret-file\n",
    );
    let verify = |more: &[&str]| {
        let args = ["verify", "-p", "generic", "-s", "literal:s3cret", "--from", "two.sh"];
        sandbox.hook(args.iter().chain(more).copied()).run()
    };
    verify(&[]).exits(2).says([
        "a script of curl commands with 2 requests",
        "2: https://a.example/2",
        "--entry N",
    ]);
    verify(&["--entry", "2"])
        .exits(2)
        .says(["`secret-file`, which is not read"]);
    verify(&["--entry", "3"]).exits(2).says(["no entry `3`"]);
}

#[test]
fn send_takes_the_body_and_its_type_and_signs_afresh() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let file = folder().join("lambda-v2-base64.json");
    let file = file.to_str().expect("a path in UTF-8");
    let args = [
        "send",
        "job.paid",
        "-p",
        "generic",
        "-s",
        "literal:other",
        "--to",
        &app.url,
        "--from",
        file,
    ];
    sandbox.hook(args).run().ok();
    let request = app.next();
    assert!(request.body.ends_with(b"}\n"), "the bytes of the file");
    let content_type = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(content_type.map(|(_, value)| value.as_str()), Some("application/json"));
}
