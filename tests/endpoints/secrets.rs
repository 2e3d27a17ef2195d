//! Secrets of endpoints: shown once, by reference, in turn, and only where they may be used.

use std::os::unix::fs::PermissionsExt as _;

use super::{added, book, closed, endpoints, shown};
use crate::support::{Sandbox, keys};

#[test]
fn a_generated_secret_is_shown_once_and_never_again() {
    let sandbox = Sandbox::new();
    let url = closed();
    let human = endpoints(
        &sandbox,
        &format!("add {url} -p poolflow --events job.paid --local --name a"),
    )
    .ok()
    .says(["not shown again"]);
    let text = human.stdout();
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("secret"))
        .expect("a secret")
        .trim();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let other = added(&sandbox, "b", &closed(), "-p poolflow --events job.paid");
    for args in [
        "list",
        "list --json",
        "show a b",
        "show a b --json",
        "update a --description x",
        "doctor --json",
    ] {
        endpoints(&sandbox, args).never([secret, &other]);
    }
    for args in [
        "disable a",
        "enable a",
        "test a -v",
        "test b --json",
        "rotate-secret a",
        "rm b --yes --json",
    ] {
        endpoints(&sandbox, args).never([secret, &other]);
    }
    for flags in ["--dry-run", "--curl", "-v"] {
        sandbox
            .hook(["send", "job.paid", "--endpoint", "a", flags])
            .run()
            .never([secret, &other]);
    }
    assert!(!book(&sandbox).contains(secret));
}

#[test]
fn json_has_the_secret_at_its_creation_only() {
    let sandbox = Sandbox::new();
    let add = format!("add {} -p poolflow --events job.paid --local --name a --json", closed());
    let line = endpoints(&sandbox, &add).ok().object();
    assert!(
        keys(&line).contains(&"secret") && keys(&line).contains(&"findings"),
        "{line}"
    );
    assert_eq!(keys(&line["secrets"][0]), ["ref", "name", "fingerprint", "until"]);
    let rotated = endpoints(&sandbox, "rotate-secret a --json").ok().object();
    assert_ne!(rotated["secret"], line["secret"]);
    assert_ne!(rotated["secrets"][0]["fingerprint"], line["secrets"][0]["fingerprint"]);
    assert_eq!(rotated["secrets"][1]["fingerprint"], line["secrets"][0]["fingerprint"]);
    let update = endpoints(&sandbox, "update a --description x --json").ok().object();
    for line in [shown(&sandbox, "a"), update] {
        assert!(!keys(&line).contains(&"secret"), "{line}");
    }
}

#[test]
fn a_secret_file_is_for_its_owner_alone_and_nothing_is_overwritten() {
    let sandbox = Sandbox::new();
    let add = |name: &str, rest: &str| {
        endpoints(
            &sandbox,
            &format!("add https://{name}.example.com -p poolflow --events job.paid --name {name} {rest}"),
        )
    };
    let line = add("a", "--secret-file sec --json").ok().object();
    assert_eq!(
        (&line["secret"], &line["secret_file"]),
        (&serde_json::Value::Null, &"sec".into())
    );
    let file = sandbox.path("sec");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(secret.starts_with("whsec_"));
    add("b", "--secret-file sec").exits(2).says(["is there already"]);
    add("b", "--quiet")
        .exits(2)
        .says(["shown only once", "--secret-file FILE"]);
    add("b", "--quiet --secret-file other").ok().never(["whsec_"]);
    add("c", "--secret-file no/such/folder/sec")
        .exits(7)
        .says(["cannot be written"]);
    add("c", "--secret-file third --events nothing").exits(3);
    assert!(!sandbox.path("third").exists(), "what is refused leaves nothing behind");
    assert_eq!(std::fs::read_dir(sandbox.state("secrets")).unwrap().count(), 2);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), secret);
}

#[test]
fn a_given_secret_stays_a_reference_or_is_kept_and_is_never_shown() {
    let sandbox = Sandbox::new();
    let add = |name: &str, secret: &str| {
        let args =
            format!("endpoints add https://{name}.example.com -p poolflow --events job.paid --name {name} --secret");
        sandbox
            .hook(args.split(' ').chain([secret]))
            .env("TOKEN", "0123456789-of-env")
    };
    add("env", "env:TOKEN").run().ok().never(["0123456789"]);
    add("unset", "env:NOWHERE").run().ok().says(["`NOWHERE` is not set"]);
    add("plain", "0123456789-plain")
        .run()
        .ok()
        .says(["visible to other users"])
        .never(["0123456789"]);
    add("stdin", "-")
        .stdin("0123456789-stdin\n")
        .run()
        .ok()
        .never(["0123456789"]);
    add("none", "file:nowhere")
        .run()
        .ok()
        .says(["`nowhere` cannot be read"]);
    add("empty", "literal:").run().exits(2).says(["is empty"]);
    assert_eq!(shown(&sandbox, "env")["secrets"][0]["ref"], "env:TOKEN");
    assert!(!book(&sandbox).contains("0123456789"));
    sandbox
        .hook(["send", "job.paid", "--endpoint", "unset", "--dry-run"])
        .run()
        .exits(2)
        .says(["endpoint `unset`: environment variable `NOWHERE` is not set"]);
    let stdin = ["send", "job.paid", "--endpoint", "stdin", "--dry-run"];
    sandbox.hook(stdin).run().ok().prints(["x-poolflow-signature"]);
}

#[test]
fn a_secret_of_the_wrong_form_is_refused_before_anything_is_kept() {
    let sandbox = Sandbox::new();
    endpoints(
        &sandbox,
        "add https://a.example.com -p hoopai@ed25519 --events ContactCreated --secret literal:hello",
    )
    .exits(2)
    .says(["is not"]);
    assert_eq!(book(&sandbox), "");
    assert!(!sandbox.state("secrets").exists());
}

#[test]
fn a_pair_of_keys_hands_over_its_public_half() {
    let sandbox = Sandbox::new();
    let add = "add https://a.example.com -p hoopai@ed25519 --events ContactCreated --name a";
    let line = endpoints(&sandbox, &format!("{add} --json")).ok().object();
    assert!(!keys(&line).contains(&"secret"));
    let public = line["public_key"].as_str().unwrap();
    assert!(public.contains("PUBLIC KEY"), "{public}");
    assert_eq!(shown(&sandbox, "a")["public_key"], public, "it is no secret");
    let file = "add https://b.example.com -p hoopai@rsa --events ContactCreated --name b --secret-file pub";
    endpoints(&sandbox, file).ok().never(["PRIVATE"]);
    assert!(
        std::fs::read_to_string(sandbox.path("pub"))
            .unwrap()
            .contains("PUBLIC KEY")
    );
}

#[test]
fn a_rotation_signs_with_both_only_where_the_header_carries_several() {
    let sandbox = Sandbox::new();
    for (provider, event, header, mark, several) in [
        ("slotflow", "booking.confirmed", "x-slotflow-signature", "v1=", 2),
        (
            "standard-webhooks",
            "example.user.created",
            "webhook-signature",
            "v1,",
            2,
        ),
        ("poolflow", "job.paid", "x-poolflow-signature", ":", 1),
    ] {
        added(
            &sandbox,
            provider,
            &closed(),
            &format!("-p {provider} --events {event} --plan free"),
        );
        endpoints(&sandbox, &format!("rotate-secret {provider} --overlap 2h"))
            .ok()
            .prints(["verifies until"]);
        let signatures = || {
            let text = sandbox
                .hook(["send", event, "--endpoint", provider, "--dry-run"])
                .run()
                .ok()
                .stdout();
            let line = text
                .lines()
                .find(|line| line.starts_with(header))
                .expect("a signature")
                .to_owned();
            line.matches(mark).count()
        };
        assert_eq!(signatures(), several, "{provider}");
        assert_eq!(shown(&sandbox, provider)["secrets"].as_array().unwrap().len(), 2);
        endpoints(&sandbox, &format!("rotate-secret {provider} --overlap 0"))
            .ok()
            .prints(["is no longer valid"]);
        assert_eq!(signatures(), 1, "{provider}");
        assert_eq!(shown(&sandbox, provider)["secrets"].as_array().unwrap().len(), 1);
    }
    let left = std::fs::read_dir(sandbox.state("secrets")).unwrap().count();
    assert_eq!(left, 3, "secrets that count no longer are deleted");
}

#[test]
fn a_cloned_projects_book_reaches_no_file_outside_and_sends_no_variable_before_it_is_trusted() {
    let sandbox = Sandbox::new();
    sandbox.write("../outside", "0123456789-outside");
    sandbox.write("inside", "0123456789-inside");
    sandbox.write("hook.toml", "");
    let token = "format = 1\nname = \"acme\"\n[signature.token]\nheader = \"X-Token\"\n[envelope.json]\ntype = \
        \"${event}\"\n[retry.none]\n[events.ping]\nsample = \"{}\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), token);
    let endpoint = |name: &str, provider: &str, event: &str, reference: &str| {
        format!(
            r#"{{"id":"ep_{:032x}","name":"{name}","url":"http://127.0.0.1:9/","provider":"{provider}","events":["{event}"],
            "secrets":[{{"ref":"{reference}"}}],"created":"2030-01-02T03:04:05Z","updated":"2030-01-02T03:04:05Z"}}"#,
            name.len()
        )
    };
    let all = [
        endpoint("a", "poolflow", "job.paid", "file:inside"),
        endpoint("bb", "poolflow", "job.paid", "file:../outside"),
        endpoint("ccc", "acme", "ping", "env:TOKEN"),
        endpoint("dddd", "poolflow", "job.paid", "env:TOKEN"),
    ];
    sandbox.write(
        ".hook/endpoints.json",
        format!(r#"{{"format":1,"endpoints":[{}]}}"#, all.join(",")),
    );
    let send = |name: &str, event: &str| {
        sandbox
            .hook(["send", event, "--endpoint", name, "--dry-run"])
            .env("TOKEN", "0123456789-token")
            .run()
    };
    let refused = ["the project is not trusted: endpoint `", "hook config trust"];
    send("a", "job.paid").exits(2).says(refused);
    send("dddd", "job.paid")
        .exits(2)
        .says(refused)
        .says(["its secret is `env:TOKEN`"]);
    send("bb", "job.paid")
        .exits(2)
        .says(refused)
        .says(["outside of the project"]);
    send("ccc", "ping").exits(2).says(refused).never(["0123456789"]);
    endpoints(&sandbox, "show bb --json")
        .ok()
        .prints(["\"fingerprint\":null"]);

    sandbox.hook(["config", "trust"]).run().ok().prints([
        "endpoint `a`",
        "endpoint `bb`",
        "endpoint `ccc`",
        "endpoint `dddd`",
    ]);
    send("a", "job.paid").ok();
    send("dddd", "job.paid").ok();
    send("bb", "job.paid").ok();
    send("ccc", "ping").ok();
    // The trust was in what was asked for then.
    let text = std::fs::read_to_string(sandbox.path(".hook/endpoints.json")).unwrap();
    sandbox.write(".hook/endpoints.json", text.replace("127.0.0.1:9", "127.0.0.1:10"));
    send("bb", "job.paid").exits(2).says(refused);
    send("ccc", "ping").exits(2).says(refused);
}

#[test]
fn what_the_user_writes_into_a_projects_book_is_trusted_as_it_is_written() {
    let sandbox = Sandbox::new();
    sandbox.write("../outside", "0123456789-outside");
    sandbox.write("hook.toml", "");
    endpoints(
        &sandbox,
        "add 9 -p poolflow --events job.paid --local --name a --secret file:../outside",
    )
    .ok();
    let send = || sandbox.hook(["send", "job.paid", "--endpoint", "a", "--dry-run"]).run();
    send().ok();
    endpoints(&sandbox, "update a --to https://a.example.com").ok();
    send().ok();
}
