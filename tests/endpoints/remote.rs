//! `hook endpoints --remote`: the same verbs on endpoints that a provider keeps. The provider is `hook serve`, on a machine
//! of its own.

use serde_json::{Value, json};

use super::closed;
use crate::support::{App, Outcome, Process, Reply, Run, Sandbox, keys};

/// A provider that is played on another machine, and ours.
pub(crate) struct There {
    pub(crate) sandbox: Sandbox,
    pub(crate) remote: String,
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) face: Process,
    _other: Sandbox,
}

impl There {
    #[track_caller]
    pub(crate) fn serve(provider: &str, rest: &str) -> Self {
        let other = Sandbox::new();
        let args = ["serve", "--provider", provider, "--port", "0", "--json"];
        let mut face = other.hook(args.into_iter().chain(rest.split_whitespace())).spawn();
        let ready: Value = serde_json::from_str(&face.wait_line(|_| true)).expect("a line of JSON");
        assert_eq!(ready["schema"], "hook.ready/1");
        let text = |name: &str| ready[name].as_str().expect("a text").to_owned();
        Self {
            sandbox: Sandbox::new(),
            remote: format!("--remote {provider} --api-url {} --token env:KEY", text("url")),
            url: text("url"),
            key: text("key"),
            face,
            _other: other,
        }
    }

    /// `hook endpoints ARGS` at the provider.
    #[track_caller]
    pub(crate) fn endpoints(&self, args: &str) -> Outcome {
        self.with_key(args, &self.key)
    }

    /// The same, and goes on at once.
    #[track_caller]
    pub(super) fn start(&self, args: &str) -> Process {
        self.command(args, &self.key).spawn()
    }

    #[track_caller]
    fn with_key(&self, args: &str, key: &str) -> Outcome {
        self.command(args, key).run()
    }

    fn command(&self, args: &str, key: &str) -> Run {
        let words = args.split_whitespace().chain(self.remote.split_whitespace());
        self.sandbox
            .hook(["endpoints"].into_iter().chain(words))
            .env("KEY", key)
    }

    /// The names of all.
    #[track_caller]
    pub(super) fn names(&self) -> Vec<String> {
        let lines = self.endpoints("list --json").ok().json();
        lines
            .iter()
            .map(|line| line["name"].as_str().expect("a name").to_owned())
            .collect()
    }
}

#[test]
fn slotflow_adds_lists_shows_and_removes_and_says_what_it_cannot_change() {
    let there = There::serve("slotflow", "--plan starter");
    let (a, b) = (closed(), closed());
    let added = there
        .endpoints(&format!(
            "add {a} --events booking.confirmed --name crm --env staging --json"
        ))
        .ok()
        .says(["not shown again"])
        .object();
    let secret = added["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    there
        .endpoints(&format!("add {b} --events booking.confirmed,booking.cancelled"))
        .ok()
        .prints(["added", "whsec_"]);

    let listed = there.endpoints("list --env staging --json").ok().object();
    assert_eq!(keys(&listed), super::KEYS);
    assert_eq!((&listed["name"], &listed["active"]), (&json!("crm"), &json!(true)));
    let id = listed["id"].as_str().expect("an id").to_owned();
    assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
    for args in ["list", "show crm", "show crm --json"] {
        there.endpoints(args).ok().prints(["crm"]).never([&secret]);
    }
    there
        .endpoints(&format!("show {id}"))
        .ok()
        .prints(["booking.confirmed", "fingerprint"]);

    there
        .endpoints("update crm --events booking.cancelled")
        .exits(2)
        .says(["`slotflow` cannot change an endpoint's events", "`--recreate`"]);
    let anew = there
        .endpoints("update crm --events booking.cancelled --recreate --json")
        .ok()
        .json();
    assert_eq!(anew[1]["events"], json!(["booking.cancelled"]));
    assert_ne!(
        (anew[1]["id"].as_str(), anew[1]["secret"].as_str()),
        (Some(id.as_str()), Some(secret.as_str()))
    );
    assert_eq!(anew[1]["labels"], json!({"env": "staging"}), "what is noted here stays");
    there
        .endpoints("disable crm")
        .exits(2)
        .says(["cannot switch endpoints on and off", "remove crm"]);
    there
        .endpoints("doctor")
        .exits(2)
        .says(["error: `doctor` checks local endpoints only", "omit `--remote`"]);

    there.endpoints("remove crm").exits(2).says(["--yes"]);
    there.endpoints("remove crm --yes").ok().prints(["removed crm"]);
    assert_eq!(there.names().len(), 1);
    there
        .endpoints("remove crm --yes")
        .exits(6)
        .says(["endpoint `crm` not found"]);
}

#[test]
fn a_refusal_of_the_provider_says_what_to_do_and_ends_with_its_code() {
    let there = There::serve("slotflow", "--plan free");
    let (a, b) = (closed(), closed());
    let add = |url: &str| there.endpoints(&format!("add {url} --events booking.confirmed"));
    add(&a).ok();
    add(&a).exits(3).says(["takes a URL once only"]).never(["caused by"]);
    there
        .endpoints("add https://example.com --events booking.confirmd --new-events")
        .exits(3)
        .says([
            "error: `slotflow` rejects the endpoint",
            "caused by: 422: ",
            "`POST http",
        ]);
    add(&b).ok();
    add(&closed())
        .exits(3)
        .says(["`slotflow` allows no more endpoints", "caused by: 402: ", "hint: "]);
    there
        .with_key("list", "sk_live_wrong")
        .exits(3)
        .says(["does not accept the API token", "caused by: 401: "])
        .never(["sk_live_wrong"]);
    there
        .with_key("list", "pk_1")
        .exits(3)
        .says(["its keys begin with `sk_live_` or `sk_test_`"]);
    let words = there.remote.split_whitespace().take(4);
    let none = there.sandbox.hook(["endpoints", "list"].into_iter().chain(words)).run();
    none.exits(3).says(["requires an API token", "`--token env:VAR`"]);
    there
        .endpoints("add https://example.com --events booking.confirmd")
        .exits(3)
        .says(["has no event `booking.confirmd`", "booking.confirmed"]);
}

#[test]
fn the_rules_of_the_provider_are_judged_here_before_it_is_called() {
    let there = There::serve("pocketsflow", "");
    there
        .endpoints("add https://a.example.com --events order.completed --name shop")
        .ok();
    let refused = "`http://b.example.com/` is not https, which `pocketsflow` requires";
    let line = there
        .endpoints("add http://b.example.com --events order.completed --json")
        .exits(3)
        .says([refused])
        .never(["caused by"])
        .object();
    assert_eq!(
        (&line["schema"], &line["findings"][0]["code"]),
        (&json!("hook.refusal/1"), &json!("https-required"))
    );
    there
        .endpoints("update shop --to http://b.example.com")
        .exits(3)
        .says([refused])
        .never(["caused by"]);
    let entry = "[[endpoint]]\nprovider = \"pocketsflow\"\nevents = [\"order.completed\"]\nurl = ";
    let file = format!("{entry}\"https://a.example.com\"\n{entry}\"http://b.example.com\"\n");
    there.sandbox.write("hook.toml", file);
    there
        .endpoints("apply --yes")
        .exits(3)
        .says([refused])
        .never(["caused by", "added"]);
    // The account's plan is what the settings say.
    let there = There::serve("slotflow", "");
    let add = |host: &str| {
        let args = format!("add https://{host}.example.com --events booking.confirmed --plan free");
        there.endpoints(&args)
    };
    add("a").ok();
    add("b").ok();
    add("c")
        .exits(3)
        .says(["plan `free` of `slotflow` allows 2 endpoints, and there are 2 already"]);
    assert_eq!(there.names(), ["a-example-com", "b-example-com"]);
}

#[test]
fn pocketsflow_changes_switches_and_shows_its_secret_once() {
    let there = There::serve("pocketsflow", "");
    let url = closed();
    let added = there
        .endpoints(&format!(
            "add {url} --events order.completed --name shop --description Orders --json"
        ))
        .ok()
        .object();
    let secret = added["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(added["description"], "Orders");
    there
        .endpoints(&format!("add {url} --events order.completed --name twin"))
        .ok()
        .says(["is endpoint `shop` already: events that both want are delivered twice"]);
    there.endpoints("remove twin --yes").ok();
    there
        .endpoints("update shop --events order.completed,customer.created")
        .ok()
        .prints(["updated shop: events"]);
    there
        .endpoints("update shop --events all")
        .ok()
        .prints(["updated shop: events"])
        .says(["all events"]);
    assert_eq!(there.endpoints("show shop --json").ok().object()["events"], "all");
    there.endpoints("disable shop").ok().prints(["shop is disabled"]);
    assert_eq!(there.endpoints("show shop --json").ok().object()["active"], false);
    there.endpoints("disable shop").ok().prints(["disabled already"]);
    there.endpoints("enable shop").ok().prints(["active again"]);
    there
        .endpoints("update shop --name store --description Sales")
        .ok()
        .prints(["updated store: name, description"]);
    let shown = there.endpoints("show store --json").ok().object();
    assert_eq!(
        (&shown["description"], &shown["active"]),
        (&json!("Sales"), &json!(true))
    );
    there
        .endpoints("show store")
        .ok()
        .prints(["fingerprint"])
        .never([&secret]);
    there.endpoints("remove store --yes").ok();
    there.endpoints("list").ok().says(["no endpoints at `pocketsflow`"]);
}

#[test]
fn an_endpoint_is_tested_with_the_secret_that_is_known_here_and_not_without() {
    let mut there = There::serve("slotflow", "");
    let to = closed();
    let made = there
        .endpoints(&format!("add {to} --events booking.confirmed --name crm --json"))
        .ok()
        .object();
    let secret = format!("literal:{}", made["secret"].as_str().expect("a secret"));
    let port = to.trim_end_matches('/').rsplit(':').next().expect("a port");
    let args = ["listen", "-p", "slotflow", "--port", port, "--secret", &secret];
    let mut receiver = there.sandbox.hook(args).spawn();
    receiver.wait_said(|line| line.starts_with("listening on "));
    there.endpoints("test crm").ok().prints(["pass", "signature"]);
    // Its list shows the secret, so that a machine which did not make the endpoint can test it too.
    there.sandbox = Sandbox::new();
    let name = there.names().remove(0);
    there.endpoints(&format!("test {name}")).ok();

    let hidden = There::serve("pocketsflow", "");
    hidden
        .endpoints(&format!("add {to} --events order.completed --name shop"))
        .ok();
    let elsewhere = There {
        sandbox: Sandbox::new(),
        ..hidden
    };
    let name = elsewhere.names().remove(0);
    elsewhere
        .endpoints(&format!("test {name}"))
        .exits(2)
        .says(["is not known on this machine"]);
}

#[test]
fn a_remote_of_the_settings_says_where_and_by_which_token_and_a_projects_needs_trust() {
    let there = There::serve("slotflow", "");
    let url = there.remote.split_whitespace().nth(3).expect("a URL").to_owned();
    let table =
        format!("[remote.crm]\nprovider = \"slotflow\"\napi-url = \"{url}\"\ntoken = \"env:KEY\"\nplan = \"free\"\n");
    let list = |args: &str| {
        let args = format!("endpoints list --remote crm {args}");
        there.sandbox.hook(args.split_whitespace()).env("KEY", &there.key).run()
    };
    there.sandbox.write("hook.toml", &table);
    list("").exits(2).says([
        "hook.toml` is not trusted; ignored: `remote.crm`",
        "error: remote `crm` is the project's",
        "hook config trust",
    ]);
    there
        .sandbox
        .hook(["config", "trust"])
        .run()
        .ok()
        .prints(["`remote.crm` sends the token `env:KEY`", &url]);
    list("").ok().says(["no endpoints at `crm`"]);
    std::fs::remove_file(there.sandbox.path("hook.toml")).expect("it is there");
    there.sandbox.write(there.sandbox.config("config.toml"), &table);
    list("").ok().says(["no endpoints at `crm`"]);
    list("--token literal:sk_live_other").exits(3);
    there.sandbox.hook(["config", "show"]).run().ok().prints(["env:KEY"]);
    for (name, code, says) in [
        ("slotflw", 6, "did you mean"),
        ("poolflow", 2, "has no API for endpoints"),
        ("generic", 2, "`--api-url URL`"),
    ] {
        there
            .sandbox
            .hook(["endpoints", "list", "--remote", name])
            .run()
            .exits(code)
            .says([says]);
    }
    there
        .sandbox
        .hook(["endpoints", "list", "--api-url", &url])
        .run()
        .exits(2)
        .says(["--remote"]);
}

#[test]
fn a_face_that_answers_nonsense_is_told_and_nothing_is_noted() {
    let add = |sandbox: &Sandbox, url: &str| {
        let args = format!(
            "endpoints add https://example.com/in --events booking.confirmed --remote slotflow --api-url {url}"
        );
        sandbox.hook(args.split_whitespace()).run()
    };
    let page = "<!doctype html><title>Welcome</title>";
    for (status, body, says) in [
        (200, page, "a web page, not JSON"),
        (200, "", "has no body"),
        (
            200,
            r#"{"error":{"code":"LIMIT_REACHED","message":"No more."}}"#,
            "contains an error: No more.",
        ),
        (200, r#"{"webhooks":[{"id":"1","#, "in the middle"),
        (200, r#"{"data":[]}"#, "`webhooks` of the answer is not a list"),
        (200, r#"{"webhooks":{}}"#, "`webhooks` of the answer is not a list"),
    ] {
        let sandbox = Sandbox::new();
        let face = App::start(move |_| Reply::Status(status, body));
        add(&sandbox, &face.url).exits(3).says(["error: ", says, "hint: "]);
        assert!(!sandbox.state("remotes").exists(), "{body}");
    }
    // The list is fine, the creation is not: it may have been done all the same.
    let sandbox = Sandbox::new();
    let face = App::start(move |seen| match seen.method.as_str() {
        "GET" => Reply::Status(200, r#"{"webhooks":[],"total":0}"#),
        _ => Reply::Status(201, page),
    });
    add(&sandbox, &face.url).exits(3).says([
        "a web page",
        "may exist now",
        "--remote slotflow --api-url ",
        " list` before",
    ]);
    let closed = closed();
    add(&sandbox, &closed)
        .exits(4)
        .says(["does not answer", "connection refused"]);
}

#[test]
fn what_a_provider_says_cannot_reach_the_terminal_as_it_is() {
    let sandbox = Sandbox::new();
    let body =
        r#"{"webhooks":[{"id":"7\u001b[2J","url":"https://example.com/","events":["a\u001b[31m"],"active":true}]}"#;
    let face = App::start(move |_| Reply::Status(200, body));
    for args in ["list", "show example-com"] {
        let args = format!("endpoints {args} --remote slotflow --api-url {}", face.url);
        let outcome = sandbox.hook(args.split_whitespace()).run().ok();
        assert!(!outcome.stdout().contains('\u{1b}'), "{}", outcome.stdout());
    }
}

#[test]
fn hoopai_keeps_an_endpoint_pending_until_it_is_confirmed_by_its_token() {
    let there = There::serve("hoopai", "");
    // This one takes the question and does not answer it.
    let deaf = App::start(|_| Reply::Status(200, "thanks"));
    there
        .endpoints(&format!(
            "add {}/in --events ContactCreated --name crm --param location_id=loc1",
            deaf.url
        ))
        .ok()
        .prints(["added crm"])
        .says([
            "the API of `hoopai` returns no secret",
            "`crm` is pending",
            "--remote hoopai --api-url ",
            "--token env:KEY confirm crm TOKEN",
        ]);
    let question: Value = serde_json::from_slice(&deaf.next().body).expect("a question in JSON");
    let token = question["token"].as_str().expect("a token");
    there.endpoints("list").ok().prints(["pending"]);
    there.endpoints("confirm crm").exits(2).says(["the token is missing"]);
    there
        .endpoints("confirm crm wrong")
        .exits(3)
        .says(["`hoopai` does not accept the confirmation"]);
    assert_eq!(
        there.endpoints("show crm --json").ok().object()["disabled"]["reason"],
        "unconfirmed"
    );
    there
        .endpoints(&format!("confirm crm {token}"))
        .ok()
        .prints(["crm is confirmed"]);
    assert_eq!(there.endpoints("show crm --json").ok().object()["active"], true);
    there
        .endpoints(&format!("confirm crm {token}"))
        .ok()
        .prints(["needs no confirmation"]);
    // Its update is a PUT of the whole, and another URL is asked anew.
    there
        .endpoints("update crm --events ContactCreated,ContactUpdated")
        .ok()
        .prints(["updated crm: events"]);
    let other = App::start(|_| Reply::Status(200, "thanks"));
    there
        .endpoints(&format!("update crm --to {}/in", other.url))
        .ok()
        .says(["`crm` is pending"]);
    there
        .endpoints("disable crm")
        .exits(2)
        .says(["cannot switch endpoints on and off"]);
    there.endpoints("remove crm --yes").ok();
}

#[test]
fn a_test_at_a_provider_hints_at_what_can_be_typed_there() {
    let there = There::serve("slotflow", "");
    let add = format!("add {} --events booking.confirmed --name crm", closed());
    there.endpoints(&add).ok();
    let hint = "hint: `hook endpoints doctor` looks for the reason, once";
    let typed = format!("`hook endpoints import {}`", there.remote);
    there.endpoints("test crm").exits(8).says([hint, typed.as_str()]);
    let moved = App::start(|_| Reply::Status(302, ""));
    there
        .endpoints(&format!("add {} --events booking.confirmed --name moved", moved.url))
        .ok();
    there
        .endpoints("test moved")
        .exits(8)
        .says([format!("`hook endpoints update moved --to URL {}`", there.remote).as_str()]);
}

#[test]
fn nothing_is_made_whose_secret_nobody_would_see() {
    let there = There::serve("slotflow", "");
    let entry = "[[endpoint]]\nname = \"crm\"\nprovider = \"slotflow\"\nevents = [\"booking.confirmed\"]\nurl = ";
    there.sandbox.write("hook.toml", format!("{entry}\"{}\"\n", closed()));
    let quiet = "error: `--quiet` would hide the new secret";
    there.endpoints("apply --yes --quiet").exits(2).says([quiet]);
    there.endpoints("apply --yes").ok().prints(["added crm"]);
    there
        .endpoints("update crm --events booking.cancelled --recreate --quiet")
        .exits(2)
        .says([quiet]);
    assert_eq!(there.names(), ["crm"], "it is not removed for that");
}

#[test]
fn a_secret_of_the_provider_is_shown_harmless_and_one_of_ours_goes_when_the_endpoint_is_refused() {
    let sandbox = Sandbox::new();
    let made = r#"{"id":"7","url":"https://example.com/","events":["booking.confirmed"],"active":true,"signing_secret":"whsec\u001b[2J"}"#;
    let face = App::start(move |seen| match seen.method.as_str() {
        "GET" => Reply::Status(200, r#"{"webhooks":[],"total":0}"#),
        _ => Reply::Status(201, made),
    });
    let add = |provider: &str, rest: &str, url: &str| {
        let args = format!("endpoints add https://example.com/in {rest} --remote {provider} --api-url {url}");
        sandbox.hook(args.split_whitespace()).run()
    };
    let outcome = add("slotflow", "--events booking.confirmed", &face.url).ok();
    outcome.prints(["secret  whsec\\u{1b}[2J"]).never(["\u{1b}"]);
    let secrets = || std::fs::read_dir(sandbox.state("secrets")).map_or(0, Iterator::count);
    assert_eq!(secrets(), 1, "it is kept");

    let refusing = App::start(move |seen| match seen.method.as_str() {
        "GET" => Reply::Status(200, "[]"),
        _ => Reply::Status(422, r#"{"statusCode":422,"message":"no"}"#),
    });
    let rest = "--events ContactCreated --param location_id=1 --secret literal:abc";
    add("hoopai", rest, &refusing.url)
        .exits(3)
        .says(["rejects the endpoint"]);
    assert_eq!(secrets(), 1, "nothing is left of the one that was given");
}

#[test]
fn a_file_with_the_secret_of_an_endpoint_at_a_provider_is_found_from_everywhere() {
    let there = There::serve("hoopai", "");
    let sandbox = &there.sandbox;
    sandbox.write("project/hook.toml", "");
    sandbox.write("project/secret", "abc\n");
    let run = |args: &str, place: &str| {
        let words = args.split_whitespace().chain(there.remote.split_whitespace());
        let run = sandbox.hook(["endpoints"].into_iter().chain(words));
        run.dir(&sandbox.path(place)).env("KEY", &there.key).run()
    };
    let add = "add http://127.0.0.1:1/in --events ContactCreated --param location_id=1 --name crm --secret file:secret";
    run(add, "project").ok();
    let entry = run("list --json", "project").ok().object();
    assert_eq!(
        entry["secrets"][0]["ref"]
            .as_str()
            .map(|path| path.starts_with("file:/")),
        Some(true)
    );
    for place in ["project", ""] {
        run("test crm", place).exits(8).prints(["connection refused"]);
    }
    run("import", "").ok().prints(["added crm"]);
    sandbox
        .hook([
            "sign",
            "-p",
            "hoopai",
            "--secret",
            "endpoint:crm",
            "--body",
            "@project/secret",
        ])
        .run()
        .ok();
}

/// A provider's API that notes what is asked of it, and takes everything.
fn taking() -> App {
    App::start(|seen| match seen.method.as_str() {
        "GET" if seen.target.contains("hoopai") => Reply::Status(200, "[]"),
        "GET" => Reply::Status(200, r#"{"webhooks":[],"subscriptions":[],"total":0}"#),
        _ => Reply::Status(
            201,
            r#"{"id":"7","url":"https://example.com/","events":["booking.confirmed"],"active":true}"#,
        ),
    })
}

#[test]
fn nothing_is_created_at_a_provider_before_all_of_it_is_valid() {
    let sandbox = Sandbox::new();
    let face = taking();
    let hoopai = format!("{}/hoopai", face.url);
    let slotflow = "--remote slotflow --events booking.confirmed";
    for (args, api, code, why) in [
        (
            format!("nonsense://x {slotflow}"),
            face.url.as_str(),
            3,
            "neither http nor https",
        ),
        (
            format!("http://example.com/p --production {slotflow}"),
            &face.url,
            3,
            "is not https",
        ),
        (
            format!("http://localhost:3000 --production {slotflow}"),
            &face.url,
            3,
            "must reach it from the internet",
        ),
        (
            format!("https://example.com/p --plan nosuch {slotflow}"),
            &face.url,
            3,
            "has no plan `nosuch`",
        ),
        (
            format!("https://example.com/p --local {slotflow}"),
            "https://api.example.com",
            2,
            "`--local` cannot be honoured",
        ),
        (
            "https://example.com/h --remote hoopai --events ContactCreated".into(),
            &hoopai,
            2,
            "needs `location_id`",
        ),
        (
            "https://example.com/h --remote hoopai --events ContactCreated --param location_id=".into(),
            &hoopai,
            2,
            "needs `location_id`",
        ),
    ] {
        let args = format!("endpoints add {args} --api-url {api}");
        let outcome = sandbox.hook(args.split_whitespace()).run();
        outcome.exits(code).says([why]);
    }
    let asked = face.rest();
    assert!(asked.iter().all(|seen| seen.method == "GET"), "{asked:?}");
    // A replacement that could not be added removes nothing.
    let add = format!("endpoints add https://example.com/h --remote hoopai --events ContactCreated --api-url {hoopai}");
    let add = add.split_whitespace().chain(["--param", "location_id=abc"]);
    sandbox.hook(add).run();
    let created = face
        .rest()
        .into_iter()
        .find(|seen| seen.method == "POST")
        .expect("a call");
    let body: Value = serde_json::from_slice(&created.body).expect("JSON");
    assert_eq!(body["locationId"], "abc");
}

#[test]
fn all_events_at_a_provider_without_a_name_for_them_are_said_to_be_those_of_today() {
    let there = There::serve("slotflow", "");
    there
        .endpoints(&format!("add {} --events all --name crm", closed()))
        .ok()
        .says(["subscribed by name, and not those that it adds later"])
        .never(["also those that it adds later"]);
}
