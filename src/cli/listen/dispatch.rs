//! What happens after a request was answered: the screen, forwards, commands.

use std::cell::LazyCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::args::{Answer, Args};
use super::commands::{Runner, Task};
use super::forward::{ANSWER_PASSED_ON, Forwarder, Forwarding};
use super::greet::Greeter;
use super::inbound::Trigger;
use super::show::Screen;
use crate::engine::Limits;
use crate::error::{Error, Result};
use crate::listener::route::{Destination, Route};
use crate::listener::{Heard, Pattern, Request, plain};
use crate::provider::policy::{Codes, Policy, Schedule};
use crate::secret::Secret;
use crate::session::Session;
use crate::signature::{Autopsy, Place, Received};
use crate::store::{DiagnosisNote, Ledger, NewCapture, Op};
use crate::transport::{HttpOptions, HttpTransport};
use crate::verification::{Judged, Verification};

/// Passes on what was heard.
pub(super) struct Dispatcher {
    screen: Screen,
    filter: Option<Pattern>,
    routes: Vec<Route>,
    forwarder: Forwarder,
    ledger: Ledger,
    commands: mpsc::Sender<Task>,
    runner: JoinHandle<()>,
    failed_commands: Arc<AtomicU64>,
    count: Option<u64>,
    ends: Ends,
    verification: Arc<Verification>,
    trigger: Option<Trigger>,
    greeter: Greeter,
    /// What was said last about a refusal: the same is not said twice in a row.
    said: String,
}

/// How a listener ends.
#[derive(Clone)]
pub(super) struct Ends {
    /// No more requests are taken.
    pub(super) stop: CancellationToken,
    /// Forwards and commands have had their time.
    pub(super) late: CancellationToken,
}

/// What a listener's run came to.
pub(super) struct Ended {
    /// Whether as many requests came as were to come.
    pub(super) met: bool,
    /// Forwards that were stopped with attempts left.
    pub(super) interrupted: u64,
}

/// Every route of the command line and the settings.
pub(super) fn routes(session: &Session, args: &Args) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    if let Some(url) = args.forward_to.as_ref().or(session.settings.forward_to.as_ref()) {
        let url = super::super::targets::parse_url(url)?;
        routes.push(Route::everything(Destination::Forward(url)));
    }
    if let Some(command) = &args.exec {
        routes.push(Route::everything(Destination::Run(command.clone())));
    }
    for text in args.on.iter().chain(&session.settings.on) {
        routes.push(Route::parse(text).map_err(|what| Error::usage(format!("`--on`: {what}")))?);
    }
    for (index, file) in session.settings.routes.iter().enumerate() {
        let route = Route::from_file(file);
        routes.push(route.map_err(|what| Error::usage(format!("`[[route]]` number {}: {what}", index + 1)))?);
    }
    Ok(routes)
}

impl Dispatcher {
    pub(super) fn new(
        session: &Session,
        args: &Args,
        ledger: Ledger,
        ends: Ends,
        verification: Arc<Verification>,
    ) -> Result<Self> {
        let routes = routes(session, args)?;
        let transport = HttpTransport::new(HttpOptions {
            keep_host: args.preserve_host,
            whole_answers: (args.answer == Answer::App).then_some(ANSWER_PASSED_ON),
            ..HttpOptions::default()
        })
        .map_err(|error| Error::internal(error.to_string()))?;
        let policy = forward_policy(args)?;
        let owner = if policy.schedule.delays.is_empty() {
            None
        } else {
            Some(Arc::new(super::super::send::claim(session)?))
        };
        let limits = Limits {
            concurrency: args.concurrency.unwrap_or(1),
            total: None,
            time_scale: args.retry.time_scale,
            rate: None,
        };
        let forwarder = Forwarder::new(Forwarding {
            transport: Arc::new(transport),
            ledger: ledger.clone(),
            policy: Arc::new(policy),
            limits,
            cancel: ends.late.clone(),
            owner,
            keep_host: args.preserve_host,
            tls: args.tls,
        });
        let failed_commands = Arc::new(AtomicU64::new(0));
        let (commands, queue) = mpsc::channel(1024);
        let runner = Runner {
            ui: Arc::clone(&session.ui),
            clock: Arc::clone(&session.clock),
            ledger: ledger.clone(),
            limit: args.exec_timeout,
            failed: Arc::clone(&failed_commands),
            late: ends.late.clone(),
        };
        let runner = tokio::spawn(runner.run(queue));
        Ok(Self {
            screen: Screen::new(Arc::clone(&session.ui), args.reveal),
            filter: args.filter.as_deref().map(Pattern::new),
            routes,
            forwarder,
            ledger,
            commands,
            runner,
            failed_commands,
            count: args.count,
            ends,
            verification,
            trigger: None,
            greeter: Greeter::new(session, args.confirm_sns)?,
            said: String::new(),
        })
    }

    /// With the inbound trigger that it works for.
    pub(super) fn with(self, trigger: Option<Trigger>) -> Self {
        Self { trigger, ..self }
    }

    /// One thing that was heard. `busy`: more is waiting, so that nothing is explained.
    pub(super) async fn take(&mut self, session: &Session, heard: Heard, busy: bool) -> Result<()> {
        let Heard::Request(mut request) = heard else {
            self.screen.trouble(&heard);
            return Ok(());
        };
        let filter = self.filter.as_ref().filter(|_| request.handshake.is_none());
        let hidden = filter.is_some_and(|filter| !filter.fits(request.judged.facts.event.as_deref().unwrap_or("")));
        self.screen.request(&request, hidden)?;
        if let (Some(trigger), Some(received)) = (&mut self.trigger, &request.received) {
            trigger.take(request.number, received, hidden)?;
        }
        if let Some(shaken) = &request.handshake {
            self.greeter.take(request.number, shaken);
            return Ok(());
        }
        if !hidden && !busy {
            self.explain(session, &request).await?;
        }
        if !hidden {
            self.route(session, &mut request).await;
        }
        if let Some(answer) = request.answer.take() {
            // Nobody was asked, so the answer is that of a listener without an app.
            let _ = answer.send(plain(request.success, "ok\n"));
        }
        if self.count.is_some_and(|count| self.screen.received >= count) {
            self.ends.stop.cancel();
        }
        Ok(())
    }

    async fn route(&mut self, session: &Session, request: &mut Request) {
        let Some(mut capture) = request.whole.clone() else {
            return;
        };
        if request.judged.verdict.is_refused() {
            return;
        }
        // What is answered with a failure comes again, and is passed on then.
        if !matches!(request.status, 0 | 200..300) {
            return;
        }
        // Any web page can reach a local port: without a check its requests are shown and recorded, nothing more.
        if !request.judged.verdict.is_verified() && capture.headers.contains("origin") {
            session.ui.warn(&format!(
                "#{} came from a web page and is not verified: not passed on",
                request.number
            ));
            return;
        }
        let received = request.received.as_ref();
        if received.is_some_and(|received| received.left_out.is_some()) {
            return;
        }
        // A command gets the record that was made of the request, an app the request as it came.
        let record = received.and_then(|received| received.record.as_ref());
        if received.is_some() {
            capture = without_path(&capture);
        }
        let event = request.judged.facts.event.as_deref().unwrap_or("");
        let body: LazyCell<Option<Value>, _> = LazyCell::new(|| match record {
            Some(record) => Some(record.clone()),
            None => serde_json::from_slice(&capture.body).ok(),
        });
        for route in self.routes.iter().filter(|route| route.takes(event, || body.as_ref())) {
            match &route.to {
                Destination::Forward(url) => {
                    let answer = request.answer.take();
                    self.forwarder
                        .forward(session, url, request.number, &capture, answer)
                        .await;
                }
                Destination::Run(command) if request.duplicate_of.is_none() => {
                    let task = Task {
                        command: command.clone(),
                        number: request.number,
                        capture: with_record(&capture, record),
                    };
                    let _ = self.commands.send(task).await;
                }
                Destination::Run(_) => {}
            }
        }
    }

    /// Why a request was refused, and what to do about it: said, and kept with the capture. It is found out beside the
    /// server, whose answer does not wait for it.
    async fn explain(&mut self, session: &Session, request: &Request) -> Result<()> {
        let Some(capture) = request.whole.as_ref().filter(|_| request.judged.verdict.is_refused()) else {
            return Ok(());
        };
        let profile = request.judged.profile.as_deref();
        let others = profile.map_or_else(Vec::new, |profile| session.known_secrets(profile));
        let (verification, judged) = (Arc::clone(&self.verification), request.judged.clone());
        let subject = Arc::clone(capture);
        let looked = tokio::task::spawn_blocking(move || autopsy(&verification, &judged, &subject, &others));
        let (autopsy, hint) = looked.await.unwrap_or_default();
        if let Some(found) = &autopsy.found {
            let note = DiagnosisNote {
                cause: found.cause.to_owned(),
                text: found.said(),
                hint: hint.clone(),
            };
            let (capture, note) = (request.number, Box::new(note));
            self.ledger.write(Op::Explained { capture, note }).await?;
        }
        let text = autopsy.found.map(|found| found.said());
        let said = format!("{text:?}{hint:?}");
        if said == self.said {
            return Ok(());
        }
        self.said = said;
        if let Some(text) = text {
            session.ui.note(&format!("      {text}"));
        }
        if let Some(hint) = hint {
            session.ui.hint(&hint);
        }
        Ok(())
    }

    /// Lets forwards and commands end, and says what there was.
    pub(super) async fn finish(mut self, session: &Session) -> Result<Ended> {
        drop(self.commands);
        let _ = self.runner.await;
        let (forwarded, ended) = self.forwarder.finish().await;
        self.greeter.finish(&self.ends.late).await;
        self.screen.summary(forwarded);
        let broken = self.failed_commands.load(Ordering::Relaxed);
        if broken > 0 {
            session
                .ui
                .warn(&format!("{} failed", crate::render::count(broken, "command")));
            session
                .ui
                .hint("`hook log --failed-processing` lists them, `hook replay --failed --exec CMD` runs one again");
        }
        let met = self.count.is_none_or(|count| self.screen.received >= count);
        if !met {
            session.ui.warn(&format!(
                "{} of {} requests came",
                self.screen.received,
                self.count.unwrap_or_default()
            ));
        }
        if forwarded.interrupted > 0 {
            session.ui.hint("`hook replay --resume` takes up what was interrupted");
        }
        ended.map(|()| Ended {
            met,
            interrupted: forwarded.interrupted,
        })
    }
}

/// What explains a refusal, and what to do about it.
fn autopsy(
    verification: &Verification,
    judged: &Judged,
    capture: &NewCapture,
    others: &[Secret],
) -> (Autopsy, Option<String>) {
    let url = verification.url(&capture.headers, &capture.target);
    let received = Received {
        method: &capture.method,
        url: url.as_deref(),
        headers: &capture.headers,
        body: &capture.body,
        now: capture.at,
    };
    let autopsy = verification.explain(judged, &received, others);
    let hint = verification.advice(&autopsy, judged, &capture.headers, Place::Listen);
    (autopsy, hint)
}

/// The capture without the path, which is the trigger's secret and no business of an app's.
fn without_path(capture: &Arc<NewCapture>) -> Arc<NewCapture> {
    let query = capture.target.split_once('?').map(|(_, query)| query);
    Arc::new(NewCapture {
        target: query.map_or_else(|| "/".to_owned(), |query| format!("/?{query}")),
        ..(**capture).clone()
    })
}

/// The capture with the record in place of its body.
fn with_record(capture: &Arc<NewCapture>, record: Option<&Value>) -> Arc<NewCapture> {
    let Some(record) = record else {
        return Arc::clone(capture);
    };
    Arc::new(NewCapture {
        body: record.to_string().into(),
        ..(**capture).clone()
    })
}

fn forward_policy(args: &Args) -> Result<Policy> {
    let delays = ["1s", "5s", "30s", "2m", "10m"]
        .iter()
        .filter_map(|delay| crate::clock::parse_duration(delay).ok());
    let default = Schedule {
        delays: delays.collect(),
        ..Schedule::default()
    };
    let policy = Policy {
        timeout: args.timeout,
        success: Codes::any_success(),
        schedule: default,
    };
    args.retry.policy(&policy)
}
