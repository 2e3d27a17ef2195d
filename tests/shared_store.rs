//! Several services over one PostgreSQL database: what one of them acknowledged is delivered, whichever of them ends or stands still.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::postgres::{self, Cluster, Durability};
use crate::support::{App, CLOSED_PORT, KEY, MockApi, Outcome, Reply, Run, Sandbox, event, number, soak, try_request};

const ENDPOINTS: [&str; 3] = ["a", "b", "c"];

/// Deliveries of a process that was killed wait until its lease has ended, and then for their turn.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// 32 bytes in base64.
const SECRET_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A home, and a database that its commands use.
struct Shared<'a> {
    sandbox: Sandbox,
    cluster: &'a Cluster,
    database: String,
}

impl<'a> Shared<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let database = cluster.database();
        let sandbox = Sandbox::new();
        sandbox.write("hook.key", SECRET_KEY);
        Self {
            sandbox,
            cluster,
            database,
        }
    }

    fn with_store(&self, run: Run) -> Run {
        run.env("HOOK_STORE", self.cluster.url(&self.database))
            .env("HOOK_KEY", "file:hook.key")
    }

    fn hook(&self, args: &[&str]) -> Outcome {
        self.with_store(self.sandbox.hook(args)).run()
    }

    fn endpoint(&self, name: &str, url: &str) {
        let add = [
            "endpoints",
            "add",
            url,
            "--provider",
            "generic",
            "--name",
            name,
            "--events",
            "all",
        ];
        self.hook(&[&add[..], &["--local", "--secret-file", "secret"]].concat())
            .ok();
        std::fs::remove_file(self.sandbox.path("secret")).expect("a secret was made");
    }

    fn service(&self) -> MockApi {
        MockApi::ready(self.with_store(self.sandbox.service_run::<&str>(&[])))
    }

    fn count(&self, sql: &str) -> usize {
        self.cluster.sql(&self.database, sql).parse().expect("a number")
    }

    /// Waits until a count is as wanted.
    fn until(&self, what: &str, sql: &str, wanted: usize) {
        let end = Instant::now() + TAKEN_OVER;
        loop {
            let found = self.count(sql);
            if found == wanted {
                return;
            }
            assert!(Instant::now() < end, "{what}: {found}, not {wanted}");
            // A database gives no event to another program.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Requests by event and path.
type Arrived = Arc<Mutex<HashMap<(usize, String), usize>>>;

fn receiver() -> (App, Arrived) {
    let arrived = Arrived::default();
    let seen = Arc::clone(&arrived);
    let app = App::start(move |request| {
        if let Some(number) = number(&request.body) {
            let mut seen = seen.lock().expect("no panic");
            *seen.entry((number, request.target.clone())).or_default() += 1;
        }
        Reply::Status(200, "")
    });
    (app, arrived)
}

/// Hands an event over to one of the services, whichever takes it.
fn hand_over(urls: &Mutex<[String; 2]>, number: usize) {
    let (body, key) = (event(number).to_string(), format!("key-{number}"));
    let bearer = format!("Bearer {KEY}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key.as_str()),
    ];
    for turn in number.. {
        let url = urls.lock().expect("no panic")[turn % 2].clone();
        match try_request(&url, "/events", &headers, body.as_bytes(), || {}) {
            Some(answer) if answer.status == 202 => return,
            // Cut by a kill, or the database is away.
            None => {}
            Some(answer) => {
                assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
                assert!(answer.header("retry-after").is_some());
            }
        }
    }
}

#[test]
fn two_services_over_postgres_deliver_everything_while_one_is_killed_and_the_database_restarts() {
    let Some(cluster) = postgres::start(Durability::On) else {
        return;
    };
    let (events, kills) = if soak() { (10_000, 20) } else { (200, 3) };
    let shared = Shared::new(&cluster);
    let (app, arrived) = receiver();
    for name in ENDPOINTS {
        shared.endpoint(name, &format!("{}/{name}", app.url));
    }
    let mut services = vec![shared.service(), shared.service()];
    let urls = Arc::new(Mutex::new([services[0].url.clone(), services[1].url.clone()]));
    let next = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (urls, next) = (Arc::clone(&urls), Arc::clone(&next));
            std::thread::spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return;
                    }
                    hand_over(&urls, number);
                }
            })
        })
        .collect();
    for round in 1..=kills {
        // At every share of the events something breaks.
        let end = Instant::now() + TAKEN_OVER;
        while next.load(Ordering::Relaxed) < events * round / (kills + 1) {
            assert!(Instant::now() < end, "events are taken, round {round}");
            std::thread::yield_now();
        }
        // In turn, so that the one that works on the endpoints is among them.
        let victim = round % 2;
        services.remove(victim).kill();
        if round == 1 {
            cluster.restart("fast");
        } else if round == 2 {
            cluster.restart("immediate");
        }
        services.insert(victim, shared.service());
        urls.lock().expect("no panic")[victim].clone_from(&services[victim].url);
    }
    for sender in senders {
        sender.join().expect("every event is taken");
    }
    shared.until("deliveries in the queue", "SELECT count(*) FROM hook.queue", 0);
    let arrived = arrived.lock().expect("no panic").clone();
    for number in 0..events {
        for name in ENDPOINTS {
            let key = (number, format!("/{name}"));
            assert!(arrived.contains_key(&key), "{key:?} did not arrive");
        }
    }
    let delivered = "SELECT count(*) FROM hook.delivery WHERE state = 'delivered'";
    assert_eq!(shared.count(delivered), events * ENDPOINTS.len());
    // Only what a process had in flight when it was killed may come again.
    let twice = arrived.values().sum::<usize>() - arrived.len();
    let in_flight = shared.count("SELECT coalesce(sum(cardinality(crashes)), 0) FROM hook.delivery");
    println!(
        "{kills} kills: {events} events to each endpoint, {twice} requests came again, {in_flight} were in flight"
    );
    assert!(twice <= in_flight, "{twice} came again, {in_flight} were in flight");
    for service in services {
        service.stop().ok();
    }
    // Those that were killed could not give up theirs.
    let left = "SELECT count(*) FROM hook.worker WHERE expires_at > clock_timestamp()";
    shared.until("leases of services that ended", left, 0);
}

#[test]
fn a_service_over_postgres_that_stood_still_is_fenced_off_and_its_late_answer_is_on_record() {
    let Some(cluster) = postgres::shared() else { return };
    let shared = Shared::new(cluster);
    let held = Arc::new(AtomicBool::new(true));
    let is_held = Arc::clone(&held);
    let app = App::start(move |_| {
        // The first request is answered when the test says so.
        if is_held.swap(false, Ordering::SeqCst) {
            Reply::Silence
        } else {
            Reply::Status(200, "")
        }
    });
    shared.endpoint("shop", &app.url);
    let frozen = shared.service();
    frozen.accepts(1);
    app.next();
    let taken = "SELECT count(*) FROM hook.queue WHERE state = 1";
    shared.until("what is in flight", taken, 1);
    frozen.process.signal("STOP");
    let other = shared.service();
    // Its lease ends, and the other one delivers.
    app.next();
    shared.until("deliveries in the queue", "SELECT count(*) FROM hook.queue", 0);
    frozen.process.signal("CONT");
    shared.until("late attempts", "SELECT count(*) FROM hook.attempt WHERE fence > 0", 1);
    assert_eq!(
        shared.count("SELECT count(*) FROM hook.delivery WHERE state = 'delivered'"),
        1
    );
    frozen.stop().ok();
    other.stop().ok();
    assert!(app.rest().is_empty(), "nothing comes a third time");
}

/// How often an endpoint is added by one service while the other is handed events.
const ROUNDS: usize = 20;

#[test]
fn events_over_postgres_go_to_the_endpoints_that_another_service_has_just_changed() {
    let Some(cluster) = postgres::shared() else { return };
    let shared = Shared::new(cluster);
    // The first attempt fails, so that something waits when the endpoint is removed.
    let app = App::start(|_| Reply::Status(500, ""));
    let (one, other) = (shared.service(), shared.service());
    let deliveries = |number: usize| {
        let (status, answer) = other.api.call("POST", "/events", &event(number).to_string());
        assert_eq!(status, 202, "{answer}");
        answer["deliveries"].as_u64()
    };
    let names: Vec<String> = (0..ROUNDS).map(|round| format!("shop-{round}")).collect();
    assert_eq!(deliveries(0), Some(0));
    for (name, wanted) in names.iter().zip(1..) {
        let url = format!("{}/{name}", app.url);
        let new = json!({"name": name, "url": url, "provider": "generic", "events": "all"});
        let (status, answer) = one.api.call("POST", "/endpoints", &new.to_string());
        assert_eq!(status, 201, "{answer}");
        assert_eq!(
            deliveries(0),
            Some(wanted),
            "an event after endpoint `{name}` was added"
        );
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                deliveries(number);
                if is_done.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        for name in &names {
            let (status, answer) = one.api.call("DELETE", &format!("/endpoints/{name}"), "");
            assert_eq!(status, 204, "{answer}");
        }
        is_done.store(true, Ordering::SeqCst);
    });
    assert_eq!(deliveries(0), Some(0), "an event after every endpoint was removed");
    shared.until("deliveries in the queue", "SELECT count(*) FROM hook.queue", 0);
    let left = "SELECT count(*) FROM hook.delivery WHERE state <> 'cancelled'";
    assert_eq!(shared.count(left), 0, "nothing waits for an endpoint that was removed");
    one.stop().ok();
    other.stop().ok();
}

#[test]
fn a_follower_rides_out_a_database_that_is_away() {
    let Some(cluster) = postgres::start(Durability::On) else {
        return;
    };
    let shared = Shared::new(&cluster);
    // A crash of the server leaves numbers out.
    let send = || {
        let sent = shared.hook(&["send", "job.paid", "-p", "generic", "--data", "{}", "--to", CLOSED_PORT]);
        let shown = sent.exits(4).stdout();
        shown.split_whitespace().next().expect("a number").to_owned()
    };
    send();
    let mut follower = shared.with_store(shared.sandbox.hook(["log", "follow"])).spawn();
    follower.wait_said(|line| line.starts_with("waiting for new records"));
    for mode in ["immediate", "fast"] {
        cluster.stop(mode);
        follower.wait_said(|line| line.contains("is not available"));
        cluster.start_again();
        let number = send();
        follower.wait_line(|line| line.contains(&number));
    }
    cluster.stop("fast");
    follower.wait_said(|line| line.contains("is not available"));
    follower.signal("INT");
    let ended = follower.wait().ok();
    assert_eq!(ended.stderr().matches("is not available").count(), 3, "{ended}");
}

/// Connections to a database that is away, which without a pause take less than a fifth of a second.
const CONNECTIONS: usize = 7;

#[test]
fn a_service_tries_a_database_that_is_away_ever_more_rarely_and_is_back_soon() {
    let Some(cluster) = postgres::start(Durability::Off) else {
        return;
    };
    let shared = Shared::new(&cluster);
    let app = App::start(|_| Reply::Status(200, ""));
    shared.endpoint("shop", &app.url);
    let service = shared.service();
    service.accepts(1);
    app.next();
    cluster.stop("fast");
    // In its place: takes connections and closes them.
    let door = TcpListener::bind(("127.0.0.1", cluster.port())).expect("the port of the server");
    let begun = Instant::now();
    for _ in 0..CONNECTIONS {
        door.accept().expect("a connection");
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "{CONNECTIONS} connections in {took:?}");
    drop(door);
    cluster.start_again();
    let urls = Mutex::new([service.url.clone(), service.url.clone()]);
    let back = Instant::now();
    hand_over(&urls, 2);
    app.next();
    println!("{CONNECTIONS} connections in {took:?}; back after {:?}", back.elapsed());
    assert!(back.elapsed() < Duration::from_secs(8), "{:?}", back.elapsed());
    service.stop().ok();
}

#[test]
fn a_check_beside_a_service_over_postgres_says_that_both_share() {
    let Some(cluster) = postgres::shared() else { return };
    let shared = Shared::new(cluster);
    let app = App::start(|_| Reply::Status(200, ""));
    shared.endpoint("shop", &app.url);
    let service = shared.service();
    service.accepts(1);
    app.next();
    let check = shared.hook(&["serve", "--check"]).ok();
    check.prints(["both share the endpoints"]).never(["does not start"]);
    service.stop().ok();
}
