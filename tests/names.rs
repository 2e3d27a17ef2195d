//! Names that match nothing are said, and other names of an event lead where its own does.

use crate::support::{App, CLOSED_PORT, Reply, Sandbox};

const PROVIDER: &str = "provider `poolflwo` not found";

/// A command line with a wrong name, the expected message, and the near name.
const WRONG_NAMES: [(&[&str], &str, &str); 17] = [
    (&["log", "-p", "poolflwo"], PROVIDER, "--provider poolflow"),
    (&["log", "stats", "-p", "poolflwo"], PROVIDER, "--provider poolflow"),
    (&["log", "drift", "-p", "poolflwo"], PROVIDER, "--provider poolflow"),
    (&["log", "follow", "-p", "poolflwo"], PROVIDER, "--provider poolflow"),
    (
        &["endpoints", "list", "-p", "poolflwo"],
        PROVIDER,
        "--provider poolflow",
    ),
    (
        &["send", "job.paid", "-p", "poolflwo", "--to", CLOSED_PORT],
        PROVIDER,
        "--provider poolflow",
    ),
    (
        &["listen", "-p", "poolflwo", "--port", "0"],
        PROVIDER,
        "--provider poolflow",
    ),
    (
        &["serve", "-p", "poolflwo", "--port", "0"],
        PROVIDER,
        "--provider poolflow",
    ),
    (
        &["sign", "-p", "hoopai@sra", "--body", "x"],
        "`hoopai` has no variant `sra`",
        "rsa",
    ),
    (
        &["endpoints", "list", "--remote", "poolflwo"],
        "`poolflwo` is neither a provider",
        "--remote poolflow",
    ),
    (&["log", "--endpoint", "shpo"], "endpoint `shpo` not found", "shop"),
    (
        &["send", "job.paid", "--endpoint", "shpo"],
        "endpoint `shpo` not found",
        "shop",
    ),
    (&["endpoints", "test", "shpo"], "endpoint `shpo` not found", "shop"),
    (
        &["log", "--workflow", "welcom"],
        "workflow `welcom` not found",
        "--workflow welcome",
    ),
    (
        &["send", "--workflow", "welcom"],
        "workflow `welcom` not found",
        "--workflow welcome",
    ),
    (
        &["replay", "--failed", "-p", "strpe"],
        "provider `strpe` not found",
        "did you mean `--provider stripe`?",
    ),
    (
        &["endpoints", "test", "shop", "--event", "job.piad"],
        "`poolflow` has no event `job.piad`",
        "--event job.paid",
    ),
];

#[test]
fn an_unknown_name_ends_with_6_and_near_names_whichever_command_it_is_given_to() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    sandbox.add_endpoint(&format!(
        "{CLOSED_PORT} -p poolflow --events job.paid --local --name shop"
    ));
    let settings = "[workflow.welcome]\nprovider = \"hoopai\"\nstate = \"published\"\nurl = \"http://127.0.0.1:1/\"\n";
    sandbox.write(sandbox.config("config.toml"), settings);
    for (args, what, near) in WRONG_NAMES {
        sandbox.hook(args).run().exits(6).says([what, near]).never(["--data"]);
    }
    // What is known, or on record, is no mistake.
    sandbox
        .hook(["log", "-p", "pocketsflow"])
        .run()
        .ok()
        .says(["nothing in the ledger matches"]);
    sandbox.hook(["log", "--endpoint", "shop"]).run().ok();
}

#[test]
fn a_pattern_that_matches_no_event_is_warned_of_and_runs() {
    let sandbox = Sandbox::new();
    let routes = [
        &["--on", "order.complet=true"][..],
        &["--filter", "order.complet"],
        &["--on", "order.complet=true", "--on", "order.complet=:1"],
    ];
    for flags in routes {
        let listen = ["-p", "pocketsflow", "--secret", "--count", "1", "--for", "10ms"];
        let outcome = sandbox.listening(listen.iter().chain(flags)).run().exits(8);
        let warning = "no event of `pocketsflow` matches `order.complet`; near names: `order.completed`";
        assert_eq!(outcome.stderr().matches(warning).count(), 1, "{outcome}");
    }
    let fine = [
        "-p",
        "pocketsflow",
        "--secret",
        "--on",
        "order.*=true",
        "--count",
        "1",
        "--for",
        "10ms",
    ];
    sandbox.listening(fine).run().exits(8).never(["matches `"]);
    // A user may have events of his own: those that are on record are no typos.
    let app = App::start(|_| Reply::Status(200, ""));
    let send = ["send", "my.event", "-p", "generic", "--data", "{}", "--to", &app.url];
    sandbox.hook(send).run().ok();
    sandbox.hook(["log", "--event", "my.*"]).run().ok().never(["warning"]);
    sandbox
        .hook(["log", "--event", "job.piad"])
        .run()
        .ok()
        .says(["no event of a catalogue matches `job.piad`; near names: `job.paid`"]);
}

#[test]
fn an_alias_routes_like_the_event_and_one_of_grouped_events_is_enough() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.write(
        sandbox.config("config.toml"),
        format!(
            "[[route]]\nevent = \"customer.created\"\nforward = \"{0}/pat\"\nwhere = {{ \"data.displayName\" = \"Pat*\" }}\n\
             [[route]]\nevent = \"customer.created\"\nforward = \"{0}/kim\"\nwhere = {{ \"data.displayName\" = \"Kim*\" }}\n",
            app.url
        ),
    );
    let alias = format!("customer.status.updated={}/alias", app.url);
    let mut listener = sandbox.listen(["-p", "pool-brain", "--secret", "--on", &alias]);
    let to = listener.url.clone();
    let send = |args: &[&str]| {
        let base = ["send", "-p", "pool-brain", "--to", &to];
        sandbox.hook(base.iter().chain(args)).run().ok();
    };
    send(&["customer.status.changed"]);
    assert_eq!(app.next().target, "/alias");
    send(&["customer.created", "--group", "2"]);
    assert_eq!(app.next().target, "/pat");
    listener.shows("/pat");
    assert_eq!(app.rest().len(), 0, "nobody of the group is Kim");
}
