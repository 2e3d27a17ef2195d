//! The placeholders of provider files, and the places where each is allowed.

use base64::Engine as _;
use serde::Deserialize;
use serde_json::Value;

use super::{Name, text_of};
use crate::clock::{Precision, Timestamp, parse_duration};
use crate::random::Random;
use crate::text::halves;

/// A placeholder of a provider file.
#[derive(Debug, Clone, PartialEq)]
pub enum Placeholder {
    /// `${event}`: the event's type.
    Event,
    /// `${id}`: the message's id on the wire.
    Id,
    /// `${message-uuid}`: a uuid of the message beside its id, the same on every attempt.
    MessageUuid,
    /// `${data}`: the event's data, in an envelope.
    Data,
    /// `${body}`: the raw body, in what is signed.
    Body,
    /// `${body-sha256}`: hex digest of the raw body, in a dedupe key.
    BodySha256,
    /// `${signature}`: the encoded signature, in its header's value.
    Signature,
    /// `${secret}`: the secret's text, in a token header's value.
    Secret,
    /// `${mode}`: `test` or `live`.
    Mode,
    /// `${live}`: whether the mode is live, `true` or `false`.
    Live,
    /// `${attempt}`, `${retries}`: which attempt of its delivery a request is, counted from this number.
    Attempt(u32),
    /// `${retry}`: how many attempts went before it, or nothing on the first one.
    Retry,
    /// `${retry-reason}`: what was wrong with the attempt before it, or nothing on the first one.
    RetryReason,
    /// `${timestamp}`, `${timestamp.ms}`, `${timestamp.rfc3339}`: when it was signed.
    Timestamp(TimeForm),
    /// `${time.FORM}`, `${time.FORM+30m}`: when the event happened, shifted by microseconds.
    Time(EventTimeForm, i64),
    /// `${param.NAME}`: a parameter.
    Param(String),
    /// `${new.KIND}`, `${new.KIND:LABEL}`: a fresh identity; the same label repeats it within one message.
    New(NewKind, Option<String>),
    /// `${body.PATH}`: a scalar of the received body.
    BodyPath(String),
    /// `${body.PATH?}`: the same, or nothing.
    OptionalBodyPath(String),
    /// `${header.NAME}`: a header of the request.
    Header(String),
    /// `${method}`: the request's method.
    Method,
    /// `${url}`: the whole URL that the request goes to.
    Url,
    /// `${form}`: names and values of a form's fields, sorted, each value once.
    Form,
    /// `${signed-headers}`: names of the headers that are signed too, separated by spaces.
    SignedHeaders,
    /// `${signed-values}`: the values of those headers, separated by dots.
    SignedValues,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum TimeForm {
    /// Whole seconds since the epoch, a number.
    Unix,
    /// Milliseconds since the epoch, a number.
    UnixMs,
    /// RFC 3339 in UTC.
    Rfc3339(Precision),
}

/// How the time of an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTimeForm {
    /// As times of signing are, too.
    Plain(TimeForm),
    /// Whole seconds since the epoch, as text.
    UnixText,
    /// Seconds since the epoch with a fraction, a number.
    UnixFraction,
    /// Date and time in UTC, without the `Z`.
    DateTime(Precision),
    /// The date of an HTTP header, `Wed, 02 Jan 2030 03:04:05 GMT`.
    Http,
}

/// Kinds of fresh identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// A version 4 uuid.
    Uuid,
    /// That many hex digits.
    Hex(usize),
    /// That many letters and digits.
    Alnum(usize),
    /// A whole number of that many digits.
    Int(usize),
    /// Text of that many digits.
    Digits(usize),
    /// A whole number of that many digits, which comes once in a run: for short ids.
    Serial(usize),
    /// That many random bytes in base64.
    Base64(usize),
}

/// Which placeholders a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Envelopes, samples and bodies.
    Message,
    /// Headers beside the signature.
    Header,
    /// What is signed.
    Content,
    /// What is hashed together with the secret.
    Hashed,
    /// The value of the signature's header.
    SignatureValue,
    /// The value of a token's header.
    TokenValue,
    /// Fresh identities only: ids and secrets.
    Fresh,
    /// What a receiver knows: dedupe keys.
    Received,
}

impl TryFrom<String> for TimeForm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "s" => Ok(Self::Unix),
            "ms" => Ok(Self::UnixMs),
            "rfc3339" => Ok(Self::Rfc3339(Precision::Seconds)),
            _ => Err(format!("`{text}` is none of `s`, `ms`, `rfc3339`")),
        }
    }
}

impl TimeForm {
    /// The moment in this form; numbers stay numbers.
    pub fn value(self, at: Timestamp) -> Value {
        match self {
            Self::Unix => Value::from(at.unix()),
            Self::UnixMs => Value::from(at.unix_ms()),
            Self::Rfc3339(precision) => Value::from(at.rfc3339(precision)),
        }
    }

    /// The moment in this form as text.
    pub fn text(self, at: Timestamp) -> String {
        text_of(&self.value(at))
    }

    /// Reads a moment that was written in this form.
    pub fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Unix => text.trim().parse().ok().map(Timestamp::from_unix),
            Self::UnixMs => text.trim().parse().ok().map(Timestamp::from_unix_ms),
            Self::Rfc3339(_) => Timestamp::parse(text),
        }
    }
}

impl EventTimeForm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "unix" => Self::Plain(TimeForm::Unix),
            "unix_ms" => Self::Plain(TimeForm::UnixMs),
            "rfc3339" => Self::Plain(TimeForm::Rfc3339(Precision::Seconds)),
            "rfc3339_ms" => Self::Plain(TimeForm::Rfc3339(Precision::Millis)),
            "rfc3339_us" => Self::Plain(TimeForm::Rfc3339(Precision::Micros)),
            "unix_text" => Self::UnixText,
            "unix_fraction" => Self::UnixFraction,
            "datetime_us" => Self::DateTime(Precision::Micros),
            "http" => Self::Http,
            _ => return None,
        })
    }

    /// The moment in this form; numbers stay numbers.
    pub fn value(self, at: Timestamp) -> Value {
        match self {
            Self::Plain(form) => form.value(at),
            Self::UnixText => Value::from(at.unix().to_string()),
            Self::UnixFraction => Value::from(at.unix_seconds()),
            Self::DateTime(precision) => Value::from(at.rfc3339(precision).trim_end_matches('Z')),
            Self::Http => Value::from(at.http_date()),
        }
    }
}

const HEX: &[u8] = b"0123456789abcdef";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &[u8] = b"0123456789";

impl NewKind {
    /// A fresh one; whole numbers stay numbers.
    pub fn value(self, random: &Random) -> Value {
        match self {
            Self::Uuid => Value::from(random.uuid_v4().to_string()),
            Self::Hex(n) => Value::from(random.text(HEX, n)),
            Self::Alnum(n) => Value::from(random.text(ALNUM, n)),
            Self::Int(n) => Value::from(digits(random, n).parse::<i64>().unwrap_or(1)),
            Self::Digits(n) => Value::from(digits(random, n)),
            Self::Serial(n) => {
                let first = 10_u64.pow(u32::try_from(n.saturating_sub(1)).unwrap_or(0));
                Value::from(first + random.serial(first * 9))
            }
            Self::Base64(n) => {
                let mut bytes = vec![0; n];
                random.fill(&mut bytes);
                Value::from(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
        }
    }
}

/// That many digits. The first one is never 0, so that the number has all of them.
fn digits(random: &Random, count: usize) -> String {
    random.text(&DIGITS[1..], 1) + &random.text(DIGITS, count.saturating_sub(1))
}

/// The placeholders without a parameter, by their names.
pub(super) const FIXED: [(&str, Placeholder); 22] = [
    ("event", Placeholder::Event),
    ("id", Placeholder::Id),
    ("message-uuid", Placeholder::MessageUuid),
    ("data", Placeholder::Data),
    ("body", Placeholder::Body),
    ("body-sha256", Placeholder::BodySha256),
    ("signature", Placeholder::Signature),
    ("secret", Placeholder::Secret),
    ("mode", Placeholder::Mode),
    ("live", Placeholder::Live),
    ("attempt", Placeholder::Attempt(1)),
    ("retries", Placeholder::Attempt(0)),
    ("retry", Placeholder::Retry),
    ("retry-reason", Placeholder::RetryReason),
    ("method", Placeholder::Method),
    ("url", Placeholder::Url),
    ("form", Placeholder::Form),
    ("signed-headers", Placeholder::SignedHeaders),
    ("signed-values", Placeholder::SignedValues),
    ("timestamp", Placeholder::Timestamp(TimeForm::Unix)),
    ("timestamp.ms", Placeholder::Timestamp(TimeForm::UnixMs)),
    (
        "timestamp.rfc3339",
        Placeholder::Timestamp(TimeForm::Rfc3339(Precision::Seconds)),
    ),
];

impl Name for Placeholder {
    fn read(name: &str) -> Option<Self> {
        if let Some((_, placeholder)) = FIXED.into_iter().find(|(fixed, _)| *fixed == name) {
            return Some(placeholder);
        }
        let (head, tail) = name.split_once('.').filter(|(_, tail)| !tail.is_empty())?;
        match head {
            "param" => Some(Self::Param(tail.to_owned())),
            "body" => Some(match tail.strip_suffix('?') {
                Some(path) => Self::OptionalBodyPath(path.to_owned()),
                None => Self::BodyPath(tail.to_owned()),
            }),
            "header" => Some(Self::Header(tail.to_ascii_lowercase())),
            "time" => Self::parse_time(tail),
            "new" => Self::parse_new(tail),
            _ => None,
        }
    }
}

impl Scope {
    /// The placeholder of a name, if it is allowed here.
    pub fn read(self, name: &str) -> Option<Placeholder> {
        Placeholder::read(name).filter(|placeholder| placeholder.fits(self))
    }
}

/// The prefix of a kind, its largest count, and the kind of a count.
type CountedKind = (&'static str, usize, fn(usize) -> NewKind);

/// The kinds of fresh identities that have a length. A number of more digits is not exact in every JSON reader.
const COUNTED: [CountedKind; 6] = [
    ("hex", 256, NewKind::Hex),
    ("alnum", 256, NewKind::Alnum),
    ("int", 15, NewKind::Int),
    ("digits", 256, NewKind::Digits),
    ("serial", 15, NewKind::Serial),
    ("base64_", 256, NewKind::Base64),
];

/// What is wrong with the length of a fresh identity, a clause; `None` for any other unknown name.
pub(super) fn wrong_length(name: &str) -> Option<String> {
    let kind = name.strip_prefix("new.")?.split(':').next()?;
    let (prefix, most, _) = COUNTED.into_iter().find(|(prefix, ..)| {
        let count = kind.strip_prefix(prefix);
        count.is_some_and(|count| !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()))
    })?;
    let text = if prefix == "int" {
        "; `new.digitsN` is text of up to 256 digits"
    } else {
        ""
    };
    Some(format!("the length of `new.{prefix}N` is 1 to {most}{text}"))
}

impl Placeholder {
    /// The form of a signing time.
    pub fn timestamp_form(&self) -> Option<TimeForm> {
        match self {
            Self::Timestamp(form) => Some(*form),
            _ => None,
        }
    }

    fn parse_time(tail: &str) -> Option<Self> {
        let (form, shift) = match tail.find(['+', '-']) {
            Some(at) => {
                let by = i64::try_from(parse_duration(&tail[at + 1..]).ok()?.as_micros()).ok()?;
                (&tail[..at], if tail[at..].starts_with('-') { -by } else { by })
            }
            None => (tail, 0),
        };
        Some(Self::Time(EventTimeForm::parse(form)?, shift))
    }

    fn parse_new(tail: &str) -> Option<Self> {
        let (kind, label) = halves(tail, ':');
        let kind = match kind {
            "uuid" => NewKind::Uuid,
            _ => COUNTED.into_iter().find_map(|(prefix, most, kind_of)| {
                let count = kind.strip_prefix(prefix)?.parse().ok()?;
                (1..=most).contains(&count).then(|| kind_of(count))
            })?,
        };
        Some(Self::New(kind, label.map(str::to_owned)))
    }

    fn fits(&self, scope: Scope) -> bool {
        let signed = matches!(scope, Scope::Content | Scope::Hashed);
        match self {
            Self::New(..) => matches!(scope, Scope::Message | Scope::Fresh),
            Self::Event | Self::Id => {
                signed
                    || matches!(
                        scope,
                        Scope::Message | Scope::Header | Scope::SignatureValue | Scope::Received
                    )
            }
            Self::Time(..) | Self::Mode | Self::Live => matches!(scope, Scope::Message | Scope::Header),
            Self::Attempt(_) | Self::Retry | Self::RetryReason | Self::MessageUuid => scope == Scope::Header,
            Self::Data | Self::Param(_) => scope == Scope::Message,
            Self::Body | Self::Method | Self::Url | Self::Form | Self::SignedValues | Self::OptionalBodyPath(_) => {
                signed
            }
            Self::SignedHeaders => signed || scope == Scope::SignatureValue,
            Self::Timestamp(_) => signed || matches!(scope, Scope::Header | Scope::SignatureValue),
            Self::Signature => scope == Scope::SignatureValue,
            Self::Secret => matches!(scope, Scope::TokenValue | Scope::Hashed),
            Self::BodyPath(_) | Self::Header(_) => signed || scope == Scope::Received,
            Self::BodySha256 => scope == Scope::Received,
        }
    }
}
