//! What an expression can look at.

use std::fmt;
use std::sync::OnceLock;

use cel::common::types::{CelBool, CelBytes, CelInt, CelNull, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use serde_json::Value;
use url::form_urlencoded;

use super::value::{BoxedVal, of_json, of_lists, of_text};
use crate::clock::{Precision, Timestamp};
use crate::headers::Headers;

/// The names of all variables.
pub const NAMES: &[&str] = &[
    "event",
    "id",
    "provider",
    "verified",
    "reason",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "data",
    "duplicate",
    "direction",
    "status",
    "time",
    "size",
    "remote",
    "endpoint",
    "mode",
];

/// One event of a request or a delivery. What is absent is `null`.
pub struct Variables<'a> {
    /// The event's type.
    pub event: Option<&'a str>,
    /// The event's id.
    pub id: Option<&'a str>,
    /// `NAME` or `NAME@VARIANT`.
    pub provider: Option<&'a str>,
    /// Whether a signature or a token was checked and is right.
    pub verified: bool,
    /// Why a request was refused, or a delivery failed.
    pub reason: Option<&'a str>,
    /// Of the request line.
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// As it is in the URL, without `?`.
    pub query: &'a str,
    /// All of them.
    pub headers: Option<&'a Headers>,
    /// The raw bytes.
    pub body: &'a [u8],
    /// The event's data, or why there is none.
    pub data: EventData<'a>,
    /// Whether the same event came before.
    pub duplicate: bool,
    /// `in` or `out`.
    pub direction: &'a str,
    /// Of the answer.
    pub status: Option<u16>,
    /// When; a text in UTC with milliseconds.
    pub time: Option<Timestamp>,
    /// Of the body.
    pub size: u64,
    /// The address of the peer, or the URL of a target.
    pub remote: &'a str,
    /// The endpoint's name.
    pub endpoint: Option<&'a str>,
    /// `test` or `live`.
    pub mode: Option<&'a str>,
    /// Large values, made when an expression first looks at them.
    pub made: MadeValues<'a>,
}

/// The data of an event, or why there is none: a clause.
pub type EventData<'a> = Result<&'a Value, String>;

impl Default for Variables<'_> {
    fn default() -> Self {
        Self {
            event: None,
            id: None,
            provider: None,
            verified: false,
            reason: None,
            method: "",
            path: "",
            query: "",
            headers: None,
            body: b"",
            data: Err("there is none".to_owned()),
            duplicate: false,
            direction: "",
            status: None,
            time: None,
            size: 0,
            remote: "",
            endpoint: None,
            mode: None,
            made: MadeValues::default(),
        }
    }
}

impl Default for MadeValues<'_> {
    fn default() -> Self {
        Self {
            data: OnceLock::new(),
            headers: OnceLock::new(),
            query: OnceLock::new(),
        }
    }
}

/// Values that are made once for all expressions.
pub struct MadeValues<'a> {
    data: OnceLock<BoxedVal<'a>>,
    headers: OnceLock<BoxedVal<'a>>,
    query: OnceLock<BoxedVal<'a>>,
}

impl fmt::Debug for MadeValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MadeValues")
    }
}

impl<'a> Variables<'a> {
    fn headers(&self) -> BoxedVal<'a> {
        let lines = self.headers.into_iter().flat_map(Headers::iter);
        of_lists(lines.map(|(name, value)| {
            let value = String::from_utf8_lossy(value);
            (CelString::from(name.to_ascii_lowercase()), CelString::from(value))
        }))
    }

    fn query(&self) -> BoxedVal<'a> {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        of_lists(pairs.map(|(name, value)| (CelString::from(name), CelString::from(value))))
    }

    fn data(&self) -> BoxedVal<'a> {
        match &self.data {
            Ok(data) => of_json(data),
            Err(_) => Box::new(CelNull),
        }
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: Option<&'b str>| Some(CowVal::Owned(of_text(text)));
        let is = |fact: bool| Some(CowVal::owned(CelBool::from(fact)));
        let number = |number: i64| Some(CowVal::owned(CelInt::from(number)));
        match variable {
            "event" => text(self.event),
            "id" => text(self.id),
            "provider" => text(self.provider),
            "verified" => is(self.verified),
            "reason" => text(self.reason),
            "method" => text(Some(self.method)),
            "path" => text(Some(self.path)),
            "query" => Some(CowVal::Borrowed(&**self.made.query.get_or_init(|| self.query()))),
            "headers" => Some(CowVal::Borrowed(&**self.made.headers.get_or_init(|| self.headers()))),
            "body" => Some(CowVal::owned(CelBytes::from(self.body))),
            "data" => Some(CowVal::Borrowed(&**self.made.data.get_or_init(|| self.data()))),
            "duplicate" => is(self.duplicate),
            "direction" => text(Some(self.direction)),
            "status" => match self.status {
                Some(status) => number(status.into()),
                None => text(None),
            },
            "time" => match self.time {
                Some(time) => Some(CowVal::owned(CelString::from(time.rfc3339(Precision::Millis)))),
                None => text(None),
            },
            "size" => number(i64::try_from(self.size).unwrap_or(i64::MAX)),
            "remote" => text(Some(self.remote)),
            "endpoint" => text(self.endpoint),
            "mode" => text(self.mode),
            _ => None,
        }
    }
}
