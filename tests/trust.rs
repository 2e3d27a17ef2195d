//! A cloned repository is hostile input: what its files may do before and after `hook config trust`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{App, Outcome, Reply, Sandbox, post};

fn app() -> App {
    App::start(|_| Reply::Status(200, ""))
}

/// A book with one endpoint; `secrets` is the list of its references.
fn book(provider: &str, url: &str, secrets: &[&str]) -> String {
    let secrets: Vec<String> = secrets
        .iter()
        .map(|secret| format!(r#"{{"ref":"{secret}"}}"#))
        .collect();
    format!(
        r#"{{"format":1,"endpoints":[{{"id":"ep_01a2258033837b4d8c3c78559190e002","name":"crm","url":"{url}",
        "provider":"{provider}","events":"all","secrets":[{}],"created":"2026-11-29T04:11:28Z",
        "updated":"2026-11-29T04:11:28Z"}}]}}"#,
        secrets.join(",")
    )
}

fn hook(sandbox: &Sandbox, args: &str) -> Outcome {
    sandbox
        .hook(args.split_whitespace())
        .env("TOKEN", "0123456789-token")
        .run()
}

/// The value of a setting as `config show` has it.
fn setting(sandbox: &Sandbox, key: &str) -> serde_json::Value {
    let lines = sandbox.hook(["config", "show", "--json"]).run().ok().json();
    let line = lines.into_iter().find(|line| line["key"] == key);
    line.map_or(serde_json::Value::Null, |line| line["value"].clone())
}

const EVERY_KEY: &str = r#"
provider = "slotflow"
secret = "env:TOKEN"
output = "human"
[listen]
port = 4711
forward-to = "http://192.0.2.1/"
on = ["a=touch one", "b=http://192.0.2.1/"]
dedupe-window = "1ms"
[ledger]
retention = "1ms"
max-size = 1
[account]
enabled = false
plan = "free"
params = { company_id = "7" }
[[route]]
run = "touch two"
[[route]]
forward = "http://192.0.2.1/"
[remote.slotflow]
api-url = "http://127.0.0.1:1"
[[endpoint]]
name = "new"
url = "https://example.com/"
events = "all"
secret = "env:TOKEN"
[workflow.w]
url = "http://192.0.2.1/"
"#;

#[test]
fn only_harmless_keys_of_an_untrusted_project_count_and_one_warning_names_the_others() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", EVERY_KEY);
    let values = || {
        [
            "provider",
            "listen.port",
            "account.plan",
            "account.params",
            "secret",
            "listen.forward-to",
            "listen.on",
            "listen.dedupe-window",
            "ledger.retention",
            "ledger.max-size",
            "account.enabled",
            "route",
            "remote",
            "workflow.w",
        ]
        .map(|key| setting(&sandbox, key).to_string())
    };
    let untrusted = values();
    assert_eq!(
        untrusted[..4],
        ["\"slotflow\"", "4711", "\"free\"", "{\"company_id\":\"7\"}"]
    );
    let defaults = [
        "\"\"", "\"\"", "[]", "\"24h\"", "\"30d\"", "2048", "true", "null", "null", "null",
    ];
    assert_eq!(untrusted[4..], defaults);
    let outcome = hook(&sandbox, "config show").ok();
    let warnings: Vec<String> = outcome
        .stderr()
        .lines()
        .filter(|line| line.starts_with("warning"))
        .map(str::to_owned)
        .collect();
    assert_eq!(warnings.len(), 1, "{outcome}");
    for key in [
        "secret",
        "listen.forward-to",
        "listen.on",
        "listen.dedupe-window",
        "ledger.retention",
        "ledger.max-size",
        "account.enabled",
        "route",
        "remote.slotflow",
        "endpoint.secret",
        "workflow.w",
    ] {
        assert!(warnings[0].contains(&format!("`{key}`")), "{key}: {}", warnings[0]);
    }
    let shown = hook(&sandbox, "config trust --json").ok().object();
    assert_eq!(shown["allows"].as_array().unwrap().len(), 14, "{shown}");
    let trusted = values();
    assert_eq!(trusted[..4], untrusted[..4]);
    assert!(
        trusted[4..].iter().zip(defaults).all(|(now, default)| now != default),
        "{trusted:?}"
    );
    assert_eq!(hook(&sandbox, "config show").ok().stderr(), "");
}

#[test]
fn a_text_that_could_be_a_url_or_a_command_is_parsed_once() {
    let sandbox = Sandbox::new();
    let text = "a.b/;touch${IFS}ran";
    sandbox.write("hook.toml", format!("[listen]\non = [\"*={text}\"]\n"));
    let run = || {
        let listener = sandbox.listen(["--unverified", "--count", "1"]);
        post(&listener.url, &[], b"{}");
        listener.process.wait()
    };
    run().ok();
    assert!(!sandbox.path("ran").exists(), "nothing was trusted");
    hook(&sandbox, "config trust")
        .ok()
        .prints(["`listen.on` runs a command: `*=a.b/;touch${IFS}ran`"]);
    run();
    assert!(sandbox.path("ran").exists(), "once trusted it runs");
}

#[test]
fn requests_are_sent_on_only_where_the_user_allowed_it() {
    let sandbox = Sandbox::new();
    let (thief, app) = (app(), app());
    for table in ["[listen]\nforward-to = \"URL\"\n", "[[route]]\nforward = \"URL\"\n"] {
        sandbox.write("hook.toml", table.replace("URL", &thief.url));
        let run = |more: &[&str]| {
            let always = ["--count", "1"];
            let listener = sandbox.listen(always.iter().chain(more));
            post(&listener.url, &[("Authorization", "Bearer abc")], b"{}");
            listener.process.wait().ok();
        };
        run(&[]);
        assert!(thief.rest().is_empty(), "{table}");
        // What the user types needs no trust.
        run(&["--forward-to", &app.url]);
        assert!(thief.rest().is_empty() && app.rest().len() == 1, "{table}");
        sandbox.trust();
        run(&[]);
        assert_eq!(thief.rest().len(), 1, "{table}");
        sandbox.write("hook.toml", table.replace("URL", &format!("{}/other", thief.url)));
        run(&[]);
        assert!(
            thief.rest().is_empty(),
            "a changed entry has to be allowed again: {table}"
        );
    }
}

#[test]
fn a_cloned_project_sends_no_variable_and_no_secret_of_the_user_as_a_token() {
    let sandbox = Sandbox::new();
    let thief = app();
    sandbox.write("hook.toml", "provider = \"gitlab\"\n");
    sandbox.write(".hook/endpoints.json", book("gitlab", &thief.url, &[]));
    let refused = |outcome: Outcome| {
        outcome
            .exits(2)
            .says(["the project is not trusted: endpoint `crm`", "`hook config trust`"])
            .never(["0123456789"]);
        assert!(thief.rest().is_empty());
    };
    let send = || hook(&sandbox, "send push --endpoint crm");
    // Neither the dev secret, nor that of the user's settings, nor that of the project's.
    refused(send());
    sandbox.write(sandbox.config("config.toml"), "secret = \"env:TOKEN\"\n");
    refused(send());
    refused(hook(&sandbox, "endpoints test crm"));
    sandbox.write("hook.toml", "provider = \"gitlab\"\nsecret = \"env:TOKEN\"\n");
    refused(send());
    // What the user types is not restricted.
    hook(&sandbox, "send push --endpoint crm --secret env:TOKEN").ok();
    let typed = sandbox
        .hook(["send", "push", "--endpoint", "crm"])
        .env("HOOK_SECRET", "typed");
    typed.run().ok();
    assert_eq!(thief.rest().len(), 2);

    let shown = hook(&sandbox, "config trust").ok();
    shown.prints([
        "`secret` is `env:TOKEN`, for `gitlab`",
        "endpoint `crm`: it gets the project's `secret`",
        &thief.url,
    ]);
    send().ok();
    assert_eq!(thief.next().header("x-gitlab-token"), Some("0123456789-token"));
    // Bound to the place and the provider that were allowed.
    let other = app();
    sandbox.write(".hook/endpoints.json", book("gitlab", &other.url, &[]));
    refused(send());
    assert!(other.rest().is_empty());
}

#[test]
fn a_secret_of_a_projects_endpoint_is_bound_to_its_provider_and_place() {
    let sandbox = Sandbox::new();
    let (mine, thief) = (app(), app());
    sandbox.write("hook.toml", "");
    let add = format!(
        "endpoints add {} -p slotflow --events booking.confirmed --local --name crm",
        mine.url
    );
    hook(&sandbox, &add).ok();
    let send = || hook(&sandbox, "send booking.confirmed --endpoint crm");
    send().ok();
    let own = fs::read_to_string(sandbox.path(".hook/endpoints.json")).unwrap();
    let pull = |from: &str, to: &str| sandbox.write(".hook/endpoints.json", own.replace(from, to));

    pull(&mine.url, &thief.url);
    send()
        .exits(2)
        .says(["the project is not trusted: endpoint `crm`", "stored:crm-", &thief.url]);
    pull("slotflow", "gitlab");
    hook(&sandbox, "send push --endpoint crm")
        .exits(2)
        .says(["is not trusted"]);
    // Another path at the same place is the same receiver.
    pull(&mine.url, &format!("{}/other", mine.url));
    send().ok();
    // The user types the new place.
    pull(&mine.url, &thief.url);
    hook(&sandbox, &format!("endpoints update crm --to {}", thief.url)).ok();
    send().ok();
    assert_eq!((mine.rest().len(), thief.rest().len()), (2, 1));
    // Other changes by the user leave it bound.
    hook(&sandbox, "endpoints update crm --name shop --description x").ok();
    hook(&sandbox, "endpoints rotate-secret shop").ok();
    hook(&sandbox, "send booking.confirmed --endpoint shop").ok();
}

#[test]
fn rotating_in_a_cloned_project_does_not_allow_its_old_secret() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.write("hook.toml", "");
    sandbox.write(".hook/endpoints.json", book("slotflow", &app.url, &["env:TOKEN"]));
    hook(&sandbox, "endpoints rotate-secret crm --overlap 1h").ok();
    let listing = hook(&sandbox, "endpoints show crm --json").ok().object();
    let marks: Vec<bool> = listing["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["fingerprint"].is_null())
        .collect();
    assert_eq!(marks, [false, true], "{listing}");
}

#[test]
fn a_copied_project_neither_uses_nor_deletes_the_secrets_of_the_original() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.write("one/hook.toml", "");
    let at = |folder: &str, args: &str| {
        let args: Vec<&str> = args.split_whitespace().collect();
        sandbox.hook(args).dir(&sandbox.path(folder)).run()
    };
    for provider in ["slotflow", "hoopai@ed25519"] {
        let event = if provider == "slotflow" {
            "booking.confirmed"
        } else {
            "all"
        };
        at(
            "one",
            &format!(
                "endpoints add {} -p {provider} --events {event} --local --name crm",
                app.url
            ),
        )
        .ok();
        let text = fs::read(sandbox.path("one/.hook/endpoints.json")).unwrap();
        let kept = || fs::read_dir(sandbox.state("secrets")).unwrap().count();
        assert_eq!(kept(), 1, "a pair is one file");
        sandbox.write("two/hook.toml", "");
        sandbox.write("two/.hook/endpoints.json", &text);
        at("two", "endpoints test crm").exits(2).says([
            "the project is not trusted",
            "made for `",
            "one/.hook/endpoints.json`",
        ]);
        at("two", "endpoints rotate-secret crm --overlap 0").ok();
        at("two", "endpoints remove crm --yes").ok();
        assert_eq!(kept(), 1, "the original's is still there");
        at("one", "endpoints show crm").ok().prints(["fingerprint "]);
        at("one", "endpoints remove crm --yes").ok();
        assert_eq!(kept(), 0, "{provider}");
    }
}

#[test]
fn a_secret_that_an_earlier_hook_stored_is_used_once_it_is_allowed_and_not_deleted_by_a_project() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.write(sandbox.state("secrets/crm-0a1b2c3d"), "0123456789-earlier\n");
    let text = book("slotflow", &app.url, &["stored:crm-0a1b2c3d"]);
    sandbox.write("hook.toml", "");
    sandbox.write(".hook/endpoints.json", &text);
    let send = || hook(&sandbox, "send booking.confirmed --endpoint crm");
    send().exits(2).says(["is not trusted"]);
    sandbox.trust();
    send().ok();
    hook(&sandbox, "endpoints remove crm --yes")
        .ok()
        .says(["secrets/crm-0a1b2c3d` stays: another copy of the project may use this secret"]);
    assert!(sandbox.state("secrets/crm-0a1b2c3d").exists());
    // The user's own book needs no trust.
    fs::remove_file(sandbox.path("hook.toml")).unwrap();
    sandbox.write(sandbox.config("endpoints.json"), &text);
    send().ok();
    hook(&sandbox, "endpoints remove crm --yes").ok().never(["stays"]);
    assert!(!sandbox.state("secrets/crm-0a1b2c3d").exists());
    sandbox.write(sandbox.config("endpoints.json"), &text);
    send()
        .exits(2)
        .says(["`hook endpoints rotate-secret crm` makes a new one"]);
}

#[test]
fn a_reviewed_file_of_a_project_takes_no_secret_along() {
    let sandbox = Sandbox::new();
    let (mine, thief) = (app(), app());
    let file = |url: &str, secret: &str| {
        let table = "[[endpoint]]\nname = \"crm\"\nprovider = \"slotflow\"\nevents = [\"booking.confirmed\"]\n";
        sandbox.write("hook.toml", format!("{table}url = \"{url}\"\n{secret}"));
    };
    file(&mine.url, "secret = \"env:TOKEN\"\n");
    hook(&sandbox, "endpoints apply --yes --local")
        .exits(2)
        .says(["the project is not trusted: `endpoint` `crm`: its secret is `env:TOKEN`"]);
    // A file that the user names is the user's word; what it gives is shown.
    sandbox.write("named.toml", fs::read(sandbox.path("hook.toml")).unwrap());
    hook(&sandbox, "endpoints diff -f named.toml")
        .ok()
        .prints([", secret env:TOKEN"]);
    file(&mine.url, "");
    hook(&sandbox, "endpoints apply --yes --local").ok();
    let send = || hook(&sandbox, "send booking.confirmed --endpoint crm");
    send().ok();
    file(&thief.url, "");
    hook(&sandbox, "endpoints apply --yes --local")
        .ok()
        .says(["endpoint `crm` has a new URL", "`hook config trust`"]);
    send().exits(2).says(["the project is not trusted: endpoint `crm`"]);
    assert_eq!((mine.rest().len(), thief.rest().len()), (1, 0));
    sandbox.trust();
    send().ok();
    assert_eq!(thief.rest().len(), 1);
}

#[test]
fn trust_is_shown_whole_and_covers_what_was_shown() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(5000);
    sandbox.write(
        "hook.toml",
        format!("[[route]]\nrun = \"echo \\u001b[2J{long}; touch end\"\n"),
    );
    let shown = hook(&sandbox, "config trust").ok();
    shown.prints([&long, "touch end", "\\u"]).never(["\u{1b}"]);
    hook(&sandbox, "config trust").ok().says(["is already trusted"]);
    sandbox.write("hook.toml", "[[route]]\nrun = \"touch ran\"\n");
    hook(&sandbox, "config trust --quiet")
        .exits(2)
        .says(["`--quiet` would hide what is allowed"]);
    hook(&sandbox, "config show").says(["not trusted"]);
    // The trust of one project says nothing about another.
    sandbox.write("sub/hook.toml", fs::read(sandbox.path("hook.toml")).unwrap());
    let inside = sandbox.hook(["config", "show"]).dir(&sandbox.path("sub")).run().ok();
    inside.says(["sub/hook.toml` is not trusted; ignored: `route`"]);
}

/// A folder outside of the project with a file in it.
fn outside(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.write("../outside/file", "provider = \"poolflow\"\n");
    sandbox.path("../outside")
}

fn link(to: impl AsRef<Path>, at: &Path) {
    let _ = fs::remove_file(at);
    fs::create_dir_all(at.parent().expect("a folder")).expect("folders");
    symlink(to, at).expect("a link");
}

#[test]
fn files_of_a_project_are_read_only_if_they_are_regular_bounded_and_inside() {
    let sandbox = Sandbox::new();
    let outside = outside(&sandbox);
    let pipe = sandbox.path("pipe");
    sandbox.program("mkfifo", [&pipe]).run().ok();
    // `/dev/zero` never ends, and the pipe never begins: each of these returns at once.
    for (target, says) in [
        (Path::new("/dev/zero"), "it is outside of the project"),
        (&outside.join("file"), "it is outside of the project"),
        (&pipe, "it is not a regular file"),
    ] {
        link(target, &sandbox.path("hook.toml"));
        let outcome = hook(&sandbox, "config show");
        outcome.exits(2).says(["hook.toml` cannot be read", says]);
        fs::remove_file(sandbox.path("hook.toml")).unwrap();
        sandbox.write("hook.toml", "");
        link(target, &sandbox.path(".hook/endpoints.json"));
        for args in [
            "endpoints list",
            "send job.paid --endpoint crm",
            "config trust",
            "endpoints doctor",
        ] {
            hook(&sandbox, args).says(["endpoints.json` cannot be read", says]);
        }
        fs::remove_dir_all(sandbox.path(".hook")).unwrap();
    }
    let big = fs::File::create(sandbox.path("hook.toml")).unwrap();
    big.set_len(2 * 1024 * 1024).unwrap();
    hook(&sandbox, "config show")
        .exits(2)
        .says(["it has more than 1048576 bytes"]);
    // Each entry is judged by itself, which a million of them would make slow.
    let many = "\"a=b\",".repeat(1001);
    sandbox.write("hook.toml", format!("[listen]\non = [{many}]\n"));
    hook(&sandbox, "config show")
        .exits(2)
        .says(["`listen.on` has 1001 entries, at most 1000 are allowed"]);
    // A link inside of the project is fine, and so are a pipe and a link that the user names.
    fs::remove_file(sandbox.path("hook.toml")).unwrap();
    sandbox.write("settings/hook.toml", "provider = \"poolflow\"\n");
    link("settings/hook.toml", &sandbox.path("hook.toml"));
    assert_eq!(setting(&sandbox, "provider"), "poolflow");
    let typed = ["sign", "-p", "generic", "--body", "{}", "--secret", "file:/dev/stdin"];
    sandbox.hook(typed).stdin("0123456789-typed").run().ok();
    link(outside.join("file"), &sandbox.path("typed"));
    hook(&sandbox, "sign -p generic --body {} --secret file:typed").ok();
}

#[test]
fn a_secret_file_of_a_project_is_inside_of_it_unless_that_was_shown() {
    let sandbox = Sandbox::new();
    let outside = outside(&sandbox);
    sandbox.write("key", "0123456789-inside");
    sandbox.write("sub/deep", "");
    sandbox.write("hook.toml", "provider = \"generic\"\nsecret = \"file:key\"\n");
    sandbox.trust();
    // A relative path counts from the project's folder, wherever hook is run.
    let sign = || {
        let sign = ["sign", "--body", "{}"];
        sandbox.hook(sign).dir(&sandbox.path("sub")).run()
    };
    sign().ok();
    link(outside.join("file"), &sandbox.path("key"));
    sign().ok().says(["not trusted; ignored: `secret`"]);
    hook(&sandbox, "config trust")
        .ok()
        .prints(["(a file outside of the project)", "outside/file`"]);
    let allowed = sign().ok();
    allowed.never(["not trusted"]);
    // What is no regular file is not read, trusted or not.
    fs::remove_file(sandbox.path("key")).unwrap();
    sandbox.program("mkfifo", [&sandbox.path("key")]).run().ok();
    sandbox.trust();
    sign().ok().says(["ignored: `secret`"]);
    sandbox.write(
        ".hook/endpoints.json",
        book("generic", "http://127.0.0.1:1", &["file:key"]),
    );
    sandbox.trust();
    hook(&sandbox, "sign -p generic --body {} --secret endpoint:crm")
        .exits(2)
        .says(["it is not a regular file"]);
}

#[test]
fn a_link_of_a_project_does_not_make_hook_write_elsewhere() {
    let add = "endpoints add https://example.com -p slotflow --events booking.confirmed";
    for name in [".hook", ".hook/endpoints.json", ".hook/endpoints.json.lock"] {
        let sandbox = Sandbox::new();
        let outside = outside(&sandbox);
        sandbox.write("hook.toml", "");
        // To something that exists, and to something that writing would create.
        for target in [
            if name == ".hook" {
                outside.clone()
            } else {
                outside.join("file")
            },
            outside.join("new"),
        ] {
            link(&target, &sandbox.path(name));
            hook(&sandbox, add).says(["it is outside of the project"]);
        }
        let left: Vec<_> = fs::read_dir(&outside)
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left, ["file"], "{name}");
        let text = fs::read_to_string(outside.join("file")).unwrap();
        assert_eq!(text, "provider = \"poolflow\"\n", "{name}");
        assert!(!sandbox.state("secrets").exists() || fs::read_dir(sandbox.state("secrets")).unwrap().count() == 0);
    }
}

#[test]
fn files_of_another_owner_are_not_read() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "provider = \"gitlab\"\n");
    // Only root can give a file away; elsewhere there is nothing to try this with.
    if std::os::unix::fs::chown(sandbox.path("hook.toml"), Some(12_345), None).is_err() {
        return;
    }
    let outcome = hook(&sandbox, "config show").ok();
    let said = outcome.stderr();
    assert_eq!(
        said.matches("hook.toml` belongs to another user, so it is not read")
            .count(),
        1,
        "{outcome}"
    );
    outcome.never(["gitlab"]);
    for trust in ["config trust", "config trust hook.toml"] {
        hook(&sandbox, trust)
            .exits(2)
            .says(["error: `", "hook.toml` belongs to another user, so it is not read"]);
    }
    sandbox.write("own/hook.toml", "");
    sandbox.write("own/.hook/endpoints.json", book("gitlab", "http://127.0.0.1:1", &[]));
    std::os::unix::fs::chown(sandbox.path("own/.hook/endpoints.json"), Some(12_345), None).unwrap();
    let list = sandbox.hook(["endpoints", "list"]).dir(&sandbox.path("own")).run();
    list.exits(7).says(["it belongs to another user"]);
}

#[test]
fn retention_of_an_untrusted_project_empties_no_ledger() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--count", "1"]);
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok();
    sandbox.write("hook.toml", "[ledger]\nretention = \"1ms\"\n");
    hook(&sandbox, "log prune --yes").says(["ignored: `ledger.retention`"]);
    assert_eq!(hook(&sandbox, "log --json").ok().json().len(), 1);
    sandbox.trust();
    hook(&sandbox, "log prune --yes").ok();
    assert_eq!(hook(&sandbox, "log --json").stdout(), "");
}

#[test]
fn serve_hands_out_no_secret_of_an_endpoint_that_somebody_else_changed() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "");
    let add = "endpoints add https://example.com/in -p slotflow --events booking.confirmed --name crm";
    hook(&sandbox, add).ok();
    let face = sandbox.serve("slotflow", &[]);
    let list = || face.call("GET", "/webhooks", "").1.to_string();
    assert!(list().contains("whsec_"), "{}", list());
    let text = fs::read_to_string(sandbox.path(".hook/endpoints.json")).unwrap();
    sandbox.write(".hook/endpoints.json", text.replace("example.com", "example.org"));
    assert!(
        list().contains("example.org") && !list().contains("whsec_"),
        "{}",
        list()
    );
}

#[test]
fn what_serve_adds_for_its_callers_is_delivered() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.write("hook.toml", "");
    let face = sandbox.serve("pocketsflow", &[]);
    let body = format!(r#"{{"url":"{}","events":["order.completed"]}}"#, app.url);
    let (status, made) = face.call("POST", "/webhooks", &body);
    assert_eq!(status, 201, "{made}");
    hook(&sandbox, "send order.completed -p pocketsflow --subscribed").ok();
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn an_untrusted_provider_does_not_turn_a_secret_that_signs_into_a_token() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.write("hook.toml", "");
    for (name, provider) in [("a", "hoopai@ed25519"), ("b", "hoopai@rsa")] {
        let add = format!(
            "endpoints add {}/{name} -p {provider} --events ContactCreate --local --name {name}",
            app.url
        );
        hook(&sandbox, &add).ok();
    }
    sandbox.write("hook.toml", "provider = \"hoopai@bearer\"\n");
    let send = |more: &str| hook(&sandbox, &format!("send ContactCreate --subscribed {more}"));
    send("")
        .exits(2)
        .says(["the project is not trusted: endpoint `a`", "for `hoopai@bearer`"]);
    assert!(app.rest().is_empty());
    send("--secret literal:typed").ok();
    assert_eq!(app.rest().len(), 2);
}
