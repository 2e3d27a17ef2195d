//! The signed timestamp: in another unit than the header has it, of another moment or header, or not fresh.

use std::time::Duration;

use super::context::SearchContext;
use super::mistake::{Change, Mistake, Rank, mistake};
use super::time_texts::{read, units};
use super::{Case, Explanation};
use crate::clock::{Precision, Timestamp, human_duration};
use crate::signature::RejectReason;
use crate::template::{Placeholder, TimeForm};

/// How far a second clock is looked for: a sender that asks it twice, or a receiver that signs with its own.
const SECONDS_APART: i64 = 30;

/// Numbers of a body that are looked at, at most.
const MOST_NUMBERS: usize = 16;

/// How many of the units are frequent, and how many are looked for beside another mistake.
const FREQUENT_UNITS: usize = 3;
const UNITS_IN_PAIRS: usize = 14;

pub(super) type TimeText = Change<String>;

const HINT: &str = "the signed timestamp must be the text that the header carries";

/// Other texts of the timestamp, the likely ones first.
pub(super) fn texts(context: &SearchContext<'_>) -> Vec<TimeText> {
    let mut found = Vec::new();
    let Some(stamp) = context.stamp.as_deref() else {
        return found;
    };
    let mut add = |rank, text: String, said: Mistake| {
        if text != stamp {
            found.push(Change::new(rank, text, said));
        }
    };
    let shown = stamp.escape_debug();
    let unit = |how: &str| {
        let said = format!("the sender signs its timestamp {how}, and sends it as `{shown}`");
        mistake("timestamp-unit", said, HINT)
    };
    let Some((at, _)) = read(stamp) else { return found };
    for (index, (text, how)) in units(at).into_iter().enumerate() {
        let rank = match index {
            0..FREQUENT_UNITS => Rank::Common,
            FREQUENT_UNITS..UNITS_IN_PAIRS => Rank::Sometimes,
            _ => Rank::Rare,
        };
        add(rank, text, unit(how));
    }
    for (name, text) in times_of_headers(context) {
        let said = format!("the sender signs the timestamp of the header `{name}`");
        let hint = "sender and receiver must take the timestamp from the same header";
        let said = mistake("timestamp-header", said, hint);
        if let Some((other, _)) = read(&text).filter(|_| text.parse::<i64>().is_err()) {
            add(Rank::Sometimes, other.unix().to_string(), said.clone());
        }
        add(Rank::Common, text, said);
    }
    for quarters in (1..=56_i64).flat_map(|quarters| [-quarters, quarters]) {
        // All zones are whole hours from UTC, or half an hour more, but three.
        if quarters % 2 != 0 && ![23, 35, 51].contains(&quarters) {
            continue;
        }
        let apart = human_duration(Duration::from_secs(quarters.unsigned_abs() * 900));
        let when = if quarters < 0 { "before" } else { "after" };
        let said =
            format!("the signed timestamp is {apart} {when} that of the header: a time zone was mistaken for UTC");
        let hint = "both timestamps must be the same text, in UTC";
        add(
            Rank::Rare,
            (at.unix() + quarters * 900).to_string(),
            mistake("timestamp-differs", said, hint),
        );
    }
    for number in numbers_of_body(context, at) {
        let near = Timestamp::from_unix_ms(number);
        for (text, how) in units(near) {
            add(Rank::Sometimes, text, unit(how));
        }
        let text = format!("{}.{:03}", number.div_euclid(1000), number.rem_euclid(1000));
        add(Rank::Sometimes, text.clone(), unit("with a fraction of a second"));
        add(
            Rank::Sometimes,
            text.trim_end_matches('0').to_owned(),
            unit("with a fraction of a second"),
        );
    }
    for apart in (1..=SECONDS_APART).flat_map(|apart| [-apart, apart]) {
        let seconds = at.unix() + apart;
        let text = if stamp.len() == 13 {
            (at.unix_ms() + apart * 1000).to_string()
        } else if stamp.contains('-') {
            Timestamp::from_unix(seconds).rfc3339(Precision::Seconds)
        } else {
            seconds.to_string()
        };
        add(Rank::Rare, text, other_moment(apart));
    }
    found
}

fn other_moment(apart: i64) -> Mistake {
    let when = if apart < 0 { "before" } else { "after" };
    let said = format!(
        "the signed timestamp is {} s {when} that of the header: one side asks its clock again",
        apart.abs()
    );
    mistake(
        "timestamp-differs",
        said,
        "sign and check the same timestamp: the text that the header carries",
    )
}

/// Every fraction of the second, for a sender that signs milliseconds and sends whole seconds.
pub(super) fn fractions(context: &SearchContext<'_>) -> Vec<TimeText> {
    let seconds = context
        .stamp
        .as_deref()
        .and_then(|stamp| stamp.trim().parse::<i64>().ok());
    let Some(seconds) = seconds.filter(|seconds| (100_000_000..100_000_000_000).contains(seconds)) else {
        return Vec::new();
    };
    let said = |how: &str| {
        let said = format!("the sender signs its timestamp {how}, and sends it as `{seconds}`");
        mistake("timestamp-unit", said, HINT)
    };
    let whole = (0..1000).map(|ms| Change::new(Rank::Rare, format!("{seconds}{ms:03}"), said("in milliseconds")));
    let parts = (1..1000).map(|ms| {
        let text = format!("{seconds}.{ms:03}");
        Change::new(
            Rank::Rare,
            text.trim_end_matches('0').to_owned(),
            said("with a fraction of a second"),
        )
    });
    let dates = (1..1000).map(|ms| {
        let text = Timestamp::from_unix_ms(seconds * 1000 + ms).rfc3339(Precision::Millis);
        Change::new(Rank::Rare, text, said("as a date with milliseconds"))
    });
    whole.chain(parts).chain(dates).collect()
}

/// Timestamps of other headers, as they stand.
pub(super) fn times_of_headers(context: &SearchContext<'_>) -> Vec<(String, String)> {
    let headers = context.case.received.headers.iter();
    let time = |(name, value): (&str, &[u8])| {
        let text = std::str::from_utf8(value).ok()?.trim();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        (digits >= 10 && text.len() < 40 && read(text).is_some()).then(|| (name.to_owned(), text.to_owned()))
    };
    headers.filter_map(time).take(8).collect()
}

/// Numbers of the body that are milliseconds within a minute of the timestamp.
fn numbers_of_body(context: &SearchContext<'_>, at: Timestamp) -> Vec<i64> {
    let body = context.case.received.body;
    let looked = &body[..body.len().min(16 * 1024)];
    let numbers = looked
        .split(|byte| !byte.is_ascii_digit())
        .filter(|run| run.len() == 13);
    let number = |run: &[u8]| std::str::from_utf8(run).ok()?.parse::<i64>().ok();
    let mut found: Vec<i64> = numbers
        .filter_map(number)
        .filter(|number| (number - at.unix_ms()).abs() < 60_000)
        .take(MOST_NUMBERS)
        .collect();
    found.dedup();
    found
}

/// A timestamp that the scheme cannot read, or reads in another unit, where the signature matches as it stands.
pub(super) fn unit_fault(context: &SearchContext<'_>) -> Option<Mistake> {
    let stamp = context.stamp.as_deref()?;
    let wanted = context
        .content
        .placeholders()
        .find_map(|placeholder| match placeholder {
            Placeholder::Timestamp(form) => Some(*form),
            _ => None,
        })?;
    let (_, got) = read(stamp)?;
    let wanted = match wanted {
        TimeForm::Unix => "seconds",
        TimeForm::UnixMs => "milliseconds",
        TimeForm::Rfc3339(_) => "a date",
    };
    (got != wanted).then(|| wrong_unit(got, wanted))
}

fn wrong_unit(got: &str, wanted: &str) -> Mistake {
    let verb = if wanted == "a date" { "belongs" } else { "belong" };
    mistake(
        "timestamp-unit",
        format!(
            "the signature is right, but its timestamp is {}{got} where {wanted} {verb}",
            if got == "a date" { "" } else { "in " }
        ),
        format!("the sender must write and sign its timestamp in {wanted}, as the header's form has it"),
    )
}

/// How old a signature is, when that alone is a reason to refuse it.
pub(super) fn staleness(context: &SearchContext<'_>) -> Option<Mistake> {
    let tolerance = context.case.scheme.freshness().tolerance?;
    let (at, _) = read(context.stamp.as_deref()?)?;
    let age = context.case.received.now.since(at);
    (age > tolerance).then(|| {
        let said = format!("it is too old: it was signed {} before this clock", human_duration(age));
        mistake(
            "expired",
            said,
            "check it as of its signing with --at, or have it signed again",
        )
    })
}

/// Why a signature that matches is not fresh: the unit, or the clocks.
pub(super) fn age(case: &Case<'_>, refusal: &RejectReason) -> Option<Explanation> {
    let now = case.received.now;
    let (by, limit) = match refusal {
        RejectReason::TooOld { age, tolerance } => (*age, *tolerance),
        RejectReason::TooNew { ahead, tolerance } => (*ahead, *tolerance),
        _ => return None,
    };
    let past = matches!(refusal, RejectReason::TooOld { .. });
    let signed_at = if past { now.minus(by) } else { now.plus(by) };
    // No sender's clock is a thousand years ahead, and none is in the first weeks of 1970.
    let stamp = signed_at.unix();
    let unit = if stamp > 32_503_680_000 {
        Some(("milliseconds", "seconds"))
    } else if (0..10_000_000).contains(&stamp) {
        Some(("seconds", "milliseconds"))
    } else {
        None
    };
    let said = if let Some((got, wanted)) = unit {
        wrong_unit(got, wanted)
    } else if past {
        // A retry signs again and a replay does not; a clock that runs fast is always off by the same.
        let said = format!(
            "the signature is right, but it was made {} before this clock ({signed_at}), {} more than allowed",
            human_duration(by),
            human_duration(over(by, limit))
        );
        mistake("expired", said, "").alone(String::new())
    } else {
        let said = format!(
            "the signature is right, but the sender's clock is {} ahead of this one ({signed_at})",
            human_duration(by)
        );
        mistake("future-clock", said, "").alone(String::new())
    };
    super::mistake::explanation(&[said])
}

fn over(by: Duration, limit: Duration) -> Duration {
    by.saturating_sub(limit)
}
