//! Secrets at rest: encrypted with the key of `HOOK_KEY`, refused with another one, and given another key in spite of kills.

mod rekey;
mod service;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::endpoints::remote::There;
use crate::support::{App, CLOSED_PORT, KEY, MockApi, Reply, Run, Sandbox};

/// A key by its byte.
fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

impl Sandbox {
    /// `hook ARGS` with `HOOK_KEY`.
    fn with_key(&self, byte: u8, args: &str) -> Run {
        self.hook(args.split_whitespace())
            .env("HOOK_KEY", "env:A_KEY")
            .env("A_KEY", key(byte))
    }

    /// Adds an endpoint with a literal secret, stored with that key.
    #[track_caller]
    fn add_with_key(&self, byte: u8, name: &str, url: &str, secret: &str) {
        let add =
            format!("endpoints add {url} -p generic --name {name} --local --events all --quiet -s literal:{secret}");
        self.with_key(byte, &add).run().ok();
    }
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
}

/// Fails when a file of the user's has one of the secrets: as it is, in hex, in base64, or decoded.
#[track_caller]
fn nothing_holds(sandbox: &Sandbox, secrets: &[String]) {
    let mut found = Vec::new();
    files(sandbox.home(), &mut found);
    for name in [
        "ledger.db",
        "ledger.db-wal",
        "copy.db",
        "dev-secret",
        "endpoints.json",
        "config.toml",
    ] {
        assert!(found.iter().any(|(path, _)| path.ends_with(name)), "no {name}");
    }
    for secret in secrets {
        assert!(secret.len() >= 16, "{secret} is found by chance");
        let mut forms = vec![secret.clone().into_bytes(), hex::encode(secret).into_bytes()];
        forms.push(STANDARD.encode(secret).trim_end_matches('=').as_bytes().to_vec());
        let decoded = STANDARD.decode(secret.trim_start_matches("whsec_"));
        forms.extend(decoded.ok().filter(|bytes| bytes.len() >= 12));
        for (path, bytes) in &found {
            for form in &forms {
                let holds = bytes.windows(form.len()).any(|part| part == form);
                assert!(!holds, "{path} has {secret}");
            }
        }
    }
}

#[test]
fn no_file_has_a_secret_in_clear_after_a_run_with_a_key() {
    let there = There::serve("pocketsflow", "");
    let sandbox = &there.sandbox;
    let run = |args: &str| sandbox.with_key(1, args).run();
    let (good, bad) = (
        App::start(|_| Reply::Status(200, "")),
        App::start(|_| Reply::Status(500, "")),
    );
    let literal = |n: u32| format!("a-literal-secret-of-a-user-{n}");
    let mut secrets = vec![key(1), literal(1), literal(2), literal(3)];
    let add = |name: &str, provider: &str, url: &str, more: &str| {
        let add = format!("endpoints add {url} -p {provider} --name {name} --local --events all --json {more}");
        run(&add).ok().object()["secret"].as_str().map(str::to_owned)
    };
    add("given", "generic", &good.url, "-s literal:a-literal-secret-of-a-user-1");
    add("token", "gitlab", &good.url, "-s literal:a-literal-secret-of-a-user-2");
    add("pair", "hoopai@ed25519", &good.url, "");
    let made =
        ["generic", "poolflow", "slotflow"].map(|provider| add(provider, provider, &good.url, "").expect("a secret"));
    secrets.extend(made);
    secrets.extend(add("failing", "poolflow", &bad.url, ""));
    // A token that was written in the settings by hand, and what the provider makes.
    let settings = format!(
        "[remote.pocketsflow]\napi-url = \"{}\"\ntoken = \"{}\" # mine\n",
        there.url, there.key
    );
    sandbox.write(sandbox.config("config.toml"), settings);
    run("endpoints rekey --to env:A_KEY")
        .ok()
        .prints(["encrypted 1 secret with key "]);
    let remote = "endpoints add https://example.com/hooks --events order.completed --remote pocketsflow --json";
    secrets.extend(run(remote).ok().object()["secret"].as_str().map(str::to_owned));
    secrets.push(there.key.clone());
    // The dev secret, and deliveries of all of them.
    run(&format!("send thing.created -p generic --to {}", good.url)).ok();
    run(&format!("send push -p gitlab --to {}", good.url));
    for provider in ["generic", "poolflow", "gitlab"] {
        let shown = run(&format!("secret show -p {provider} --json")).ok().object();
        secrets.extend(shown["secret"].as_str().map(str::to_owned));
    }
    let mut service = MockApi::ready(
        sandbox
            .with_key(1, "serve --port 0 --json --key env:KEY --time-scale 1000000x")
            .env("KEY", KEY),
    );
    for event in ["job.paid", "thing.created"] {
        let event = format!(r#"{{"event": "{event}", "data": {{"n": 1}}}}"#);
        assert_eq!(service.call("POST", "/events", &event).0, 202);
    }
    service.next("hook.endpoint-disabled/1");
    let rotated = run("endpoints rotate-secret generic --json").ok().object();
    secrets.extend(rotated["secret"].as_str().map(str::to_owned));
    run("endpoints rotate-secret given -s literal:a-literal-secret-of-a-user-3").ok();
    run("log backup copy.db").ok();
    nothing_holds(sandbox, &secrets);
    let service = service.stop().ok();
    for secret in &secrets {
        service_never_says(&service.stderr(), secret);
        service_never_says(&service.stdout(), secret);
    }
    assert!(secrets.len() > 12, "{}", secrets.len());
}

#[track_caller]
fn service_never_says(text: &str, secret: &str) {
    assert!(!text.contains(secret), "the service says {secret}:\n{text}");
}

#[test]
fn a_wrong_and_a_missing_key_end_with_7_and_name_the_key() {
    let sandbox = Sandbox::new();
    sandbox.add_with_key(1, "one", CLOSED_PORT, "whsec_a");
    sandbox.with_key(1, "secret show -p generic").run().ok();
    let stored = fs::read_to_string(sandbox.state("dev-secret")).expect("the dev secret");
    let id = stored.split(':').nth(2).expect("a key id").to_owned();
    sandbox.write(
        sandbox.config("config.toml"),
        "[remote.slotflow]\ntoken = \"a-token\"\n",
    );
    sandbox.with_key(1, "endpoints rekey --to env:A_KEY").run().ok();
    for command in [
        "endpoints test one",
        "send thing.created --endpoint one",
        "sign --secret endpoint:one -p generic --body {}",
        "send thing.created -p generic --to http://127.0.0.1:1",
        "secret show -p generic",
        "listen --secret --port 0 --for 10ms",
        "endpoints list --remote slotflow",
        "serve --port 0",
    ] {
        let wrong = sandbox.with_key(2, command).run().exits(7);
        wrong.says([
            &format!("encrypted with key `{id}`"),
            "`HOOK_KEY` is key `",
            "`export HOOK_KEY=file:PATH`",
        ]);
        let missing = sandbox.hook(command.split_whitespace()).run().exits(7);
        missing.says([&format!("encrypted with key `{id}`"), "`HOOK_KEY` is not set"]);
        let unreadable = sandbox.hook(command.split_whitespace()).env("HOOK_KEY", "file:none");
        unreadable.run().exits(7).says([&id, "`none` cannot be read"]);
    }
    // What needs no secret works.
    sandbox.hook(["endpoints", "list"]).run().ok().prints(["one"]);
    sandbox.with_key(2, "endpoints show one --json").run().ok();
    sandbox.with_key(2, "endpoints remove one --yes").run().ok();
}

#[test]
fn a_key_that_is_none_is_refused_before_anything_is_stored_and_never_shown() {
    let sandbox = Sandbox::new();
    let add = "endpoints add https://example.com -p generic --name one --events all";
    for value in [
        key(1),
        "literal:AAAA".into(),
        "env:NONE".into(),
        "file:none".into(),
        "env:SHORT".into(),
    ] {
        let run = sandbox
            .hook(add.split_whitespace())
            .env("HOOK_KEY", &value)
            .env("SHORT", &key(1)[4..]);
        let refused = run.run().exits(2).says(["`HOOK_KEY`: "]);
        refused.never([&key(1)[4..40]]);
        let serve = sandbox.hook(["serve", "--port", "0"]).env("HOOK_KEY", &value);
        serve.env("SHORT", &key(1)[4..]).run().exits(2).says(["`HOOK_KEY`: "]);
    }
    assert!(!sandbox.config("endpoints.json").exists());
    assert!(fs::read_dir(sandbox.state("secrets")).is_ok_and(|mut files| files.next().is_none()));
}

#[test]
fn a_ciphertext_that_is_moved_to_another_record_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.add_with_key(1, "one", CLOSED_PORT, "whsec_a");
    sandbox.add_with_key(1, "two", CLOSED_PORT, "whsec_b");
    let mut stored = Vec::new();
    files(&sandbox.state("secrets"), &mut stored);
    assert_eq!(stored.len(), 2);
    fs::write(&stored[1].0, &stored[0].1).expect("it is written");
    let sign = |name: &str| sandbox.with_key(1, &format!("sign --secret endpoint:{name} -p generic --body {{}}"));
    let names = stored
        .iter()
        .map(|(path, _)| if path.contains("/one-") { "one" } else { "two" });
    let names: Vec<_> = names.collect();
    sign(names[0]).run().ok();
    sign(names[1]).run().exits(7).says(["belongs to another record"]);
    // A dev secret made of an endpoint's.
    let text: serde_json::Value = serde_json::from_slice(&stored[0].1).expect("JSON");
    let text = text["encrypted"].as_str().expect("encrypted");
    sandbox.write(sandbox.state("dev-secret"), text);
    sandbox
        .with_key(1, "secret show -p generic")
        .run()
        .exits(7)
        .says(["belongs to another record"]);
}
