//! The use cases as any front end may use them: an endpoint is added, a listener receives what is sent to it, and it is
//! delivered again, with neither a command line nor a process. What is said and what happens arrives as values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use hook::internals::app::context::Context;
use hook::internals::app::endpoints::{AddOptions, EndpointEvent, Endpoints, SecretOptions};
use hook::internals::app::notice::{Notice, Notices};
use hook::internals::app::outgoing::{
    self, BodyOptions, FaultOptions, RequestOptions, RunOptions, SendOptions, SendPlan, TargetChoice,
};
use hook::internals::app::receive::{
    self, AnswerRules, ListenOptions, ListenSummary, Observer, ReceiveEvent, Responses,
};
use hook::internals::app::replay::{Replay, ReplayOptions, ReplayRun, Selection};
use hook::internals::app::retry::RetryPlan;
use hook::internals::clock::SystemClock;
use hook::internals::config::{Paths, Settings};
use hook::internals::endpoints::rules::RuleOptions;
use hook::internals::endpoints::{EndpointEntry, EndpointLimits, Events};
use hook::internals::engine::{Event, Next};
use hook::internals::error::Result;
use hook::internals::exchange::{SecretKind, Source};
use hook::internals::exit::Exit;
use hook::internals::finding::Level;
use hook::internals::pipeline::DeliveryObserver;
use hook::internals::process::CommandOutput;
use hook::internals::provider::Registry;
use hook::internals::random::Random;
use hook::internals::shutdown::Shutdown;
use hook::internals::store::{Capture, DeliveryRecord, DeliveryState, Query, QueryPage, Record};
use tempfile::TempDir;

use super::support::DEADLINE;

const PROVIDER: &str = "poolflow";
const EVENT: &str = "job.paid";
const ENDPOINT: &str = "shop";
const SECRET: &str = "the secret of the shop";

#[test]
fn an_endpoint_gets_a_signed_delivery_and_its_repetition() {
    let machine = Machine::new();
    let secret = machine.secret("secret", SECRET);
    let listener = machine.listen(&secret);
    machine.add_endpoint(&listener.url, &secret);

    let (exit, attempts) = machine.send();
    assert_eq!(exit, Exit::Ok);
    let sent = Attempt::delivered(&attempts);
    let first = listener.request();
    assert_eq!(
        (first.verdict, first.status, first.duplicate_of),
        ("verified", 200, None)
    );
    assert_eq!(machine.said(), []);

    let (exit, attempts) = machine.replay(sent);
    assert_eq!(exit, Exit::Ok);
    let again = Attempt::delivered(&attempts);
    let second = listener.request();
    assert_eq!((second.verdict, second.status), ("verified", 200));
    assert_eq!(second.duplicate_of, Some(first.number));
    let note = format!("#{sent}: signed afresh as {PROVIDER}");
    assert_eq!(machine.said(), [Notice::Note(note)]);

    let summary = listener.stop();
    assert_eq!((summary.received, summary.verified, summary.duplicates), (2, 2, 1));
    assert_eq!((summary.refused, summary.exit()), (0, Exit::Ok));
    let (deliveries, captures) = machine.records();
    let of = |delivery: &DeliveryRecord| (delivery.number, delivery.delivery.source, delivery.delivery.origin);
    let made: Vec<_> = deliveries.iter().map(of).collect();
    assert_eq!(made, [(sent, Source::Send, None), (again, Source::Replay, Some(sent))]);
    for DeliveryRecord { delivery, .. } in &deliveries {
        assert_eq!(delivery.endpoint.as_deref(), Some(ENDPOINT));
        assert_eq!(delivery.secret, Some(SecretKind::Endpoint(ENDPOINT.to_owned())));
        assert_eq!(delivery.state, DeliveryState::Delivered);
    }
    let received: Vec<_> = captures
        .iter()
        .map(|capture| (capture.number, capture.duplicate_of))
        .collect();
    assert_eq!(received, [(first.number, None), (second.number, Some(first.number))]);
    for (Capture { request, .. }, DeliveryRecord { delivery, .. }) in captures.iter().zip(&deliveries) {
        assert_eq!(request.verdict.name, "verified");
        assert_eq!(request.event.as_deref(), Some(EVENT));
        assert_eq!(request.body, delivery.message.body);
    }
}

#[test]
fn both_sides_tell_of_a_wrong_secret() {
    let machine = Machine::new();
    let listener = machine.listen(&machine.secret("other", "another secret"));
    machine.add_endpoint(&listener.url, &machine.secret("secret", SECRET));

    let (exit, attempts) = machine.send();
    assert_eq!(exit, Exit::Refused);
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].status, attempts[0].delivered), (Some(401), false));
    let hint = "401 is how a receiver refuses a signature: do both sides have the same secret?";
    assert_eq!(machine.said(), [Notice::Hint(hint.to_owned())]);
    let request = listener.request();
    assert_eq!((request.verdict, request.status), ("refused", 401));
    let Happened::Explained(text) = listener.next() else {
        panic!("the refusal is explained");
    };
    assert!(text.contains("secret"), "{text}");

    let summary = listener.stop();
    assert_eq!((summary.received, summary.verified, summary.refused), (1, 0, 1));
    let (deliveries, captures) = machine.records();
    assert_eq!(deliveries[0].delivery.state, DeliveryState::Failed);
    assert_eq!(captures[0].request.verdict.name, "refused");
}

#[test]
fn a_command_prints_where_the_front_end_says() {
    let machine = Machine::new();
    let secret = machine.secret("secret", SECRET);
    let listener = machine.listen_with(ListenOptions {
        exec: Some("cat > /dev/null; echo data; echo \"$WEBHOOK_EVENT\" >&2".to_owned()),
        ..listening(&secret)
    });
    machine.add_endpoint(&listener.url, &secret);
    machine.send();
    let printed = machine.printed.recv_timeout(DEADLINE).expect("the command prints");
    assert_eq!(String::from_utf8_lossy(&printed), format!("{EVENT}\n"));
    listener.shutdown.soft.cancel();
    let summary = listener
        .ended
        .recv_timeout(DEADLINE)
        .expect("it ends")
        .expect("it ends well");
    assert_eq!(summary.work.commands_succeeded, 1);
}

/// A user's folders, with what every use case takes.
struct Machine {
    folder: TempDir,
    context: Context,
    said: Receiver<Notice>,
    /// What commands print to their standard error.
    printed: Receiver<Vec<u8>>,
}

/// An attempt of a delivery, as an observer learns of it.
#[derive(Debug)]
struct Attempt {
    number: u64,
    status: Option<u16>,
    delivered: bool,
}

/// A request, as a listener's observer learns of it.
#[derive(Debug)]
struct Request {
    number: u64,
    verdict: &'static str,
    status: u16,
    duplicate_of: Option<u64>,
}

/// What a listener tells.
#[derive(Debug)]
enum Happened {
    Ready(String),
    Request(Request),
    Explained(String),
    Finished,
    Other(String),
}

/// A listener on a thread of its own.
struct Listening {
    url: String,
    happened: Receiver<Happened>,
    shutdown: Shutdown,
    thread: JoinHandle<()>,
    ended: Receiver<Result<ListenSummary>>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths {
            config: folder.path().join("config"),
            state: folder.path().join("state"),
        };
        let (tell, said) = channel();
        let (print, printed) = channel();
        let context = Context {
            notices: Notices::to(move |notice| tell.send(notice).unwrap_or_default()),
            command_output: CommandOutput::to(Stdio::null, move |bytes| print.send(bytes.to_vec()).unwrap_or_default()),
            registry: Registry::new(Some(paths.providers())),
            clock: Arc::new(SystemClock),
            random: Arc::new(Random::os()),
            store_place: paths.ledger().into(),
            settings: Settings::defaults(),
            paths,
        };
        Self {
            folder,
            context,
            said,
            printed,
        }
    }

    /// Notices since the last call.
    fn said(&self) -> Vec<Notice> {
        self.said.try_iter().collect()
    }

    /// The reference of a secret in a file of that name.
    fn secret(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        // hook warns of a secret that others can read.
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("an own file");
        format!("file:{}", path.display())
    }

    /// Adds the endpoint to the book by the rules for targets on this machine.
    fn add_endpoint(&self, url: &str, secret: &str) {
        let url = format!("{url}/hooks");
        let (tell, told) = channel();
        let endpoints = Endpoints {
            context: &self.context,
            store: &self.context.book(),
            on: &move |event| {
                tell.send(event).unwrap_or_default();
                Ok(())
            },
        };
        let added = endpoints.add(AddOptions {
            profile: self.context.registry.get(PROVIDER).expect("a provider"),
            entry: EndpointEntry {
                name: Some(ENDPOINT.to_owned()),
                url: url.clone(),
                provider: None,
                events: Events::Only(vec![EVENT.to_owned()]),
                description: None,
                active: None,
                env: None,
                plan: None,
                params: BTreeMap::new(),
                tenant: None,
                conditions: BTreeMap::new(),
                headers: BTreeMap::new(),
                limits: EndpointLimits::default(),
                secret: None,
            },
            confirm: false,
            secret: SecretOptions {
                reference: Some(secret.to_owned()),
                ..SecretOptions::default()
            },
            rules: RuleOptions {
                local: true,
                ..RuleOptions::default()
            },
        });
        assert_eq!(added.expect("it is added"), ENDPOINT);
        let Ok(EndpointEvent::Added(details)) = told.try_recv() else {
            panic!("what is added is told");
        };
        assert_eq!((details.name.as_str(), details.active), (ENDPOINT, true));
        let said = self.said();
        let waived = said.iter().find_map(|notice| match notice {
            Notice::Finding(finding) => Some(finding),
            _ => None,
        });
        let waived = waived.unwrap_or_else(|| panic!("a waived rule is reported: {said:?}"));
        assert_eq!((waived.level, waived.code), (Level::Note, "waived"));
        assert!(waived.fact.contains(&*url), "{waived:?}");
        let known = self.context.book().read().expect("the book");
        let known: Vec<_> = known.iter().map(|known| (&*known.name, &*known.url)).collect();
        assert_eq!(known, [(ENDPOINT, &*url)]);
    }

    /// A listener that verifies with that secret.
    fn listen(&self, secret: &str) -> Listening {
        self.listen_with(listening(secret))
    }

    fn listen_with(&self, options: ListenOptions) -> Listening {
        let (context, shutdown) = (self.context.clone(), Shutdown::default());
        let (tell, happened) = channel();
        let (end, ended) = channel();
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let listener = receive::listen(&context, options, Arc::new(Teller(tell)), stop);
            end.send(runtime().block_on(listener)).unwrap_or_default();
        });
        let Ok(Happened::Ready(url)) = happened.recv_timeout(DEADLINE) else {
            panic!("a listener begins with its address");
        };
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{url}");
        Listening {
            url,
            happened,
            shutdown,
            thread,
            ended,
        }
    }

    /// Sends the event to the endpoint.
    fn send(&self) -> (Exit, Vec<Attempt>) {
        let context = &self.context;
        let endpoint = context.endpoint(ENDPOINT).expect("the endpoint");
        let options = SendOptions {
            event: Some(EVENT.to_owned()),
            provider: None,
            secrets: Vec::new(),
            target: TargetChoice::Endpoint(Box::new(endpoint)),
            body: BodyOptions::default(),
            request: RequestOptions::default(),
            retry: RetryPlan::default(),
            execution: None,
        };
        let run = RunOptions {
            faults: FaultOptions::default(),
            count: 1,
            concurrency: 1,
            rate: None,
            time_scale: 1.0,
        };
        let plan = SendPlan::new(context, &options).expect("a plan");
        let messages = plan.messages(context, None).expect("messages");
        let (mut teller, attempts) = Attempt::observer();
        let shutdown = Shutdown::default();
        let sent = runtime().block_on(async {
            let sending = outgoing::deliver(context, &plan, &messages, run, &shutdown, &mut teller);
            tokio::time::timeout(DEADLINE, sending).await
        });
        let result = sent.expect("it ends").expect("it is sent");
        (result.exit, attempts.try_iter().collect())
    }

    /// Delivers that record again.
    fn replay(&self, number: u64) -> (Exit, Vec<Attempt>) {
        let store = self.context.reader().expect("the ledger");
        let options = ReplayOptions::default();
        let replay = Replay::new(&self.context, &*store, &options);
        let plan = replay.plan(&Selection::Named(vec![number]), None).expect("a plan");
        assert!(plan.is_single() && plan.work().is_none());
        let (teller, attempts) = Attempt::observer();
        let (tell, happened) = channel();
        let replayed = runtime().block_on(async {
            let run = ReplayRun {
                transport: RequestOptions::default().transport().expect("a transport"),
                time_scale: 1.0,
                rate: None,
                shutdown: &Shutdown::default(),
            };
            let replaying = replay.run(plan, run, teller, Arc::new(Teller(tell)));
            tokio::time::timeout(DEADLINE, replaying).await
        });
        assert!(
            happened.try_iter().next().is_none(),
            "no forward and no command was left"
        );
        let exit = replayed.expect("it ends").expect("it is delivered");
        (exit, attempts.try_iter().collect())
    }

    /// What the ledger holds, the oldest first.
    fn records(&self) -> (Vec<DeliveryRecord>, Vec<Capture>) {
        let store = self.context.reader().expect("the ledger");
        let query = Query {
            page: QueryPage {
                oldest_first: true,
                ..Query::default().page
            },
            ..Query::default()
        };
        let (mut deliveries, mut captures) = (Vec::new(), Vec::new());
        for summary in store.list(&query).expect("records") {
            match store.get(summary.number).expect("a record").expect("it is there") {
                Record::Delivery(delivery) => deliveries.push(*delivery),
                Record::Capture(capture) => captures.push(*capture),
            }
        }
        (deliveries, captures)
    }
}

impl Listening {
    fn next(&self) -> Happened {
        match self.happened.recv_timeout(DEADLINE).expect("something happens") {
            Happened::Other(what) => panic!("{what}"),
            happened => happened,
        }
    }

    /// The next that happens is a request.
    fn request(&self) -> Request {
        match self.next() {
            Happened::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing happens any more but the end.
    fn stop(self) -> ListenSummary {
        self.shutdown.soft.cancel();
        let summary = self
            .ended
            .recv_timeout(DEADLINE)
            .expect("it ends")
            .expect("it ends well");
        self.thread.join().expect("the thread ends");
        let rest: Vec<Happened> = self.happened.try_iter().collect();
        assert!(matches!(rest[..], [Happened::Finished]), "{rest:?}");
        summary
    }
}

/// Hands over what a listener tells.
struct Teller(Sender<Happened>);

impl Observer for Teller {
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()> {
        let happened = match event {
            ReceiveEvent::AllTold => return Ok(()),
            ReceiveEvent::Ready(ready) => Happened::Ready(ready.url.clone()),
            ReceiveEvent::Request(request) => Happened::Request(Request {
                number: request.number,
                verdict: request.judged.verdict.name(),
                status: request.answered.code(),
                duplicate_of: request.duplicate_of,
            }),
            ReceiveEvent::Explained { text, .. } => Happened::Explained(text.unwrap_or_default().to_owned()),
            ReceiveEvent::Finished(_) => Happened::Finished,
            other => Happened::Other(format!("{other:?}")),
        };
        self.0.send(happened).unwrap_or_default();
        Ok(())
    }
}

/// Hands over the attempts of deliveries.
struct AttemptTeller(Sender<Attempt>);

impl Attempt {
    fn observer() -> (AttemptTeller, Receiver<Self>) {
        let (tell, attempts) = channel();
        (AttemptTeller(tell), attempts)
    }

    /// The number of the delivery that succeeded at once.
    fn delivered(attempts: &[Self]) -> u64 {
        match attempts {
            [
                Self {
                    number,
                    status: Some(200),
                    delivered: true,
                },
            ] => *number,
            other => panic!("{other:?}"),
        }
    }
}

impl DeliveryObserver for AttemptTeller {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        let attempt = Attempt {
            number,
            status: event.attempt.as_ref().and_then(|attempt| attempt.outcome.status()),
            delivered: event.next == Next::Delivered,
        };
        self.0.send(attempt).unwrap_or_default();
        Ok(())
    }
}

/// Verifies with that secret, and only answers.
fn listening(secret: &str) -> ListenOptions {
    ListenOptions {
        secrets: vec![secret.to_owned()],
        dev_secret: false,
        providers: vec![PROVIDER.to_owned()],
        max_body: 1024 * 1024,
        require_bearer: None,
        dedupe_window: None,
        handshake_token: None,
        confirm_sns: false,
        inbound: None,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: Some(0),
        expose: false,
        tls: None,
        public_url: None,
        answers: AnswerRules {
            reject_status: 401,
            reject_delay: Duration::ZERO,
            responses: Responses::default(),
            allow: Vec::new(),
            whole_requests: false,
            unsigned_parts: false,
        },
        expect_retries: None,
        answer_by_app: false,
        forward_to: None,
        concurrency: 1,
        timeout: Duration::from_secs(30),
        preserve_host: false,
        insecure: false,
        ca_file: None,
        retry: RetryPlan::default(),
        time_scale: 1.0,
        exec: None,
        exec_timeout: None,
        on: Vec::new(),
        unverified: false,
        filters: Vec::new(),
        count: None,
        expectations: None,
        duration: None,
        command: Vec::new(),
        in_terminal: false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}
