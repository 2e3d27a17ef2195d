//! What `docs/serve.md` and `packaging/` give people to run does what they say.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{endpoint, service};
use crate::support::{App, KEY, ROOT, Reply, Sandbox, peers};

const ANSWER: &str = r#"{"id":"msg_1","event":"order.paid","deliveries":1}"#;

/// The code blocks of a section of `docs/serve.md`, with their languages.
#[track_caller]
fn blocks(section: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/serve.md")).expect("the document");
    let (_, rest) = text.split_once(&format!("\n### {section}\n")).expect("the section");
    let rest = rest.split("\n### ").next().unwrap_or(rest);
    let parts: Vec<&str> = rest.split("```").collect();
    let blocks = parts
        .iter()
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'));
    blocks
        .map(|(language, code)| (language.to_owned(), code.to_owned()))
        .collect()
}

#[test]
fn the_first_event_takes_three_commands() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a port").port().to_string();
    sandbox.write(sandbox.config("config.toml"), format!("[serve]\nport = {port}\n"));
    let (_, code) = blocks("The first event").remove(0);
    let binary = Path::new(env!("CARGO_BIN_EXE_hook"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let lines: Vec<String> = code
        .lines()
        .map(|line| {
            line.replace("http://localhost:4400", &app.url)
                .replace(":4401", &format!(":{port}"))
        })
        .collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let shell = |line: &str| {
        sandbox
            .program("sh", ["-c", &format!("exec env {line}")])
            .env("PATH", &path)
    };
    shell(&lines[0]).run().ok().prints(["crm"]);
    let mut service = shell(&lines[1]).spawn();
    service.wait_said(|line| line.starts_with("serving events on"));
    shell(&lines[2]).run().ok().prints(["\"deliveries\":1"]);
    let seen = app.next();
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(
        (&body["type"], &body["data"]["order"]),
        (&"order.paid".into(), &7.into())
    );
    service.signal("INT");
    service.wait().ok();
}

/// The file of a language, and how it is run; nothing where it cannot be.
fn runner(sandbox: &Sandbox, language: &str) -> Option<(&'static str, Vec<&'static str>)> {
    let (file, program, args) = match language {
        "sh" => ("client.sh", "sh", vec!["client.sh"]),
        "js" => ("client.mjs", "node", vec!["client.mjs"]),
        "python" => ("client.py", "python3", vec!["client.py"]),
        "go" => ("client.go", "./client", vec![]),
        other => panic!("no runner for {other}"),
    };
    let tool = if language == "go" { "go" } else { program };
    let version = if language == "go" { "version" } else { "--version" };
    let is_there = language == "sh"
        || Command::new(tool)
            .arg(version)
            .output()
            .is_ok_and(|output| output.status.success());
    if !is_there {
        assert!(peers().is_none(), "{tool} is not installed, and must be");
        return None;
    }
    if language == "go" {
        // With the cache of the user: compiling the standard library takes long.
        let built = Command::new("go")
            .args(["build", "-o", "client", file])
            .current_dir(sandbox.path(""))
            .output();
        let built = built.expect("go");
        assert!(built.status.success(), "{built:?}");
    }
    Some((program, args))
}

#[test]
fn clients_in_every_language_hand_over_an_event_once_and_try_again_after_503() {
    let examples = blocks("From your application");
    let languages: Vec<&str> = examples.iter().map(|(language, _)| language.as_str()).collect();
    assert_eq!(languages, ["sh", "js", "python", "go"]);
    for (language, code) in &examples {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(200, ""));
        endpoint(&sandbox, "one", &app.url, &[]);
        let service = service(&sandbox, &[]);
        let calls = AtomicUsize::new(0);
        let failing = App::start(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Full(503, vec![("retry-after", "1")], Vec::new()),
            _ => Reply::Full(202, vec![("content-type", "application/json")], ANSWER.into()),
        });
        let mut answers = Vec::new();
        for url in [&service.url, &service.url, &failing.url] {
            let file = match language.as_str() {
                "js" => "client.mjs",
                "python" => "client.py",
                other => &format!("client.{other}"),
            };
            sandbox.write(file, code.replace("http://127.0.0.1:4401", url));
            let Some((program, args)) = runner(&sandbox, language) else {
                eprintln!("skipped: {language} is not installed");
                break;
            };
            let outcome = sandbox.program(program, args).env("API_KEY", KEY).run().ok();
            answers.push(serde_json::from_slice::<Value>(&outcome.stdout).expect("an answer"));
        }
        if answers.is_empty() {
            continue;
        }
        assert_eq!(answers[0]["deliveries"], 1, "{language}");
        assert_eq!(answers[0], answers[1], "{language}: the second call creates nothing");
        let tries = [failing.next(), failing.next()];
        assert!(
            tries
                .iter()
                .all(|seen| seen.header("idempotency-key") == Some("order-7-paid")),
            "{language}"
        );
        app.next();
        service.until(|queue| queue.waiting + queue.taken == 0);
        assert!(app.rest().is_empty(), "{language}");
        service.stop().ok();
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let has_systemd = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !has_systemd {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    let unit = fs::read_to_string(Path::new(ROOT).join("packaging/hook.service")).expect("the unit");
    let check = |text: &str| {
        // It looks whether the program is there.
        sandbox.write(
            "hook.service",
            text.replace("/usr/local/bin/hook", env!("CARGO_BIN_EXE_hook")),
        );
        let unit = sandbox.path("hook.service");
        let verify = ["verify", "--man=no"].map(Into::into);
        sandbox
            .program("systemd-analyze", verify.into_iter().chain([unit.into_os_string()]))
            .run()
    };
    let outcome = check(&unit).ok();
    assert_eq!(outcome.stderr(), "");
    let wrong = check(&unit.replace("Restart=on-failure", "Restart=perhaps"));
    assert!(wrong.stderr().contains("perhaps"), "it would find a mistake\n{wrong}");
    // Its commands are those of this version.
    for line in unit.lines().filter_map(|line| line.split_once("=/usr/local/bin/hook ")) {
        sandbox.write("api-key", KEY);
        let args = line.1.replace("%d/", "");
        let args = args.split(' ').chain(["--check"]);
        let mut words: Vec<&str> = Vec::new();
        args.for_each(|word| {
            if !words.contains(&word) {
                words.push(word);
            }
        });
        sandbox.hook(words).run().ok();
    }
}

#[test]
fn docker_compose_finds_nothing_wrong_with_two_services_over_postgres() {
    let is_there = Command::new("docker-compose").arg("--version").output().is_ok();
    if !is_there {
        assert!(
            std::env::var("CI").is_err(),
            "`docker-compose` is not installed, and must be"
        );
        eprintln!("skipped: docker-compose is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    let file = fs::read_to_string(Path::new(ROOT).join("packaging/compose.yaml")).expect("the file");
    let check = |text: &str| {
        sandbox.write("compose.yaml", text);
        sandbox
            .program("docker-compose", ["-f", "compose.yaml", "config"])
            .run()
    };
    let shown = check(&file).ok();
    for service in ["hook-1:", "hook-2:", "database:"] {
        assert!(shown.stdout().contains(service), "{service}\n{shown}");
    }
    let wrong = check(&file.replace("restart: unless-stopped", "restarts: always"));
    assert!(wrong.stderr().contains("restarts"), "it would find a mistake\n{wrong}");
}
