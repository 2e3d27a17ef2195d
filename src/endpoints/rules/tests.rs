use std::collections::BTreeSet;

use super::*;
use crate::endpoints::testing::endpoint;
use crate::endpoints::{Book, EndpointError, Vault};

/// An invented provider; `rules` is its `[endpoint]` table.
fn profile(rules: &str) -> Profile {
    let text = format!(
        r#"
        format = 1
        name = "acme"
        [signature.hmac]
        header = "X-Acme"
        [envelope.json]
        type = "${{event}}"
        [read]
        event = ["body:type"]
        [retry.none]
        [endpoint]
        {rules}
        [events."job.paid"]
        sample = "{{}}"
        aliases = ["job_paid"]
        [events."job.lost"]
        sample = "{{}}"
        "#
    );
    Profile::read(&toml::from_str(&text).unwrap(), None).unwrap()
}

/// Every code that a finding can have.
const CODES: [&str; 18] = [
    "bad-name",
    "bad-url",
    "bad-id",
    "password-in-url",
    "https-required",
    "https-recommended",
    "port",
    "not-public",
    "waived",
    "not-waived",
    "duplicate-url",
    "plan-limit",
    "unknown-plan",
    "plan-not-given",
    "no-events",
    "unknown-event",
    "alias",
    "all-events",
];

fn at_url(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        ..endpoint("candidate")
    }
}

fn wanting(names: &[&str]) -> Endpoint {
    let events = Events::Only(names.iter().map(|name| (*name).to_owned()).collect());
    Endpoint {
        events,
        ..endpoint("candidate")
    }
}

fn on_plan(name: &str, plan: &str) -> Endpoint {
    Endpoint {
        plan: Some(plan.to_owned()).filter(|plan| !plan.is_empty()),
        url: format!("https://{name}.example.com"),
        ..endpoint(name)
    }
}

fn local() -> RuleOptions {
    RuleOptions {
        local: true,
        ..RuleOptions::default()
    }
}

fn production() -> RuleOptions {
    RuleOptions {
        production: true,
        ..RuleOptions::default()
    }
}

fn plan(name: &str) -> RuleOptions {
    RuleOptions {
        plan: Some(name.to_owned()),
        ..RuleOptions::default()
    }
}

/// The findings as `severity code`.
fn found(rules: &str, candidate: &Endpoint, existing: &[Endpoint], options: &RuleOptions) -> Vec<String> {
    let findings = judge(&profile(rules), candidate, existing, options);
    assert!(
        findings.iter().all(|finding| CODES.contains(&finding.code)),
        "{findings:?}"
    );
    findings
        .iter()
        .map(|finding| {
            let found = serde_json::to_value(finding).unwrap();
            format!("{} {}", found["severity"].as_str().unwrap(), finding.code)
        })
        .collect()
}

#[test]
fn network_rules_are_judged_by_the_profile_and_waived_for_this_machine_only() {
    let strict = "https = \"required\"\nports = [443, 80]\npublic = true";
    let advised = "https = \"recommended\"";
    let (none, usual): (&[&str], _) = (&[], RuleOptions::default);
    for (rules, url, options, expected) in [
        (strict, "https://example.com/x", usual(), none),
        (strict, "https://example.com:80/x", usual(), none),
        (strict, "http://example.com/x", usual(), &["refused https-required"]),
        (strict, "https://example.com:8443", usual(), &["refused port"]),
        (strict, "https://10.0.0.1", usual(), &["refused not-public"]),
        (strict, "https://web", usual(), &["refused not-public"]),
        (strict, "https://printer.local", usual(), &["refused not-public"]),
        (
            strict,
            "http://localhost:3000",
            usual(),
            &["refused https-required", "refused port", "refused not-public"],
        ),
        (strict, "http://localhost:3000", local(), &["note waived"]),
        (strict, "http://[::1]:3000", local(), &["note waived"]),
        (strict, "https://example.com/x", local(), none),
        (
            strict,
            "http://10.0.0.1",
            local(),
            &["refused https-required", "refused not-public", "note not-waived"],
        ),
        (advised, "http://example.com", usual(), &["caution https-recommended"]),
        (advised, "http://example.com", production(), &["refused https-required"]),
        (advised, "https://example.com", production(), none),
        (advised, "http://127.0.0.1:9", local(), &["note waived"]),
        (
            advised,
            "http://localhost:3000",
            usual(),
            &["caution https-recommended"],
        ),
        ("", "http://127.0.0.1:9", usual(), none),
        ("", "http://127.0.0.1:9", local(), none),
        ("", "http://example.com", production(), none),
        ("", "https://10.0.0.1", usual(), none),
        ("", "https://10.0.0.1", production(), &["refused not-public"]),
        ("", "https://127.0.0.1", production(), &["refused not-public"]),
        ("", "ftp://example.com", usual(), &["refused bad-url"]),
        ("", "example.com", local(), &["refused bad-url"]),
        ("", "https://u:pw@example.com", usual(), &["caution password-in-url"]),
    ] {
        assert_eq!(
            found(rules, &at_url(url), &[], &options),
            expected,
            "{rules} {url} {options:?}"
        );
    }
}

#[test]
fn a_url_that_is_there_already_is_refused_or_a_caution_as_the_profile_says() {
    let there = Endpoint {
        url: "https://Example.com:443".to_owned(),
        ..endpoint("there")
    };
    let other_provider = Endpoint {
        provider: "other".to_owned(),
        ..there.clone()
    };
    let other_events = Endpoint {
        events: Events::Only(vec!["job.lost".to_owned()]),
        ..there.clone()
    };
    let variant = Endpoint {
        provider: "acme@old".to_owned(),
        ..there.clone()
    };
    let of_tenant = Endpoint {
        tenant: Some("acme".to_owned()),
        ..there.clone()
    };
    let mut off = there.clone();
    off.disable(crate::endpoints::DisabledBy::Hand, None, Timestamp::default());
    let unique = "unique-url = true";
    let none: &[&str] = &[];
    for (rules, existing, expected) in [
        (unique, &there, &["refused duplicate-url"][..]),
        (unique, &variant, &["refused duplicate-url"]),
        (unique, &off, &["refused duplicate-url"]),
        (unique, &other_events, &["refused duplicate-url"]),
        (unique, &other_provider, none),
        (unique, &of_tenant, &["refused duplicate-url"]),
        ("", &of_tenant, none),
        ("", &there, &["caution duplicate-url"]),
        ("", &other_events, none),
        ("", &other_provider, none),
    ] {
        let candidate = at_url("https://example.com/");
        let existing = std::slice::from_ref(existing);
        assert_eq!(
            found(rules, &candidate, existing, &RuleOptions::default()),
            expected,
            "{rules} {existing:?}"
        );
    }
    assert_eq!(
        found(unique, &there, std::slice::from_ref(&there), &RuleOptions::default()),
        none
    );
    assert_eq!(
        found(
            unique,
            &at_url("https://example.com/x"),
            &[there],
            &RuleOptions::default()
        ),
        none
    );
}

#[test]
fn a_plan_limits_active_and_disabled_endpoints_of_the_provider() {
    let rules = "plans = { free = 2, growth = \"unlimited\" }";
    let mut off = on_plan("off", "");
    off.disable(crate::endpoints::DisabledBy::Hand, None, Timestamp::default());
    let foreign = Endpoint {
        provider: "other".to_owned(),
        ..on_plan("foreign", "growth")
    };
    let one = [on_plan("a", "free"), foreign.clone()];
    let two = [on_plan("a", "free"), off, foreign];
    let none: &[&str] = &[];
    for (candidate, existing, options, expected) in [
        (on_plan("new", "free"), &one[..], RuleOptions::default(), none),
        (
            on_plan("new", "free"),
            &two,
            RuleOptions::default(),
            &["refused plan-limit"],
        ),
        (on_plan("new", ""), &two, plan("free"), &["refused plan-limit"]),
        (on_plan("new", "growth"), &two, plan("free"), none),
        (on_plan("new", ""), &two, plan("growth"), none),
        // The plan of the account is known from the endpoint that is there.
        (
            on_plan("new", ""),
            &two,
            RuleOptions::default(),
            &["refused plan-limit"],
        ),
        (
            on_plan("new", ""),
            &[],
            RuleOptions::default(),
            &["note plan-not-given"],
        ),
        (
            on_plan("new", "gold"),
            &[],
            RuleOptions::default(),
            &["refused unknown-plan"],
        ),
        (two[0].clone(), &two, RuleOptions::default(), none),
    ] {
        assert_eq!(
            found(rules, &candidate, existing, &options),
            expected,
            "{candidate:?} {options:?}"
        );
    }
    assert_eq!(
        found("", &on_plan("new", "free"), &[], &RuleOptions::default()),
        ["note unknown-plan"]
    );
    let smaller = Endpoint {
        plan: Some("free".to_owned()),
        ..on_plan("c", "growth")
    };
    let three = [
        on_plan("a", "growth"),
        on_plan("b", "growth"),
        Endpoint {
            plan: None,
            ..smaller.clone()
        },
    ];
    assert_eq!(
        found(rules, &smaller, &three, &RuleOptions::default()),
        ["refused plan-limit"]
    );
}

#[test]
fn events_are_known_names_and_at_least_one() {
    let lenient = RuleOptions {
        new_events: true,
        ..RuleOptions::default()
    };
    let strict = RuleOptions::default();
    let none: &[&str] = &[];
    for (names, options, expected) in [
        (&["job.paid", "job.lost"][..], &strict, none),
        (&[], &strict, &["refused no-events"][..]),
        (&["job.piad"], &strict, &["refused unknown-event"]),
        (&["job.paid", "x"], &strict, &["refused unknown-event"]),
        (&["job.new"], &lenient, &["caution unknown-event"]),
        (&["job_paid"], &strict, &["note alias"]),
        (&["all"], &strict, &["caution all-events"]),
        (&["*"], &strict, &["caution all-events"]),
    ] {
        assert_eq!(
            found("all-events = \"*\"", &wanting(names), &[], options),
            expected,
            "{names:?}"
        );
    }
    let everything = Endpoint {
        events: Events::All,
        ..endpoint("a")
    };
    assert_eq!(found("", &everything, &[], &strict), ["caution all-events"]);
}

#[test]
fn events_are_kept_under_the_catalogues_names_each_once() {
    let profile = profile("all-events = \"*\"");
    let only = |names: &[&str]| wanting(names).events;
    for (typed, kept) in [
        (
            only(&["job_paid", "job.paid", "job.lost"]),
            only(&["job.paid", "job.lost"]),
        ),
        (only(&["job.new"]), only(&["job.new"])),
        (only(&["job.paid", "*"]), Events::All),
        (only(&["all"]), Events::All),
        (Events::All, Events::All),
    ] {
        assert_eq!(canonical_events(&profile, &typed), kept, "{typed}");
    }
}

#[test]
fn messages_name_the_object_and_hints_can_be_followed() {
    let first = |rules: &str, candidate: &Endpoint, existing: &[Endpoint], options: &RuleOptions| {
        let finding = judge(&profile(rules), candidate, existing, options).remove(0);
        (finding.fact, finding.hint.unwrap_or_default())
    };
    let strict = RuleOptions::default();
    for ((message, hint), says, advises) in [
        (
            first("https = \"required\"", &at_url("http://example.com/x"), &[], &strict),
            "`http://example.com/x` is not https, which `acme` requires",
            "use `https://example.com/x`",
        ),
        (
            first("https = \"required\"", &at_url("http://u:pw@localhost"), &[], &strict),
            "`http://********:********@localhost/` holds a password, which the book keeps as it is",
            "",
        ),
        (
            first("ports = [443, 80]", &at_url("https://example.com:1"), &[], &strict),
            "`https://example.com:1/` uses port 1, and `acme` reaches only 443 and 80",
            "serve it on port 443 or 80",
        ),
        (
            first(
                "https = \"required\"\nports = [443]",
                &at_url("http://localhost:1"),
                &[],
                &local(),
            ),
            "for `http://localhost:1/`, which is on this machine, `--local` waives: https-required, port",
            "",
        ),
        (
            first("public = true", &at_url("http://10.0.0.1"), &[], &strict),
            "`http://10.0.0.1/` is a private address, and `acme` must reach it from the internet",
            "use a public host, or a tunnel's URL",
        ),
        (
            first(
                "plans = { free = 1 }",
                &on_plan("b", "free"),
                &[on_plan("a", "")],
                &strict,
            ),
            "plan `free` of `acme` allows 1 endpoint, and there are 1 already",
            "disabled ones count too: `hook endpoints remove NAME`",
        ),
        (
            first("", &wanting(&["job.piad"]), &[], &strict),
            "`acme` has no event `job.piad`",
            "near names: `job.paid`",
        ),
        (
            first("", &wanting(&["unheard\u{1b}"]), &[], &strict),
            "`acme` has no event `unheard\\u{1b}`",
            "`hook providers events acme` shows the catalogue",
        ),
    ] {
        assert_eq!((message.as_str(), hint.as_str()), (says, advises));
    }
}

#[test]
fn every_code_is_one_that_some_endpoint_gets() {
    let bad_name = Endpoint {
        name: "Bad name".to_owned(),
        ..endpoint("a")
    };
    let strict = "https = \"required\"\nports = [443]\npublic = true\nunique-url = true\nplans = { free = 1 }";
    let there = [on_plan("there", "free")];
    let mut codes = BTreeSet::new();
    for (rules, candidate, existing, options) in [
        ("", bad_name, &[][..], RuleOptions::default()),
        ("", at_url("x"), &[], RuleOptions::default()),
        ("", at_url("https://a:b@example.com"), &[], RuleOptions::default()),
        (strict, at_url("http://10.0.0.1:1"), &[], local()),
        (strict, at_url("http://localhost"), &[], local()),
        (
            "https = \"recommended\"",
            at_url("http://example.com"),
            &[],
            RuleOptions::default(),
        ),
        (
            strict,
            at_url("https://there.example.com"),
            &there,
            RuleOptions::default(),
        ),
        (strict, on_plan("a", "gold"), &[], RuleOptions::default()),
        ("", wanting(&[]), &[], RuleOptions::default()),
        ("", wanting(&["x", "job_paid"]), &[], RuleOptions::default()),
        ("", wanting(&["all"]), &[], RuleOptions::default()),
    ] {
        codes.extend(
            judge(&profile(rules), &candidate, existing, &options)
                .iter()
                .map(|finding| finding.code),
        );
    }
    // Only the book itself gives this one: no user writes an id.
    let folder = tempfile::TempDir::new().unwrap();
    let vault = Vault::new(folder.path().join("secrets"), folder.path());
    let book = Book::new(folder.path().join("endpoints.json"), vault);
    let odd = Endpoint {
        id: "mine".to_owned(),
        ..endpoint("a")
    };
    match book.add(odd) {
        Err(EndpointError::Rule(findings)) => codes.extend(findings.iter().map(|finding| finding.code)),
        other => panic!("the id is taken: {other:?}"),
    }
    assert_eq!(codes, BTreeSet::from(CODES));
}
