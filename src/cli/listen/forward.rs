//! Sending on what was received: one engine a target, so that a slow or broken app holds up no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::engine::{Delivery, Event, Label, Limits, Next, Progress, Signing};
use crate::error::Result;
use crate::exchange::{ErrorKind, Outcome, Source};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::mask;
use crate::message::{Message, Mode};
use crate::pipeline::{Known, Tally, View};
use crate::provider::policy::Policy;
use crate::render::delivery::{AttemptLine, BODY_SHOWN, error_words};
use crate::render::{short_time, status_line};
use crate::server::Reply;
use crate::session::Session;
use crate::store::{Ledger, NewCapture, Owner};
use crate::transport::{AddressPolicy, HttpTransport, join_url};
use crate::ui::{Output, Ui, printable};

/// The longest body of an app's answer that is passed on to the sender, in bytes.
pub(super) const ANSWER_PASSED_ON: usize = 32 * 1024 * 1024;

type Answers = Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

/// What all targets have in common.
pub(super) struct Forwarding {
    pub(super) transport: Arc<HttpTransport>,
    pub(super) ledger: Ledger,
    pub(super) policy: Arc<Policy>,
    pub(super) limits: Limits,
    pub(super) cancel: CancellationToken,
    pub(super) owner: Option<Arc<Owner>>,
    pub(super) keep_host: bool,
    /// Whether requests come over TLS.
    pub(super) tls: bool,
}

/// One target's queue.
struct Lane {
    jobs: mpsc::Sender<Delivery>,
    /// Of those who wait for the app's answer, by the number of their request.
    answers: Answers,
    task: JoinHandle<Result<Tally>>,
}

/// The targets in use.
pub(super) struct Forwarder {
    common: Forwarding,
    lanes: HashMap<String, Lane>,
    sum: Forwarded,
}

/// What came of all forwards.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forwarded {
    pub(super) delivered: u64,
    pub(super) failed: u64,
    /// Left with attempts to make.
    pub(super) interrupted: u64,
}

impl Forwarder {
    pub(super) fn new(common: Forwarding) -> Self {
        Self {
            common,
            lanes: HashMap::new(),
            sum: Forwarded::default(),
        }
    }

    /// Queues a capture for a target.
    pub(super) async fn forward(
        &mut self,
        session: &Session,
        target: &Url,
        number: u64,
        capture: &NewCapture,
        answer: Option<oneshot::Sender<Reply>>,
    ) {
        let delivery = self.delivery(session, target, number, capture);
        let key = target.to_string();
        // A lane ends early only when the ledger failed; by now there may be room again.
        if let Some(ended) = self.lanes.remove(&key) {
            if ended.task.is_finished() {
                self.retire(ended).await.unwrap_or_default();
            } else {
                self.lanes.insert(key.clone(), ended);
            }
        }
        let lane = self
            .lanes
            .entry(key)
            .or_insert_with(|| Lane::start(session, &self.common, target));
        if let Some(answer) = answer {
            lock(&lane.answers).insert(number, answer);
        }
        if lane.jobs.send(delivery).await.is_err() {
            lock(&lane.answers).remove(&number);
            self.sum.failed += 1;
            session.ui.warn(&format!("#{number} was not forwarded"));
        }
    }

    /// The same bytes to another place: end-to-end headers, and where they came from.
    fn delivery(&self, session: &Session, target: &Url, number: u64, capture: &NewCapture) -> Delivery {
        let now = session.now();
        let message = Message {
            id: Id::new(IdKind::Message, now, &session.random),
            wire_id: capture.event_id.clone().unwrap_or_default(),
            event: capture.event.clone().unwrap_or_default(),
            time: capture.at,
            mode: Mode::Test,
            content_type: capture.headers.get_text("content-type").unwrap_or_default().to_owned(),
            body: capture.body.clone(),
        };
        Delivery {
            id: Id::new(IdKind::Delivery, now, &session.random),
            message: Arc::new(message),
            url: join_url(target, &capture.target),
            method: capture.method.clone(),
            headers: self.headers(capture),
            signing: Signing::AsCaptured,
            policy: Arc::clone(&self.common.policy),
            addresses: AddressPolicy::Any,
            progress: Progress::default(),
            at: now,
            label: Arc::new(Label {
                source: Source::Forward,
                provider: capture.provider.clone(),
                endpoint: None,
                origin: Some(number),
                execution: None,
            }),
        }
    }

    /// Those of the request that are not about its connection, and where it came from.
    fn headers(&self, capture: &NewCapture) -> Headers {
        let mut headers = capture.headers.end_to_end();
        let host = capture.headers.get("host").filter(|host| !host.is_empty());
        if let Some(host) = host.filter(|_| self.common.keep_host) {
            headers.append("host", host);
        }
        add_forwarded(&mut headers, &capture.remote, host, self.common.tls);
        headers
    }

    /// Lets the lanes come to their end. The error is that of the last lane that failed.
    pub(super) async fn finish(mut self) -> (Forwarded, Result<()>) {
        let mut ended = Ok(());
        for (_, lane) in std::mem::take(&mut self.lanes) {
            ended = self.retire(lane).await.and(ended);
        }
        (self.sum, ended)
    }

    /// Counts what came of a lane once it has ended.
    async fn retire(&mut self, lane: Lane) -> Result<()> {
        drop(lane.jobs);
        if let Ok(ended) = lane.task.await {
            let tally = ended?;
            self.sum.delivered += tally.delivered;
            self.sum.failed += tally.failed;
            self.sum.interrupted += tally.interrupted;
        }
        Ok(())
    }
}

/// Says where a request came from. What a proxy before us said about protocol and host stays alone, since an app takes
/// the last or all of several lines; the chain of addresses grows.
fn add_forwarded(headers: &mut Headers, remote: &str, host: Option<&[u8]>, tls: bool) {
    let peer = remote.rsplit_once(':').map_or(remote, |(address, _)| address);
    let mut chain: Vec<&[u8]> = headers.all("x-forwarded-for").filter(|line| !line.is_empty()).collect();
    chain.push(peer.trim_matches(['[', ']']).as_bytes());
    let chain = chain.join(b", ".as_slice());
    headers.set("x-forwarded-for", chain);
    if !headers.contains("x-forwarded-proto") {
        headers.append("x-forwarded-proto", if tls { "https" } else { "http" });
    }
    if let Some(host) = host
        && !headers.contains("x-forwarded-host")
    {
        headers.append("x-forwarded-host", host);
    }
}

impl Lane {
    fn start(session: &Session, common: &Forwarding, target: &Url) -> Self {
        let (jobs, queue) = mpsc::channel(1024);
        let pipeline = session.pipeline(
            Arc::clone(&common.transport),
            common.ledger.clone(),
            common.limits,
            // A lane that fails stops itself, not the others.
            common.cancel.child_token(),
            common.owner.clone(),
        );
        let answers = Answers::default();
        let mut view = Arrows {
            ui: Arc::clone(&session.ui),
            answers: Arc::clone(&answers),
        };
        let target = target.clone();
        let task = tokio::spawn(async move {
            let ended = pipeline.run(queue, Known::default(), &mut view).await;
            if let Err(error) = &ended
                && !error.message.is_empty()
            {
                let target = mask::url(target.as_str());
                view.ui.warn(&format!("forwarding to {target} broke off: {error}"));
            }
            // Whoever still waits for an answer learns that none will come.
            lock(&view.answers).clear();
            ended
        });
        Self { jobs, answers, task }
    }
}

fn lock(answers: &Answers) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows `-->` and `<--` under the number of the request.
struct Arrows {
    ui: Arc<Ui>,
    answers: Answers,
}

impl View for Arrows {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        let origin = event.delivery.label.origin.unwrap_or(number);
        let answer = lock(&self.answers).remove(&origin);
        if let Some(answer) = answer {
            let reply = reply_of(event).unwrap_or_else(|too_long| {
                self.ui.warn(&format!("#{origin}: {too_long}; the sender got 502"));
                crate::listener::plain(502, "the app's answer is too long\n")
            });
            let _ = answer.send(reply);
        }
        self.ui.json(&AttemptLine::new(number, event))?;
        if self.ui.output == Output::Human {
            self.lines(origin, number, event)?;
        }
        self.ui.flush()
    }
}

impl Arrows {
    fn lines(&self, origin: u64, number: u64, event: &Event) -> Result<()> {
        let style = self.ui.out;
        let Some(attempt) = &event.attempt else { return Ok(()) };
        let shown = style.strong(&format!("#{origin}"));
        let url = printable(&mask::url(event.delivery.url.as_str()), 200);
        self.ui.line(&format!(
            "  --> {shown}  {} {url}  {}",
            event.delivery.method,
            style.dim(&format!("as #{number}"))
        ))?;
        let took = style.dim(&short_time(attempt.took));
        let follows = match &event.next {
            Next::Retry { after, .. } => format!("  next attempt in {}", crate::clock::human_duration(*after)),
            _ => String::new(),
        };
        let good = event.next == Next::Delivered;
        let (what, body) = match &attempt.outcome {
            Outcome::Answer(answer) => (
                status_line(answer.status),
                printable(&mask::text(String::from_utf8_lossy(&answer.body).trim()), BODY_SHOWN),
            ),
            Outcome::Error { kind, text } => (error_words(*kind).to_owned(), printable(&mask::text(text), BODY_SHOWN)),
        };
        let what = if good { style.good(&what) } else { style.bad(&what) };
        self.ui
            .line(&format!("  <-- {shown}  {what}  {took}{}", style.caution(&follows)))?;
        if !good && !body.is_empty() {
            self.ui.line(&format!("        {}", style.dim(&body)))?;
        }
        Ok(())
    }
}

/// The app's answer for the sender: its own, 502 when there is none, 504 when it took too long. The error says that only
/// a part of it could be passed on.
fn reply_of(event: &Event) -> std::result::Result<Reply, String> {
    match event.attempt.as_ref().map(|attempt| &attempt.outcome) {
        Some(Outcome::Answer(answer)) => match &answer.whole {
            Some(body) => Ok(Reply {
                status: answer.status,
                headers: answer.headers.end_to_end(),
                body: body.clone(),
            }),
            None => Err(format!(
                "the app's answer is longer than {} MiB",
                ANSWER_PASSED_ON / 1024 / 1024
            )),
        },
        Some(Outcome::Error {
            kind: ErrorKind::Timeout,
            ..
        }) => Ok(crate::listener::plain(504, "the app is too slow\n")),
        _ => Ok(crate::listener::plain(502, "the app does not answer\n")),
    }
}
