//! From what was wrong to the likely cause. Several cases usually fail for one reason: a receiver that checks no signature fails
//! every case with a faulty one. So the causes are found by a table, read from the top: the first row whose symptoms are there
//! takes what it explains, and the rows below see what is left.

use std::collections::BTreeSet;

use serde::Serialize;

#[cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "the table is made of nothing but these words")
)]
use super::case::CaseCode::{self, *};
#[cfg_attr(
    not(test),
    expect(clippy::enum_glob_use, reason = "the table is made of nothing but these words")
)]
use super::case::SymptomKind::*;
use super::case::{Symptom, SymptomKind as Kind};
use super::cause::Cause;

/// A row of the table.
struct Rule {
    cause: Cause,
    /// All of these are there.
    when: &'static [(CaseCode, Kind)],
    /// None of these cases has a symptom.
    without: &'static [CaseCode],
    /// The cases whose symptoms it explains, beside those of `when`.
    explains: &'static [CaseCode],
}

/// Cases whose signature is faulty.
const FORGED: &[CaseCode] = &[
    MissingSignature,
    EmptySignature,
    WrongSecret,
    GuessableSecret,
    TruncatedSignature,
    AlteredSignature,
    ExtendedSignature,
    SignatureCase,
    TamperedBody,
    PaddedBody,
    TamperedTimestamp,
    TamperedId,
    ForgedDuplicate,
    Stale,
    VeryStale,
    Future,
    ForgedFirst,
    RefusedEffect,
];

/// Cases whose signature is compared in part.
const COMPARED: &[CaseCode] = &[
    MissingSignature,
    EmptySignature,
    TruncatedSignature,
    AlteredSignature,
    ExtendedSignature,
    SignatureCase,
    RefusedEffect,
];

/// Cases whose body is written in another way.
const REWRITTEN: &[CaseCode] = &[
    Event,
    WhiteSpace,
    KeyOrder,
    UnicodeEscapes,
    SlashEscapes,
    TrailingNewline,
    LineEnds,
    Utf8,
    Numbers,
    Bom,
    PaddedBody,
    LargeBody,
    Grouped,
    UnknownEvent,
    OtherBytes,
    // A parser in front of the receiver leaves other types alone.
    Charset,
    ContentType,
];

/// Cases about the same event again.
const REPEATED: &[CaseCode] = &[SameId, Resigned, SameMoment, OtherBytes, ForgedDuplicate];

/// The same, and how fast answers are: one that never comes is too slow.
const DUPLICATED: &[CaseCode] = &[Resigned, SameMoment, OtherBytes, ForgedDuplicate, InTime, SlowAnswer];

const fn rule(
    cause: Cause,
    when: &'static [(CaseCode, Kind)],
    without: &'static [CaseCode],
    explains: &'static [CaseCode],
) -> Rule {
    Rule {
        cause,
        when,
        without,
        explains,
    }
}

/// The table. What makes other findings meaningless comes first.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule(Cause::RefusesWith2xx, &[(MissingSignature, Ignored)], &[], FORGED),
    rule(Cause::RefusesWith2xx, &[(WrongSecret, Ignored)], &[], FORGED),
    rule(Cause::NoCheck, &[(MissingSignature, Accepted), (WrongSecret, Accepted)], &[], FORGED),
    rule(Cause::PresenceOnly, &[(WrongSecret, Accepted)], &[MissingSignature], FORGED),
    rule(Cause::PrefixCompare, &[(TruncatedSignature, Accepted)], &[], COMPARED),
    rule(Cause::PrefixCompare, &[(AlteredSignature, Accepted)], &[], COMPARED),
    rule(Cause::PrefixCompare, &[(ExtendedSignature, Accepted)], &[], COMPARED),
    rule(Cause::MissingHeaderOk, &[(MissingSignature, Accepted)], &[], &[EmptySignature, RefusedEffect]),
    rule(Cause::EmptySignatureOk, &[(EmptySignature, Accepted)], &[], &[RefusedEffect]),
    rule(Cause::GuessableSecret, &[(GuessableSecret, Accepted)], &[], &[RefusedEffect]),
    rule(Cause::BodyNotChecked, &[(TamperedBody, Accepted)], &[], &[PaddedBody, RefusedEffect]),
    rule(Cause::Reserialises, &[(WhiteSpace, Refused)], &[], REWRITTEN),
    rule(Cause::Reserialises, &[(KeyOrder, Refused)], &[], REWRITTEN),
    rule(Cause::Reserialises, &[(UnicodeEscapes, Refused)], &[], REWRITTEN),
    rule(Cause::Reserialises, &[(SlashEscapes, Refused)], &[], REWRITTEN),
    rule(Cause::TrimsBody, &[(PaddedBody, Accepted)], &[], &[TrailingNewline, RefusedEffect]),
    rule(Cause::TrimsBody, &[(TrailingNewline, Refused)], &[], &[PaddedBody]),
    rule(Cause::DecodesBody, &[(Utf8, Refused)], &[], &[Event, Bom]),
    rule(Cause::ChangesLineEnds, &[(LineEnds, Refused)], &[], &[]),
    rule(Cause::TimestampNotChecked, &[(TamperedTimestamp, Accepted)], &[], &[Stale, VeryStale, Future, RefusedEffect]),
    rule(Cause::IdNotChecked, &[(TamperedId, Accepted)], &[], &[RefusedEffect]),
    rule(Cause::NoClock, &[(Stale, Accepted), (VeryStale, Accepted)], &[], &[Future, RefusedEffect]),
    rule(Cause::ClockTooWide, &[(Stale, Accepted)], &[VeryStale], &[Future, RefusedEffect]),
    rule(Cause::FutureAccepted, &[(Future, Accepted)], &[], &[RefusedEffect]),
    rule(Cause::OrderDependent, &[(OutOfOrder, Refused)], &[], &[OldEvent, Event, AtOnce, SameId, Resigned, SameMoment, OtherBytes]),
    rule(Cause::EventTimeChecked, &[(OldEvent, Refused)], &[], &[OutOfOrder]),
    rule(Cause::ClockTooNarrow, &[(ClockSkew, Refused)], &[], &[Resigned]),
    rule(Cause::LosesEvents, &[(SameId, NotApplied)], &[], &[]),
    rule(Cause::LosesEvents, &[(Resigned, NotApplied)], &[], &[]),
    rule(Cause::LosesEvents, &[(SameMoment, NotApplied)], &[], &[]),
    rule(Cause::DedupeBeforeCheck, &[(ForgedDuplicate, Accepted)], &[], &[ForgedFirst, RefusedEffect]),
    rule(Cause::DedupeBeforeCheck, &[(ForgedFirst, NotApplied)], &[], &[]),
    rule(Cause::WorksBeforeCheck, &[(RefusedEffect, AppliedTwice)], &[], &[ForgedFirst]),
    rule(Cause::IgnoresCase, &[(SignatureCase, Accepted)], &[], &[RefusedEffect]),
    rule(Cause::HeaderCase, &[(HeaderCase, Refused)], &[], &[]),
    rule(Cause::HeaderCase, &[(HeaderCase, Broken)], &[], &[]),
    rule(Cause::OneSecretOnly, &[(SecondSecret, Refused)], &[], &[]),
    rule(Cause::FirstSignatureOnly, &[(SignatureList, Refused)], &[], &[]),
    rule(Cause::DuplicateRefused, &[(SameId, Refused)], &[], REPEATED),
    rule(Cause::DuplicateRefused, &[(SameId, Broken)], &[], REPEATED),
    rule(Cause::DuplicateRefused, &[(SameId, NoAnswer)], &[Event, WhiteSpace], DUPLICATED),
    rule(Cause::NoDedupe, &[(SameId, AppliedTwice)], &[], REPEATED),
    rule(Cause::DedupeBeforeCheck, &[(ForgedDuplicate, AppliedTwice)], &[], &[ForgedFirst]),
    rule(Cause::DedupeKeyChanges, &[(Resigned, AppliedTwice)], &[], &[OtherBytes]),
    rule(Cause::DedupesByBody, &[(OtherBytes, AppliedTwice)], &[], &[OtherId]),
    rule(Cause::DedupesByBody, &[(OtherId, NotApplied)], &[], &[OtherBytes]),
    rule(Cause::Overload, &[(AtOnce, Broken)], &[], &[SameMoment]),
    rule(Cause::Overload, &[(AtOnce, Refused)], &[], &[SameMoment]),
    rule(Cause::RacingDedupe, &[(SameMoment, AppliedTwice)], &[], &[]),
    rule(Cause::RacingDedupe, &[(SameMoment, Refused)], &[], &[]),
    rule(Cause::RacingDedupe, &[(SameMoment, Broken)], &[], &[]),
    rule(Cause::WorksBeforeAnswering, &[(InTime, Slow)], &[], &[SlowAnswer, AtOnce]),
    rule(Cause::WorksBeforeAnswering, &[(SlowAnswer, Slow)], &[], &[AtOnce]),
    rule(Cause::Overload, &[(AtOnce, NoAnswer)], &[], &[]),
    rule(Cause::LeaksSecret, &[(Leak, Secret)], &[], &[]),
    rule(Cause::LeaksSignature, &[(Leak, Signature)], &[], &[]),
    rule(Cause::LeaksStackTrace, &[(Leak, StackTrace)], &[], &[RefusalStatus]),
    rule(Cause::RefusesWith5xx, &[(RefusalStatus, Broken)], &[], &[]),
    rule(Cause::RefusalStatus, &[(RefusalStatus, Refused)], &[], &[]),
    rule(Cause::RefusalStatus, &[(RefusalStatus, TooMany)], &[], &[]),
    rule(Cause::UnknownEvent500, &[(UnknownEvent, Broken)], &[], &[]),
    rule(Cause::UnknownEventRefused, &[(UnknownEvent, Refused)], &[], &[]),
    rule(Cause::ContentType, &[(Charset, Refused)], &[], &[ContentType]),
    rule(Cause::ContentType, &[(ContentType, Refused)], &[], &[Charset]),
];

/// What has the same cause in every case.
const EVERYWHERE: &[(Kind, Cause)] = &[(TooMany, Cause::Overload), (Ended, Cause::Ends)];

/// What is left to itself: a case that is refused, broken or not answered, and the cause that is named for it.
#[rustfmt::skip]
const SINGLE: &[(CaseCode, Cause)] = &[
    (AtOnce, Cause::Overload),
    (LargeBody, Cause::BodyLimit),
    (Charset, Cause::ContentType),
    (ContentType, Cause::ContentType),
    (Bom, Cause::ByteOrderMark),
    (Numbers, Cause::NumberSpelling),
    (OutOfOrder, Cause::OrderDependent),
    (Grouped, Cause::GroupedRefused),
    (Event, Cause::EventRefused),
    (WhiteSpace, Cause::Reserialises),
    (KeyOrder, Cause::Reserialises),
    (UnicodeEscapes, Cause::Reserialises),
    (SlashEscapes, Cause::Reserialises),
    (TrailingNewline, Cause::TrimsBody),
    (LineEnds, Cause::ChangesLineEnds),
    (Utf8, Cause::DecodesBody),
    (SecondSecret, Cause::OneSecretOnly),
    (SignatureList, Cause::FirstSignatureOnly),
    (ClockSkew, Cause::ClockTooNarrow),
    (OldEvent, Cause::EventTimeChecked),
    (SameId, Cause::DuplicateRefused),
    (Resigned, Cause::DuplicateRefused),
    (OtherBytes, Cause::DuplicateRefused),
    (OtherId, Cause::DedupesByBody),
    (ForgedFirst, Cause::DedupeBeforeCheck),
];

/// A cause, and the cases that it explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundCause {
    /// The cause.
    pub cause: Cause,
    /// The cases.
    pub cases: Vec<CaseCode>,
}

/// The causes of these symptoms; each symptom has one.
pub fn causes(symptoms: &BTreeSet<Symptom>) -> Vec<FoundCause> {
    let mut left = symptoms.clone();
    let mut found: Vec<FoundCause> = Vec::new();
    // A receiver that says so in refusals alone means something else.
    let is_busy = left
        .iter()
        .any(|symptom| symptom.kind == TooMany && symptom.case != RefusalStatus);
    for (kind, cause) in EVERYWHERE.iter().filter(|(kind, _)| *kind != TooMany || is_busy) {
        let taken = take(&mut left, |symptom| symptom.kind == *kind);
        add(&mut found, *cause, taken);
    }
    for rule in RULES {
        let is_there = |(case, kind): &(CaseCode, Kind)| {
            left.contains(&Symptom {
                case: *case,
                kind: *kind,
            })
        };
        let is_away = |case: &CaseCode| !left.iter().any(|symptom| symptom.case == *case);
        if rule.when.iter().all(is_there) && rule.without.iter().all(is_away) {
            let explains =
                |case: CaseCode| rule.explains.contains(&case) || rule.when.iter().any(|(needed, _)| *needed == case);
            // What is not answered at all has the reason that answers are slow.
            let is_slow = rule.cause == Cause::WorksBeforeAnswering;
            let is_lost = rule.cause == Cause::LosesEvents;
            let taken = take(&mut left, |symptom| {
                explains(symptom.case) || is_slow && symptom.kind == NoAnswer || is_lost && symptom.kind == NotApplied
            });
            add(&mut found, rule.cause, taken);
        }
    }
    for (case, cause) in SINGLE {
        let taken = take(&mut left, |symptom| symptom.case == *case && symptom.kind != NoAnswer);
        add(&mut found, *cause, taken);
    }
    let rest = take(&mut left, |_| true);
    add(&mut found, Cause::NoAnswer, rest);
    found
}

fn take(left: &mut BTreeSet<Symptom>, which: impl Fn(&Symptom) -> bool) -> Vec<CaseCode> {
    let taken: BTreeSet<CaseCode> = left
        .iter()
        .filter(|symptom| which(symptom))
        .map(|symptom| symptom.case)
        .collect();
    left.retain(|symptom| !which(symptom));
    taken.into_iter().collect()
}

fn add(found: &mut Vec<FoundCause>, cause: Cause, cases: Vec<CaseCode>) {
    if cases.is_empty() {
        return;
    }
    match found.iter_mut().find(|known| known.cause == cause) {
        Some(known) => known.cases.extend(cases),
        None => found.push(FoundCause { cause, cases }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(symptoms: &[(CaseCode, Kind)]) -> Vec<Cause> {
        let symptoms = symptoms
            .iter()
            .map(|(case, kind)| Symptom {
                case: *case,
                kind: *kind,
            })
            .collect();
        causes(&symptoms).into_iter().map(|found| found.cause).collect()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn several_failures_with_one_root_are_one_cause() {
        let all_forged: Vec<(CaseCode, Kind)> = FORGED
            .iter()
            .map(|case| (*case, if *case == RefusedEffect { AppliedTwice } else { Accepted }))
            .collect();
        let of = |cases: &[CaseCode], kind| cases.iter().map(|case| (*case, kind)).collect::<Vec<_>>();
        for (symptoms, expected) in [
            (all_forged.clone(), Cause::NoCheck),
            (
                of(&[MissingSignature, WrongSecret, Stale, TamperedBody], Ignored),
                Cause::RefusesWith2xx,
            ),
            (
                of(&[WhiteSpace, OldEvent, Charset, AtOnce, RefusalStatus], TooMany),
                Cause::Overload,
            ),
            (of(&[RefusalStatus], TooMany), Cause::RefusalStatus),
            (of(&[AtOnce, SameMoment], Broken), Cause::Overload),
            (of(&[WrongSecret], Ended), Cause::Ends),
            (
                of(&[SameId, Resigned, SameMoment, ForgedFirst, OtherId], NotApplied),
                Cause::LosesEvents,
            ),
            (of(&[SameMoment, ForgedFirst], NotApplied), Cause::LosesEvents),
            (
                vec![(SameId, NoAnswer), (SameMoment, NoAnswer), (InTime, Slow)],
                Cause::DuplicateRefused,
            ),
            (of(&[OutOfOrder, OldEvent, AtOnce], Refused), Cause::OrderDependent),
            (of(&[WhiteSpace, KeyOrder, ContentType], Refused), Cause::Reserialises),
            (all_forged[1..].to_vec(), Cause::PresenceOnly),
            (
                of(&[MissingSignature, EmptySignature], Accepted),
                Cause::MissingHeaderOk,
            ),
            (of(&[EmptySignature], Accepted), Cause::EmptySignatureOk),
            (
                of(&[MissingSignature, EmptySignature, TruncatedSignature], Accepted),
                Cause::PrefixCompare,
            ),
            (
                of(&[TruncatedSignature, AlteredSignature], Accepted),
                Cause::PrefixCompare,
            ),
            (of(&[AlteredSignature], Accepted), Cause::PrefixCompare),
            (of(&[ExtendedSignature], Accepted), Cause::PrefixCompare),
            (of(&[TamperedBody, PaddedBody], Accepted), Cause::BodyNotChecked),
            (of(&[Stale, VeryStale, Future], Accepted), Cause::NoClock),
            (of(&[Stale, VeryStale], Accepted), Cause::NoClock),
            (of(&[Stale], Accepted), Cause::ClockTooWide),
            (of(&[Future], Accepted), Cause::FutureAccepted),
            (
                of(
                    &[
                        WhiteSpace,
                        KeyOrder,
                        SlashEscapes,
                        TrailingNewline,
                        LineEnds,
                        Numbers,
                        Bom,
                    ],
                    Refused,
                ),
                Cause::Reserialises,
            ),
            (of(&[UnicodeEscapes], Refused), Cause::Reserialises),
            (
                vec![(PaddedBody, Accepted), (TrailingNewline, Refused)],
                Cause::TrimsBody,
            ),
            (of(&[Utf8, Event], Refused), Cause::DecodesBody),
            (of(&[LineEnds], Refused), Cause::ChangesLineEnds),
            (
                of(&[SameId, Resigned, SameMoment, OtherBytes], AppliedTwice),
                Cause::NoDedupe,
            ),
            (of(&[SameId, Resigned, SameMoment], Broken), Cause::DuplicateRefused),
            (of(&[Resigned, OtherBytes], AppliedTwice), Cause::DedupeKeyChanges),
            (of(&[SameMoment], AppliedTwice), Cause::RacingDedupe),
            (of(&[SameMoment], Broken), Cause::RacingDedupe),
            (
                vec![(OtherBytes, AppliedTwice), (OtherId, NotApplied)],
                Cause::DedupesByBody,
            ),
            (
                vec![(InTime, Slow), (SlowAnswer, Slow), (AtOnce, NoAnswer)],
                Cause::WorksBeforeAnswering,
            ),
            (
                vec![(SlowAnswer, Slow), (AtOnce, NoAnswer)],
                Cause::WorksBeforeAnswering,
            ),
            (of(&[AtOnce], NoAnswer), Cause::Overload),
            (of(&[AtOnce], Broken), Cause::Overload),
            (
                vec![(Leak, StackTrace), (RefusalStatus, Broken)],
                Cause::LeaksStackTrace,
            ),
            (of(&[Leak], Signature), Cause::LeaksSignature),
            (of(&[RefusalStatus], Broken), Cause::RefusesWith5xx),
            (of(&[UnknownEvent], Broken), Cause::UnknownEvent500),
            (of(&[UnknownEvent], Refused), Cause::UnknownEventRefused),
            (of(&[Charset, ContentType], Refused), Cause::ContentType),
            (of(&[LargeBody], Refused), Cause::BodyLimit),
            (of(&[ForgedDuplicate], Accepted), Cause::DedupeBeforeCheck),
            (of(&[ForgedDuplicate], AppliedTwice), Cause::DedupeBeforeCheck),
            (of(&[ForgedFirst], NotApplied), Cause::DedupeBeforeCheck),
            (of(&[RefusedEffect], AppliedTwice), Cause::WorksBeforeCheck),
            (of(&[SignatureCase], Accepted), Cause::IgnoresCase),
        ] {
            assert_eq!(found(&symptoms), [expected], "{symptoms:?}");
        }
    }

    #[test]
    fn mistakes_without_a_common_root_are_several_causes() {
        let causes = found(&[
            (Stale, Accepted),
            (VeryStale, Accepted),
            (SameMoment, AppliedTwice),
            (UnknownEvent, Broken),
        ]);
        assert_eq!(causes, [Cause::NoClock, Cause::RacingDedupe, Cause::UnknownEvent500]);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn every_symptom_that_a_case_can_have_gets_a_cause() {
        for case in CaseCode::ALL {
            for kind in Kind::ALL {
                assert_eq!(found(&[(*case, *kind)]).len(), 1, "{case} {kind}");
            }
        }
    }
}
