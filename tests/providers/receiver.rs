//! `hook providers receiver`: what is printed is right for each provider in each language, and is run where its language
//! and library are installed.

use std::path::Path;
use std::process::Command;

use crate::support::{Process, Sandbox, keys, peers};

const LANGS: [&str; 5] = ["express", "flask", "fastapi", "go", "axum"];

/// A secret that is a text for some schemes and base64 behind a prefix for others.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER_SECRET: &str = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=";

fn written(sandbox: &Sandbox, provider: &str, lang: &str) -> String {
    let args = ["providers", "receiver", provider, "--lang", lang];
    sandbox.hook(args).run().ok().stdout()
}

#[test]
fn every_hmac_provider_and_variant_has_a_receiver_in_every_language_that_reads_its_header() {
    let sandbox = Sandbox::new();
    let (mut seen, mut refused) = (0, 0);
    for line in sandbox.hook(["providers", "list", "--json"]).run().ok().json() {
        let name = line["name"].as_str().unwrap();
        let profile = sandbox.hook(["providers", "show", name, "--json"]).run().ok().object();
        let variants = profile["variants"].as_array().unwrap().iter();
        let variants = variants.map(|variant| format!("{name}@{}", variant["name"].as_str().unwrap()));
        for label in std::iter::once(name.to_owned()).chain(variants) {
            let profile = sandbox
                .hook(["providers", "show", &label, "--json"])
                .run()
                .ok()
                .object();
            if profile["signature"]["kind"] != "hmac" {
                continue;
            }
            let header = profile["signature"]["header"].as_str().unwrap();
            let first = ["providers", "receiver", &label, "--lang", LANGS[0]];
            if sandbox.hook(first).run().code == 2 {
                // Rather none than one that leaves half of the check out.
                sandbox.hook(first).run().says(["no receiver can be written"]);
                refused += 1;
                continue;
            }
            for lang in LANGS {
                let text = written(&sandbox, &label, lang);
                for part in [
                    &format!("\"{header}\""),
                    "WEBHOOK_SECRET",
                    "/webhooks",
                    "Your work starts here",
                ] {
                    assert!(text.contains(part), "{label} in {lang} lacks {part}:\n{text}");
                }
                let left = text.lines().find(|line| line.starts_with('%'));
                assert_eq!(left, None, "{label} in {lang}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 30 * LANGS.len() && refused <= 15, "{seen} {refused}");
}

#[test]
fn the_content_the_grammar_the_forms_and_the_tolerance_are_the_profiles() {
    let sandbox = Sandbox::new();
    let go = |provider: &str| written(&sandbox, provider, "go");
    let has = |text: &str, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "lacks {part}:\n{text}");
        }
    };
    has(
        &go("slotflow"),
        &[
            "strings.Split(header, \",\")",
            "case \"t\":",
            "case \"v1\":",
            "mac.Write([]byte(timestamp))\n\tmac.Write([]byte(\".\"))\n\tmac.Write(body)",
            "const toleranceSeconds = 300",
        ],
    );
    has(
        &go("standard-webhooks"),
        &[
            "strings.Split(header, \" \")",
            "mac.Write([]byte(id))",
            "\"v1,\" + base64.StdEncoding",
            "strings.TrimPrefix(secret, \"whsec_\")",
            "return r.Header.Get(\"webhook-id\")",
        ],
    );
    let poolflow = go("poolflow");
    has(
        &poolflow,
        &[
            "\"sha256=\" + hex.",
            "base64.StdEncoding",
            "Assumed, since no source says it",
        ],
    );
    assert!(!poolflow.contains("toleranceSeconds"), "{poolflow}");
    assert!(!go("poolflow@hex").contains("base64"));
}

#[test]
fn a_token_is_compared_and_what_is_unsigned_says_so() {
    let sandbox = Sandbox::new();
    for lang in LANGS {
        let token = written(&sandbox, "hoopai@bearer", lang);
        assert!(
            token.contains("\"Authorization\"") && token.contains("\"Bearer \""),
            "{token}"
        );
        assert!(token.contains("WEBHOOK_SECRET"), "{token}");
        let unsigned = written(&sandbox, "slotflow@unsigned", lang);
        assert!(
            unsigned.contains("Nothing is signed") && !unsigned.contains("WEBHOOK_SECRET"),
            "{unsigned}"
        );
    }
}

#[test]
fn a_scheme_with_a_key_pair_is_refused_with_what_is_covered() {
    let sandbox = Sandbox::new();
    for (label, kind) in [("standard-webhooks@ed25519", "`ed25519`"), ("hoopai@rsa", "`rsa`")] {
        sandbox
            .hook(["providers", "receiver", label, "--lang", "go"])
            .run()
            .exits(2)
            .says([label, kind, "`hmac`, `token` and `unsigned`", "hook providers show"]);
    }
    sandbox
        .hook(["providers", "receiver", "slotflo", "--lang", "go"])
        .run()
        .exits(6)
        .says(["hook providers receiver slotflow"]);
    sandbox
        .hook(["providers", "receiver", "slotflow"])
        .run()
        .exits(2)
        .says(["--lang"]);
}

#[test]
fn the_receiver_is_one_object_with_exactly_the_documented_keys() {
    let sandbox = Sandbox::new();
    for (lang, file) in [
        ("express", "receiver.mjs"),
        ("flask", "receiver.py"),
        ("axum", "src/main.rs"),
    ] {
        let args = ["providers", "receiver", "poolflow@base64", "--lang", lang];
        let object = sandbox.hook(args.iter().chain(&["--json"])).run().ok().object();
        assert_eq!(keys(&object), ["schema", "provider", "lang", "file", "text"]);
        assert_eq!(object["schema"], "hook.receiver/1");
        assert_eq!(object["provider"], "poolflow@base64");
        assert_eq!((&object["lang"], &object["file"]), (&lang.into(), &file.into()));
        assert_eq!(object["text"], sandbox.hook(args).run().ok().stdout());
    }
}

#[test]
fn a_profiles_text_cannot_leave_its_comment_or_its_literal() {
    let sandbox = Sandbox::new();
    let file = "format = 1\nname = \"acme\"\ntitle = \"Acme\\nevil()\"\nextends = \"slotflow\"\n\
                [dedupe]\nkey = ['${event}\"; evil() //:${body.id}']\ncaution = \"one\\nevil()\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), file);
    for lang in LANGS {
        let text = written(&sandbox, "acme", lang);
        assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
        assert!(text.contains(r#"\"; evil() //:"#), "{text}");
    }
}

/// How a language is run, or nothing when it is not installed. What `.ci/run` prepared is used where it says so.
fn command(sandbox: &Sandbox, lang: &str) -> Option<Vec<String>> {
    let asked = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let python = peers().map_or_else(|| "python3".into(), |peers| peers.join("venv/bin/python3"));
    let python = python.to_str()?;
    let command: &[&str] = match lang {
        "express" => {
            // Modules are found from the file's own folder upwards.
            let modules = match peers() {
                Some(peers) => peers.join("node_modules"),
                None => {
                    let found = asked("node", &["-p", "require.resolve('express/package.json')"])?;
                    Path::new(&found).ancestors().nth(2)?.to_owned()
                }
            };
            let link = sandbox.path("node_modules");
            if !link.exists() {
                std::os::unix::fs::symlink(modules, link).expect("a link");
            }
            &["node", "receiver.mjs"]
        }
        "flask" => {
            asked(python, &["-c", "import flask"])?;
            &[python, "receiver.py"]
        }
        "fastapi" => {
            asked(python, &["-c", "import fastapi, uvicorn"])?;
            &[python, "receiver.py"]
        }
        "go" => {
            asked("go", &["version"])?;
            asked(
                "go",
                &[
                    "build",
                    "-o",
                    sandbox.path("receiver").to_str()?,
                    sandbox.path("receiver.go").to_str()?,
                ],
            )
            .expect("the receiver compiles");
            &["./receiver"]
        }
        _ => {
            compile(sandbox, &peers()?);
            &["./receiver"]
        }
    };
    Some(command.iter().map(|part| (*part).to_owned()).collect())
}

/// Makes a program of an axum receiver, with the libraries that were compiled before.
fn compile(sandbox: &Sandbox, peers: &Path) {
    for file in ["Cargo.toml", "Cargo.lock"] {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/peers/axum")
            .join(file);
        std::fs::copy(manifest, sandbox.path(file)).expect("a copy");
    }
    let target = peers.join("axum");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--offline", "--target-dir"])
        .arg(&target)
        .current_dir(sandbox.path(""))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the receiver compiles");
    // By another process: a file that this one has open for writing cannot be run, and what other tests start inherits it for a moment.
    let copied = Command::new("cp")
        .arg(target.join("debug/receiver"))
        .arg(sandbox.path("receiver"))
        .status();
    assert!(copied.is_ok_and(|status| status.success()), "the receiver is copied");
}

/// A receiver that runs, and its URL.
#[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
fn started(sandbox: &Sandbox, provider: &str, lang: &str) -> Option<(Process, String)> {
    let args = ["providers", "receiver", provider, "--lang", lang, "--json"];
    let object = sandbox.hook(args).run().ok().object();
    let part = |key: &str| object[key].as_str().expect("a text").to_owned();
    sandbox.write(part("file"), part("text"));
    let Some(command) = command(sandbox, lang) else {
        assert!(peers().is_none(), "{lang} is not installed, and must be");
        eprintln!("skipped: {lang} is not installed");
        return None;
    };
    let mut process = Command::new(&command[0]);
    process
        .args(&command[1..])
        .current_dir(sandbox.path(""))
        .envs([("WEBHOOK_SECRET", SECRET), ("PORT", "0")]);
    let mut process = Process::spawn(process);
    let is_url = |line: &str| line.contains("http://") && !line.contains("0.0.0.0:0");
    let line = match lang {
        "flask" | "fastapi" => process.wait_said(is_url),
        _ => process.wait_line(is_url),
    };
    let port: String = line
        .rsplit_once("http://")
        .and_then(|(_, address)| address.split_once(':'))
        .map(|(_, port)| port.chars().take_while(char::is_ascii_digit).collect())
        .expect("a URL with a port");
    Some((process, format!("http://127.0.0.1:{port}/webhooks")))
}

fn accepts_what_send_signs_once_and_nothing_else(lang: &str) {
    for (provider, event) in [
        ("poolflow", "job.paid"),
        ("slotflow", "booking.confirmed"),
        ("pocketsflow", "order.completed"),
        ("standard-webhooks", "example.user.created"),
        ("generic@timestamped", "test.ping"),
        ("hoopai@bearer", "ContactCreated"),
    ] {
        let sandbox = Sandbox::new();
        let Some((mut process, url)) = started(&sandbox, provider, lang) else {
            return;
        };
        let send = |secret: &str, extra: &[&str]| {
            let args = [
                "send",
                event,
                "-p",
                provider,
                "--to",
                &url,
                "--secret",
                "env:WEBHOOK_SECRET",
            ];
            sandbox
                .hook(args.iter().chain(extra))
                .env("WEBHOOK_SECRET", secret)
                .run()
        };
        send(OTHER_SECRET, &[]).exits(3).prints(["401"]);
        send(SECRET, &[]).ok().prints(["200"]);
        let first = process.wait_line(|line| line.starts_with("received "));
        // The same event again is answered in the same way, and no work begins for it: the next one is another's.
        sandbox
            .hook(["replay", "last", "--as-captured"])
            // A token is in the ledger by its reference alone.
            .env("WEBHOOK_SECRET", SECRET)
            .run()
            .ok()
            .prints(["200"]);
        let umlauts = r#"{"name":"Päm \u0000 ☂","spaces": [ 1.50 ], "id": "one of another length"}"#;
        send(SECRET, &["--data", umlauts]).ok().prints(["200"]);
        let second = process.wait_line(|line| line.starts_with("received "));
        assert_ne!(first, second, "{provider} in {lang}: a duplicate was worked on");
        if provider != "hoopai@bearer" {
            // Signed with the right secret, changed afterwards.
            let changed = ["replay", "last", "--as-captured", "--set", "data.id=1", "--set-new"];
            sandbox.hook(changed).run().exits(3).prints(["401"]);
        }
    }
}

#[test]
fn the_express_receiver_accepts_what_send_signs_once_and_nothing_else() {
    accepts_what_send_signs_once_and_nothing_else("express");
}

#[test]
fn the_flask_receiver_accepts_what_send_signs_once_and_nothing_else() {
    accepts_what_send_signs_once_and_nothing_else("flask");
}

#[test]
fn the_fastapi_receiver_accepts_what_send_signs_once_and_nothing_else() {
    accepts_what_send_signs_once_and_nothing_else("fastapi");
}

#[test]
fn the_go_receiver_accepts_what_send_signs_once_and_nothing_else() {
    accepts_what_send_signs_once_and_nothing_else("go");
}

#[test]
fn the_axum_receiver_accepts_what_send_signs_once_and_nothing_else() {
    accepts_what_send_signs_once_and_nothing_else("axum");
}
