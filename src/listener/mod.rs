//! What `listen` does with a request: check, record, answer; then tell whoever shows, forwards and runs. The answer is
//! given only after the capture is on disk.

mod challenge;
mod condition;
pub mod exec;
mod inbound;
mod network;
mod permission;
mod request;
pub mod route;
mod router;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use challenge::Challenge;
pub use challenge::{ChallengeReply, Challenges};
pub use condition::Condition;
pub use inbound::{Inbound, TriggerReading};
pub use network::Network;
pub use request::{AppReply, AskApp, ListenerEvent, ReceivedRequest, WholeRequest};
pub use router::{Passing, RoutedLane, Router, Withheld};

use crate::clock::Clock;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::provider::Registry;
use crate::random::Random;
use crate::secret::Secret;
use crate::server::{Handler, Incoming, Rejection, Reply};
use crate::signature::{RejectReason, Verdict};
use crate::store::{Ack, Ledger, NewCapture, NewWork, Op, VerdictNote};
use crate::verification::{Verification, VerificationResult};

/// The status of success unless there is a reason for another one.
const USUAL: u16 = 200;

/// How requests are answered.
#[derive(Debug)]
pub struct AnswerRules {
    /// To refused requests.
    pub reject_status: u16,
    /// To all others; absent: what their provider takes for success.
    pub status: Option<u16>,
    /// Before every answer.
    pub delay: Duration,
    /// Ends the delay of every answer: the listener has to end, and what was promised is given.
    pub hurry: CancellationToken,
    /// So many requests that are not refused are answered 500 first.
    pub fail_first: AtomicU64,
    /// Only these peers may send; empty: all.
    pub allow: Vec<Network>,
    /// The bearer token that requests must carry.
    pub bearer: Option<Secret>,
    /// Whether whoever is told needs headers and body of every request, not only of those that are refused.
    pub whole: bool,
    /// Whether whoever is told shows what is not signed.
    pub tells_unsigned: bool,
}

/// Bytes of requests that wait to be shown or explained.
const WAITING: usize = 64 * 1024 * 1024;

/// What is promised when the app has answered with success.
struct DeferredWork {
    answer: oneshot::Receiver<AppReply>,
    capture: u64,
    dedupe_key: Option<String>,
    work: Vec<NewWork>,
}

impl DeferredWork {
    /// Whom to ask for the answer, and what follows it; `None` when no app is asked.
    fn of(passing: Passing, capture: u64, dedupe_key: Option<String>) -> Option<(AskApp, Self)> {
        let (reply, answer) = oneshot::channel();
        let later = Self {
            answer,
            capture,
            dedupe_key,
            work: passing.work,
        };
        passing.answering.map(|lane| (AskApp { capture, lane, reply }, later))
    }
}

/// The handler behind `hook listen`.
pub struct Listener {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub random: Arc<Random>,
    /// Checks requests.
    pub verification: Arc<Verification>,
    /// Keeps them.
    pub ledger: Ledger,
    /// Tells of what is in the ledger; bounded, so that a slow reader slows the intake instead of filling the memory.
    pub outlet: mpsc::Sender<ListenerEvent>,
    /// How to answer.
    pub rules: AnswerRules,
    /// Answers providers that ask whether they are wanted here.
    pub challenges: Challenges,
    /// The trigger whose URL is the only one; absent: every path is taken.
    pub inbound: Option<Inbound>,
    /// Where events go.
    pub router: Arc<Router>,
    /// For the bytes of what waits to be shown: [`Listener::room`].
    pub room: Arc<Semaphore>,
}

impl Listener {
    /// The status for that request.
    fn status(&self, judged: &VerificationResult, unreadable: bool) -> u16 {
        match &judged.verdict {
            Verdict::Refused(RejectReason::Path) => 404,
            Verdict::Refused(RejectReason::Method { .. }) => 405,
            Verdict::Refused(_) => self.rules.reject_status,
            _ if unreadable => 400,
            _ => self.scripted_status(judged),
        }
    }

    /// The status for a request that is not refused.
    fn scripted_status(&self, judged: &VerificationResult) -> u16 {
        let fails = self
            .rules
            .fail_first
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if fails.is_ok() { 500 } else { self.success(judged) }
    }

    /// The status that tells the sender that all is well. Some providers take but one code for that, and it need not be
    /// the usual one.
    fn success(&self, judged: &VerificationResult) -> u16 {
        let own = || Some(judged.profile.as_ref()?.policy.success.success_like(USUAL));
        self.rules.status.or_else(own).unwrap_or(USUAL)
    }

    /// What the ledger keeps of a request, but for the status.
    fn capture(
        &self,
        incoming: Incoming,
        judged: &VerificationResult,
        challenge: &Challenge,
        dedupe_key: Option<String>,
    ) -> NewCapture {
        let (mut headers, body) = challenge.to_be_kept(incoming.headers, incoming.body);
        Registry::conceal_tokens(judged.profile.as_deref(), &mut headers);
        let provider = judged.label.as_deref();
        // Whoever does not know the path has nothing to do with the workflow.
        let guessed = matches!(judged.verdict, Verdict::Refused(RejectReason::Path));
        let workflow = self.inbound.as_ref().map(|trigger| &trigger.workflow);
        NewCapture {
            id: Id::new(IdKind::Capture, self.clock.now(), &self.random),
            at: self.clock.now(),
            method: incoming.method,
            target: incoming.target,
            headers,
            body,
            remote: incoming.remote.to_string(),
            provider: provider.map(str::to_owned),
            event: judged.facts.event.clone(),
            event_id: judged.facts.id.clone(),
            verdict: VerdictNote::of(&judged.verdict),
            status: 0,
            dedupe_key,
            workflow: workflow.filter(|_| !guessed).cloned(),
        }
    }

    /// Records a request with what it causes; `None` when that failed, which is told.
    async fn record(&self, capture: NewCapture, passing: &Passing) -> Option<Ack> {
        let capture = Box::new(capture);
        let (work, by_app) = (&passing.work, passing.answering.is_some());
        let op = match (by_app, work.is_empty()) {
            (true, _) => Op::ReceiveUnanswered(capture),
            (false, true) => Op::Capture(capture),
            (false, false) => Op::Receive {
                capture,
                work: work.clone(),
            },
        };
        match self.ledger.write(op).await {
            Ok(ack) => {
                if !by_app {
                    self.router.wake(work);
                }
                Some(ack)
            }
            Err(error) => {
                self.tell(ListenerEvent::NotKept(error)).await;
                None
            }
        }
    }

    /// For [`Listener::room`].
    pub fn room() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(WAITING))
    }

    /// The request with its bytes, for whoever shows or explains it. Who shows everything is waited for; an explanation is
    /// given up when too many are under way, since it must not hold up anybody.
    async fn whole(&self, capture: &NewCapture, refused: bool) -> Option<WholeRequest> {
        let size = u32::try_from(capture.body.len().clamp(1, WAITING)).ok()?;
        let room = Arc::clone(&self.room);
        let room = if self.rules.whole {
            room.acquire_many_owned(size).await.ok()?
        } else if refused {
            room.try_acquire_many_owned(size).ok()?
        } else {
            return None;
        };
        Some(WholeRequest {
            capture: Arc::new(capture.clone()),
            _room: room,
        })
    }

    /// The app's answer. What else the request causes is on record before the sender gets it.
    async fn answer_of_app(&self, later: DeferredWork) -> Reply {
        let Ok(answered) = later.answer.await else {
            return plain(502, "");
        };
        let nothing = later.dedupe_key.is_none() && later.work.is_empty();
        if !answered.success || nothing {
            return answered.reply;
        }
        let work = later.work.clone();
        let promise = Op::Promise {
            capture: later.capture,
            dedupe_key: later.dedupe_key,
            work: later.work,
        };
        match self.ledger.write(promise).await {
            Ok(_) => {
                self.router.wake(&work);
                answered.reply
            }
            Err(error) => {
                self.tell(ListenerEvent::NotKept(error)).await;
                plain(503, "not recorded\n")
            }
        }
    }

    async fn tell(&self, heard: ListenerEvent) {
        // The receiver is dropped only while the program ends.
        let _ = self.outlet.send(heard).await;
    }
}

impl Handler for Listener {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let begun = Instant::now();
        let (judged, challenge, dedupe_key) = self.verify(&incoming);
        let refused = judged.verdict.is_refused();
        let is_event = !matches!(challenge, Challenge::Answered(_));
        let trigger = self.inbound.as_ref().filter(|_| !refused);
        let reading = trigger.map(|trigger| trigger.read(&incoming));
        let unreadable = reading.as_ref().is_some_and(|reading| !reading.is_readable());
        let status = match &challenge {
            Challenge::Answered(answered) => answered.0.status,
            _ => self.status(&judged, unreadable),
        };
        let succeeds = (200..300).contains(&status);
        let goes_on = is_event && succeeds && !refused;
        let passing = goes_on.then(|| self.router.passing(&judged, &incoming, reading.as_ref()));
        let passing = passing.unwrap_or_default();
        // A request that is answered with a failure will come again, and then it is no duplicate.
        let dedupe_key = dedupe_key.filter(|_| goes_on);
        let unsigned = self.unsigned_parts(&incoming, &judged);
        let mut capture = self.capture(incoming, &judged, &challenge, dedupe_key);
        capture.status = if passing.answering.is_some() { 0 } else { status };
        let (id, size, recorded) = (capture.id, capture.body.len(), capture.status);
        let key = capture.dedupe_key.clone();
        let whole = self.whole(&capture, refused).await;
        let Some(ack) = self.record(capture, &passing).await else {
            return plain(503, "not recorded\n");
        };
        let withheld = passing.withheld;
        let (ask, later) = DeferredWork::of(passing, ack.number, key).unzip();
        let bare = matches!(challenge, Challenge::Refused);
        let (reply, handshake) = challenge.answered().unzip();
        self.tell(ListenerEvent::Request(Box::new(ReceivedRequest {
            number: ack.number,
            id,
            judged,
            duplicate_of: ack.duplicate_of,
            same_content: ack.other_id,
            unsigned,
            status: recorded,
            handshake,
            size,
            took: begun.elapsed(),
            whole,
            reading,
            withheld,
            ask,
        })))
        .await;
        if let Some(reply) = reply {
            return reply;
        }
        if !self.rules.delay.is_zero() {
            // Cut off instead, the sender would not learn that its request is on record.
            tokio::select! {
                () = tokio::time::sleep(self.rules.delay) => {}
                () = self.rules.hurry.cancelled() => {}
            }
        }
        let text = match (refused, succeeds) {
            // Providers that ask with a wrong signature on purpose want nothing but the status.
            (true, _) if bare => "",
            (true, _) => "refused\n",
            (false, true) => "ok\n",
            (false, false) if unreadable => "no record\n",
            (false, false) => "failed on purpose\n",
        };
        match later {
            Some(later) => self.answer_of_app(later).await,
            None => plain(status, text),
        }
    }

    fn rejected(&self, rejection: Rejection) -> Option<Reply> {
        // A crowd of broken requests must not slow down good ones: what the reader cannot take is dropped.
        let _ = self.outlet.try_send(ListenerEvent::Rejected(Box::new(rejection)));
        None
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.outlet.try_send(ListenerEvent::NotAccepted(error.to_string()));
    }
}

/// A short answer in plain text; 204 and 304 have no body.
pub fn plain(status: u16, text: &'static str) -> Reply {
    let mut headers = Headers::new();
    let bare = text.is_empty() || matches!(status, 204 | 304);
    if !bare {
        headers.append("content-type", "text/plain; charset=utf-8");
    }
    Reply {
        status,
        headers,
        body: if bare {
            Bytes::new()
        } else {
            Bytes::from_static(text.as_bytes())
        },
    }
}
