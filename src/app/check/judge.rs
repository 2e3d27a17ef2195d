//! Judges one case by what was sent and what was answered. Pure: the same observation always gives the same result.

use std::time::Duration;

use super::case::{CaseCode, CaseInfo, Requirement, Symptom, SymptomKind};
use crate::case_report::CaseOutcome;
use crate::exchange::Outcome;
use crate::provider::policy::Codes;

/// What must come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// A status that the provider takes for success.
    Accepted,
    /// Any other status.
    Refused,
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// What it was, where a case has several.
    pub(super) what: String,
    /// What must come of it.
    pub(super) expected: Expected,
    /// What came of it.
    pub(super) outcome: Outcome,
}

/// How often events were applied in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Applied {
    /// How often they must be.
    pub(super) expected: i64,
    /// How often they were.
    pub(super) seen: i64,
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) outcome: CaseOutcome,
    pub(super) message: Option<String>,
    pub(super) symptoms: Vec<Symptom>,
}

impl Judgement {
    /// As it must be.
    pub(super) fn passed() -> Self {
        Self {
            outcome: CaseOutcome::Passed,
            message: None,
            symptoms: Vec::new(),
        }
    }

    /// Not judged.
    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self {
            outcome: CaseOutcome::Skipped,
            message: Some(why.into()),
            symptoms: Vec::new(),
        }
    }

    /// The same, of requests that were answered with a success and had no effect.
    pub(super) fn ignored(mut self) -> Self {
        for symptom in &mut self.symptoms {
            if symptom.kind == SymptomKind::Accepted {
                symptom.kind = SymptomKind::Ignored;
            }
        }
        self
    }

    /// Not as it must be.
    pub(super) fn failed(info: CaseInfo, kind: SymptomKind, message: impl Into<String>) -> Self {
        Self {
            outcome: match info.requirement {
                Requirement::Required => CaseOutcome::Failed,
                Requirement::Advised => CaseOutcome::Advice,
            },
            message: Some(message.into()),
            symptoms: vec![Symptom { case: info.case, kind }],
        }
    }
}

/// Judges the requests of a case, and how often they were applied where that is counted.
pub(super) fn judge(info: CaseInfo, observed: &[Observed], applied: Option<Applied>, success: &Codes) -> Judgement {
    let wrong: Vec<(&Observed, SymptomKind)> = observed
        .iter()
        .filter_map(|one| Some((one, fault(one, success)?)))
        .collect();
    if let Some((_, kind)) = wrong.first() {
        let each: Vec<String> = wrong.iter().take(MOST).map(|(one, _)| said(one)).collect();
        let more = wrong.len().saturating_sub(MOST);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        return Judgement::failed(info, *kind, format!("{}{more}", each.join(", ")));
    }
    match applied {
        Some(Applied { expected, seen }) if seen != expected => {
            let kind = if seen > expected {
                SymptomKind::AppliedTwice
            } else {
                SymptomKind::NotApplied
            };
            Judgement::failed(
                info,
                kind,
                format!("applied {}, expected {}", times(seen), times(expected)),
            )
        }
        _ => Judgement::passed(),
    }
}

/// Requests that a message names.
const MOST: usize = 3;

fn times(count: i64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// The status of a receiver that takes no more requests for a while.
const TOO_MANY: u16 = 429;

fn fault(one: &Observed, success: &Codes) -> Option<SymptomKind> {
    let Some(status) = one.outcome.status() else {
        return Some(SymptomKind::NoAnswer);
    };
    match (one.expected, success.contains(status)) {
        (Expected::Accepted, true) | (Expected::Refused, false) => None,
        (Expected::Refused, true) => Some(SymptomKind::Accepted),
        (Expected::Accepted, false) if status == TOO_MANY => Some(SymptomKind::TooMany),
        (Expected::Accepted, false) if status >= 500 => Some(SymptomKind::Broken),
        (Expected::Accepted, false) => Some(SymptomKind::Refused),
    }
}

/// `accepted (200 OK)`, `half of the signature: accepted (200 OK)`
fn said(one: &Observed) -> String {
    let summary = one.outcome.summary();
    let answer = match (one.expected, one.outcome.status()) {
        (_, None) => format!("no answer ({summary})"),
        (Expected::Refused, Some(_)) => format!("accepted ({summary})"),
        (Expected::Accepted, Some(_)) => format!("refused ({summary})"),
    };
    if one.what.is_empty() {
        answer
    } else {
        format!("{}: {answer}", one.what)
    }
}

/// An accepted event is answered slowly when that takes this long, and several times as long as a refusal: a busy machine is slow
/// at both.
const SLOW: Duration = Duration::from_millis(250);

/// How many times as long.
const TIMES: u32 = 4;

/// Judges how fast accepted events are answered, against refusals.
pub(super) fn judge_speed(accepted: &[Duration], refused: &[Duration]) -> Judgement {
    let info = CaseCode::SlowAnswer.info();
    let Some(usual) = median(accepted) else {
        return Judgement::skipped("no event was accepted");
    };
    let refusal = median(refused).unwrap_or_default();
    if usual < SLOW || usual < refusal * TIMES {
        return Judgement::passed();
    }
    let milliseconds = |time: Duration| time.as_millis();
    Judgement::failed(
        info,
        SymptomKind::Slow,
        format!(
            "an accepted event is answered after {} ms, a refused one after {} ms",
            milliseconds(usual),
            milliseconds(refusal)
        ),
    )
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied()
}

/// Judges whether every accepted event was answered within the limit.
pub(super) fn judge_time(slowest: Option<Duration>, timed_out: usize, limit: Duration) -> Judgement {
    let info = CaseCode::InTime.info();
    if timed_out > 0 {
        let what = format!("{timed_out} requests were not answered within {} s", limit.as_secs());
        return Judgement::failed(info, SymptomKind::Slow, what);
    }
    match slowest {
        None => Judgement::skipped("no event was accepted"),
        Some(_) => Judgement::passed(),
    }
}

/// Judges the statuses of refusals.
pub(super) fn judge_refusals(statuses: &[u16]) -> Judgement {
    let info = CaseCode::RefusalStatus.info();
    if statuses.is_empty() {
        return Judgement::skipped("nothing was refused");
    }
    let found = |is: fn(u16) -> bool| statuses.iter().copied().find(|status| is(*status));
    let line = crate::text::status_line;
    if let Some(status) = found(|status| status == TOO_MANY) {
        let what = format!("a faulty signature was answered with {}", line(status));
        return Judgement::failed(info, SymptomKind::TooMany, what);
    }
    if let Some(status) = found(|status| status >= 500) {
        let what = format!("a faulty signature was answered with {}", line(status));
        return Judgement::failed(info, SymptomKind::Broken, what);
    }
    // 410 ends a subscription, 429 asks for a later try, 404 is a wrong URL, and redirects are not followed.
    let means_more = |status: u16| !(400..500).contains(&status) || matches!(status, 404 | 405 | 408 | 410 | 425 | 429);
    match found(means_more) {
        Some(status) => {
            let what = format!("a faulty signature was answered with {}", line(status));
            Judgement::failed(info, SymptomKind::Refused, what)
        }
        None => Judgement::passed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Answer, ErrorKind};

    fn observed(what: &str, expected: Expected, status: u16) -> Observed {
        let outcome = match status {
            0 => Outcome::Error {
                kind: ErrorKind::Timeout,
                text: "late".into(),
            },
            status => Outcome::Answer(Answer {
                status,
                ..Answer::default()
            }),
        };
        Observed {
            what: what.into(),
            expected,
            outcome,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn a_case_is_judged_by_every_request_and_by_what_was_applied() {
        use Expected::{Accepted, Refused};
        use SymptomKind as Kind;
        let info = CaseCode::SameId.info();
        let success = Codes::any_success();
        let count = |expected, seen| Some(Applied { expected, seen });
        for (requests, applied, kind, message) in [
            (vec![("", Accepted, 200)], None, None, None),
            (vec![("", Refused, 401)], None, None, None),
            (
                vec![("", Refused, 204)],
                None,
                Some(Kind::Accepted),
                Some("accepted (204 No Content)"),
            ),
            (
                vec![("", Accepted, 400)],
                None,
                Some(Kind::Refused),
                Some("refused (400 Bad Request)"),
            ),
            (
                vec![("", Accepted, 302)],
                None,
                Some(Kind::Refused),
                Some("refused (302 Found)"),
            ),
            (
                vec![("", Accepted, 503)],
                None,
                Some(Kind::Broken),
                Some("refused (503 Service Unavailable)"),
            ),
            (
                vec![("", Accepted, 0)],
                None,
                Some(Kind::NoAnswer),
                Some("no answer (timeout)"),
            ),
            (
                vec![("", Refused, 0)],
                None,
                Some(Kind::NoAnswer),
                Some("no answer (timeout)"),
            ),
            (
                vec![("first", Accepted, 200), ("second", Accepted, 409)],
                count(1, 1),
                Some(Kind::Refused),
                Some("second: refused (409 Conflict)"),
            ),
            (vec![("", Accepted, 200)], count(1, 1), None, None),
            (
                vec![("", Accepted, 200)],
                count(1, 2),
                Some(Kind::AppliedTwice),
                Some("applied twice, expected once"),
            ),
            (
                vec![("", Accepted, 200)],
                count(2, 1),
                Some(Kind::NotApplied),
                Some("applied once, expected twice"),
            ),
        ] {
            let requests: Vec<Observed> = requests
                .iter()
                .map(|(what, expected, status)| observed(what, *expected, *status))
                .collect();
            let judged = judge(info, &requests, applied, &success);
            assert_eq!(
                judged.symptoms.first().map(|symptom| symptom.kind),
                kind,
                "{requests:?} {applied:?}"
            );
            assert_eq!(judged.message.as_deref(), message);
            let outcome = if kind.is_none() {
                CaseOutcome::Passed
            } else {
                CaseOutcome::Failed
            };
            assert_eq!(judged.outcome, outcome);
        }
    }

    #[test]
    fn advice_never_fails() {
        let judged = judge(
            CaseCode::LargeBody.info(),
            &[observed("", Expected::Accepted, 413)],
            None,
            &Codes::any_success(),
        );
        assert_eq!(judged.outcome, CaseOutcome::Advice);
    }

    #[test]
    fn an_answer_is_slow_only_against_a_refusal() {
        let ms = Duration::from_millis;
        for (accepted, refused, is_slow) in [
            (vec![ms(2)], vec![ms(1)], false),
            (vec![ms(300), ms(300), ms(2)], vec![ms(1)], true),
            (vec![ms(300)], vec![ms(200)], false),
            (vec![ms(2), ms(2), ms(900)], vec![ms(1)], false),
            (vec![ms(300)], vec![], true),
        ] {
            let judged = judge_speed(&accepted, &refused);
            assert_eq!(!judged.symptoms.is_empty(), is_slow, "{accepted:?} {refused:?}");
        }
    }

    #[test]
    fn a_refusal_is_a_plain_4xx() {
        for (statuses, kind) in [
            (vec![401, 403, 400, 422], None),
            (vec![401, 500], Some(SymptomKind::Broken)),
            (vec![401, 410], Some(SymptomKind::Refused)),
            (vec![302], Some(SymptomKind::Refused)),
        ] {
            let judged = judge_refusals(&statuses);
            assert_eq!(
                judged.symptoms.first().map(|symptom| symptom.kind),
                kind,
                "{statuses:?}"
            );
        }
    }
}
