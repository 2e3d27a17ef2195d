//! `hook endpoints rekey`.

use std::fs;
use std::time::{Duration, Instant};

use hook::internals::encryption::{EncryptionKey, KeyChange, StoredText};
use hook::internals::secret::Secret;

use super::key;
use crate::support::{CLOSED_PORT, Run, Sandbox, soak};

const ENDPOINTS: usize = 24;

/// `hook endpoints rekey ARGS` with the keys 1, 2 and 3 at hand.
fn rekey(sandbox: &Sandbox, args: &str) -> Run {
    let run = sandbox.hook(["endpoints", "rekey"].into_iter().chain(args.split_whitespace()));
    (1..=3).fold(run, |run, byte| run.env(&format!("KEY_{byte}"), key(byte)))
}

fn read_key(sandbox: &Sandbox, byte: u8) -> EncryptionKey {
    sandbox.write("a-key", key(byte));
    EncryptionKey::read(&format!("file:{}", sandbox.path("a-key").display())).expect("a key")
}

/// Record and stored text of everything that is stored.
fn stored(sandbox: &Sandbox) -> Vec<(String, StoredText)> {
    let mut all = vec![(
        "dev-secret".to_owned(),
        StoredText::read(&fs::read(sandbox.state("dev-secret")).expect("the dev secret")),
    )];
    for file in fs::read_dir(sandbox.state("secrets")).expect("a folder").flatten() {
        let name = file.file_name().into_string().expect("a name");
        if file.path().extension().is_some_and(|end| end == "tmp") {
            continue;
        }
        let file: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).expect("a file")).expect("JSON");
        let text = file["encrypted"]
            .as_str()
            .or(file["secret"].as_str())
            .expect("a secret");
        all.push((format!("stored:{name}"), StoredText::read(text.as_bytes())));
    }
    let settings = fs::read_to_string(sandbox.config("config.toml")).expect("settings");
    let token = settings.split('"').nth(1).expect("a token");
    let token = token.strip_prefix("literal:").unwrap_or(token);
    all.push(("remote.shop.token".to_owned(), StoredText::read(token.as_bytes())));
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// The secrets of all records, each decrypted with one of the two keys.
#[track_caller]
fn secrets(sandbox: &Sandbox) -> Vec<(String, Secret)> {
    let changes = [1, 2].map(|byte| KeyChange {
        from: Some(read_key(sandbox, byte)),
        to: None,
    });
    let read = stored(sandbox).into_iter().map(|(record, text)| {
        let clear = changes.iter().find_map(|change| match change.apply(&record, &text) {
            Ok(Some(StoredText::Clear(secret))) => Some(secret),
            Ok(_) => panic!("{record} is in clear text"),
            Err(_) => None,
        });
        let clear = clear.unwrap_or_else(|| panic!("{record} is readable with neither key"));
        (record, clear)
    });
    read.collect()
}

fn filled(endpoints: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.with_key(1, "secret show -p generic").run().ok();
    for n in 0..endpoints {
        sandbox.add_with_key(
            1,
            &format!("e{n}"),
            &format!("{CLOSED_PORT}/{n}"),
            &format!("whsec_{n}"),
        );
    }
    sandbox.write(sandbox.config("config.toml"), "[remote.shop]\ntoken = \"literal:t\"\n");
    rekey(&sandbox, "--from env:KEY_1 --to env:KEY_1").run().ok();
    sandbox
}

#[test]
fn a_rekey_that_is_killed_leaves_every_secret_readable_with_one_of_the_two_keys() {
    let sandbox = filled(ENDPOINTS);
    let before = secrets(&sandbox);
    assert_eq!(before.len(), ENDPOINTS + 2);
    let turn = |round: usize| match round % 2 {
        0 => "--from env:KEY_1 --to env:KEY_2",
        _ => "--from env:KEY_2 --to env:KEY_1",
    };
    // How long it takes: kills are spread over that time.
    let started = Instant::now();
    rekey(&sandbox, turn(0)).run().ok();
    let lasts = started.elapsed();
    let (mut seed, mut killed, mut mixed) = (14_u64, 0, 0);
    for round in 1.. {
        if killed >= if soak() { 200 } else { 20 } {
            break;
        }
        assert!(round < 1000, "it always ends before it is killed");
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let process = rekey(&sandbox, turn(round)).spawn();
        std::thread::sleep(
            lasts.mul_f64(f64::from(u32::try_from(seed >> 33).expect("31 bits")) / f64::from(1_u32 << 31)),
        );
        process.signal("KILL");
        let ended = process.wait();
        killed += usize::from(ended.code == 137);
        assert!(secrets(&sandbox) == before, "round {round}");
        let ids = stored(&sandbox)
            .into_iter()
            .map(|(_, text)| text.as_bytes()[..15].to_vec());
        mixed += usize::from(ids.collect::<std::collections::BTreeSet<_>>().len() > 1);
        if killed % 4 == 0 {
            // Run again, it does the rest.
            rekey(&sandbox, turn(round)).run().ok();
            assert!(secrets(&sandbox) == before, "round {round}, after a whole run");
        }
    }
    assert!(mixed > 0, "no kill came in the middle");
    rekey(&sandbox, turn(0)).run().ok().prints(["with key "]);
    assert!(secrets(&sandbox) == before);
    let left = fs::read_dir(sandbox.state("secrets")).expect("a folder").flatten();
    assert_eq!(left.count(), ENDPOINTS, "nothing unfinished stays");
    sandbox
        .with_key(2, "sign --secret endpoint:e3 -p generic --body {}")
        .run()
        .ok();
    assert!(lasts < Duration::from_secs(60));
}

#[test]
fn clear_text_is_encrypted_and_can_be_decrypted_again() {
    let sandbox = Sandbox::new();
    let add = "endpoints add https://example.com -p generic --name one --events all --quiet -s literal:whsec_a";
    sandbox.hook(add.split(' ')).run().ok();
    sandbox.hook(["secret", "show", "-p", "generic"]).run().ok();
    let settings = "# mine\n[remote.shop] # mine too\ntoken = \"t-o-k-e-n\"\n";
    sandbox.write(sandbox.config("config.toml"), settings);
    let sign = ["sign", "--secret", "endpoint:one", "-p", "generic", "--body", "{}"];
    rekey(&sandbox, "--to env:KEY_1")
        .run()
        .ok()
        .prints(["encrypted 3 secrets with key "])
        .says(["`export HOOK_KEY=env:KEY_1`"]);
    rekey(&sandbox, "--to env:KEY_1")
        .run()
        .ok()
        .prints(["encrypted 0 secrets", "3 before"]);
    sandbox.hook(sign).run().exits(7);
    sandbox.with_key(1, &sign.join(" ")).run().ok();
    let written = fs::read_to_string(sandbox.config("config.toml")).expect("settings");
    assert!(
        written.starts_with("# mine\n[remote.shop] # mine too\ntoken = \"enc:v1:"),
        "{written}"
    );
    // The key in use is the one before.
    rekey(&sandbox, "--to env:KEY_2")
        .env("HOOK_KEY", "env:KEY_1")
        .run()
        .ok();
    sandbox.with_key(2, &sign.join(" ")).run().ok();
    rekey(&sandbox, "--from env:KEY_2 --decrypt")
        .run()
        .ok()
        .prints(["decrypted 3 secrets"]);
    sandbox.hook(sign).run().ok();
    let written = fs::read_to_string(sandbox.config("config.toml")).expect("settings");
    assert_eq!(written, settings.replace("t-o-k-e-n", "literal:t-o-k-e-n"));
}

#[test]
fn a_third_key_is_named_and_nothing_is_changed() {
    let sandbox = filled(2);
    sandbox.add_with_key(3, "third", CLOSED_PORT, "whsec_c");
    let before: Vec<_> = stored(&sandbox)
        .into_iter()
        .map(|(_, text)| text.as_bytes().to_vec())
        .collect();
    let third = read_key(&sandbox, 3).id().to_owned();
    let refused = rekey(&sandbox, "--from env:KEY_1 --to env:KEY_2").run().exits(7);
    refused.says([&format!("encrypted with key `{third}`"), "`--from file:PATH`"]);
    rekey(&sandbox, "--to env:KEY_2").run().exits(7);
    let after: Vec<_> = stored(&sandbox)
        .into_iter()
        .map(|(_, text)| text.as_bytes().to_vec())
        .collect();
    assert_eq!(before, after);
    for args in [
        "",
        "--from env:KEY_1",
        "--to env:KEY_1 --decrypt",
        "--to literal:x",
        "--to env:NONE",
    ] {
        rekey(&sandbox, args).run().exits(2);
    }
}
