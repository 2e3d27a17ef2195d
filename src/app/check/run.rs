//! Runs the cases of an audit one after the other, and judges the answers.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::case::{CASES, CaseCode, CaseInfo, Symptom, SymptomKind};
use super::effects::EffectCounter;
use super::judge::{Applied, Expected, Judgement, Observed, judge, judge_refusals, judge_speed, judge_time};
use super::leaks::leak;
use super::plan::{Plan, Planned, Planner};
use super::player::{Exchange, Player};
use crate::case_report::CaseOutcome;
use crate::engine::Delivery;
use crate::error::Result;
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::id::Id;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::transport::WireShape;

/// Events of the catalogue that are in flight at once.
const EVENTS_AT_ONCE: usize = 8;

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

/// A request that was refused, as it must be.
struct Refused {
    answer: Answer,
    /// The signatures that would have been accepted.
    right: Vec<String>,
}

/// An audit while it runs.
pub(super) struct Audit<'a> {
    planner: Planner<'a>,
    effects: Option<EffectCounter>,
    /// After that, no further case is begun.
    deadline: Instant,
    secrets: Vec<Vec<u8>>,
    runs: Vec<Run>,
    /// How long single events took that were accepted, and single requests that were refused.
    accepted: Vec<Duration>,
    slowest: Option<Duration>,
    timed_out: usize,
    refused_in: Vec<Duration>,
    refused: Vec<Refused>,
    /// Effects that came with refused requests.
    unwanted: Option<i64>,
    tested: Vec<Id>,
}

impl<'a> Audit<'a> {
    pub(super) fn new(
        planner: Planner<'a>,
        effects: Option<EffectCounter>,
        secrets: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Self {
        Self {
            planner,
            effects,
            deadline,
            secrets,
            runs: Vec::new(),
            accepted: Vec::new(),
            slowest: None,
            timed_out: 0,
            refused_in: Vec::new(),
            refused: Vec::new(),
            unwanted: None,
            tested: Vec::new(),
        }
    }

    fn player(&self) -> &'a Player<'a> {
        self.planner.player
    }

    /// Sends one valid event, from which everything else is told apart. Effects that it does not have are not counted later.
    pub(super) async fn first(&mut self) -> Result<Exchange> {
        let before = match &self.effects {
            Some(effects) => effects.read().await?,
            None => 0,
        };
        let delivery = self.planner.fresh()?;
        self.tested.push(delivery.id);
        let mut exchanges = self.player().send(vec![delivery], 1, &WireShape::default()).await?;
        let Some(exchange) = exchanges.pop() else {
            return Err(crate::error::Error::internal("the first event was not sent"));
        };
        let success = &self.player().policy.success;
        let is_accepted = exchange.status().is_some_and(|status| success.contains(status));
        if let Some(effects) = self.effects.as_ref().filter(|_| is_accepted)
            && effects.settled(before, 1).await? != 1
        {
            let what = "`--effects` did not grow by one after a valid event: effects are not judged";
            self.player().context.notices.warn(what.to_owned());
            self.effects = None;
        }
        Ok(exchange)
    }

    /// Runs the wanted cases.
    pub(super) async fn run(&mut self, events: &[String], wanted: impl Fn(CaseCode) -> bool) -> Result<()> {
        if wanted(CaseCode::Event) {
            self.events(events).await?;
        }
        for info in CASES
            .iter()
            .filter(|info| info.case != CaseCode::Event && wanted(info.case))
        {
            let started = Instant::now();
            let (judgement, records) = match self.late(info.case) {
                Some(late) => (late, Vec::new()),
                None => self.case(*info).await?,
            };
            self.add(*info, None, judgement, started.elapsed(), records);
        }
        self.player().mark_tested(std::mem::take(&mut self.tested)).await
    }

    /// What was run.
    pub(super) fn finish(self) -> Vec<Run> {
        self.runs
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

    /// A case that sends requests is not begun when the time is over.
    fn late(&self, case: CaseCode) -> Option<Judgement> {
        let sends = !matches!(
            case,
            CaseCode::RefusedEffect
                | CaseCode::InTime
                | CaseCode::SlowAnswer
                | CaseCode::Leak
                | CaseCode::RefusalStatus
        );
        let is_late = sends && Instant::now() >= self.deadline;
        is_late.then(|| Judgement::skipped("not run: the time of the audit is over"))
    }

    async fn case(&mut self, info: CaseInfo) -> Result<(Judgement, Vec<u64>)> {
        let judged = match info.case {
            CaseCode::InTime => judge_time(self.slowest, self.timed_out, self.player().policy.timeout),
            CaseCode::SlowAnswer => judge_speed(&self.accepted, &self.refused_in),
            CaseCode::Leak => self.leaks(info),
            CaseCode::RefusalStatus => {
                let statuses: Vec<u16> = self.refused.iter().map(|refused| refused.answer.status).collect();
                judge_refusals(&statuses)
            }
            CaseCode::RefusedEffect => self.refused_effect(info),
            case => return self.planned(info, case).await,
        };
        Ok((judged, Vec::new()))
    }

    async fn planned(&mut self, info: CaseInfo, case: CaseCode) -> Result<(Judgement, Vec<u64>)> {
        let plan = match self.planner.plan(case)? {
            Ok(plan) => plan,
            Err(why) => return Ok((Judgement::skipped(why), Vec::new())),
        };
        if case == CaseCode::ForgedFirst && self.effects.is_none() {
            return Ok((Judgement::skipped("`--effects` is not given"), Vec::new()));
        }
        let before = match &self.effects {
            Some(effects) => Some(effects.read().await?),
            None => None,
        };
        let counted = plan.effects;
        let is_single = plan.at_once == 1;
        let (observed, records) = self.send(plan, is_single).await?;
        let applied = match (before, &self.effects) {
            (Some(before), Some(effects)) => self.applied(effects, before, counted, &observed).await?,
            _ => None,
        };
        if let (None, Some(applied)) = (counted, applied) {
            let unwanted = self.unwanted.get_or_insert(0);
            *unwanted += applied.seen;
        }
        let applied = applied.filter(|_| counted.is_some());
        Ok((judge(info, &observed, applied, &self.player().policy.success), records))
    }

    /// The effects of a case: where they are counted, or where every request was refused and none is wanted.
    async fn applied(
        &self,
        effects: &EffectCounter,
        before: i64,
        counted: Option<i64>,
        observed: &[Observed],
    ) -> Result<Option<Applied>> {
        if let Some(expected) = counted {
            let seen = effects.settled(before, expected).await?;
            return Ok(Some(Applied { expected, seen }));
        }
        let success = &self.player().policy.success;
        let is_refused = |one: &Observed| {
            one.expected == Expected::Refused && one.outcome.status().is_some_and(|status| !success.contains(status))
        };
        if !observed.iter().all(is_refused) {
            return Ok(None);
        }
        let seen = effects.read().await? - before;
        Ok(Some(Applied { expected: 0, seen }))
    }

    async fn send(&mut self, plan: Plan, is_single: bool) -> Result<(Vec<Observed>, Vec<u64>)> {
        let (mut observed, mut records) = (Vec::new(), Vec::new());
        for round in plan.rounds {
            let deliveries: Vec<Delivery> = round.iter().map(|planned| planned.delivery.clone()).collect();
            self.tested.extend(deliveries.iter().map(|delivery| delivery.id));
            let exchanges = self.player().send(deliveries, plan.at_once, &plan.shape).await?;
            for (planned, exchange) in round.iter().zip(exchanges) {
                self.note(planned, &exchange, is_single);
                records.push(exchange.number);
                observed.push(Observed {
                    what: planned.what.clone(),
                    expected: planned.expected,
                    outcome: exchange.attempt.outcome,
                });
            }
        }
        Ok((observed, records))
    }

    /// Keeps what later cases are judged by.
    fn note(&mut self, planned: &Planned, exchange: &Exchange, is_single: bool) {
        let took = exchange.attempt.took;
        let success = &self.player().policy.success;
        match (&exchange.attempt.outcome, planned.expected) {
            (Outcome::Answer(answer), Expected::Accepted) if success.contains(answer.status) => {
                self.slowest = self.slowest.max(Some(took));
                if is_single {
                    self.accepted.push(took);
                }
            }
            (Outcome::Answer(answer), Expected::Refused) if !success.contains(answer.status) => {
                if is_single {
                    self.refused_in.push(took);
                }
                let right = self.player().right_signatures(&Planner::forgery(planned));
                self.refused.push(Refused {
                    answer: answer.clone(),
                    right,
                });
            }
            (
                Outcome::Error {
                    kind: ErrorKind::Timeout,
                    ..
                },
                Expected::Accepted,
            ) => self.timed_out += 1,
            _ => {}
        }
    }

    fn leaks(&self, info: CaseInfo) -> Judgement {
        if self.refused.is_empty() {
            return Judgement::skipped("nothing was refused");
        }
        let secrets: Vec<&[u8]> = self.secrets.iter().map(Vec::as_slice).collect();
        let found = self.refused.iter().find_map(|refused| {
            let body = crate::inflate::readable(&refused.answer.body);
            let headers = String::from_utf8_lossy(&refused.answer.headers.to_block()).into_owned();
            let text = format!("{headers}\n{}", String::from_utf8_lossy(&body));
            leak(&text, &refused.right, &secrets)
        });
        match found {
            Some((kind, what)) => Judgement::failed(info, kind, what),
            None => Judgement::passed(),
        }
    }

    fn refused_effect(&self, info: CaseInfo) -> Judgement {
        match (self.unwanted, &self.effects) {
            (_, None) => Judgement::skipped("`--effects` is not given"),
            (None, _) => Judgement::skipped("nothing was refused"),
            (Some(unwanted), _) if unwanted > 0 => {
                let what = format!("{unwanted} events were applied that were answered with a refusal");
                Judgement::failed(info, SymptomKind::AppliedTwice, what)
            }
            _ => Judgement::passed(),
        }
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
        self.tested.extend(deliveries.iter().map(|delivery| delivery.id));
        let exchanges = player.send(deliveries, EVENTS_AT_ONCE, &WireShape::default()).await?;
        let info = CaseCode::Event.info();
        for (event, exchange) in events.iter().zip(exchanges) {
            let outcome = exchange.attempt.outcome;
            if matches!(
                outcome,
                Outcome::Error {
                    kind: ErrorKind::Timeout,
                    ..
                }
            ) {
                self.timed_out += 1;
            }
            let observed = Observed {
                what: String::new(),
                expected: Expected::Accepted,
                outcome,
            };
            let judged = judge(info, &[observed], None, &player.policy.success);
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

/// Everything that was wrong.
pub(super) fn symptoms(runs: &[Run]) -> BTreeSet<Symptom> {
    runs.iter().flat_map(|run| run.symptoms.iter().copied()).collect()
}
