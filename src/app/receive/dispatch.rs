//! Dispatch of the listener's events: each request is counted and reported, an app is asked for the answer, a refusal is
//! explained.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cases::retry_cases;
use super::diagnosis::Refused;
use super::event::{Observer, ReceiveEvent};
use super::retry_judge::RetryJudge;
use super::subscription_confirm::SubscriptionConfirmer;
use super::summary::{ListenSummary, WorkSummary};
use super::trigger::Trigger;
use super::workers::Workers;
use crate::app::expect::ExpectationWatch;
use crate::app::notice::Notices;
use crate::app::rejected_peers::RejectedPeers;
use crate::case_report::JudgedCase;
use crate::error::Result;
use crate::listener::{AskApp, ListenerEvent, ReceivedRequest, RequestAnswer, Router, Withheld};
use crate::store::StoreError;
use crate::text::printable;

/// Handles the listener's events.
pub(super) struct Dispatcher {
    pub(super) notices: Notices,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) router: Arc<Router>,
    /// Absent: nothing is passed on.
    pub(super) workers: Option<Workers>,
    /// Requests to diagnose.
    pub(super) refused: mpsc::Sender<Refused>,
    /// Ends the intake.
    pub(super) stop: CancellationToken,
    /// Fires when forwards and commands must end.
    pub(super) late: CancellationToken,
    pub(super) trigger: Option<Trigger>,
    pub(super) confirmer: SubscriptionConfirmer,
    pub(super) summary: ListenSummary,
    /// Judges what arrives.
    pub(super) watch: Option<Arc<ExpectationWatch>>,
    pub(super) rejected: RejectedPeers,
    /// Judges the retries of senders.
    pub(super) judge: Option<RetryJudge>,
}

/// The totals, and the cases of the retries that were expected.
pub(super) type Finished = (ListenSummary, Vec<JudgedCase>);

impl Dispatcher {
    /// Works until the listener has ended, then until its workers have.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<ListenerEvent>) -> Result<Finished> {
        while let Some(first) = events.recv().await {
            let mut next = Some(first);
            while let Some(event) = next {
                self.take(event)?;
                next = events.try_recv().ok();
            }
            self.observer.on(ReceiveEvent::AllTold)?;
        }
        self.finish().await
    }

    fn take(&mut self, event: ListenerEvent) -> Result<()> {
        match event {
            ListenerEvent::Request(request) => self.request(*request)?,
            ListenerEvent::Answered(answer) => self.answered(*answer),
            ListenerEvent::NotKept(error) => self.not_kept(&error)?,
            ListenerEvent::Rejected(rejection) => self.rejected.rejected(&self.notices, &rejection),
            ListenerEvent::NotAccepted(error) => self.rejected.not_accepted(&self.notices, &error),
        }
        Ok(())
    }

    fn request(&mut self, mut request: ReceivedRequest) -> Result<()> {
        let hidden = request.hidden;
        self.count(&request, hidden);
        if let (Some(judge), Some(attempt), false) = (&mut self.judge, &request.attempt, hidden)
            && request.handshake.is_none()
        {
            let facts = (attempt.event.as_deref(), attempt.id.as_deref());
            judge.arrived(&attempt.identity, facts, attempt.arrived);
        }
        if let (Some(watch), None) = (&self.watch, &request.handshake) {
            watch.arrived(&request);
        }
        if !hidden {
            self.observer.on(ReceiveEvent::Request(&request))?;
        }
        let number = request.number;
        if let (Some(trigger), Some(reading)) = (&mut self.trigger, &request.reading) {
            let report = trigger.take(number, reading);
            if !hidden {
                self.observer.on(ReceiveEvent::Triggered(&report))?;
            }
        }
        if let Some(reply) = &request.handshake {
            self.confirmer.take(number, reply);
            return Ok(());
        }
        if let (Some(kind), false) = (&request.wrong_type, hidden) {
            let kind = printable(kind, 100);
            self.notices.warn(format!(
                "#{number} has the content type `{kind}`, and its body is JSON: the sender must say `application/json`"
            ));
        }
        match request.withheld {
            Some(Withheld::WebPage) => self.notices.warn(format!(
                "#{number} is not passed on: it came from a web page and is not verified"
            )),
            Some(Withheld::Commands) => self.notices.warn(format!(
                "#{number} has neither a signature nor a token: no command is run; `--unverified` runs them for anybody"
            )),
            None => {}
        }
        if let Some(ask) = request.ask.take() {
            self.ask(ask);
        }
        if let Some(whole) = request.whole.filter(|_| !hidden && request.judged.verdict.is_refused()) {
            // When too many wait, this one goes without a diagnosis.
            let _ = self.refused.try_send(Refused {
                number,
                judged: request.judged,
                whole,
            });
        }
        if self.summary.expected.is_some() && self.summary.is_met() {
            self.stop.cancel();
        }
        Ok(())
    }

    fn count(&mut self, request: &ReceivedRequest, hidden: bool) {
        let sum = &mut self.summary;
        sum.hidden += u64::from(hidden);
        if request.handshake.is_some() {
            sum.handshakes += 1;
            return;
        }
        sum.received += 1;
        sum.verified += u64::from(request.judged.verdict.is_accepted());
        sum.refused += u64::from(request.judged.verdict.is_refused());
        sum.duplicates += u64::from(request.duplicate_of.is_some());
    }

    /// Notes when the sender of an attempt had its answer.
    fn answered(&mut self, answer: RequestAnswer) {
        if let Some(judge) = &mut self.judge {
            let RequestAnswer {
                attempt,
                now,
                at,
                outcome,
            } = answer;
            judge.answered(&attempt.identity, attempt.arrived, (at, now), outcome);
        }
    }

    fn not_kept(&mut self, error: &StoreError) -> Result<()> {
        let count = &mut self.summary.not_kept;
        *count += 1;
        // A full disk refuses thousands: the 1st, 2nd, 4th, 8th is reported.
        if count.is_power_of_two() {
            self.notices
                .warn(format!("answered 503, nothing recorded: {error} ({count} so far)"));
        }
        self.observer.on(ReceiveEvent::NotRecorded {
            error: &error.to_string(),
        })
    }

    /// Asks the app for the answer.
    fn ask(&self, ask: AskApp) {
        let Some(app) = self.workers.as_ref().and_then(|workers| workers.app(ask.lane.id)) else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(ask)) = app.try_send(ask) {
            // An app that takes no more must not hold up the dispatch of other requests.
            tokio::spawn(async move {
                let _ = app.send(ask).await;
            });
        }
    }

    /// Waits for the workers, and reports the totals.
    async fn finish(mut self) -> Result<Finished> {
        let (work, ended) = match self.workers {
            Some(workers) => workers.finish().await,
            None => (WorkSummary::default(), Ok(())),
        };
        self.confirmer.finish(&self.late).await;
        if let Some(trigger) = self.trigger {
            trigger.finish().await;
        }
        self.rejected.finish(&self.notices);
        for failures in self.router.all_filters().filter_map(|filter| filter.failures()) {
            self.notices.warn(failures.to_string());
        }
        self.summary.work = work;
        let mut retries = Vec::new();
        if let Some(judge) = &self.judge {
            self.summary.retries = Some(judge.totals());
            retries = retry_cases(judge);
            for report in judge.reports() {
                self.observer.on(ReceiveEvent::Retries(&report))?;
            }
        }
        let reported = self.observer.on(ReceiveEvent::Finished(&self.summary));
        ended.and(reported).map(|()| (self.summary, retries))
    }
}
