//! Rules of the providers, judged by `add` and `update`.

use super::{added, book, closed, endpoints, shown};
use crate::support::{Sandbox, keys};

/// Provider, flags of `add`, and what is said.
const REFUSED: [(&str, &str, &str); 18] = [
    (
        "poolflow",
        "http://a.example.com --events job.paid",
        "is not https, which `poolflow` requires",
    ),
    (
        "pool-brain",
        "http://a.example.com --events customer.created",
        "which `pool-brain` requires",
    ),
    (
        "pocketsflow",
        "http://a.example.com --events order.completed",
        "which `pocketsflow` requires",
    ),
    (
        "hoopai",
        "http://a.example.com --events ContactCreated",
        "which `hoopai` requires",
    ),
    (
        "slotflow",
        "http://a.example.com --events booking.confirmed --production",
        "wants in production",
    ),
    (
        "pocketsflow",
        "https://a.example.com:8443 --events order.completed",
        "reaches only 443 and 80",
    ),
    (
        "pocketsflow",
        "https://10.0.0.1 --events order.completed",
        "is a private address",
    ),
    (
        "hoopai",
        "https://localhost --events ContactCreated",
        "is on this machine only",
    ),
    (
        "slotflow",
        "https://printer.local --events booking.confirmed",
        "is a local name",
    ),
    (
        "slotflow",
        "https://a.example.com --events booking.confirmed --plan gold",
        "has no plan `gold`",
    ),
    (
        "poolflow",
        "https://a.example.com --events job.piad",
        "`poolflow` has no event `job.piad`",
    ),
    (
        "pool-brain",
        "https://a.example.com --events job.lost",
        "`pool-brain` has no event `job.lost`",
    ),
    (
        "pocketsflow",
        "https://a.example.com --events order.paid",
        "has no event `order.paid`",
    ),
    (
        "hoopai",
        "https://a.example.com --events contact",
        "has no event `contact`",
    ),
    (
        "slotflow",
        "https://a.example.com --events booking",
        "has no event `booking`",
    ),
    (
        "slotflow",
        "https://a.example.com --events ,",
        "the endpoint wants no event",
    ),
    (
        "poolflow",
        "https://a.example.com --events job.paid --name Crm",
        "`Crm` is not a name",
    ),
    (
        "poolflow",
        "ftp://a.example.com --events job.paid",
        "is neither http nor https",
    ),
];

#[test]
fn each_provider_refuses_what_it_does_not_take() {
    let sandbox = Sandbox::new();
    for (provider, rest, says) in REFUSED {
        endpoints(&sandbox, &format!("add {rest} -p {provider}"))
            .exits(3)
            .says([says]);
    }
    assert_eq!(book(&sandbox), "", "nothing came into the book");
    assert!(!sandbox.state("secrets").exists(), "no secret was made");
}

#[test]
fn no_spelling_of_an_internal_address_passes_in_production() {
    let sandbox = Sandbox::new();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0177.1",
        "%31%32%37.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "app.localhost",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[2001:0:a9fe:a9fe::1]",
        "[2606:4700::5efe:10.0.0.1]",
        "[fec0::1]",
        "[fd00:ec2::254]",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.1",
        "240.0.0.1",
        "metadata.google.internal.",
        "db.internal",
        "example.com@10.0.0.1",
    ] {
        for provider in ["poolflow", "slotflow"] {
            let events = if provider == "poolflow" {
                "job.paid"
            } else {
                "booking.confirmed"
            };
            let add = format!("add https://{host}/x --production -p {provider} --events {events}");
            endpoints(&sandbox, &add)
                .exits(3)
                .says(["must reach it from the internet"]);
        }
    }
    for host in ["example.com", "8.8.8.8", "[2606:4700::1111]", "168.63.129.17"] {
        let add = format!("add https://{host}/x --production -p poolflow --events job.paid");
        endpoints(&sandbox, &add).ok();
    }
}

#[test]
fn all_refusals_are_said_at_once_and_scripts_get_their_codes() {
    let sandbox = Sandbox::new();
    let add = "add http://a.example.com:8080 -p pocketsflow --events order.paid,order.completed";
    endpoints(&sandbox, add).exits(3).says([
        "refused for 3 reasons",
        "is not https",
        "uses port 8080",
        "has no event `order.paid`",
        "hook providers events pocketsflow",
    ]);
    let line = endpoints(&sandbox, &format!("{add} --json")).exits(3).object();
    assert_eq!(keys(&line), ["schema", "name", "provider", "url", "findings"]);
    let codes: Vec<_> = line["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["code"])
        .collect();
    assert_eq!(codes, ["https-required", "port", "unknown-event"]);
    assert!(
        line["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["severity"] == "refused")
    );
}

#[test]
fn one_url_is_registered_once_where_the_provider_says_so_and_with_a_caution_elsewhere() {
    let sandbox = Sandbox::new();
    let twice = |provider: &str, event: &str| {
        let add = format!("add https://a.example.com -p {provider} --events {event}");
        endpoints(&sandbox, &add).ok();
        endpoints(
            &sandbox,
            &add.replace("https://a.example.com", "HTTPS://A.example.com:443/"),
        )
    };
    twice("slotflow", "booking.confirmed")
        .exits(3)
        .says(["takes a URL once only", "hook endpoints update a-example-com"]);
    for (provider, event) in [
        ("poolflow", "job.paid"),
        ("pool-brain", "customer.created"),
        ("pocketsflow", "order.completed"),
        ("hoopai", "ContactCreated"),
    ] {
        twice(provider, event)
            .ok()
            .says(["events that both want are delivered twice"]);
    }
}

#[test]
fn a_plan_allows_as_many_endpoints_as_it_says() {
    let sandbox = Sandbox::new();
    let add = |host: &str, plan: &str| {
        endpoints(
            &sandbox,
            &format!("add https://{host}.example.com -p slotflow --events booking.confirmed {plan}"),
        )
    };
    add("a", "--plan free").ok();
    add("b", "").ok();
    add("c", "")
        .exits(3)
        .says(["plan `free` of `slotflow` allows 2 endpoints", "hook endpoints remove"]);
    endpoints(&sandbox, "disable a-example-com").ok();
    add("c", "--plan free").exits(3);
    add("c", "--plan starter").ok();
    endpoints(&sandbox, "update a-example-com --description old").ok();
}

#[test]
fn local_waives_the_network_rules_on_this_machine_alone() {
    let sandbox = Sandbox::new();
    endpoints(&sandbox, "add 4400 -p pocketsflow --events order.completed")
        .exits(3)
        .says(["--local"]);
    let add = "add 4400 -p pocketsflow --events order.completed --local --json";
    let line = endpoints(&sandbox, add)
        .ok()
        .says(["waives: https-required, port, not-public"])
        .object();
    assert_eq!(line["url"], "http://127.0.0.1:4400/");
    assert_eq!(line["findings"][0]["code"], "waived");
    endpoints(
        &sandbox,
        "add http://a.example.com -p poolflow --events job.paid --local",
    )
    .exits(3)
    .says(["`--local` waives nothing"]);
}

#[test]
fn cautions_and_notes_are_said_and_the_catalogues_names_are_kept() {
    let sandbox = Sandbox::new();
    endpoints(
        &sandbox,
        "add http://a.example.com -p slotflow --events booking.confirmed --plan free --name a",
    )
    .ok()
    .says(["warning:", "wants in production"]);
    endpoints(
        &sandbox,
        "add https://b.example.com -p pool-brain --events customer.new --new-events --name b",
    )
    .ok()
    .says(["warning:", "has no event `customer.new`"]);
    let star = endpoints(
        &sandbox,
        "add https://c.example.com -p pocketsflow --events * --name c --json",
    )
    .ok();
    assert_eq!(star.object()["events"], "all");
}

#[test]
fn a_change_is_judged_like_a_new_endpoint_but_for_what_was_let_pass_before() {
    let sandbox = Sandbox::new();
    added(&sandbox, "crm", &closed(), "-p poolflow --events job.paid");
    endpoints(&sandbox, "update crm --events job.created").ok();
    endpoints(&sandbox, "update crm --events job.lost")
        .exits(3)
        .says(["has no event `job.lost`"]);
    endpoints(&sandbox, "update crm --events ,")
        .exits(3)
        .says(["wants no event"]);
    endpoints(&sandbox, "update crm --to http://a.example.com")
        .exits(3)
        .says(["is not https"]);
    endpoints(&sandbox, "update crm --to https://a.example.com --events all")
        .ok()
        .says(["all events of `poolflow`"]);
    let line = shown(&sandbox, "crm");
    assert_eq!(
        (&line["url"], &line["events"]),
        (&"https://a.example.com".into(), &"all".into())
    );
}

#[test]
fn parameters_of_the_envelope_are_checked() {
    let sandbox = Sandbox::new();
    let add = "add https://a.example.com -p pool-brain --events customer.created --name a --param";
    endpoints(&sandbox, &format!("{add} company_id=x"))
        .exits(2)
        .says(["`x` is not a whole number"]);
    endpoints(&sandbox, &format!("{add} company=4"))
        .exits(2)
        .says(["`pool-brain` has `company_id`"]);
    endpoints(&sandbox, &format!("{add} company_id=40")).ok();
    assert_eq!(shown(&sandbox, "a")["params"]["company_id"], "40");
    endpoints(&sandbox, "update a --param company_id=41")
        .ok()
        .prints(["parameters"]);
    assert_eq!(shown(&sandbox, "a")["params"]["company_id"], "41");
}

#[test]
fn a_url_in_a_query_is_no_scheme() {
    let sandbox = Sandbox::new();
    let add = "add localhost:3000/x?next=http://y --events job.paid --provider poolflow --local";
    endpoints(&sandbox, add).ok();
    assert!(
        book(&sandbox).contains("http://localhost:3000/x?next=http://y"),
        "{}",
        book(&sandbox)
    );
}
