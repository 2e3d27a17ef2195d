//! What TAB offers: in real shells, and as hook answers them.

mod many;
mod shell;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::endpoints::remote::There;
use crate::support::{Outcome, Sandbox};
use shell::{Shell, installed};

/// A delivery in the ledger. Nobody listens at the port, so it is a failed one.
fn record(sandbox: &Sandbox) {
    sandbox
        .hook(["send", "job.paid", "--to", "http://127.0.0.1:9/"])
        .run()
        .exits(4);
}

/// Asks as fish does: a candidate a line, with its description after a tab.
fn ask(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    let words = ["--", "hook"].iter().chain(words);
    sandbox.hook(words).env("_HOOK_COMPLETE", "fish").run().ok()
}

fn values(outcome: &Outcome) -> Vec<String> {
    let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    outcome.stdout().lines().map(first).collect()
}

/// Every path below a folder.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        found.extend(tree(&entry.path()));
    }
    found.sort();
    found
}

#[test]
fn tab_after_replay_lists_the_records_in_real_shells() {
    for shell in installed() {
        let sandbox = Sandbox::new();
        record(&sandbox);
        shell.set_up(&sandbox);
        let words = shell.offers(&sandbox, "hook replay ", "last");
        assert!(words.contains(&"1".to_owned()), "{shell:?}: {words:?}");
    }
}

#[test]
fn tab_completes_providers_and_events_in_real_shells() {
    for shell in installed() {
        let sandbox = Sandbox::new();
        shell.set_up(&sandbox);
        let providers = shell.offers(&sandbox, "hook send -p pool", "poolflow");
        assert!(providers.contains(&"pool-brain".to_owned()), "{shell:?}: {providers:?}");
        let events = shell.offers(&sandbox, "hook send -p slotflow booking.c", "booking.confirmed");
        assert!(
            events.contains(&"booking.cancelled".to_owned()),
            "{shell:?}: {events:?}"
        );
    }
}

#[test]
fn tab_creates_nothing_in_an_empty_home() {
    for shell in installed() {
        let sandbox = Sandbox::new();
        shell.set_up(&sandbox);
        for line in ["hook send -p pool", "hook replay --see", "hook send --endpoint x --too"] {
            if shell == Shell::Bash || shell == Shell::Zsh {
                shell.completes(&sandbox, line);
            }
        }
        shell.offers(&sandbox, "hook send -p pool", "poolflow");
        assert!(!sandbox.state("").exists(), "{shell:?}: {:?}", tree(sandbox.home()));
        assert!(!sandbox.config("").exists(), "{shell:?}: {:?}", tree(sandbox.home()));
    }
    let sandbox = Sandbox::new();
    let before = tree(sandbox.home());
    for words in [
        &["replay", ""][..],
        &["verify", ""],
        &["send", "-e", ""],
        &["send", ""],
        &["send", "-s", ""],
    ] {
        assert_eq!(ask(&sandbox, words).stderr(), "");
    }
    assert_eq!(tree(sandbox.home()), before);
}

#[test]
fn values_with_colons_equal_signs_and_ats_are_completed_in_the_middle() {
    for shell in [Shell::Bash, Shell::Zsh]
        .into_iter()
        .filter(|shell| shell.is_installed())
    {
        let sandbox = Sandbox::new();
        shell.set_up(&sandbox);
        sandbox.write("a file.json", "{}");
        for (line, last) in [
            ("hook send -s env:TESTED", "env:TESTED_SECRET"),
            ("hook send -s new=env:TESTED", "new=env:TESTED_SECRET"),
            ("hook send --secret=env:TESTED", "--secret=env:TESTED_SECRET"),
            ("hook send -s \"env:TESTED", "env:TESTED_SECRET"),
            ("hook send --provider=slotfl", "--provider=slotflow"),
            ("hook send -p slotflow@unsi", "slotflow@unsigned"),
            ("hook send --provider=slotflow booking.con", "booking.confirmed"),
            ("hook send --data @a", "@a file.json"),
            ("hook send --endpoint shop --dry", "--dry-run"),
        ] {
            let words = shell.completes(&sandbox, line);
            assert_eq!(
                words.last().map(String::as_str),
                Some(last),
                "{shell:?}, `{line}`: {words:?}"
            );
        }
    }
}

#[test]
fn a_sourced_script_completes_as_an_installed_one_does() {
    let sandbox = Sandbox::new();
    for (shell, lines) in [
        (Shell::Bash, "PS1=READY\neval \"$(hook completions bash)\"\n"),
        (
            Shell::Zsh,
            "PS1=READY\nautoload -Uz compinit\ncompinit -D -u\nsource <(hook completions zsh)\n",
        ),
        (
            Shell::Elvish,
            "set edit:prompt = { put READY }\neval (hook completions elvish | slurp)\n",
        ),
    ] {
        if shell.is_installed() {
            let bash = if shell == Shell::Bash {
                "bind 'set show-all-if-ambiguous on'\n"
            } else {
                ""
            };
            sandbox.write(shell.own_file(&sandbox), format!("{lines}{bash}"));
            shell.offers(&sandbox, "hook send -p pool", "poolflow");
        }
    }
}

#[test]
fn records_are_described_and_can_be_named_by_their_ids() {
    let sandbox = Sandbox::new();
    record(&sandbox);
    let outcome =
        ask(&sandbox, &["replay", ""]).prints(["last\tdelivery job.paid failed, ", "1\tdelivery job.paid failed, "]);
    assert_eq!(values(&outcome), ["last", "1"]);
    let ids = values(&ask(&sandbox, &["replay", "dlv_"]));
    assert!(matches!(ids.as_slice(), [id] if id.len() == 36), "{ids:?}");
}

#[test]
fn endpoints_of_the_project_are_offered_within_it() {
    let sandbox = Sandbox::new();
    let add = [
        "endpoints",
        "add",
        "http://localhost:3000/w",
        "--provider",
        "poolflow",
        "--events",
        "job.paid",
    ];
    let add = |name, place: &str| {
        let args = add.into_iter().chain(["--local", "--name", name]);
        sandbox.hook(args).dir(&sandbox.path(place)).run().ok();
    };
    add("mine", "");
    sandbox.write("project/hook.toml", "");
    add("ours", "project");
    let outcome = ask(&sandbox, &["send", "--endpoint", ""]);
    assert_eq!(outcome.stdout(), "mine\tpoolflow http://localhost:3000/w\n");
    let words = ["--", "hook", "endpoints", "show", ""];
    let within = sandbox
        .hook(words)
        .env("_HOOK_COMPLETE", "fish")
        .dir(&sandbox.path("project"));
    assert_eq!(values(&within.run().ok()), ["ours"]);
}

#[test]
fn secrets_of_endpoints_are_offered_where_something_is_signed_or_verified() {
    let sandbox = Sandbox::new();
    let add = "endpoints add http://localhost:3000/w -p poolflow --events job.paid --local --name crm";
    sandbox.hook(add.split(' ')).run().ok();
    for words in [
        &["listen", "--secret", "endpoint:"][..],
        &["send", "job.paid", "--secret", "end"],
        &["verify", "1", "--secret", "endpoint:c"],
        &["sign", "--secret", "endpoint:crm"],
        &["replay", "1", "--secret", "endpoint:"],
    ] {
        let outcome = ask(&sandbox, words);
        assert_eq!(
            outcome.stdout(),
            "endpoint:crm\tpoolflow http://localhost:3000/w\n",
            "{words:?}"
        );
    }
    for words in [
        &["listen", "--require-bearer", "endpoint:"][..],
        &["serve", "--key", "endpoint:"],
    ] {
        assert_eq!(ask(&sandbox, words).stdout(), "", "{words:?}");
    }
}

#[test]
fn endpoints_of_a_remote_are_those_that_are_noted_here_and_nobody_is_asked() {
    let there = There::serve("slotflow", "");
    let sandbox = &there.sandbox;
    let add = "endpoints add http://localhost:3000/w -p poolflow --events job.paid --local --name mine";
    sandbox.hook(add.split(' ')).run().ok();
    there
        .endpoints("add http://127.0.0.1:1/w --events booking.confirmed --name theirs")
        .ok();
    let place: Vec<String> = there.remote.split(' ').map(str::to_owned).collect();
    // Whoever asked would find nobody.
    drop(there.face);
    let mut words = vec!["endpoints"];
    words.extend(place.iter().take(4).map(String::as_str));
    words.extend(["show", ""]);
    assert_eq!(values(&ask(sandbox, &words)), ["theirs"]);
    assert_eq!(
        ask(sandbox, &["endpoints", "--remote", "nobody", "show", "t"]).stdout(),
        ""
    );
    assert_eq!(values(&ask(sandbox, &["endpoints", "show", ""])), ["mine"]);
    sandbox.write(
        sandbox.config("config.toml"),
        "[remote.slots]\nprovider = \"slotflow\"\n",
    );
    assert_eq!(
        ask(sandbox, &["endpoints", "--remote", "slo"]).stdout(),
        "slots\tslotflow\nslotflow\tSlotflow\nslotflow@unsigned\tSlotflow\nslotflow@absolute\tSlotflow\n"
    );
}

#[test]
fn options_on_the_line_are_heeded() {
    let sandbox = Sandbox::new();
    record(&sandbox);
    fs::rename(sandbox.state(""), sandbox.path("elsewhere")).expect("another place");
    assert!(!values(&ask(&sandbox, &["replay", ""])).contains(&"last".to_owned()));
    for option in ["--store", "--ledger"] {
        let given = [option, "elsewhere/ledger.db", "replay", ""];
        assert!(values(&ask(&sandbox, &given)).contains(&"last".to_owned()), "{option}");
    }
    let no_server = ["--store", "postgres://127.0.0.1:9/db", "replay", ""];
    assert!(!values(&ask(&sandbox, &no_server)).contains(&"last".to_owned()));
    sandbox.write(sandbox.config("config.toml"), "provider = \"slotflow\"\n");
    assert_eq!(
        values(&ask(&sandbox, &["send", ""])),
        ["booking.confirmed", "booking.cancelled"]
    );
    let other = values(&ask(&sandbox, &["send", "-p", "poolflow@hex", ""]));
    assert!(
        other.contains(&"job.paid".to_owned()) && !other.contains(&"booking.confirmed".to_owned()),
        "{other:?}"
    );
}

#[test]
fn what_could_steer_the_terminal_is_not_offered() {
    let sandbox = Sandbox::new();
    for name in ["evil\u{1b}[31m", "evil\nline", "evil\u{202e}"] {
        sandbox.write(
            sandbox.config("providers").join(format!("{name}.toml")),
            "title = \"Evil\"\n",
        );
        sandbox.write(name, "");
    }
    sandbox.write(
        sandbox.config("providers").join("evil-but-tame.toml"),
        "title = \"Tame\\u001b[31m\"\n",
    );
    let outcome = ask(&sandbox, &["send", "-p", "evil"]);
    assert_eq!(outcome.stdout(), "evil-but-tame\tTame\\u{1b}[31m\n");
    assert_eq!(ask(&sandbox, &["send", "--data", "@evil"]).stdout(), "");
    assert_eq!(ask(&sandbox, &["send", "--cacert", "evil"]).stdout(), "");
}

#[test]
fn failures_offer_nothing_and_say_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.state("ledger.db"), "this is no ledger");
    sandbox.write(sandbox.config("config.toml"), "this is no TOML");
    sandbox.write(sandbox.config("endpoints.json"), "this is no JSON");
    sandbox.write(sandbox.config("providers").join("broken.toml"), "this is no TOML");
    for words in [
        &["replay", "1"][..],
        &["send", "--endpoint", "a"],
        &["no-such-command", "x"],
        &[],
    ] {
        let outcome = ask(&sandbox, words);
        assert_eq!(
            (outcome.stdout(), outcome.stderr()),
            (String::new(), String::new()),
            "{words:?}"
        );
    }
    assert!(values(&ask(&sandbox, &["send", "-p", ""])).contains(&"slotflow".to_owned()));
}

#[test]
fn candidates_come_quickly_from_a_large_ledger() {
    let sandbox = Sandbox::new();
    many::fill(&sandbox.state("ledger.db"), 100_000);
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let offered = values(&ask(&sandbox, &["replay", ""]));
        best = best.min(start.elapsed());
        assert_eq!(offered[..2], ["last", "100000"], "{offered:?}");
        assert_eq!(offered.len(), 51);
    }
    println!("candidates of 100000 records: {best:?}");
    // 30 ms is what an optimised build must keep; this build is none, and the machine is busy with other tests.
    assert!(best < Duration::from_millis(500), "{best:?}");
}

#[test]
fn installing_is_idempotent_and_leaves_files_of_others_alone() {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join(".local/share/bash-completion/completions/hook");
    let install = || sandbox.hook(["completions", "bash", "--install"]).run();
    let script = sandbox.hook(["completions", "bash"]).run().ok().stdout();
    install()
        .ok()
        .prints(["wrote ", "bash-completion/completions/hook"])
        .says(["hint: "]);
    assert_eq!(fs::read_to_string(&file).expect("the file"), script);
    install().ok().prints(["up to date: "]);
    fs::write(&file, format!("{script}# of an earlier version\n")).expect("the file is written");
    install().ok().prints(["updated "]);
    assert_eq!(fs::read_to_string(&file).expect("the file"), script);
    fs::write(&file, "complete -W mine hook\n").expect("the file is written");
    install().exits(2).says(["was not written by hook", "--to DIR"]);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "complete -W mine hook\n");
}

#[test]
fn each_shell_has_its_place_and_another_can_be_given() {
    let sandbox = Sandbox::new();
    for (shell, file) in [
        ("bash", ".local/share/bash-completion/completions/hook"),
        ("zsh", ".local/share/zsh/site-functions/_hook"),
        ("fish", "config/fish/completions/hook.fish"),
        ("elvish", "config/elvish/lib/hook.elv"),
        ("powershell", "config/powershell/_hook.ps1"),
    ] {
        let line = sandbox
            .hook(["completions", shell, "--install", "--json"])
            .run()
            .ok()
            .object();
        let file = sandbox.home().join(file);
        assert_eq!(line["file"].as_str(), file.to_str());
        assert_eq!(
            (line["shell"].as_str(), line["result"].as_str()),
            (Some(shell), Some("written"))
        );
        assert!(file.is_file(), "{}", file.display());
    }
    sandbox
        .hook(["completions", "fish", "--install", "--to", "here"])
        .run()
        .ok()
        .says(["source "]);
    assert!(sandbox.path("here/hook.fish").is_file());
    sandbox.hook(["completions", "fish", "--to", "here"]).run().exits(2);
    sandbox
        .hook(["completions", "tcsh"])
        .run()
        .exits(2)
        .says(["powershell"]);
}

#[test]
fn the_man_pages_are_printed_or_written() {
    let sandbox = Sandbox::new();
    sandbox
        .hook(["man"])
        .run()
        .ok()
        .prints([".TH hook 1", "hook\\-send(1)"]);
    sandbox.hook(["man", "--out", "pages"]).run().ok();
    for page in ["hook.1", "hook-send.1", "hook-providers-list.1"] {
        assert!(sandbox.path("pages").join(page).is_file(), "{page}");
    }
}
