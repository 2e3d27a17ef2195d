//! Requests about an event that the receiver has had before, or has refused before.

use std::time::Duration;

use super::case::CaseCode;
use super::planner::{Plan, Planned, Planner, Planning, with_new_body};
use super::variants;
use crate::app::forged::signed;
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::json_text;
use crate::signature::Scheme;
use crate::transport::WireShape;

/// How many events are sent twice at the same moment, round by round: a race is not lost every time.
const ROUNDS: [usize; 5] = [1, 1, 1, 1, 1];

/// The same for a receiver that is fast: with many at once, its threads follow each other closely, and less time between the look and the
/// note of an event is enough.
const FULL_ROUNDS: usize = 12;

/// Events of a full round.
const FULL: usize = 16;

/// How long the full rounds may take.
const FULL_TIME: Duration = Duration::from_millis(1500);

/// How much older the first signature of a retry is.
const RETRIED: Duration = Duration::from_secs(3);

/// The plan of a case about the same event again.
pub(super) fn plan(planner: &Planner<'_>, case: CaseCode) -> Planning {
    match case {
        CaseCode::SameId => same_id(planner),
        CaseCode::Resigned => resigned(planner),
        CaseCode::SameMoment => same_moment(planner),
        CaseCode::OtherBytes => other_bytes(planner),
        CaseCode::OtherId => other_id(planner),
        CaseCode::ForgedFirst => forged(planner, true),
        _ => forged(planner, false),
    }
}

/// A signed event whose bytes stay the same.
fn fixed(planner: &Planner<'_>) -> Result<Delivery> {
    let mut delivery = signed(planner.fresh()?)?;
    delivery.signing = Signing::AsCaptured;
    Ok(delivery)
}

/// What the provider says makes two requests the same event.
fn key(planner: &Planner<'_>, delivery: &Delivery) -> Result<Option<String>> {
    let request = signed(delivery.clone())?;
    Ok(planner
        .player
        .profile
        .facts(&request.headers, &request.message.body)
        .dedupe_key)
}

fn same_id(planner: &Planner<'_>) -> Planning {
    let first = fixed(planner)?;
    let second = planner.player.again(&first);
    // A receiver that remembers the last event alone takes it for a new one.
    let between = planner.fresh()?;
    let requests = vec![
        planner.good("the first", first),
        planner.good("another event", between),
        planner.good("the second", second),
    ];
    Ok(Ok(Plan::sequence(requests).applied(2)))
}

/// A retry: the same message, signed later.
fn resigned(planner: &Planner<'_>) -> Planning {
    if !planner.player.profile.scheme.signs_time() {
        return Ok(Err("a retry has the same signature".into()));
    }
    let second = planner.fresh()?;
    let mut first = planner.player.again(&second);
    first.at = first.at.minus(RETRIED);
    let mut first = signed(first)?;
    first.signing = Signing::AsCaptured;
    let requests = vec![planner.good("the first", first), planner.good("the retry", second)];
    Ok(Ok(Plan::sequence(requests).applied(1)))
}

fn same_moment(planner: &Planner<'_>) -> Planning {
    let mut rounds = Vec::new();
    let one_by_one = planner.took * u32::try_from(2 * FULL).unwrap_or(u32::MAX);
    let fit = FULL_TIME.as_micros() / one_by_one.as_micros().max(1);
    let full = usize::try_from(fit).unwrap_or(usize::MAX).min(FULL_ROUNDS);
    for events in ROUNDS.into_iter().chain(std::iter::repeat_n(FULL, full)) {
        let mut round: Vec<Planned> = Vec::with_capacity(2 * events);
        for _ in 0..events {
            let first = fixed(planner)?;
            round.push(planner.good("the other", planner.player.again(&first)));
            round.push(planner.good("one", first));
        }
        rounds.push(round);
    }
    let requests: usize = rounds.iter().map(Vec::len).sum();
    Ok(Ok(Plan {
        at_once: 2 * FULL,
        shape: WireShape {
            together: Some(2),
            ..WireShape::default()
        },
        effects: i64::try_from(requests / 2).ok(),
        rounds,
    }))
}

/// The same id with other white space, as of a sender that serialises each attempt.
fn other_bytes(planner: &Planner<'_>) -> Planning {
    let first = planner.fresh()?;
    let text = String::from_utf8_lossy(&first.message.body).into_owned();
    if json_text::valid(text.as_bytes()).is_none() {
        return Ok(Err("the body is not JSON".into()));
    }
    let second = with_new_body(planner.player.again(&first), variants::white_space(&text));
    let (one, other) = (key(planner, &first)?, key(planner, &second)?);
    if one.is_none() || one != other {
        return Ok(Err("the provider gives no id".into()));
    }
    let requests = vec![planner.good("the first", first), planner.good("the second", second)];
    Ok(Ok(Plan::sequence(requests).applied(1)))
}

/// Two events that happen to have the same bytes.
fn other_id(planner: &Planner<'_>) -> Planning {
    let profile = &planner.player.profile;
    if !profile.has_id_header() {
        return Ok(Err("no header carries the id".into()));
    }
    let first = planner.fresh()?;
    let mut second = planner.player.again(&first);
    let mut message = (*second.message).clone();
    message.wire_id = profile.fresh_id(planner.player.context.now(), &planner.player.context.random);
    second.message = message.into();
    if key(planner, &first)? == key(planner, &second)? {
        return Ok(Err("the id does not tell events apart".into()));
    }
    let requests = vec![planner.good("the first", first), planner.good("the second", second)];
    Ok(Ok(Plan::sequence(requests).applied(2)))
}

/// An event, and the same id with a wrong signature, before it or after it.
fn forged(planner: &Planner<'_>, first: bool) -> Planning {
    if matches!(planner.player.profile.scheme, Scheme::Unsigned) {
        return Ok(Err(planner.unsigned()));
    }
    let genuine = fixed(planner)?;
    let mut source = genuine.clone();
    source.headers = planner.player.headers.clone();
    let Some(copy) = planner.player.wrongly_signed_copy(&source)? else {
        return Ok(Err(planner.unsigned()));
    };
    let again = planner.player.again(&genuine);
    let (genuine, copy) = (
        planner.good("the genuine one", genuine),
        planner.bad("the forged one", copy),
    );
    let requests = if first {
        vec![copy, genuine]
    } else {
        // A refusal must not make the receiver forget the event.
        vec![genuine, copy, planner.good("the genuine one again", again)]
    };
    Ok(Ok(Plan::sequence(requests).applied(1)))
}
