//! What `listen` does with a request: verify, record, answer; then emit an event for the display and the workers. The
//! answer is given only after the capture is on disk.

mod challenge;
mod decision;
pub mod exec;
mod inbound;
mod network;
mod paced;
mod permission;
mod reply;
mod request;
pub mod route;
mod router;
mod script;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use challenge::Challenge;
pub use challenge::{ChallengeReply, Challenges};
use decision::Decision;
pub use inbound::{Inbound, TriggerReading, without_path};
pub use network::Network;
use paced::{PACED_BODY, paced_body};
pub use reply::plain;
use reply::reply_of;
use request::event_identity;
pub use request::{AppReply, AskApp, AttemptOf, ListenerEvent, ReceivedRequest, RequestAnswer, WholeRequest};
pub use router::{RoutedLane, RoutedWork, Router, Withheld};
pub use script::{ResponseRule, Responses, ScriptWalk, ScriptedResponse};

use crate::clock::Clock;
use crate::event_filter::{self, EventFilter, RequestView};
use crate::form::is_form;
use crate::id::{Id, IdKind};
use crate::json::is_form_body;
use crate::provider::{Profile, Registry};
use crate::random::Random;
use crate::secret::Secret;
use crate::server::{Handler, Incoming, Rejection, Reply, ReplyEnding};
use crate::signature::{RejectReason, Verdict};
use crate::store::{Ack, Ledger, NewCapture, NewWork, Op, VerdictNote};
use crate::verification::{Verification, VerificationResult};

const NOT_RECORDED: &str = "not recorded\n";

/// How requests are answered.
#[derive(Debug, Clone)]
pub struct AnswerRules {
    /// Status of the answer to refused requests.
    pub reject_status: u16,
    /// Wait before that answer.
    pub reject_delay: Duration,
    /// How all others are answered.
    pub responses: Responses,
    /// The only peers that may send; empty: all.
    pub allow: Vec<Network>,
    /// Report headers and body of every request, not only of those that are refused.
    pub whole_requests: bool,
    /// Report which parts of accepted requests are not signed.
    pub unsigned_parts: bool,
}

/// Bytes of requests that wait to be shown or explained.
const WAITING: usize = 64 * 1024 * 1024;

/// The handler behind `hook listen`.
pub struct Listener {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub random: Arc<Random>,
    /// Verifies requests.
    pub verification: Arc<Verification>,
    /// Records them.
    pub ledger: Ledger,
    /// Reports what is in the ledger; bounded, so that a slow reader delays new requests instead of filling the memory.
    pub events: mpsc::Sender<ListenerEvent>,
    /// How to answer.
    pub rules: AnswerRules,
    /// Answers events.
    pub script: ScriptWalk,
    /// The provider whose retries are judged: requests and answers are reported with what tells its attempts apart.
    pub retries_of: Option<Arc<Profile>>,
    /// The bearer token that requests must carry.
    pub bearer: Option<Secret>,
    /// Ends the delay of every answer at once.
    pub skip_delay: CancellationToken,
    /// Answers the challenges of providers.
    pub challenges: Challenges,
    /// The trigger whose URL is the only one; absent: every path is taken.
    pub inbound: Option<Inbound>,
    /// Where events go.
    pub router: Arc<Router>,
    /// What is expected to arrive.
    pub expectations: Vec<Arc<EventFilter>>,
    /// Limits the bytes of requests that wait to be shown: [`Listener::display_memory`].
    pub display_memory: Arc<Semaphore>,
}

impl Listener {
    fn decide(&self, incoming: &Incoming) -> Decision {
        let (judged, challenge, dedupe_key) = self.verify(incoming);
        let refused = judged.verdict.is_refused();
        let trigger = self.inbound.as_ref().filter(|_| !refused);
        let reading = trigger.map(|trigger| trigger.read(&incoming.target, &incoming.headers, &incoming.body));
        let response = match &challenge {
            Challenge::Answered(answered) => ScriptedResponse::status(Some(answered.0.status), Duration::ZERO),
            _ => self.response(&judged, reading.as_ref(), incoming),
        };
        let mut decision = Decision {
            answered: response.answered(judged.profile.as_deref()),
            response,
            wrong_type: wrong_type(&judged, incoming),
            judged,
            challenge,
            reading,
            dedupe_key: None,
            routed: RoutedWork::default(),
            hidden: false,
            met: Vec::new(),
        };
        if matches!(decision.challenge, Challenge::Answered(_)) {
            return decision;
        }
        let (now, reading) = (self.clock.now(), decision.reading.as_ref());
        let status = decision.answered.status().unwrap_or_default();
        let view = RequestView::of_incoming(incoming, &decision.judged, status, now);
        let view = view.with_document(reading.and_then(|reading| reading.record.clone()));
        let is_hidden = self.router.hides(&view);
        decision.met = event_filter::met_by_event(&self.expectations, &view);
        if !refused && decision.answered.is_success() {
            if !is_hidden {
                decision.routed = self.router.route(&decision.judged, incoming, reading, &view);
            }
            // A request that is answered with a failure will come again, and then it is no duplicate.
            decision.dedupe_key = dedupe_key;
        }
        decision.hidden = is_hidden;
        decision
    }

    /// How a request is answered.
    fn response(
        &self,
        judged: &VerificationResult,
        reading: Option<&TriggerReading>,
        incoming: &Incoming,
    ) -> ScriptedResponse {
        let status = match &judged.verdict {
            Verdict::Refused(RejectReason::Path) => 404,
            Verdict::Refused(RejectReason::Method { .. }) => 405,
            Verdict::Refused(_) => self.rules.reject_status,
            _ if reading.is_some_and(|reading| !reading.is_readable()) => 400,
            _ => {
                let (event, also) = router::names(judged);
                let id = || event_identity(judged.label.as_deref(), &judged.facts, incoming);
                return self.script.next(event, &also, id);
            }
        };
        ScriptedResponse::status(Some(status), self.rules.reject_delay)
    }

    /// What the ledger keeps of a request.
    fn capture(&self, incoming: Incoming, decision: &Decision) -> NewCapture {
        let judged = &decision.judged;
        let (mut headers, body) = decision.challenge.to_be_kept(incoming.headers, incoming.body);
        Registry::conceal_tokens(judged.profile.as_deref(), &mut headers);
        // A sender that does not know the path has nothing to do with the workflow.
        let guessed = matches!(judged.verdict, Verdict::Refused(RejectReason::Path));
        let trigger = self.inbound.as_ref().filter(|_| !guessed);
        NewCapture {
            id: Id::new(IdKind::Capture, self.clock.now(), &self.random),
            at: self.clock.now(),
            method: incoming.method,
            target: incoming.target,
            headers,
            body,
            remote: incoming.remote.to_string(),
            provider: judged.label.as_deref().map(str::to_owned),
            event: judged.facts.event.clone(),
            event_id: judged.facts.id.clone(),
            verdict: VerdictNote::of(&judged.verdict),
            status: decision.recorded().code(),
            dedupe_key: decision.dedupe_key.clone(),
            workflow: trigger.map(|trigger| trigger.workflow.clone()),
        }
    }

    /// Records a request with the work that it causes; `None` when that failed, which is reported.
    async fn record(&self, capture: NewCapture, routed: &RoutedWork) -> Option<Ack> {
        let (capture, work) = (Box::new(capture), routed.work.clone());
        match (routed.answering.is_some(), work.is_empty()) {
            // The work is promised only when the app has taken the event.
            (true, _) => self.write(Op::ReceiveUnanswered(capture), &[]).await,
            (false, true) => self.write(Op::Capture(capture), &[]).await,
            (false, false) => self.write(Op::Receive { capture, work }, &routed.work).await,
        }
    }

    /// Writes a change and wakes the workers of the work that it promises.
    async fn write(&self, op: Op, work: &[NewWork]) -> Option<Ack> {
        match self.ledger.write(op).await {
            Ok(ack) => {
                self.router.wake(work);
                Some(ack)
            }
            Err(error) => {
                self.emit(ListenerEvent::NotKept(error)).await;
                None
            }
        }
    }

    /// One permit for each byte that may wait to be shown.
    pub fn display_memory() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(WAITING))
    }

    /// The request with its bytes, to be shown or explained.
    async fn whole(&self, capture: &NewCapture, refused: bool) -> Option<WholeRequest> {
        let size = u32::try_from(capture.body.len().clamp(1, WAITING)).ok()?;
        let memory = Arc::clone(&self.display_memory);
        let permit = if self.rules.whole_requests {
            memory.acquire_many_owned(size).await.ok()?
        } else if refused {
            // A diagnosis must not delay new requests: without memory it is left out.
            memory.try_acquire_many_owned(size).ok()?
        } else {
            return None;
        };
        Some(WholeRequest {
            capture: Arc::new(capture.clone()),
            _permit: permit,
        })
    }

    /// The app's answer. What else the request causes is on record before the sender gets it.
    async fn answer_of_app(
        &self,
        answer: oneshot::Receiver<AppReply>,
        capture: u64,
        dedupe_key: Option<String>,
        work: Vec<NewWork>,
    ) -> Reply {
        let Ok(answered) = answer.await else {
            return plain(502, "");
        };
        if !answered.success || (dedupe_key.is_none() && work.is_empty()) {
            return answered.reply;
        }
        let promise = Op::Promise {
            capture,
            dedupe_key,
            work: work.clone(),
        };
        match self.write(promise, &work).await {
            Some(_) => answered.reply,
            None => plain(503, NOT_RECORDED),
        }
    }

    async fn emit(&self, event: ListenerEvent) {
        // The receiver is dropped only while the program ends.
        let _ = self.events.send(event).await;
    }
}

impl Handler for Listener {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let begun = Instant::now();
        let decision = self.decide(&incoming);
        let unsigned = self.unsigned_parts(&incoming, &decision.judged);
        let retries_of = self.retries_of.as_deref();
        let attempt = retries_of.map(|profile| AttemptOf::new(profile, &incoming, begun));
        let capture = self.capture(incoming, &decision);
        let (id, size) = (capture.id, capture.body.len());
        let whole = self.whole(&capture, decision.is_refused()).await;
        let Some(ack) = self.record(capture, &decision.routed).await else {
            return plain(503, NOT_RECORDED);
        };
        let (recorded, text) = (decision.recorded(), decision.text());
        let routed = decision.routed;
        let (ask, answer) = routed.answering.map(|lane| AskApp::new(ack.number, lane)).unzip();
        let (reply, handshake) = decision.challenge.answered().unzip();
        self.emit(ListenerEvent::Request(Box::new(ReceivedRequest {
            number: ack.number,
            id,
            judged: decision.judged,
            wrong_type: decision.wrong_type,
            duplicate_of: ack.duplicate_of,
            same_content: ack.other_id,
            unsigned,
            answered: recorded,
            handshake,
            attempt: attempt.clone(),
            size,
            took: begun.elapsed(),
            whole,
            reading: decision.reading,
            withheld: routed.withheld,
            ask,
            hidden: decision.hidden,
            met: decision.met,
            is_success: decision.answered.is_success(),
        })))
        .await;
        if let Some(reply) = reply {
            return reply;
        }
        if !decision.response.delay.is_zero() {
            // If the connection were closed instead, the sender would not learn that its request is recorded.
            tokio::select! {
                () = tokio::time::sleep(decision.response.delay) => {}
                () = self.skip_delay.cancelled() => {}
            }
        }
        let reply = match answer {
            Some(answer) => {
                self.answer_of_app(answer, ack.number, decision.dedupe_key, routed.work)
                    .await
            }
            None => reply_of(&decision.response, decision.answered, text),
        };
        if let Some(attempt) = attempt {
            let answer = RequestAnswer::of(attempt, self.clock.now(), &reply);
            self.emit(ListenerEvent::Answered(Box::new(answer))).await;
        }
        reply
    }

    fn stream(&self, reply: &Reply) -> Option<mpsc::Receiver<Bytes>> {
        match reply.ending {
            ReplyEnding::Paced(rate) => Some(paced_body(rate, self.skip_delay.clone())),
            _ => None,
        }
    }

    fn rejected(&self, rejection: Rejection) -> Option<Reply> {
        // Many broken requests must not slow down good ones: events that the reader cannot take are dropped.
        let _ = self.events.try_send(ListenerEvent::Rejected(Box::new(rejection)));
        None
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.events.try_send(ListenerEvent::NotAccepted(error.to_string()));
    }
}

/// The content type of a form, where the provider sends JSON and the body is JSON: frameworks parse it as a form then.
fn wrong_type(judged: &VerificationResult, incoming: &Incoming) -> Option<String> {
    let kind = incoming.headers.get_text("content-type").filter(|kind| is_form(kind))?;
    let profile = judged.profile.as_ref().filter(|_| judged.verdict.is_accepted())?;
    let is_wrong = !is_form(&profile.delivery.content_type) && !is_form_body(kind, &incoming.body);
    is_wrong.then(|| kind.to_owned())
}
