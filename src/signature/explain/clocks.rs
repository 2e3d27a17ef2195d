//! Mistakes with what is signed beside the body: the timestamp and the id.

use std::time::Duration;

use super::context::ProbeContext;
use super::{Case, Explanation, found};
use crate::clock::{Timestamp, human_duration};
use crate::signature::RejectReason;
use crate::template::{Part, Placeholder, Template};

/// The timestamp in another unit than the header has it.
pub(super) fn unit(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let (content, stamp) = (bench.content()?, bench.stamp.as_ref()?);
    if !has_time(content) {
        return None;
    }
    let number: Option<i64> = stamp.trim().parse().ok();
    let ways = [
        (number.map(|number| (number / 1000).to_string()), "in seconds"),
        (
            number.and_then(|number| Some(number.checked_mul(1000)?.to_string())),
            "in milliseconds",
        ),
        (
            number.map(|number| Timestamp::from_unix(number).rfc3339(crate::clock::Precision::Seconds)),
            "as a date",
        ),
        (
            number.map(|number| format!("{number}.0")),
            "as a number with a fraction",
        ),
        (
            Timestamp::parse(stamp).map(|at| at.unix().to_string()),
            "in seconds since 1970",
        ),
    ];
    let (_, unit) = ways.into_iter().find(|(text, _)| {
        let text = text.as_ref();
        text.is_some_and(|text| bench.signed(&with_time(content, text)))
    })?;
    Some(found(
        format!(
            "the sender signs its timestamp {unit}, and sends it as `{}`",
            stamp.escape_debug()
        ),
        "the signed timestamp must be the text that the header carries",
    ))
}

/// The timestamp of another header.
pub(super) fn other_header(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let content = bench.content().filter(|content| has_time(content))?;
    let is_time = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits >= 10 && text.len() < 48
    };
    let mut headers = bench.case.received.headers.iter();
    let (name, _) = headers.find(|(_, value)| {
        let text = std::str::from_utf8(value).ok().filter(|text| is_time(text));
        text.is_some_and(|text| bench.stamp.as_deref() != Some(text) && bench.signed(&with_time(content, text)))
    })?;
    Some(found(
        format!("the sender signs the timestamp of the header `{name}`"),
        "sender and receiver must take the timestamp from the same header",
    ))
}

/// The scheme's parts in another order, with other separators, or some of them left out.
pub(super) fn content(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let content = bench.content().filter(|_| bench.signs_body())?;
    let of = |placeholder: fn(&Placeholder) -> bool| content.placeholders().find(|p| placeholder(p)).cloned();
    let time = of(|p| matches!(p, Placeholder::Timestamp(_)));
    let id = of(|p| *p == Placeholder::Id);
    let say = |cause, text: String| {
        let hint = format!("what is signed must be `{content}`");
        Some(found(text, hint).under(cause))
    };
    if let (Some(time), Some(id)) = (&time, &id) {
        for (a, b) in [(time, id), (id, time)] {
            let swapped = joined(&[a, b, &Placeholder::Body], ".");
            if swapped.parts() != content.parts() && bench.signed(&swapped) {
                let text = "the sender signs id and timestamp in the wrong order".to_owned();
                return say("id-timestamp-swapped", text);
            }
        }
    }
    if time.is_some() {
        let bare = joined(&[&Placeholder::Body], "");
        let without = without_time(content);
        if bench.signed(&bare) || (without.parts() != bare.parts() && bench.signed(&without)) {
            let text = "the sender signs the body without the timestamp".to_owned();
            return say("timestamp-left-out", text);
        }
    }
    let parts: Vec<Vec<Placeholder>> = orders(time.or_else(|| any_time(bench)), id);
    for (parts, separator) in parts
        .iter()
        .flat_map(|parts| [".", "", ":", "\n"].map(|with| (parts, with)))
    {
        let parts: Vec<&Placeholder> = parts.iter().collect();
        let other = joined(&parts, separator);
        if other.parts() != content.parts() && bench.signed(&other) {
            return say(
                "signed-content",
                format!("the sender signs `{}`", other.to_string().escape_debug()),
            );
        }
    }
    None
}

/// The content without the timestamp and what sets it apart from the next part, or from the one before it.
fn without_time(content: &Template) -> Template {
    let is_time = |part: &Part| matches!(part, Part::Placeholder(Placeholder::Timestamp(_)));
    let mut parts = content.parts().to_vec();
    if let Some(at) = parts.iter().position(is_time) {
        parts.remove(at);
        if let Some(Part::Text(_)) = parts.get(at) {
            parts.remove(at);
        } else if at == parts.len() && matches!(parts.last(), Some(Part::Text(_))) {
            parts.pop();
        }
    }
    Template::of(parts)
}

/// A timestamp that the sender may sign though the scheme does not: it is in the header all the same.
fn any_time(bench: &ProbeContext<'_>) -> Option<Placeholder> {
    bench
        .stamp
        .as_ref()
        .map(|_| Placeholder::Timestamp(crate::template::TimeForm::Unix))
}

fn orders(time: Option<Placeholder>, id: Option<Placeholder>) -> Vec<Vec<Placeholder>> {
    let body = Placeholder::Body;
    let mut orders = Vec::new();
    if let Some(time) = &time {
        orders.push(vec![time.clone(), body.clone()]);
        orders.push(vec![body.clone(), time.clone()]);
    }
    if let Some(id) = &id {
        orders.push(vec![id.clone(), body.clone()]);
    }
    if let (Some(time), Some(id)) = (time, id) {
        orders.push(vec![id, time, body]);
    }
    orders
}

fn joined(placeholders: &[&Placeholder], separator: &str) -> Template {
    let mut parts = Vec::new();
    for (index, placeholder) in placeholders.iter().enumerate() {
        if index > 0 && !separator.is_empty() {
            parts.push(Part::Text(separator.to_owned()));
        }
        parts.push(Part::Placeholder((*placeholder).clone()));
    }
    Template::of(parts)
}

fn has_time(content: &Template) -> bool {
    let mut placeholders = content.placeholders();
    placeholders.any(|placeholder| matches!(placeholder, Placeholder::Timestamp(_)))
}

fn with_time(content: &Template, text: &str) -> Template {
    content.filled(|placeholder| matches!(placeholder, Placeholder::Timestamp(_)).then(|| text.to_owned()))
}

/// Why a signature that matches is not fresh: the unit, or the clocks.
pub(super) fn age(case: &Case<'_>, refusal: &RejectReason) -> Option<Explanation> {
    let now = case.received.now;
    let signed_at = case.scheme.signed_at(case.received.headers)?;
    let near = |at: i64| now.unix().abs_diff(at) < 24 * 3600;
    let stamp = signed_at.unix();
    let unit = if near(stamp / 1000) {
        Some(("milliseconds", "seconds"))
    } else if stamp.checked_mul(1000).is_some_and(near) {
        Some(("seconds", "milliseconds"))
    } else {
        None
    };
    if let Some((got, wanted)) = unit {
        let text = format!("the signature is right, but its timestamp is in {got} where {wanted} belong");
        let hint = format!("the sender must write and sign its timestamp in {wanted}");
        return Some(found(text, hint).under("timestamp-unit"));
    }
    let (by, limit) = match refusal {
        RejectReason::TooOld { age, tolerance } => (*age, *tolerance),
        RejectReason::TooNew { ahead, tolerance } => (*ahead, *tolerance),
        _ => return None,
    };
    let past = matches!(refusal, RejectReason::TooOld { .. });
    // A retry signs afresh and a replay does not; a clock that runs fast is always off by the same.
    let text = if past {
        format!(
            "the signature is right, but it was made {} before this clock ({signed_at}), {} more than allowed",
            human_duration(by),
            human_duration(over(by, limit))
        )
    } else {
        format!(
            "the signature is right, but the sender's clock is {} ahead of this one ({signed_at})",
            human_duration(by)
        )
    };
    let cause = if past { "expired" } else { "future-clock" };
    Some(found(text, "").under(cause))
}

fn over(by: Duration, limit: Duration) -> Duration {
    by.saturating_sub(limit)
}
