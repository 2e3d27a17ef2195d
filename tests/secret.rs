//! `hook secret`.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Sandbox, keys};

fn text(sandbox: &Sandbox, args: &[&str]) -> String {
    sandbox.hook(args).run().ok().stdout().trim_end().to_owned()
}

#[test]
fn a_fresh_secret_has_the_providers_form_and_is_never_the_same() {
    let sandbox = Sandbox::new();
    let new = || text(&sandbox, &["secret", "new", "-p", "poolflow"]);
    let secret = new();
    let hex = secret.strip_prefix("whsec_").unwrap();
    assert!(
        hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        "{secret}"
    );
    assert_ne!(secret, new());
    let object = sandbox
        .hook(["secret", "new", "-p", "standard-webhooks", "--json"])
        .run()
        .ok()
        .object();
    let wanted = ["schema", "provider", "kind", "secret", "public", "file", "public_file"];
    assert_eq!(keys(&object), wanted);
    assert_eq!(
        (object["schema"].as_str(), object["kind"].as_str()),
        (Some("hook.secret/1"), Some("hmac"))
    );
}

#[test]
fn a_key_pair_is_printed_in_both_halves_in_the_providers_form() {
    let sandbox = Sandbox::new();
    for provider in ["hoopai@ed25519", "hoopai@rsa"] {
        let pair = text(&sandbox, &["secret", "new", "-p", provider]);
        assert!(pair.starts_with("-----BEGIN PRIVATE KEY-----") && pair.ends_with("-----END PUBLIC KEY-----"));
    }
    let pair = text(&sandbox, &["secret", "new", "-p", "standard-webhooks@ed25519"]);
    let lines: Vec<_> = pair.lines().collect();
    assert!(
        lines[0].starts_with("whsk_") && lines[1].starts_with("whpk_") && lines.len() == 2,
        "{pair}"
    );
}

#[test]
fn files_are_for_the_user_alone_and_never_overwritten() {
    let sandbox = Sandbox::new();
    for (provider, public) in [
        ("poolflow", false),
        ("hoopai@ed25519", true),
        ("standard-webhooks@ed25519", true),
    ] {
        let file = provider.replace('@', "-");
        let new = ["secret", "new", "-p", provider, "--out", &file];
        let outcome = sandbox.hook(new).run().ok();
        assert_eq!(
            outcome.stdout().lines().count(),
            1 + usize::from(public),
            "paths and no secret"
        );
        let path = sandbox.path(&file);
        let secret = std::fs::read_to_string(&path).unwrap();
        assert!(!outcome.stdout().contains(secret.lines().nth(1).unwrap_or(&secret)));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(sandbox.path(&format!("{file}.pub")).exists(), public);
        sandbox
            .hook(new)
            .run()
            .exits(2)
            .says(["is there already", "never overwritten"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);

        let reference = format!("file:{file}");
        let line = text(
            &sandbox,
            &["sign", "-p", provider, "-s", &reference, "--id", "m", "--body", "{}"],
        );
        let half = format!("file:{file}{}", if public { ".pub" } else { "" });
        let mut args = vec!["verify", "-p", provider, "-s", &half, "--body", "{}"];
        line.lines().for_each(|line| args.extend(["-H", line]));
        sandbox.hook(args).run().ok();
    }
}

#[test]
fn the_dev_secret_stays_the_same_has_the_form_and_is_called_so() {
    let sandbox = Sandbox::new();
    let show = || sandbox.hook(["secret", "show", "-p", "slotflow"]).run().ok();
    let first = show();
    assert!(first.stdout().starts_with("whsec_"));
    assert_eq!(first.stdout(), show().stdout());
    first.says(["the dev secret of this machine"]);
    let mode = sandbox.state("dev-secret").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = Sandbox::new().hook(["secret", "show", "-p", "slotflow"]).run().ok();
    assert_ne!(other.stdout(), show().stdout());
}

#[test]
fn the_public_half_of_the_dev_pair_verifies_what_the_private_one_signs() {
    let sandbox = Sandbox::new();
    for provider in ["hoopai@ed25519", "hoopai@rsa", "standard-webhooks@ed25519"] {
        let line = text(&sandbox, &["sign", "-p", provider, "--id", "m", "--body", "{}"]);
        let public = text(&sandbox, &["secret", "show", "-p", provider, "--public"]);
        let reference = format!("literal:{public}");
        let mut args = vec!["verify", "-p", provider, "-s", &reference, "--body", "{}"];
        line.lines().for_each(|line| args.extend(["-H", line]));
        sandbox.hook(args).run().ok();
        assert_ne!(public, text(&sandbox, &["secret", "show", "-p", provider]));
    }
}

#[test]
fn what_has_no_such_secret_says_so() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str]| sandbox.hook(["secret"].iter().chain(args)).run().exits(2);
    refused(&["show", "-p", "poolflow", "--public"]).says(["one shared secret and no public half"]);
    refused(&["new", "-p", "slotflow@unsigned"]).says(["signs nothing, so it has no secret"]);
    refused(&["new"]).says(["no provider is given"]);
    let set = sandbox
        .hook(["secret", "show", "-p", "poolflow"])
        .env("HOOK_SECRET", "x")
        .run()
        .ok();
    set.says(["warning: the settings name `env:HOOK_SECRET`"]);
}
