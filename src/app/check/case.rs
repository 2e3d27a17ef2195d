//! The cases of an audit as data: what is sent, what is expected, and how much it matters.

use serde::Serialize;

use crate::words::words;

words! {
    /// A case of an audit.
    #[derive(PartialOrd, Ord)]
    pub enum CaseCode {
        /// An event of the catalogue.
        Event = "event",
        /// Without a signature.
        MissingSignature = "missing-signature",
        /// With an empty signature.
        EmptySignature = "empty-signature",
        /// Signed with another secret.
        WrongSecret = "wrong-secret",
        /// Signed with secrets that can be guessed.
        GuessableSecret = "guessable-secret",
        /// With the beginning of the signature.
        TruncatedSignature = "truncated-signature",
        /// With a signature of which only the beginning is right.
        AlteredSignature = "altered-signature",
        /// With text behind the signature.
        ExtendedSignature = "extended-signature",
        /// With the signature in the other case.
        SignatureCase = "signature-case",
        /// The body was changed after it was signed.
        TamperedBody = "tampered-body",
        /// White space was added to the body after it was signed.
        PaddedBody = "padded-body",
        /// The time was changed after it was signed.
        TamperedTimestamp = "tampered-timestamp",
        /// The id was changed after it was signed.
        TamperedId = "tampered-id",
        /// The id of an accepted event, with a wrong signature.
        ForgedDuplicate = "forged-duplicate",
        /// A request that was refused must have no effect.
        RefusedEffect = "refused-effect",
        /// Signed too long ago.
        Stale = "stale",
        /// Signed days ago.
        VeryStale = "very-stale",
        /// Signed in the future.
        Future = "future",
        /// Signed by a clock that is a little off.
        ClockSkew = "clock-skew",
        /// An event of yesterday, signed now.
        OldEvent = "old-event",
        /// Signed with the second secret.
        SecondSecret = "second-secret",
        /// Several signatures, of which the last is right.
        SignatureList = "signature-list",
        /// The same JSON with other white space.
        WhiteSpace = "white-space",
        /// The same JSON with its keys in another order.
        KeyOrder = "key-order",
        /// The same JSON with `\u` escapes.
        UnicodeEscapes = "unicode-escapes",
        /// The same JSON with `\/` escapes.
        SlashEscapes = "slash-escapes",
        /// The same JSON with a line feed behind it.
        TrailingNewline = "trailing-newline",
        /// The same JSON with CR LF as line ends.
        LineEnds = "line-ends",
        /// Characters outside of ASCII, as UTF-8.
        Utf8 = "utf8",
        /// Numbers in other spellings.
        Numbers = "numbers",
        /// A byte order mark before the JSON.
        Bom = "byte-order-mark",
        /// Header names in another case.
        HeaderCase = "header-case",
        /// The type with a charset behind it.
        Charset = "charset",
        /// Another type of JSON.
        ContentType = "content-type",
        /// The same request twice.
        SameId = "same-id",
        /// The same event again with a signature of its own.
        Resigned = "resigned",
        /// The same request twice at the same moment.
        SameMoment = "same-moment",
        /// The same id with other bytes.
        OtherBytes = "other-bytes",
        /// Another id with the same bytes.
        OtherId = "other-id",
        /// A forged request, and then the genuine one of that id.
        ForgedFirst = "forged-first",
        /// Every answer within the time limit.
        InTime = "in-time",
        /// Many requests at once.
        AtOnce = "at-once",
        /// How fast an accepted event is answered.
        SlowAnswer = "slow-answer",
        /// What a refusal says.
        Leak = "leak",
        /// The status of a refusal.
        RefusalStatus = "refusal-status",
        /// A large body.
        LargeBody = "large-body",
        /// A newer event before an older one.
        OutOfOrder = "out-of-order",
        /// A type that is not in the catalogue.
        UnknownEvent = "unknown-event",
        /// Several events in one request.
        Grouped = "grouped",
    }
}

words! {
    /// How much a case matters.
    pub enum Requirement {
        /// The audit fails without it.
        Required = "required",
        /// Worth doing.
        Advised = "advised",
    }
}

/// A case of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CaseInfo {
    /// Its word.
    pub case: CaseCode,
    /// What it belongs to.
    pub group: &'static str,
    /// How much it matters.
    pub requirement: Requirement,
    /// What a receiver does that passes it.
    pub title: &'static str,
}

const fn required(case: CaseCode, group: &'static str, title: &'static str) -> CaseInfo {
    let requirement = Requirement::Required;
    CaseInfo {
        case,
        group,
        requirement,
        title,
    }
}

const fn advised(case: CaseCode, group: &'static str, title: &'static str) -> CaseInfo {
    let requirement = Requirement::Advised;
    CaseInfo {
        case,
        group,
        requirement,
        title,
    }
}

/// Every case, in the order in which they are run and shown. A few are judged by the answers to all others; those come last.
pub const CASES: &[CaseInfo] = &[
    required(CaseCode::Event, "events", "accepts the event"),
    required(
        CaseCode::MissingSignature,
        "signature",
        "refuses a request without a signature",
    ),
    required(CaseCode::EmptySignature, "signature", "refuses an empty signature"),
    required(
        CaseCode::WrongSecret,
        "signature",
        "refuses a signature of another secret",
    ),
    required(
        CaseCode::GuessableSecret,
        "signature",
        "refuses signatures of secrets that can be guessed",
    ),
    required(
        CaseCode::TruncatedSignature,
        "signature",
        "refuses the beginning of the signature",
    ),
    required(
        CaseCode::AlteredSignature,
        "signature",
        "refuses a signature whose end is wrong",
    ),
    required(
        CaseCode::ExtendedSignature,
        "signature",
        "refuses text behind the signature",
    ),
    advised(
        CaseCode::SignatureCase,
        "signature",
        "refuses the signature in the other case",
    ),
    required(CaseCode::TamperedBody, "signature", "refuses a body that was changed"),
    required(
        CaseCode::PaddedBody,
        "signature",
        "refuses a line feed added to the body",
    ),
    required(
        CaseCode::TamperedTimestamp,
        "signature",
        "refuses a time that was changed",
    ),
    required(CaseCode::TamperedId, "signature", "refuses an id that was changed"),
    required(
        CaseCode::ForgedDuplicate,
        "signature",
        "refuses a wrong signature for an event that it knows",
    ),
    required(CaseCode::Stale, "clock", "refuses a signature that is too old"),
    required(CaseCode::VeryStale, "clock", "refuses a signature of days ago"),
    required(CaseCode::Future, "clock", "refuses a signature of the future"),
    advised(CaseCode::ClockSkew, "clock", "accepts a clock that is a little off"),
    advised(CaseCode::OldEvent, "clock", "accepts an old event that is signed now"),
    required(
        CaseCode::SecondSecret,
        "secrets",
        "accepts a signature of the second secret",
    ),
    advised(
        CaseCode::SignatureList,
        "secrets",
        "accepts the right signature behind a wrong one",
    ),
    required(CaseCode::WhiteSpace, "raw bytes", "accepts other white space"),
    required(CaseCode::KeyOrder, "raw bytes", "accepts another order of keys"),
    required(CaseCode::UnicodeEscapes, "raw bytes", "accepts \\u escapes"),
    required(CaseCode::SlashEscapes, "raw bytes", "accepts \\/ escapes"),
    required(CaseCode::TrailingNewline, "raw bytes", "accepts a line feed at the end"),
    required(CaseCode::LineEnds, "raw bytes", "accepts CR LF as line ends"),
    required(CaseCode::Utf8, "raw bytes", "accepts UTF-8 characters"),
    advised(CaseCode::Numbers, "raw bytes", "accepts other spellings of numbers"),
    advised(CaseCode::Bom, "raw bytes", "accepts a byte order mark"),
    required(CaseCode::HeaderCase, "headers", "accepts header names in another case"),
    advised(CaseCode::Charset, "headers", "accepts a type with a charset"),
    advised(CaseCode::ContentType, "headers", "accepts another type of JSON"),
    required(
        CaseCode::SameId,
        "duplicates",
        "accepts the same request twice, and applies it once",
    ),
    required(
        CaseCode::Resigned,
        "duplicates",
        "applies a retry with a new signature once",
    ),
    required(
        CaseCode::SameMoment,
        "duplicates",
        "applies two requests at the same moment once",
    ),
    advised(
        CaseCode::OtherBytes,
        "duplicates",
        "applies one id once, whatever its bytes",
    ),
    advised(
        CaseCode::OtherId,
        "duplicates",
        "applies another id with the same bytes",
    ),
    required(
        CaseCode::ForgedFirst,
        "duplicates",
        "applies an event after a forged one of its id",
    ),
    required(CaseCode::AtOnce, "load", "answers 64 requests at once in time"),
    advised(CaseCode::LargeBody, "compatibility", "accepts a body of 1 MiB"),
    advised(
        CaseCode::OutOfOrder,
        "compatibility",
        "accepts a newer event before an older one",
    ),
    advised(
        CaseCode::UnknownEvent,
        "compatibility",
        "accepts a type that it does not know",
    ),
    advised(
        CaseCode::Grouped,
        "compatibility",
        "accepts several events in one request",
    ),
    required(CaseCode::InTime, "load", "answers within the provider's time limit"),
    advised(CaseCode::SlowAnswer, "load", "answers before it works"),
    required(CaseCode::RefusedEffect, "signature", "applies nothing that it refuses"),
    required(
        CaseCode::Leak,
        "refusals",
        "says nothing of use to an attacker when it refuses",
    ),
    advised(CaseCode::RefusalStatus, "refusals", "refuses with a 4xx status"),
];

impl CaseCode {
    /// Its row in the table.
    pub fn info(self) -> CaseInfo {
        let found = CASES.iter().find(|info| info.case == self).copied();
        // A test checks that the table has every case.
        found.unwrap_or(required(self, "", ""))
    }
}

words! {
    /// What was wrong in a case.
    #[derive(PartialOrd, Ord)]
    pub enum SymptomKind {
        /// Accepted, and must be refused.
        Accepted = "accepted",
        /// Refused, and must be accepted.
        Refused = "refused",
        /// The same with a 5xx status.
        Broken = "broken",
        /// Refused because there are too many requests.
        TooMany = "too-many",
        /// No complete answer.
        NoAnswer = "no-answer",
        /// The receiver has ended.
        Ended = "ended",
        /// Answered with a success and not applied, though it must be refused.
        Ignored = "ignored",
        /// Applied more often than it must be.
        AppliedTwice = "applied-twice",
        /// Applied less often than it must be.
        NotApplied = "not-applied",
        /// Too slow.
        Slow = "slow",
        /// The answer has the signature that would have been right.
        Signature = "signature",
        /// The answer has the secret.
        Secret = "secret",
        /// The answer has a stack trace.
        StackTrace = "stack-trace",
    }
}

/// What was wrong in which case: what the likely cause is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Symptom {
    /// The case.
    pub case: CaseCode,
    /// What was wrong.
    pub kind: SymptomKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_case_once() {
        for case in CaseCode::ALL {
            let rows = CASES.iter().filter(|info| info.case == *case).count();
            assert_eq!(rows, 1, "{case}");
        }
        assert_eq!(CASES.len(), CaseCode::ALL.len());
    }
}
