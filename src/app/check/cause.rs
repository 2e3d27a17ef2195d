//! The likely causes of what a receiver does wrong. `docs/fixes.md` has a section for each.

use crate::words::words;

words! {
    /// The likely cause of what was wrong. `docs/fixes.md` has a section for each.
    #[derive(PartialOrd, Ord)]
    pub enum Cause {
        /// The signature is not checked.
        NoCheck = "no-check",
        /// Only the header's presence is checked.
        PresenceOnly = "presence-only",
        /// Without the header nothing is checked.
        MissingHeaderOk = "missing-header-ok",
        /// With an empty signature nothing is checked.
        EmptySignatureOk = "empty-signature-ok",
        /// Only a part of the signature is compared.
        PrefixCompare = "prefix-compare",
        /// A secret that can be guessed is accepted.
        GuessableSecret = "guessable-secret",
        /// The body is not what is checked.
        BodyNotChecked = "body-not-checked",
        /// White space around the body is removed before the check.
        TrimsBody = "trims-body",
        /// The signed time is not what is checked.
        TimestampNotChecked = "timestamp-not-checked",
        /// The signed id is not what is checked.
        IdNotChecked = "id-not-checked",
        /// The age of a signature is not checked.
        NoClock = "no-clock",
        /// The age may be too great.
        ClockTooWide = "clock-too-wide",
        /// A time in the future is accepted.
        FutureAccepted = "future-accepted",
        /// The age must be too small.
        ClockTooNarrow = "clock-too-narrow",
        /// The time of the event is checked instead of the signature's.
        EventTimeChecked = "event-time-checked",
        /// Duplicates are found before the signature is checked.
        DedupeBeforeCheck = "dedupe-before-check",
        /// The work is done before the signature is checked.
        WorksBeforeCheck = "works-before-check",
        /// The comparison ignores case.
        IgnoresCase = "ignores-case",
        /// The body is parsed and written again before the check.
        Reserialises = "reserialises",
        /// The body is decoded with a wrong charset before the check.
        DecodesBody = "decodes-body",
        /// Line ends are changed before the check.
        ChangesLineEnds = "changes-line-ends",
        /// Header names are compared with their case.
        HeaderCase = "header-case",
        /// Only the first secret is tried.
        OneSecretOnly = "one-secret-only",
        /// Only the first signature is tried.
        FirstSignatureOnly = "first-signature-only",
        /// A duplicate is answered with a failure.
        DuplicateRefused = "duplicate-refused",
        /// Duplicates are applied again.
        NoDedupe = "no-dedupe",
        /// Duplicates are found by what a retry changes.
        DedupeKeyChanges = "dedupe-key-changes",
        /// Duplicates are found by a check and a later insert.
        RacingDedupe = "racing-dedupe",
        /// Duplicates are found by the bytes of the body.
        DedupesByBody = "dedupes-by-body",
        /// The work is done before the answer.
        WorksBeforeAnswering = "works-before-answering",
        /// Many requests at once are too many.
        Overload = "overload",
        /// A refusal shows the signature that would be right.
        LeaksSignature = "leaks-signature",
        /// A refusal shows the secret.
        LeaksSecret = "leaks-secret",
        /// A refusal shows a stack trace.
        LeaksStackTrace = "leaks-stack-trace",
        /// A refusal is an error of the receiver.
        RefusesWith5xx = "refuses-with-5xx",
        /// A refusal has a status that means something else.
        RefusalStatus = "refusal-status",
        /// An unknown type is an error.
        UnknownEvent500 = "unknown-event-500",
        /// An unknown type is refused.
        UnknownEventRefused = "unknown-event-refused",
        /// A large body is refused.
        BodyLimit = "body-limit",
        /// The type of the body is compared as a whole.
        ContentType = "content-type",
        /// A byte order mark is refused.
        ByteOrderMark = "byte-order-mark",
        /// Numbers in other spellings are refused.
        NumberSpelling = "number-spelling",
        /// Events must come in order.
        OrderDependent = "order-dependent",
        /// Several events in one request are refused.
        GroupedRefused = "grouped-refused",
        /// An event of the catalogue is refused.
        EventRefused = "event-refused",
        /// A request has no answer.
        NoAnswer = "no-answer",
        /// A request ends the receiver.
        Ends = "ends",
        /// Refusals are answered with a success.
        RefusesWith2xx = "refuses-with-2xx",
        /// An event is answered with a success and not applied.
        LosesEvents = "loses-events",
    }
}

impl Cause {
    /// The cause as a sentence about the receiver.
    #[rustfmt::skip]
    pub fn title(self) -> &'static str {
        match self {
            Self::NoCheck => "the signature is not checked",
            Self::PresenceOnly => "only the presence of a signature is checked, not its value",
            Self::MissingHeaderOk => "without a signature header nothing is checked",
            Self::EmptySignatureOk => "with an empty signature nothing is checked",
            Self::PrefixCompare => "only a part of the signature is compared",
            Self::GuessableSecret => "a secret that can be guessed is accepted",
            Self::BodyNotChecked => "the check does not cover the body that is used",
            Self::TrimsBody => "white space around the body is removed before the check",
            Self::TimestampNotChecked => "the time that is checked is not the one that is signed",
            Self::IdNotChecked => "the id that is used is not the one that is signed",
            Self::NoClock => "the age of the signature is not checked",
            Self::ClockTooWide => "signatures are accepted for longer than the provider's tolerance",
            Self::FutureAccepted => "signatures of the future are accepted",
            Self::ClockTooNarrow => "the tolerance for the clock is too small",
            Self::EventTimeChecked => "the time of the event is checked instead of the time of the signature",
            Self::DedupeBeforeCheck => "duplicates are looked up before the signature is checked",
            Self::WorksBeforeCheck => "the event is applied before the signature is checked",
            Self::IgnoresCase => "the comparison of signatures ignores case",
            Self::Reserialises => "the body is parsed and serialised again before the check",
            Self::DecodesBody => "the body is decoded with another charset before the check",
            Self::ChangesLineEnds => "line ends are changed before the check",
            Self::HeaderCase => "header names are compared with their case",
            Self::OneSecretOnly => "only one secret is tried, so that secrets cannot be rotated",
            Self::FirstSignatureOnly => "only the first signature of the header is tried",
            Self::DuplicateRefused => "a duplicate is answered with a failure, so that the provider sends it again",
            Self::NoDedupe => "a duplicate is applied again",
            Self::DedupeKeyChanges => "duplicates are found by a value that changes with every retry",
            Self::RacingDedupe => "duplicates that come at the same moment race each other",
            Self::DedupesByBody => "duplicates are found by the bytes of the body instead of the event's id",
            Self::WorksBeforeAnswering => "the work is done before the answer",
            Self::Overload => "many requests at once are not answered in time",
            Self::LeaksSignature => "a refusal shows the signature that would have been accepted",
            Self::LeaksSecret => "a refusal shows the secret",
            Self::LeaksStackTrace => "a refusal shows a stack trace",
            Self::RefusesWith5xx => "a faulty signature is an error of the receiver (5xx)",
            Self::RefusalStatus => "a faulty signature is refused with a status that means something else",
            Self::UnknownEvent500 => "an unknown type of event is an error of the receiver (5xx)",
            Self::UnknownEventRefused => "an unknown type of event is refused",
            Self::BodyLimit => "the limit for the size of a body is too small",
            Self::ContentType => "the content type is compared as a whole",
            Self::ByteOrderMark => "a byte order mark is not accepted",
            Self::NumberSpelling => "numbers in other spellings are not accepted",
            Self::OrderDependent => "events must come in order",
            Self::GroupedRefused => "several events in one request are not accepted",
            Self::EventRefused => "events of the provider's catalogue are not accepted",
            Self::NoAnswer => "a request has no answer",
            Self::Ends => "a request ends the receiver",
            Self::RefusesWith2xx => "a faulty signature is refused with a 2xx status, so that the sender takes it for accepted",
            Self::LosesEvents => "an event is answered with a success and not applied",
        }
    }

    /// Its section in the documents.
    pub fn link(self) -> String {
        format!("docs/fixes.md#{self}")
    }
}
