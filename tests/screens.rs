//! Whole screens, compared with the recorded ones in `tests/snapshots/`. `just generate` records them again; look at the
//! difference before committing it.

use crate::support::{App, CLOSED_PORT, Reply, Story};

/// Header line of a signature that fits no secret.
const WRONG: &str = "-H 'X-PoolFlow-Signature: e4863d6539c8bf4c051f090b3e669d5c2e980f773d3f3c903d6a35264b95cd1c'";

const BODY: &str = r#"{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{"id":1}}"#;

/// The help of a command and of all below it.
fn help(story: &mut Story, command: &str) {
    let shown = story.run(&format!("{command} --help")).stdout();
    let commands = shown.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    for name in names {
        if command.is_empty() {
            let mut own = Story::new();
            help(&mut own, &name);
            own.compare(&format!("help-{name}"));
        } else {
            help(story, &format!("{command} {name}"));
        }
    }
}

#[test]
fn help_of_every_command() {
    let mut story = Story::new();
    help(&mut story, "");
    story.run("-h");
    story.run("");
    story.compare("help");
}

/// One verified request, one refused, and the deliveries that made them: #1 to #4.
fn recorded() -> Story {
    let mut story = Story::new();
    let mut listener = story.listen("-s literal:whsec_right");
    let to = format!("--random-seed 1 -p poolflow --to {}", listener.url);
    story.run(&format!("send job.paid -s literal:whsec_right {to}"));
    listener.shows("verified");
    story.run(&format!("send job.created -s literal:whsec_wrong {to}"));
    listener.shows("refused");
    let ended = listener.stop();
    story.add(&ended);
    story
}

#[test]
fn sending_and_listening() {
    let mut story = recorded();
    story.run(&format!(
        "send job.paid --random-seed 1 -s literal:a --retry 5ms,7ms --to {CLOSED_PORT}"
    ));
    story.run(&format!(
        "send job.paid --random-seed 1 -s literal:a --count 3 --concurrency 1 --to {CLOSED_PORT}"
    ));
    story.run("send job.paid --random-seed 1 -s literal:a --to https://x.example/in --dry-run");
    story.run("send job.paid --random-seed 1 -s literal:a --to https://x.example/in --curl");
    story.run("send job.paid --random-seed 1 -s literal:a --to https://x.example/in --dry-run --reveal -v");
    story.compare("send");
}

#[test]
fn the_ledger() {
    let mut story = recorded().silent();
    for command in [
        "log",
        "log --failed",
        "log --limit 1",
        "log --event none",
        "log show 1",
        "log show 2",
        "log show 3 --why",
        "log show 3 --why -v",
        "log show 4 --why",
        "log show 4 --full",
        "log show",
        "log show 99",
        "log stats",
        "log drift",
        "log report 3",
        "log report 4",
        "verify 1 -s literal:whsec_right",
        "verify 3 -s literal:whsec_right",
        "log prune --older-than 0",
        "log prune --older-than 0 --yes",
    ] {
        story.run(command);
    }
    story.compare("log");
}

#[test]
fn replaying() {
    let mut story = recorded().silent();
    let app = App::start(|_| Reply::Status(500, "out of order"));
    for rest in [
        "1",
        "1 -s literal:new",
        "2 --retry 5ms",
        "--failed",
        "last --dry-run",
        "99",
        "",
    ] {
        story.run(&format!("replay {rest} --to {}", app.url));
    }
    story.run("replay 1");
    story.run("log");
    story.compare("replay");
}

#[test]
fn commands_that_fail() {
    let mut story = Story::new();
    let mut listener = story.listen("-s literal:whsec_right -p poolflow --exec 'echo out of order >&2; exit 3'");
    let to = format!("--random-seed 1 -p poolflow --to {}", listener.url);
    story
        .quietly(&format!("send job.paid -s literal:whsec_right {to}"))
        .ok();
    listener.says("exit 3");
    let ended = listener.stop();
    story.add(&ended);
    for command in [
        "log --failed-processing",
        "log show 1",
        "replay 1 --exec false",
        "replay 1 --exec true",
        "replay 1 --exec true",
    ] {
        story.run(command);
    }
    story.compare("commands");
}

#[test]
fn reasons_to_refuse_a_signature() {
    let mut story = Story::new();
    story.sandbox.write("body", BODY);
    story.sandbox.write("line-feed", format!("{BODY}\n"));
    story.sandbox.write("spaced", BODY.replace(',', ", "));
    let signed = |story: &Story, provider: &str, rest: &str| {
        let line = format!(
            "sign -p {provider} -s literal:whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= --body @body {rest}"
        );
        let lines = story.quietly(&line).ok().stdout();
        let flags: Vec<String> = lines.lines().map(|line| format!("-H '{line}'")).collect();
        flags.join(" ")
    };
    let (plain, timed) = (signed(&story, "poolflow", ""), signed(&story, "slotflow", "--id msg_1"));
    let old = signed(&story, "slotflow", "--id msg_1 --at 1893550000");
    let secret = "-s literal:whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    for line in [
        format!("-p poolflow {secret} {plain} --body @body"),
        format!("-p poolflow {secret} {plain} --body @line-feed"),
        format!("-p poolflow {secret} {plain} --body @spaced"),
        format!("-p poolflow -s literal:whsec_other {plain} --body @body"),
        format!("-p poolflow -s literal:whsec_other {plain} --body @body --reveal"),
        format!("-p poolflow {secret} {WRONG} --body @body -v"),
        format!("-p poolflow {secret} --body @body"),
        format!("-p poolflow {secret} -H 'X-PoolFlow-Signature: what' --body @body"),
        format!("-p slotflow {secret} {timed} --body @body"),
        format!("-p slotflow {secret} {old} --body @body"),
        format!("-p slotflow {secret} {old} --body @line-feed"),
        format!("-p slotflow {secret} {plain} --body @body"),
        format!("{secret} {timed} --body @body"),
        format!("{secret} --body @body"),
    ] {
        story.run(&format!("verify {line}"));
    }
    story.compare("verify");
}

#[test]
fn endpoints() {
    let mut story = Story::new();
    story.sandbox.write("hook.toml", "[[endpoint]]\nname = \"crm\"\nprovider = \"slotflow\"\nurl = \"https://crm.example.com/new\"\nevents = [\"booking.confirmed\"]\n");
    for command in [
        "list",
        "add https://crm.example.com/hooks -p poolflow --events job.paid,job.created --name crm --env staging --secret-file sec",
        "add --to https://b.example.com -p slotflow --events all --plan free --secret-file sec2",
        "add http://127.0.0.1:1 -p poolflow --events job.paid",
        "add http://127.0.0.1:1 -p poolflow --events job.paid --local --name here --secret-file sec3",
        "add https://crm.example.com/hooks -p poolflow --events job.payed",
        "add",
        "list",
        "list --env staging",
        "show crm",
        "show",
        "show nobody",
        "update crm --events job.paid --env production",
        "update crm --to https://c.example.com/ --description 'the new one'",
        "disable b-example-com",
        "enable b-example-com",
        "rotate-secret crm",
        "test here",
        "doctor here",
        "export",
        "diff",
        "apply",
        "apply --yes",
        "diff",
        "remove crm",
        "remove crm --yes",
        "list",
    ] {
        story.run(&format!("endpoints {command}"));
    }
    story.compare("endpoints");
}

#[test]
fn an_endpoint_that_passes_its_test() {
    let mut story = Story::new();
    let add = "endpoints add http://127.0.0.1:1 -p poolflow --events job.paid --local --name a --secret-file sec";
    story.quietly(add).ok();
    // In a ledger of its own: numbers of refused requests come in any order with those of deliveries.
    let listener = story.listen("-s file:sec --ledger received.db");
    story
        .quietly(&format!("endpoints update a --to {} --local", listener.url))
        .ok();
    story.run("endpoints test a");
    story.run("endpoints doctor a");
    story.run("send job.paid --random-seed 1 -e a");
    story.compare("endpoint-test");
}

#[test]
fn providers_that_hook_knows() {
    let mut story = Story::new();
    story.sandbox.write(
        "bad.toml",
        "format = 1\nname = \"acme\"\n[signature.hmac]\nheadre = \"X-A\"\n",
    );
    story.run("providers list");
    for name in [
        "poolflow",
        "pool-brain",
        "pocketsflow",
        "slotflow",
        "hoopai",
        "standard-webhooks",
        "stripe",
        "twilio",
    ] {
        story.run(&format!("providers show {name}"));
    }
    for command in [
        "events poolflow",
        "events slotflow",
        "sample slotflow booking.confirmed",
        "receiver poolflow --lang flask",
        "check bad.toml",
        "show poolflo",
        "sample poolflow job.payed",
    ] {
        story.run(&format!("providers {command}"));
    }
    story.compare("providers");
}

#[test]
fn the_other_commands() {
    let mut story = Story::new();
    story.sandbox.write("hook.toml", "provider = \"hoopai\"\n[workflow.w]\nstate = \"published\"\nurl = \"https://w.example/\"\nfields = { plan = \"{{contact.plan}}\" }\nauth = { bearer = \"env:KEY\" }\n[workflow.draft]\nurl = \"http://w.example/\"\n");
    story.sandbox.write("record.json", r#"{"contact": {"plan": "pro"}}"#);
    for command in [
        "config show",
        "config path",
        "send --workflow w --context record.json --dry-run",
        "config trust",
        "config trust",
        "config show",
        "send --workflow draft --context record.json",
        "endpoints doctor",
        "sign -p slotflow -s literal:whsec_a --body x --id msg_1",
        "sign -p hoopai -s literal:whsec_a --body x",
        "secret show -p poolflow",
    ] {
        story.run(command);
    }
    story.compare("other");
}

#[test]
fn errors() {
    let mut story = Story::new();
    story.sandbox.write("bad.json", "{\"a\": 1,}");
    for command in [
        "send",
        "send job.paid",
        "send job.payed --to :9",
        "send job.paid -p poolflo --to :9",
        "send job.paid --to ftp://x",
        "send job.paid --to 'rm -rf'",
        "send job.paid --to :9 -e crm",
        "send job.paid -e crm",
        "send job.paid --to :9 --data @bad.json",
        "send job.paid --to :9 --data @missing.json",
        "send job.paid --to :9 --set total_cents=",
        "send job.paid --to :9 --set nothing.here=1",
        "send job.paid --to :9 --retry soon",
        "send job.paid --to :9 --header nocolon",
        "send job.paid --to :9 -s env:NO_SUCH_VARIABLE",
        "send job.paid --to :9 -s file:missing",
        "send job.paid --to http://nobody.invalid",
        "listen --port 99999",
        "listen --port 0 --for 10ms --allow-ip 10.0.0.0/99",
        "listen --port 0 --for 10ms --on nothing",
        "listen --port 0 --for 10ms -p poolflo",
        "serve -p poolflow",
        "log show nothing",
        "log --since soon",
        "log --kind none",
        "replay nothing --to :9",
        "verify",
        "verify --body x -p poolflow -s literal:a -H nocolon",
        "sign",
        "config trust",
        "completions tcsh",
        "unknown",
        "--ledger / log",
        "--config missing.toml log",
    ] {
        story.run(command);
    }
    story.compare("errors");
}
