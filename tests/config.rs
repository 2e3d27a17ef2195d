//! `hook config`.

use crate::support::{Sandbox, keys};

const RULE: &str = "[listen]\non = [\"job.*=touch ran\"]\n";

#[test]
fn every_setting_is_shown_with_the_layer_that_it_comes_from() {
    let sandbox = Sandbox::new();
    let user = sandbox.config("config.toml");
    sandbox.write(
        &user,
        "provider = \"slotflow\"\n[listen]\nport = 5000\n[ledger]\nretention = \"7d\"\n",
    );
    sandbox.write("hook.toml", "provider = \"poolflow\"\n[listen]\nport = 6000\n");
    let show = || sandbox.hook(["config", "show", "--json"]);
    let lines = show().env("HOOK_PROVIDER", "hoopai").run().ok().json();
    let of = |key: &str| {
        let line = lines.iter().find(|line| line["key"] == key).unwrap();
        assert_eq!(keys(line), ["schema", "key", "value", "origin", "source"]);
        (line["value"].clone(), line["origin"].as_str().unwrap())
    };
    assert_eq!(of("provider"), ("hoopai".into(), "environment"));
    assert_eq!(of("listen.port"), (6000.into(), "project"));
    assert_eq!(of("ledger.retention"), ("7d".into(), "user"));
    assert_eq!(of("listen.dedupe-window"), ("24h".into(), "default"));
    assert_eq!(lines.len(), 28);
}

#[test]
fn what_is_shown_is_a_settings_file_with_remarks() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hook.toml",
        "[[route]]\nwhere = { a = 1 }\nforward = \":1\"\n[listen]\nforward-to = \"http://127.0.0.1:3000/a \\\"b\\\"\"\n",
    );
    sandbox.trust();
    let text = sandbox.hook(["config", "show"]).run().ok().stdout();
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(
        table["listen"]["forward-to"].as_str(),
        Some("http://127.0.0.1:3000/a \"b\"")
    );
    assert_eq!(table["route"][0]["where"]["a"].as_integer(), Some(1));
    assert!(text.contains("hook.toml") && text.contains("# default"), "{text}");
    sandbox.write(sandbox.config("config.toml"), &text);
    sandbox.hook(["config", "show"]).run().ok();
}

#[test]
fn a_secret_in_the_settings_is_shown_by_reference_only() {
    let sandbox = Sandbox::new();
    for (secret, shown) in [
        ("topsecret", "literal:********"),
        ("literal:topsecret", "literal:********"),
        ("env:X", "env:X"),
    ] {
        let settings = format!("secret = \"{secret}\"\n[serve]\nkey = [\"{secret}\"]\n");
        sandbox.write(sandbox.config("config.toml"), settings);
        for output in ["human", "json"] {
            let outcome = sandbox.hook(["config", "show", "--output", output]).run().ok();
            outcome.prints([shown]).never(["topsecret"]);
        }
    }
    let outcome = sandbox
        .hook(["config", "show"])
        .env("HOOK_SECRET", "topsecret")
        .run()
        .ok();
    outcome.prints(["env:HOOK_SECRET"]).never(["topsecret"]);
}

#[test]
fn paths_follow_the_environment_the_flags_and_the_project() {
    let sandbox = Sandbox::new();
    let paths = |dir: &std::path::Path| sandbox.hook(["config", "path", "--json"]).dir(dir).run().ok().object();
    let object = paths(&sandbox.path(""));
    assert_eq!(object["schema"], "hook.paths/1");
    assert_eq!(object["config"], sandbox.config("config.toml").to_str().unwrap());
    assert_eq!(object["ledger"], sandbox.state("ledger.db").to_str().unwrap());
    assert_eq!(object["endpoints"], sandbox.config("endpoints.json").to_str().unwrap());
    assert!(object["project"].is_null());
    sandbox.write("hook.toml", "");
    sandbox.write("deep/er/file", "");
    let object = paths(&sandbox.path("deep/er"));
    assert_eq!(object["project"], sandbox.path("hook.toml").to_str().unwrap());
    assert_eq!(
        object["endpoints"],
        sandbox.path(".hook/endpoints.json").to_str().unwrap()
    );
    let flags = sandbox
        .hook(["config", "path", "--ledger", "/l", "--json"])
        .env("HOOK_CONFIG", "/none")
        .run();
    flags.exits(2).says(["settings file `/none` cannot be read"]);
    let mut process = sandbox.hook(["config", "path", "--ledger", "/l"]).spawn();
    let line = process.wait_line(|line| line.starts_with("ledger"));
    assert!(line.contains(" /l"), "{line}");
}

#[test]
fn a_project_is_trusted_as_it_is_and_not_after_a_change() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("hook.toml");
    sandbox.write(&file, RULE);
    let show = || sandbox.hook(["config", "show"]).run().ok();
    show()
        .says([
            "hook.toml` is not trusted; ignored: `listen.on`\n",
            "`hook config trust`",
        ])
        .prints(["on = [] "]);
    let trust = sandbox.hook(["config", "trust"]).run().ok();
    trust
        .prints(["`listen.on` runs a command: `job.*=touch ran`"])
        .says(["is trusted as shown"]);
    let outcome = show().prints(["job.*=touch ran"]);
    assert_eq!(outcome.stderr(), "");
    // Trust is entry by entry: what stayed the same keeps it.
    sandbox.write(
        &file,
        "[listen]\non = [\"job.*=touch ran\", \"a=touch other\"]\nport = 7\n",
    );
    show()
        .says(["not trusted; ignored: `listen.on`\n"])
        .prints(["on = [\"job.*=touch ran\"] ", "port = 7"])
        .never(["touch other"]);
    sandbox.write(&file, RULE.replace("ran", "ran2"));
    show().says(["not trusted"]).prints(["on = [] "]);
}

#[test]
fn trust_can_be_given_from_elsewhere_and_only_to_a_projects_file() {
    let sandbox = Sandbox::new();
    sandbox.write("a/hook.toml", RULE);
    sandbox.write("a/other.toml", RULE);
    sandbox.write(
        "b/hook.toml",
        "output = \"human\"\n[listen]\nport = 4\n[account]\nplan = \"free\"\n",
    );
    let trust = |file: &str| sandbox.hook(["config", "trust", file, "--json"]).run();
    trust("a/other.toml").exits(2).says(["named `hook.toml`"]);
    trust("c/hook.toml").exits(2).says(["cannot be read"]);
    let none = sandbox.hook(["config", "trust"]).run().exits(2);
    none.says(["no `hook.toml` here or above"]);
    let object = trust("b").ok().object();
    assert_eq!(object["allows"], serde_json::json!([]));
    let object = trust("b/../a").ok().object();
    assert_eq!(keys(&object), ["schema", "file", "allows"]);
    assert_eq!(object["file"], sandbox.path("a/hook.toml").to_str().unwrap());
    let inside = sandbox.hook(["config", "show"]).dir(&sandbox.path("a")).run().ok();
    assert_eq!(inside.stderr(), "");
}

#[test]
fn an_untrusted_project_cannot_name_a_secret() {
    let sandbox = Sandbox::new();
    for secret in [
        "file:/etc/hostname",
        "a=file:/etc/hostname",
        "file:../outside",
        "file:inside",
        "env:HOME",
        "a=env:HOME",
        "literal:x",
    ] {
        sandbox.write("hook.toml", format!("secret = \"{secret}\"\n"));
        let lines = sandbox
            .hook(["config", "show", "--json"])
            .run()
            .ok()
            .says(["not trusted"])
            .json();
        let line = lines.iter().find(|line| line["key"] == "secret").unwrap();
        assert_eq!(line["value"], "", "{secret}");
    }
}

#[test]
fn text_of_an_untrusted_project_cannot_steer_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "[listen]\non = [\"a=\\u001b[2Jrm\"]\n");
    for args in [["config", "show"], ["config", "trust"]] {
        sandbox.hook(args).run().ok().never(["\u{1b}"]);
    }
}
