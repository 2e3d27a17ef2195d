//! The requests of an audit: what they have done, and whether the receiver still runs.

use std::time::Duration;

use tokio::time::sleep;

use super::Audit;
use crate::app::check::case::{CaseInfo, SymptomKind};
use crate::app::check::judge::{Applied, Judgement, Observed, judge};
use crate::app::check::launch::accepts;
use crate::app::check::planner::Plan;
use crate::app::check::player::Exchange;
use crate::app::check::report::Incomplete;
use crate::engine::Delivery;
use crate::error::Result;
use crate::exchange::ErrorKind;
use crate::transport::WireShape;

/// How long a receiver may take to start again after it has ended.
const RESTARTED: Duration = Duration::from_millis(300);

impl Audit<'_> {
    /// Begins to count effects, where that is wanted and means something.
    pub(super) async fn begin_counting(&mut self) -> Result<()> {
        let is_gone = self.is_gone();
        if let Some(effects) = self.effects.as_mut().filter(|_| !is_gone)
            && effects.begin().await?.is_none()
        {
            self.ignore_effects("changes all the time");
        }
        Ok(())
    }

    /// The effects since then.
    pub(super) async fn seen(&mut self, expected: i64) -> Result<Option<i64>> {
        let is_gone = self.is_gone();
        let Some(effects) = self.effects.as_mut().filter(|_| !is_gone) else {
            return Ok(None);
        };
        let seen = effects.seen(expected).await?;
        if seen.is_none() {
            self.ignore_effects("changes all the time");
        }
        Ok(seen)
    }

    pub(super) fn ignore_effects(&mut self, why: &str) {
        let what = format!("`--effects` {why}: effects are not judged");
        self.player().context.notices.warn(what);
        self.effects = None;
    }

    /// Counts what forged requests have done. Whether those that were answered with a success had no effect.
    pub(super) async fn count_forged(&mut self, sent: &[(Observed, Exchange)]) -> Result<bool> {
        let accepted = self.accepted(sent);
        let expected = i64::try_from(accepted).unwrap_or(i64::MAX);
        let Some(seen) = self.seen(expected).await? else {
            return Ok(false);
        };
        // What was accepted by mistake is applied too, and is not held against the refusals.
        *self.evidence.unwanted.get_or_insert(0) += (seen - expected).max(0);
        Ok(accepted > 0 && seen == 0)
    }

    /// How many requests were answered with a success.
    pub(super) fn accepted(&self, sent: &[(Observed, Exchange)]) -> usize {
        let success = &self.player().policy.success;
        let is_accepted =
            |(_, exchange): &&(Observed, Exchange)| exchange.status().is_some_and(|status| success.contains(status));
        sent.iter().filter(is_accepted).count()
    }

    /// Judges a case. When the receiver has ended, that is held against the first case without an answer alone.
    pub(super) fn judged(&mut self, info: CaseInfo, observed: &[Observed], applied: Option<Applied>) -> Judgement {
        let unanswered = observed.iter().find(|one| one.outcome.status().is_none());
        match unanswered.filter(|_| self.is_gone()) {
            None => judge(info, observed, applied, &self.player().policy.success),
            Some(_) if self.has_blamed => self.late(),
            Some(one) => {
                self.has_blamed = true;
                let what = format!("the receiver ended ({})", one.outcome.summary());
                Judgement::failed(info, SymptomKind::Ended, what)
            }
        }
    }

    /// Finds out whether the receiver has ended, when it could not be reached.
    pub(super) async fn note_end(&mut self, exchanges: &[Exchange]) {
        let is_broken_off = |exchange: &Exchange| {
            let error = exchange.attempt.outcome.error();
            error.is_some_and(|(kind, _)| matches!(kind, ErrorKind::Connect | ErrorKind::Protocol))
        };
        let url = &self.player().url;
        if self.is_gone() || !exchanges.iter().any(is_broken_off) || accepts(url).await {
            return;
        }
        sleep(RESTARTED).await;
        if !accepts(url).await {
            self.incomplete = Some(Incomplete::Ended);
        }
    }

    pub(super) async fn send(&mut self, plan: Plan) -> Result<Vec<(Observed, Exchange)>> {
        let mut sent = Vec::new();
        let is_single = plan.at_once == 1;
        let is_counted = plan.effects.is_some() || plan.is_forged();
        for round in plan.rounds {
            let deliveries: Vec<Delivery> = round.iter().map(|planned| planned.delivery.clone()).collect();
            let shape = WireShape {
                together: plan.shape.together.map(|_| round.len()),
                ..plan.shape.clone()
            };
            let exchanges = self.player().send(deliveries, plan.at_once, &shape).await?;
            self.note_end(&exchanges).await;
            for (planned, exchange) in round.iter().zip(exchanges) {
                self.evidence.note(self.planner.player, planned, &exchange, is_single);
                let observed = Observed {
                    what: planned.what.clone(),
                    expected: planned.expected,
                    outcome: exchange.attempt.outcome.clone(),
                };
                sent.push((observed, exchange));
            }
        }
        let accepted = self.accepted(&sent);
        if let Some(effects) = self.effects.as_mut().filter(|_| !is_counted) {
            effects.skip(accepted);
        }
        Ok(sent)
    }
}
