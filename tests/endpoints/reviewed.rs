//! `hook endpoints diff`, `apply`, `import` and `export`, on the local book and at a provider.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::remote::There;
use super::{closed, endpoints};
use crate::support::{App, Outcome, Reply, Sandbox};

fn file(entries: &[(&str, &str, &str)]) -> String {
    let entry = |(name, url, events): &(&str, &str, &str)| {
        format!("[[endpoint]]\nname = \"{name}\"\nprovider = \"slotflow\"\nurl = \"{url}\"\nevents = {events}\n\n")
    };
    entries.iter().map(entry).collect()
}

const ONE: &str = r#"["booking.confirmed"]"#;
const BOTH: &str = r#"["booking.confirmed", "booking.cancelled"]"#;

/// The same story on both kinds of stores; `flag` is what a local book needs for targets on this machine.
fn converges(sandbox: &Sandbox, flag: &str, run: impl Fn(&str) -> Outcome) {
    let (a, b, c) = (closed(), closed(), closed());
    sandbox.write("hook.toml", file(&[("crm", &a, ONE), ("billing", &b, BOTH)]));
    run("diff").ok().prints(["+ crm", "+ billing"]).says(["2 to add"]);
    run("diff --check").exits(8);
    run("apply --check").exits(8);
    run(&format!("apply {flag}"))
        .exits(2)
        .says(["2 to add. Go on?", "`--yes`"]);
    run("list").ok().says(["no endpoints"]);
    let done = run(&format!("apply --yes --json {flag}")).ok().json();
    let secrets: Vec<&str> = done.iter().filter_map(|line| line["secret"].as_str()).collect();
    assert_eq!(secrets.len(), 2, "each is handed over: {done:?}");
    run(&format!("apply --yes {flag}"))
        .ok()
        .says(["nothing to do"])
        .never(["added"]);
    run("diff --check").ok().says(["nothing to do"]);

    // One goes, one is new, one gets another name.
    sandbox.write("hook.toml", file(&[("customers", &a, ONE), ("new", &c, BOTH)]));
    let steps = run("diff --json").ok().json();
    let told: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| {
            (
                step["action"].as_str().unwrap_or_default(),
                step["name"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(told, [("remove", "billing"), ("change", "crm"), ("add", "new")]);
    assert_eq!(steps[1]["differs"], json!(["name"]));
    run(&format!("apply --yes {flag}"))
        .ok()
        .prints(["removed billing", "updated customers: name", "added new"]);
    run(&format!("apply --yes {flag}")).ok().says(["nothing to do"]);

    // What the store has is a file again.
    let text = run("export").ok().stdout();
    assert!(!text.contains("secret"), "{text}");
    sandbox.write("copy.toml", text);
    run("diff --check -f copy.toml").ok().says(["nothing to do"]);
}

#[test]
fn the_local_book_comes_to_match_a_reviewed_file() {
    let sandbox = Sandbox::new();
    converges(&sandbox, "--local", |args| endpoints(&sandbox, args));
}

#[test]
fn a_providers_endpoints_come_to_match_a_reviewed_file() {
    let there = There::serve("slotflow", "");
    converges(&there.sandbox, "", |args| there.endpoints(args));
}

#[test]
fn a_plan_that_a_rule_refuses_changes_nothing_in_the_book() {
    let sandbox = Sandbox::new();
    let (a, b) = (closed(), closed());
    sandbox.write(
        "hook.toml",
        file(&[("crm", &a, ONE), ("again", &a, ONE), ("third", &b, ONE)]),
    );
    endpoints(&sandbox, "apply --yes --local")
        .exits(3)
        .says(["takes a URL once only"]);
    endpoints(&sandbox, "list").ok().says(["no endpoints"]);
    let stored = std::fs::read_dir(sandbox.state("secrets")).map_or(0, Iterator::count);
    assert_eq!(stored, 0, "secrets that were made are taken back");
    sandbox.write("hook.toml", file(&[("crm", &a, r#"["booking.confirmd"]"#)]));
    endpoints(&sandbox, "apply --yes --local")
        .exits(3)
        .says(["has no event `booking.confirmd`"]);
}

#[test]
fn what_fails_in_the_middle_is_said_and_a_second_run_does_what_is_left() {
    let there = There::serve("slotflow", "--plan free");
    let urls = [closed(), closed(), closed(), closed()];
    let all = [
        ("a", &*urls[0], ONE),
        ("b", &*urls[1], ONE),
        ("c", &*urls[2], ONE),
        ("d", &*urls[3], ONE),
    ];
    there.sandbox.write("hook.toml", file(&all));
    there
        .endpoints("apply --yes")
        .exits(3)
        .prints(["added a", "added b"])
        .says([
            "2 of 4 done, then `c`",
            "allows no more",
            "not done because of that error:",
            "+ d",
            "run it again",
        ]);
    assert_eq!(there.names(), ["a", "b"]);
    there.sandbox.write("hook.toml", file(&[all[1], all[2]]));
    there
        .endpoints("apply --yes")
        .ok()
        .prints(["removed a", "added c"])
        .never(["added b"]);
    assert_eq!(there.names(), ["b", "c"]);
}

#[test]
fn what_cannot_be_changed_is_refused_before_any_call_unless_recreate_is_given() {
    let there = There::serve("slotflow", "");
    let (a, b) = (closed(), closed());
    there
        .sandbox
        .write("hook.toml", file(&[("crm", &a, ONE), ("old", &b, ONE)]));
    there.endpoints("apply --yes").ok();
    there.sandbox.write("hook.toml", file(&[("crm", &a, BOTH)]));
    there
        .endpoints("apply --yes")
        .exits(2)
        .says(["endpoint `crm`: `slotflow` cannot change", "`--recreate`"]);
    assert_eq!(there.names().len(), 2, "`old` is still there");
    there
        .endpoints("apply --yes --recreate")
        .ok()
        .prints(["removed old", "removed crm", "added crm"]);
    there.endpoints("apply --yes --recreate").ok().says(["nothing to do"]);
    let described = file(&[("crm", &a, BOTH)]) + "description = \"x\"\n";
    there.sandbox.write("hook.toml", described);
    there
        .endpoints("apply --yes --recreate")
        .exits(2)
        .says(["has no place for a description"]);
}

#[test]
fn of_two_applies_at_once_each_ends_well_and_nothing_is_there_twice() {
    let there = There::serve("pocketsflow", "");
    let urls: Vec<String> = (0..4).map(|_| closed()).collect();
    let entry = |(n, url): (usize, &String)| {
        format!(
            "[[endpoint]]\nname = \"e{n}\"\nprovider = \"pocketsflow\"\nurl = \"{url}\"\nevents = [\"order.completed\"]\n"
        )
    };
    there
        .sandbox
        .write("hook.toml", urls.iter().enumerate().map(entry).collect::<String>());
    let both = [there.start("apply --yes"), there.start("apply --yes")];
    for one in both {
        one.wait().ok();
    }
    assert_eq!(there.names(), ["e0", "e1", "e2", "e3"]);
}

#[test]
fn a_plan_that_changed_under_the_apply_is_not_done() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", file(&[("crm", "https://example.com/in", ONE)]));
    let asked = AtomicUsize::new(0);
    let face = App::start(
        move |seen| match (seen.method.as_str(), asked.fetch_add(1, Ordering::SeqCst)) {
            ("GET", 0) => Reply::Status(200, r#"{"webhooks":[],"total":0}"#),
            ("GET", _) => Reply::Status(
                200,
                r#"{"webhooks":[{"id":"7","url":"https://example.com/in","events":["booking.confirmed"],"active":true}]}"#,
            ),
            _ => Reply::Status(500, ""),
        },
    );
    let apply = || {
        let args = format!("endpoints apply --yes --remote slotflow --api-url {}", face.url);
        sandbox.hook(args.split_whitespace()).run()
    };
    apply()
        .exits(7)
        .says(["changed while the plan was looked at: nothing is done", "run it again"]);
    assert!(face.rest().iter().all(|seen| seen.method == "GET"));
    // The name is noted here, since the provider has no place for it.
    apply().ok().prints(["updated crm: name"]);
    apply().ok().says(["nothing to do"]);
}

#[test]
fn a_file_that_says_nothing_about_endpoints_removes_nothing() {
    let sandbox = Sandbox::new();
    endpoints(
        &sandbox,
        &format!("add {} -p slotflow --events booking.confirmed --local", closed()),
    )
    .ok();
    endpoints(&sandbox, "apply --yes")
        .exits(2)
        .says(["no `hook.toml` here or above", "`-f FILE`"]);
    sandbox.write("other.toml", "provider = \"slotflow\"\n");
    endpoints(&sandbox, "apply --yes -f other.toml")
        .exits(2)
        .says(["has no `endpoint` entries", "`endpoint = []`"]);
    endpoints(&sandbox, "apply --yes -f none.toml")
        .exits(2)
        .says(["`none.toml` cannot be read"]);
    sandbox.write("bad.toml", "[[endpoint]]\nurl = \"https://example.com\"\nevents = 3\n");
    endpoints(&sandbox, "apply --yes -f bad.toml")
        .exits(2)
        .says(["\"all\" or a list of event names"]);
    sandbox.write("empty.toml", "endpoint = []\n");
    endpoints(&sandbox, "apply --yes -f empty.toml")
        .ok()
        .prints(["removed"]);
}

#[test]
fn endpoints_of_a_provider_are_taken_into_the_book_once_and_with_the_secret_that_is_known() {
    let there = There::serve("slotflow", "");
    let url = closed();
    let made = there
        .endpoints(&format!("add {url} --events booking.confirmed --name crm --json"))
        .ok()
        .object();
    there.endpoints("import").ok().prints(["added crm"]);
    there
        .endpoints("import")
        .ok()
        .says(["1 of 1 endpoint at `slotflow` in the book already"])
        .never(["added"]);
    let here = endpoints(&there.sandbox, "show crm --json").ok().object();
    assert_ne!(here["id"], made["id"]);
    let fingerprint = |line: &serde_json::Value| line["secrets"][0]["fingerprint"].clone();
    assert_eq!(
        fingerprint(&here),
        fingerprint(&there.endpoints("show crm --json").ok().object())
    );
    // What is removed there stays here, with its secret.
    there.endpoints("remove crm --yes").ok();
    assert_eq!(
        fingerprint(&endpoints(&there.sandbox, "show crm --json").ok().object()),
        fingerprint(&here)
    );
    endpoints(&there.sandbox, "import")
        .exits(2)
        .says(["hook endpoints import --remote NAME"]);
}

#[test]
fn a_typo_of_an_event_is_said_by_diff_and_refused_by_apply_at_a_provider_too() {
    let there = There::serve("slotflow", "");
    let entries = file(&[("crm", &closed(), r#"["booking.confirmd"]"#)]);
    there.sandbox.write("hook.toml", entries);
    let said = "`slotflow` has no event `booking.confirmd`";
    let near = "hint: near names: `booking.confirmed`";
    there.endpoints("diff").ok().prints(["+ crm"]).says([said, near]);
    there.endpoints("apply --yes").exits(3).says([said, near]);
    assert_eq!(there.names(), [""; 0]);
    there
        .sandbox
        .write("hook.toml", file(&[("\\u001b[31mred", &closed(), ONE)]));
    there
        .endpoints("diff")
        .exits(2)
        .says(["endpoint 1 of ", "is not a name"]);
}
