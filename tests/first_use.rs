//! The first use by several processes at once: what is made then is made by one of them, and is the same for all.

use crate::support::{Outcome, Process, Sandbox};

const ROUNDS: usize = 12;

/// Runs these at once in a sandbox that nobody has used.
fn at_once(sandbox: &Sandbox, commands: &[&str]) -> Vec<Outcome> {
    let start = |args: &&str| sandbox.hook(args.split_whitespace()).spawn();
    let all: Vec<Process> = commands.iter().map(start).collect();
    all.into_iter().map(|process| process.wait().ok()).collect()
}

fn texts(outcomes: &[Outcome]) -> Vec<String> {
    let mut all: Vec<String> = outcomes.iter().map(Outcome::stdout).collect();
    all.dedup();
    all
}

#[test]
fn all_get_the_same_dev_secret() {
    for round in 0..ROUNDS {
        let sandbox = Sandbox::new();
        let all = at_once(&sandbox, &["secret show -p slotflow"; 5]);
        assert_eq!(texts(&all).len(), 1, "round {round}");
        assert_eq!(texts(&at_once(&sandbox, &["secret show -p slotflow"])), texts(&all));
        let left = std::fs::read_dir(sandbox.state("")).unwrap().count();
        assert_eq!(left, 1, "nothing half made is left");
    }
}

#[test]
fn all_get_the_same_dev_pair_and_its_halves_belong_together() {
    for round in 0..ROUNDS {
        let sandbox = Sandbox::new();
        let provider = ["hoopai@ed25519", "hoopai@rsa"][usize::from(round % 4 == 0)];
        let (private, public) = (
            format!("secret show -p {provider}"),
            format!("secret show -p {provider} --public"),
        );
        let all = at_once(&sandbox, &[&private, &public, &private, &public, &private, &public]);
        let halves = |from: usize| texts(&all.iter().skip(from).step_by(2).map(clone).collect::<Vec<_>>());
        assert_eq!((halves(0).len(), halves(1).len()), (1, 1), "round {round}, {provider}");
        // What `send` signs with one half `listen` verifies with the other.
        let line = sandbox
            .hook(["sign", "-p", provider, "--id", "m", "--body", "{}"])
            .run()
            .ok();
        let line = line.stdout();
        let mut args = vec!["verify", "-p", provider, "--body", "{}"];
        line.lines().for_each(|line| args.extend(["-H", line]));
        sandbox.hook(args).run().ok();
    }
}

fn clone(outcome: &Outcome) -> Outcome {
    Outcome {
        shown: outcome.shown.clone(),
        code: outcome.code,
        stdout: outcome.stdout.clone(),
        stderr: outcome.stderr.clone(),
    }
}

#[test]
fn processes_that_create_the_ledger_at_once_all_record() {
    for _ in 0..ROUNDS {
        let sandbox = Sandbox::new();
        let send = ["send", "job.paid", "-p", "poolflow", "--to", "http://127.0.0.1:9/"];
        let all: Vec<Process> = (0..4).map(|_| sandbox.hook(send).spawn()).collect();
        for process in all {
            process.wait().exits(4);
        }
        let log = sandbox.hook(["log", "--json"]).run().ok().stdout();
        assert_eq!(log.lines().count(), 4, "{log}");
    }
}

#[test]
fn a_sender_and_listeners_that_start_together_agree() {
    let sandbox = Sandbox::new();
    let provider = ["--secret", "-p", "standard-webhooks@ed25519", "--count", "1"];
    let listeners: Vec<_> = (0..4).map(|_| sandbox.listening(provider)).collect();
    let mut started: Vec<Process> = listeners.into_iter().map(|run| run.spawn()).collect();
    let urls: Vec<String> = started
        .iter_mut()
        .map(|process| {
            let said = process.wait_said(|line| line.starts_with("listening on "));
            said.trim_start_matches("listening on ")
                .split(',')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    for url in &urls {
        let send = [
            "send",
            "-p",
            "standard-webhooks@ed25519",
            "--to",
            url,
            "--data",
            "{}",
            "job.paid",
        ];
        sandbox.hook(send).run();
    }
    for process in started {
        process.wait().ok().says(["1 verified, 0 refused"]);
    }
}

#[test]
fn listeners_of_one_trigger_that_start_together_have_one_path() {
    for _ in 0..4 {
        let sandbox = Sandbox::new();
        let run = || sandbox.listening(["--inbound", "-p", "hoopai", "--for", "1ms"]).spawn();
        let all: Vec<Process> = (0..4).map(|_| run()).collect();
        let mut paths: Vec<String> = all
            .into_iter()
            .map(|process| {
                let said = process.wait().stderr();
                let path = said.split("/inbound/").nth(1).expect("a path is said");
                path.split(',').next().unwrap_or_default().to_owned()
            })
            .collect();
        paths.dedup();
        assert_eq!(paths.len(), 1, "{paths:?}");
    }
}

#[test]
fn of_several_that_write_a_new_secret_to_one_file_one_does_and_the_others_say_so() {
    for _ in 0..4 {
        let sandbox = Sandbox::new();
        let run = || {
            sandbox
                .hook(["secret", "new", "-p", "hoopai@ed25519", "--out", "key"])
                .spawn()
        };
        let all: Vec<Process> = (0..4).map(|_| run()).collect();
        let mut codes: Vec<i32> = all.into_iter().map(|process| process.wait().code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 2, 2, 2]);
        let halves = ["sign -p hoopai@ed25519 --id m --body {} -s file:key"];
        let line = at_once(&sandbox, &halves).remove(0).stdout();
        let mut args = vec!["verify", "-p", "hoopai@ed25519", "--body", "{}", "-s", "file:key.pub"];
        line.lines().for_each(|line| args.extend(["-H", line]));
        sandbox.hook(args).run().ok();
    }
}
