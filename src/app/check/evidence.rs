//! What the answers to all requests say together: how fast, how often, and with which words.

use std::time::Duration;

use super::case::{CaseCode, CaseInfo, SymptomKind};
use super::judge::{Expected, Judgement, judge_refusals, judge_speed, judge_time};
use super::leaks::leak;
use super::planner::{Planned, Planner};
use super::player::{Exchange, Player};
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::headers::Headers;
use crate::id::Id;
use crate::inflate::readable;

/// A request that was refused, as it must be.
struct Refused {
    answer: Answer,
    /// Headers and body of the request.
    request: String,
    /// The signatures that would have been accepted.
    right: Vec<String>,
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Evidence {
    /// How long single events took that were accepted.
    accepted: Vec<Duration>,
    slowest: Option<Duration>,
    /// Events that were not answered in time.
    pub(super) timed_out: usize,
    /// How long single requests took that were refused.
    refused_in: Vec<Duration>,
    refused: Vec<Refused>,
    /// Effects that came with refused requests.
    pub(super) unwanted: Option<i64>,
    /// Deliveries that failed.
    pub(super) failed: Vec<Id>,
}

impl Evidence {
    /// Judges a case by the answers to others.
    pub(super) fn judge(
        &self,
        info: CaseInfo,
        (player, secrets): (&Player<'_>, &[String]),
        counts_effects: bool,
    ) -> Judgement {
        match info.case {
            CaseCode::InTime => judge_time(self.slowest, self.timed_out, player.policy.timeout),
            CaseCode::SlowAnswer => judge_speed(&self.accepted, &self.refused_in),
            CaseCode::Leak => self.leaks(info, secrets),
            CaseCode::RefusedEffect => self.refused_effect(info, counts_effects),
            _ => {
                let statuses: Vec<u16> = self.refused.iter().map(|refused| refused.answer.status).collect();
                judge_refusals(&statuses)
            }
        }
    }

    /// Keeps what later cases are judged by.
    pub(super) fn note(&mut self, player: &Player<'_>, planned: &Planned, exchange: &Exchange, is_single: bool) {
        let took = exchange.attempt.took;
        self.note_state(player, exchange);
        let success = &player.policy.success;
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
                let right = player.right_signatures(&Planner::forgery(planned));
                self.refused.push(Refused {
                    answer: answer.clone(),
                    request: text_of(&planned.delivery.headers, &planned.delivery.message.body),
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

    /// What failed is not to be delivered again.
    pub(super) fn note_state(&mut self, player: &Player<'_>, exchange: &Exchange) {
        let success = &player.policy.success;
        if !exchange.status().is_some_and(|status| success.contains(status)) {
            self.failed.push(exchange.delivery);
        }
    }

    fn leaks(&self, info: CaseInfo, secrets: &[String]) -> Judgement {
        if self.refused.is_empty() {
            return Judgement::skipped("nothing was refused");
        }
        let found = self.refused.iter().find_map(|refused| {
            let body = readable(&refused.answer.body);
            let answer = text_of(&refused.answer.headers, &body);
            leak(&answer, &refused.request, &refused.right, secrets)
        });
        match found {
            Some((kind, what)) => Judgement::failed(info, kind, what),
            None => Judgement::passed(),
        }
    }

    fn refused_effect(&self, info: CaseInfo, counts_effects: bool) -> Judgement {
        match self.unwanted {
            _ if !counts_effects => Judgement::skipped("`--effects` is not given"),
            None => Judgement::skipped("nothing was refused"),
            Some(unwanted) if unwanted > 0 => {
                let what = format!("{unwanted} events were applied that were answered with a refusal");
                Judgement::failed(info, SymptomKind::AppliedTwice, what)
            }
            Some(_) => Judgement::passed(),
        }
    }
}

/// A message as one text.
fn text_of(headers: &Headers, body: &[u8]) -> String {
    let headers = headers.to_block();
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&headers),
        String::from_utf8_lossy(body)
    )
}
