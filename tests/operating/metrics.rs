//! Metrics, and that they cost the same however much is on record.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use super::{accept, endpoint, service};
use crate::support::{App, CLOSED_PORT, MockApi, ROOT, Reply, Sandbox, peers};

/// Samples by name and labels, as they stand in the page.
type Samples = BTreeMap<String, String>;

/// The page, which must be in the text format.
#[track_caller]
fn page(service: &MockApi) -> String {
    let answer = service.answer("GET", "/metrics", "");
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    assert_eq!(answer.status, 200, "{text}");
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    text
}

/// Reads a page: every sample belongs to the family that was announced last, and stands there once.
#[track_caller]
fn samples(page: &str) -> Samples {
    let (mut samples, mut families) = (Samples::new(), BTreeSet::new());
    let (mut family, mut kind) = ("", "");
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').expect("a text").0;
            assert!(families.insert(family), "{family} is there twice");
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, word) = of.split_once(' ').expect("a type");
            assert_eq!(name, family);
            kind = word;
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let name = sample.split('{').next().unwrap_or(sample);
            let base = match kind {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end)),
                _ => Some(name),
            };
            assert_eq!(base, Some(family), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(
                samples.insert(sample.to_owned(), value.to_owned()).is_none(),
                "{sample} is there twice"
            );
        }
    }
    samples
}

#[test]
fn metrics_count_what_was_accepted_attempted_and_answered() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(204, ""));
    endpoint(&sandbox, "good", &app.url, &[]);
    endpoint(&sandbox, "bad", CLOSED_PORT, &[]);
    let mut service = service(&sandbox, &[]);
    (0..20).for_each(|n| accept(&service, n));
    service.wait_for("/status", |status| {
        let queue = &status["queue"];
        let all = status["last_minute"]["delivered"] == 20 && queue["waiting"] == 20 && queue["taken"] == 0;
        all && status["failing_endpoints"] == json!(["bad"])
    });
    // No retry changes the numbers while they are looked at.
    service.gives(200, "POST", "/pause", "");
    service.until(|queue| queue.waiting == 20 && queue.taken == 0);
    service.call("GET", "/nowhere/at/all", "");
    service.call("GET", "/endpoints/good/health", "");
    service.call("GET", "/_hook/endpoints/bad/health", "");
    let text = page(&service);
    let found = samples(&text);
    for (sample, value) in [
        ("hook_events_accepted_total", "20"),
        ("hook_deliveries_total{outcome=\"delivered\"}", "20"),
        ("hook_deliveries_total{outcome=\"failed\"}", "0"),
        ("hook_attempts_total{outcome=\"success\",status=\"2xx\"}", "20"),
        ("hook_attempts_total{outcome=\"failure\",status=\"5xx\"}", "0"),
        ("hook_queue_deliveries{state=\"waiting\"}", "20"),
        ("hook_queue_deliveries{state=\"taken\"}", "0"),
        ("hook_queue_deliveries{state=\"parked\"}", "0"),
        ("hook_endpoints{state=\"active\"}", "2"),
        ("hook_endpoints{state=\"inactive\"}", "0"),
        ("hook_endpoints_failing", "1"),
        ("hook_paused", "1"),
        ("hook_store_errors_total", "0"),
        (
            "hook_http_requests_total{method=\"POST\",route=\"/events\",status=\"202\"}",
            "20",
        ),
        (
            "hook_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}",
            "1",
        ),
        (
            "hook_http_requests_total{method=\"GET\",route=\"/endpoints/{endpoint}/health\",status=\"200\"}",
            "2",
        ),
    ] {
        assert_eq!(found.get(sample).map(String::as_str), Some(value), "{sample}\n{text}");
    }
    let number = |sample: &str| found[sample].parse::<u32>().expect("a count");
    let attempts = number("hook_attempt_duration_seconds_count");
    let refused = number("hook_attempts_total{outcome=\"failure\",status=\"connect\"}");
    assert!(refused >= 8 && attempts == refused + 20, "{text}");
    let all = number("hook_attempt_duration_seconds_bucket{le=\"+Inf\"}");
    assert_eq!(all, attempts);
    assert!(
        !text.contains("good") && !text.contains("nowhere"),
        "no label is made up by others: {text}"
    );
    parsed_by_prometheus(&sandbox, &text, &found);

    service.without("authorization");
    assert_eq!(service.answer("GET", "/metrics", "").status, 401);
}

/// Prometheus' own library for Python reads the same.
#[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
fn parsed_by_prometheus(sandbox: &Sandbox, text: &str, found: &Samples) {
    let Some(peers) = peers() else {
        eprintln!("skipped: the library of Prometheus is not there");
        return;
    };
    sandbox.write("metrics.txt", text);
    let script = "
import sys
from prometheus_client.parser import text_string_to_metric_families as read
print(sum(len(family.samples) for family in read(open(sys.argv[1]).read())))";
    let mut python = Command::new(peers.join("venv/bin/python3"));
    let output = python
        .args(["-c", script])
        .arg(sandbox.path("metrics.txt"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), found.len().to_string());
}

#[test]
fn metrics_and_status_cost_the_same_with_a_million_deliveries_on_record() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let first = service(&sandbox, &[]);
    accept(&first, 1);
    app.next();
    first.until(|queue| queue.waiting + queue.taken == 0);
    first.stop().ok();
    let small = costs(&sandbox, 10_000);
    let large = costs(&sandbox, 1_000_000);
    eprintln!("10,000 deliveries: {small:?}; 1,000,000 deliveries: {large:?}");
    for (small, large) in small.into_iter().zip(large) {
        // A count of the table takes a hundred times as long; a machine that is busy meanwhile, a few milliseconds more.
        assert!(
            large < small * 3 + Duration::from_millis(3),
            "{small:?} became {large:?}"
        );
    }
}

/// The fastest of several answers of `/metrics` and of `/status` with so many deliveries, half of them waiting.
#[track_caller]
fn costs(sandbox: &Sandbox, deliveries: u32) -> [Duration; 2] {
    fill(sandbox, deliveries);
    let service = service(sandbox, &[]);
    let waiting = samples(&page(&service)).remove("hook_queue_deliveries{state=\"waiting\"}");
    assert_eq!(waiting, Some((deliveries / 2).to_string()));
    let costs = ["/metrics", "/status"].map(|path| {
        let took = (0..30).map(|_| {
            let begun = Instant::now();
            assert_eq!(service.answer("GET", path, "").status, 200);
            begun.elapsed()
        });
        took.min().expect("some")
    });
    service.terminate().ok();
    costs
}

/// Makes copies of delivery 1 and of its attempt, the second half of them waiting for an endpoint that is not in the book.
fn fill(sandbox: &Sandbox, deliveries: u32) {
    let ledger = Connection::open(sandbox.state("ledger.db")).expect("it opens");
    let columns =
        "at, message, event, provider, endpoint, url, method, headers, signing, source, delays, size, attempts, status,
        took, late, secret, policy, addresses";
    let half = deliveries / 2;
    ledger
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF;
             BEGIN;
             DELETE FROM queue;
             DELETE FROM delivery WHERE n > 1;
             DELETE FROM attempt WHERE delivery > 1;
             CREATE TEMP TABLE number AS
                 WITH RECURSIVE numbers (n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM numbers WHERE n <= {deliveries})
                 SELECT n FROM numbers;
             INSERT INTO delivery (n, id, state, owner, {columns})
                 SELECT number.n, CAST(printf('%016x', number.n) AS BLOB),
                     iif(number.n <= {half} + 1, 'delivered', 'pending'), iif(number.n <= {half} + 1, NULL, 'serve'), {columns}
                 FROM number, delivery WHERE delivery.n = 1;
             INSERT INTO attempt (delivery, seq, at, took, request, status, headers, truncated, body)
                 SELECT number.n, seq, at, took, request, status, headers, truncated, body
                 FROM number, attempt WHERE delivery = 1;
             INSERT INTO queue (n, owner, lane, class, due, state)
                 SELECT n, 'serve', 'nobody', 0, n, 1 FROM number WHERE n > {half} + 1;
             UPDATE queue SET state = 0;
             DROP TABLE number;
             COMMIT;
             PRAGMA wal_checkpoint(TRUNCATE);"
        ))
        .expect("the ledger is filled");
}

#[test]
fn the_document_names_every_metric_and_no_other() {
    let sandbox = Sandbox::new();
    let service = service(&sandbox, &[]);
    let text = page(&service);
    let names: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let document = std::fs::read_to_string(format!("{ROOT}/docs/operating.md")).expect("the document");
    let rows = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let listed: BTreeSet<&str> = rows
        .filter(|name| name.starts_with("hook_") || name.starts_with("process_"))
        .collect();
    assert_eq!(listed, names);
    // Rules of alerts name the same.
    let words = document.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let used: BTreeSet<&str> = words
        .filter(|word| word.starts_with("hook_") && word.len() > 5)
        .collect();
    let unknown: Vec<_> = used
        .iter()
        .filter(|word| !names.contains(*word) && !names.contains(word.trim_end_matches("_bucket")))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
