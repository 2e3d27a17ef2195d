//! Runs the cases of an audit one after the other, and judges the answers.

mod requests;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::case::{CASES, CaseCode, CaseInfo, Symptom};
use super::counting::Counting;
use super::evidence::Evidence;
use super::judge::{Applied, Expected, Judgement, Observed};
use super::planner::{Plan, Planned, Planner};
use super::player::{Exchange, Player};
use super::report::Incomplete;
use crate::case_report::CaseOutcome;
use crate::error::Result;
use crate::exchange::{ErrorKind, Outcome};
use crate::provider::compose::{ComposeOptions, Composer};
use crate::transport::WireShape;

/// Events of the catalogue that are in flight at once.
const EVENTS_AT_ONCE: usize = 8;

/// How long the requests that go out together may take.
const BATCH: Duration = Duration::from_secs(3);

/// A case that was run.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) info: CaseInfo,
    /// The event, in the case about events.
    pub(super) event: Option<String>,
    pub(super) outcome: CaseOutcome,
    pub(super) message: Option<String>,
    pub(super) symptoms: Vec<Symptom>,
    pub(super) duration: Duration,
    /// Numbers of the records.
    pub(super) records: Vec<u64>,
}

/// An audit while it runs.
pub(super) struct Audit<'a> {
    planner: Planner<'a>,
    effects: Option<Counting>,
    /// After that, no further case is begun.
    deadline: Instant,
    /// Why not all cases were run.
    incomplete: Option<Incomplete>,
    /// Cases whose requests are sent before the time is looked at again.
    batch: usize,
    /// Whether a case was failed because the receiver has ended.
    has_blamed: bool,
    secrets: Vec<Vec<u8>>,
    runs: Vec<Run>,
    evidence: Evidence,
}

impl<'a> Audit<'a> {
    pub(super) fn new(
        planner: Planner<'a>,
        effects: Option<Counting>,
        secrets: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Self {
        Self {
            planner,
            effects,
            deadline,
            incomplete: None,
            batch: 1,
            has_blamed: false,
            secrets,
            runs: Vec::new(),
            evidence: Evidence::default(),
        }
    }

    fn player(&self) -> &'a Player<'a> {
        self.planner.player
    }

    /// Sends one valid event, with which the answers to all other requests are compared. Effects that it does not have are not counted later.
    pub(super) async fn first(&mut self) -> Result<Exchange> {
        self.begin_counting().await?;
        let delivery = self.planner.fresh()?;
        let mut exchanges = self.player().send(vec![delivery], 1, &WireShape::default()).await?;
        let Some(exchange) = exchanges.pop() else {
            return Err(crate::error::Error::internal("the first event was not sent"));
        };
        let success = &self.player().policy.success;
        let is_accepted = exchange.status().is_some_and(|status| success.contains(status));
        self.planner.took = exchange.attempt.took;
        self.batch = batch_size(exchange.attempt.took);
        if is_accepted && self.seen(1).await?.is_some_and(|seen| seen != 1) {
            self.ignore_effects("did not grow by one after a valid event");
        }
        Ok(exchange)
    }

    /// Notes which requests were a test.
    pub(super) async fn close(&mut self) -> Result<()> {
        let failed = std::mem::take(&mut self.evidence.failed);
        self.player().mark_tested(failed).await
    }

    /// Runs the wanted cases.
    pub(super) async fn run(&mut self, events: &[String], wanted: impl Fn(CaseCode) -> bool) -> Result<()> {
        if wanted(CaseCode::Event) {
            self.events(events).await?;
        }
        // Cases of one kind that need nothing before or after them go out together, forged requests apart from others.
        let (mut forged, mut plain) = (Vec::new(), Vec::new());
        for info in CASES
            .iter()
            .filter(|info| info.case != CaseCode::Event && wanted(info.case))
        {
            if is_judged_last(info.case) {
                self.flush(&mut forged).await?;
                self.flush(&mut plain).await?;
                let judged = self
                    .evidence
                    .judge(*info, (self.player(), &self.secrets), self.effects.is_some());
                self.add(*info, None, judged, Duration::ZERO, Vec::new());
                continue;
            }
            match self.planned(info.case)? {
                Err(why) => self.add(*info, None, why, Duration::ZERO, Vec::new()),
                Ok(plan) if plan.is_plain() => {
                    let batch = if plan.is_forged() { &mut forged } else { &mut plain };
                    batch.push((*info, plan));
                    if batch.len() >= self.batch {
                        let mut full = std::mem::take(batch);
                        self.flush(&mut full).await?;
                    }
                }
                Ok(plan) => {
                    // Events arrive in the order of their times.
                    self.flush(&mut forged).await?;
                    self.flush(&mut plain).await?;
                    self.counted(*info, plan).await?;
                }
            }
        }
        self.flush(&mut forged).await?;
        self.flush(&mut plain).await
    }

    /// Why not all cases were run.
    pub(super) fn incomplete(&self) -> Option<Incomplete> {
        self.incomplete
    }

    /// Whether the receiver has ended.
    fn is_gone(&self) -> bool {
        self.incomplete == Some(Incomplete::Ended)
    }

    /// What was run.
    pub(super) fn finish(self) -> Vec<Run> {
        let mut runs = self.runs;
        runs.sort_by_key(|run| CASES.iter().position(|info| info.case == run.info.case));
        runs
    }

    fn add(&mut self, info: CaseInfo, event: Option<String>, judged: Judgement, took: Duration, records: Vec<u64>) {
        let Judgement {
            outcome,
            message,
            symptoms,
        } = judged;
        self.runs.push(Run {
            info,
            event,
            outcome,
            message,
            symptoms,
            duration: took,
            records,
        });
    }

    /// What is sent in a case, or why nothing is.
    fn planned(&mut self, case: CaseCode) -> Result<std::result::Result<Plan, Judgement>> {
        if self.is_gone() || Instant::now() >= self.deadline {
            return Ok(Err(self.late()));
        }
        if case == CaseCode::ForgedFirst && self.effects.is_none() {
            return Ok(Err(Judgement::skipped("`--effects` is not given")));
        }
        Ok(self.planner.plan(case)?.map_err(Judgement::skipped))
    }

    /// A case that is not run to its end.
    fn late(&mut self) -> Judgement {
        match self.incomplete.get_or_insert(Incomplete::Late) {
            Incomplete::Ended => Judgement::skipped("not run: the receiver had ended"),
            Incomplete::Late | Incomplete::Interrupted => Judgement::skipped("not run: the time of the audit was over"),
        }
    }

    /// Runs a case by itself: its requests have a shape, or its effects are counted.
    async fn counted(&mut self, info: CaseInfo, plan: Plan) -> Result<()> {
        let started = Instant::now();
        let counted = plan.effects;
        if counted.is_some() {
            self.begin_counting().await?;
        }
        let wanted: usize = plan.rounds.iter().map(Vec::len).sum();
        let sent = self.send(plan).await?;
        if sent.len() < wanted {
            let late = self.late();
            self.add(info, None, late, started.elapsed(), Vec::new());
            return Ok(());
        }
        let applied = match counted {
            Some(expected) => self.seen(expected).await?.map(|seen| Applied { expected, seen }),
            None => None,
        };
        let observed: Vec<Observed> = sent.iter().map(|(observed, _)| observed.clone()).collect();
        let judged = self.judged(info, &observed, applied);
        let records = sent.iter().map(|(_, exchange)| exchange.number).collect();
        self.add(info, None, judged, started.elapsed(), records);
        Ok(())
    }

    /// Sends the requests of several cases one after the other, and judges each.
    async fn flush(&mut self, batch: &mut Vec<(CaseInfo, Plan)>) -> Result<()> {
        let batch = std::mem::take(batch);
        let Some((_, first)) = batch.first() else { return Ok(()) };
        let is_forged = first.is_forged();
        if is_forged {
            self.begin_counting().await?;
        }
        let (mut infos, mut all) = (Vec::new(), Vec::new());
        for (info, plan) in batch {
            let requests: Vec<Planned> = plan.rounds.into_iter().flatten().collect();
            infos.push((info, requests.len()));
            all.extend(requests);
        }
        let sent = self.send(Plan::sequence(all)).await?;
        let is_ignored = is_forged && self.count_forged(&sent).await?;
        let mut sent = sent.into_iter();
        for (info, count) in infos {
            let (observed, exchanges): (Vec<Observed>, Vec<Exchange>) = sent.by_ref().take(count).unzip();
            let judged = if observed.len() < count {
                self.late()
            } else {
                let judged = self.judged(info, &observed, None);
                if is_ignored { judged.ignored() } else { judged }
            };
            let took = exchanges.iter().map(|exchange| exchange.attempt.took).sum();
            let records = exchanges.iter().map(|exchange| exchange.number).collect();
            self.add(info, None, judged, took, records);
        }
        Ok(())
    }

    /// One case for each event.
    async fn events(&mut self, events: &[String]) -> Result<()> {
        let player = self.player();
        let mut deliveries = Vec::new();
        for event in events {
            let options = ComposeOptions {
                event: event.clone(),
                ..player.compose_options()
            };
            deliveries.push(player.event_of(&Composer::new(&player.profile, options)?)?);
        }
        let exchanges = player.send(deliveries, EVENTS_AT_ONCE, &WireShape::default()).await?;
        self.note_end(&exchanges).await;
        let accepted = |exchange: &&Exchange| {
            exchange
                .status()
                .is_some_and(|status| player.policy.success.contains(status))
        };
        if let Some(effects) = &mut self.effects {
            effects.skip(exchanges.iter().filter(accepted).count());
        }
        let info = CaseCode::Event.info();
        let answered = exchanges.len();
        for event in &events[answered.min(events.len())..] {
            let late = self.late();
            self.add(
                CaseCode::Event.info(),
                Some(event.clone()),
                late,
                Duration::ZERO,
                Vec::new(),
            );
        }
        for (event, exchange) in events.iter().zip(exchanges) {
            self.evidence.note_state(player, &exchange);
            let outcome = exchange.attempt.outcome;
            if matches!(
                outcome,
                Outcome::Error {
                    kind: ErrorKind::Timeout,
                    ..
                }
            ) {
                self.evidence.timed_out += 1;
            }
            let observed = Observed {
                what: String::new(),
                expected: Expected::Accepted,
                outcome,
            };
            let judged = self.judged(info, &[observed], None);
            self.add(
                info,
                Some(event.clone()),
                judged,
                exchange.attempt.took,
                vec![exchange.number],
            );
        }
        Ok(())
    }
}

/// How many cases go out together: a slow receiver must not hold up the end of the audit.
fn batch_size(took: Duration) -> usize {
    let fit = BATCH.as_millis() / took.as_millis().max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, CASES.len())
}

/// Whether a case is judged by the answers to others.
fn is_judged_last(case: CaseCode) -> bool {
    matches!(
        case,
        CaseCode::RefusedEffect | CaseCode::InTime | CaseCode::SlowAnswer | CaseCode::Leak | CaseCode::RefusalStatus
    )
}

/// Everything that was wrong.
pub(super) fn symptoms(runs: &[Run]) -> BTreeSet<Symptom> {
    runs.iter().flat_map(|run| run.symptoms.iter().copied()).collect()
}
