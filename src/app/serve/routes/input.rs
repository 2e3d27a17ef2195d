//! What calls carry: query parameters, bodies, and which deliveries they name.

use std::collections::HashMap;
use std::str::FromStr;

use axum::body::Bytes;
use axum::http::{HeaderMap, Uri, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use url::form_urlencoded;

use super::Caller;
use super::problem::Problem;
use crate::app::context::Context;
use crate::app::inspect::{names, select};
use crate::endpoints::check_tenant;
use crate::error::{Error, Result};
use crate::json_text;
use crate::store::{DeliveryState, Query, QueryPage, RecordKind};
use crate::text::{printable, quoted};

/// Items of a page, unless the caller says otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// Bytes of a body that describes an endpoint, at most.
const LARGEST_BODY: usize = 64 * 1024;

/// Characters of an unknown name that an answer repeats.
const SHOWN: usize = 100;

/// The names of the filter of deliveries, in a query and in a body.
pub(super) const FILTER: [&str; 6] = ["state", "endpoint", "event", "provider", "tenant", "since"];

/// Named values of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(HashMap<&'static str, String>);

impl Fields {
    /// The parameters of a query; others than the known ones are refused.
    pub(super) fn of_query(uri: &Uri, known: &[&'static str]) -> std::result::Result<Self, Problem> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self::read(pairs.map(|(name, value)| Ok((name, value.into_owned()))), known)
    }

    /// The members of a JSON object, which must be texts; no body is an empty object.
    pub(super) fn of_body(
        headers: &HeaderMap,
        body: &Bytes,
        known: &[&'static str],
    ) -> std::result::Result<Self, Problem> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let text = json(headers, body)?;
        let members = json_text::members(text).ok_or_else(|| Problem::invalid("the body must be an object"))?;
        // An absent value and a null one are the same.
        let given = members.into_iter().filter(|(_, value)| *value != "null");
        let text = |(name, value): (String, &str)| match serde_json::from_str(value) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(Problem::invalid(format!(
                "`{}` must be a text",
                printable(&name, SHOWN)
            ))),
        };
        Self::read(given.map(text), known)
    }

    fn read<N: AsRef<str>>(
        given: impl Iterator<Item = std::result::Result<(N, String), Problem>>,
        known: &[&'static str],
    ) -> std::result::Result<Self, Problem> {
        let mut read = HashMap::new();
        for pair in given {
            let (name, value) = pair?;
            let name = name.as_ref();
            let Some(known) = known.iter().find(|known| **known == name) else {
                let what = match known {
                    [] => "the call has no parameters".to_owned(),
                    known => format!("there are {}", quoted(known)),
                };
                return Err(Problem::invalid(format!(
                    "`{}` is not known: {what}",
                    printable(name, SHOWN)
                )));
            };
            if read.insert(*known, value).is_some() {
                return Err(Problem::invalid(format!("`{known}` is there twice")));
            }
        }
        Ok(Self(read))
    }

    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The state that deliveries are in.
    pub(super) fn state(&self) -> std::result::Result<Option<DeliveryState>, Problem> {
        let known = || quoted(DeliveryState::ALL.iter().map(|state| state.name()));
        self.get("state")
            .map(|name| {
                DeliveryState::from_name(name)
                    .ok_or_else(|| Problem::invalid(format!("`state` is none of {}", known())))
            })
            .transpose()
    }

    /// The tenant that the call is about.
    pub(super) fn tenant(&self, caller: &Caller) -> std::result::Result<Option<String>, Problem> {
        let named = self.get("tenant");
        named.map_or(Ok(()), check_tenant).map_err(Problem::invalid)?;
        caller.tenant(named)
    }

    /// Deliveries that match the filter, and that the caller may see.
    pub(super) fn query(&self, caller: &Caller) -> std::result::Result<Query, Problem> {
        Ok(Query {
            kind: Some(RecordKind::Delivery),
            tenant: self.tenant(caller)?,
            ..Query::default()
        })
    }

    /// The query with the rest of the filter. Names that nothing has are refused.
    pub(super) fn deliveries(&self, context: &Context, query: Query) -> Result<Query> {
        let text = |name: &str| self.get(name).map(str::to_owned);
        let since = self.get("since").map(|since| match since {
            // Seconds are for the command line.
            plain if plain.bytes().any(|byte| byte.is_ascii_alphabetic()) => select::since(context, plain),
            other => Err(Error::usage(format!(
                "`{}` is neither a duration nor a moment",
                printable(other, SHOWN)
            ))),
        });
        let query = Query {
            since: since.transpose()?,
            endpoint: text("endpoint"),
            provider: text("provider"),
            ..query
        };
        names::check(context, &query)?;
        // A pattern that matches nothing yet is no mistake of a caller.
        Ok(Query {
            event: text("event"),
            ..query
        })
    }

    /// The page that is asked for.
    pub(super) fn page(&self) -> std::result::Result<QueryPage, Problem> {
        let limit = match self.get("limit").map(number) {
            None => PAGE,
            Some(Some(limit @ 1..=LARGEST_PAGE)) => limit,
            Some(_) => {
                let what = format!("`limit` must be a number from 1 to {LARGEST_PAGE}");
                return Err(Problem::invalid(what));
            }
        };
        let cursor = self.get("cursor").map(number);
        let wrong = || Problem::invalid("`cursor` is not a `next` of an earlier answer");
        let before = cursor.map(|cursor| cursor.ok_or_else(wrong)).transpose()?;
        Ok(QueryPage {
            before,
            ..QueryPage::newest(limit)
        })
    }
}

/// A number of digits alone, as this service writes it.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// A body that must be an object of that form; no body is an empty object.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> std::result::Result<T, Problem> {
    if body.len() > LARGEST_BODY {
        return Err(Problem::new(
            413,
            format!("the body is larger than {LARGEST_BODY} bytes"),
        ));
    }
    let text = if body.is_empty() { "{}" } else { json(headers, body)? };
    // The form of an object may also be written as a list of its values, which the contract does not allow.
    if !text.trim_start().starts_with('{') {
        return Err(Problem::invalid("the body must be an object"));
    }
    let mut read = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut read).map_err(|error| {
        let path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Problem::invalid_field(&path, printable(&error.inner().to_string(), 300))
    })
}

/// Whether a content type is that of JSON. It is UTF-8 unless the type says otherwise.
fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let name = parts.next().unwrap_or_default();
    let is_utf8 = |part: String| match part.strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    };
    (name == "application/json" || name.ends_with("+json")) && parts.all(is_utf8)
}

/// The text of a body that must be JSON.
pub(super) fn json<'b>(headers: &HeaderMap, body: &'b Bytes) -> std::result::Result<&'b str, Problem> {
    let all = |name, fits: fn(&str) -> bool| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.to_str().is_ok_and(fits))
    };
    if !all(header::CONTENT_TYPE, is_json) {
        let what = "the body must be JSON in UTF-8: send `Content-Type: application/json`";
        return Err(Problem::new(415, what));
    }
    if !all(header::CONTENT_ENCODING, |value| {
        value.trim().eq_ignore_ascii_case("identity")
    }) {
        return Err(Problem::new(
            415,
            "the body must not be compressed: leave out `Content-Encoding`",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|_| Problem::invalid("the body is not UTF-8"))?;
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Problem::invalid(format!("the body is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_query(query: &str) -> std::result::Result<Fields, String> {
        let uri = format!("/x?{query}").parse().unwrap();
        Fields::of_query(&uri, &["state", "limit", "cursor"]).map_err(|problem| problem.detail)
    }

    #[test]
    fn parameters_are_read_and_unknown_ones_are_refused_with_the_known_named() {
        let fields = of_query("state=failed&limit=7&cursor=12").unwrap();
        assert_eq!(fields.state(), Ok(Some(DeliveryState::Failed)));
        let page = fields.page().unwrap();
        assert_eq!((page.limit, page.before), (7, Some(12)));
        assert_eq!(
            of_query("statte=failed").unwrap_err(),
            "`statte` is not known: there are `state`, `limit`, `cursor`"
        );
        assert_eq!(of_query("limit=1&limit=2").unwrap_err(), "`limit` is there twice");
        assert!(Fields::of_query(&"/x?a".parse().unwrap(), &[]).is_err());
        for wrong in ["limit=0", "limit=201", "limit=-1", "limit=", "cursor=x", "cursor="] {
            assert!(of_query(wrong).unwrap().page().is_err(), "{wrong}");
        }
        assert!(of_query("state=lost").unwrap().state().is_err());
    }

    #[test]
    fn a_body_is_json_under_a_name_of_json() {
        let with = |name: &str, body: &'static str| {
            let headers = [(header::CONTENT_TYPE, name.parse().unwrap())].into_iter().collect();
            json(&headers, &Bytes::from_static(body.as_bytes()))
                .map(str::to_owned)
                .map_err(|problem| problem.status)
        };
        assert_eq!(with("application/json; charset=utf-8", "{}"), Ok("{}".to_owned()));
        assert_eq!(with("application/cloudevents+JSON", "[]"), Ok("[]".to_owned()));
        assert_eq!(with("application/x-www-form-urlencoded", "{}"), Err(415));
        assert_eq!(with("application/json", "{"), Err(400));
        assert_eq!(
            with("application/json; Charset=\"UTF-8\"; x=1", "1"),
            Ok("1".to_owned())
        );
        assert_eq!(with("application/json; charset=utf-16", "1"), Err(415));
        let encoded = |name: &str| {
            let headers = [(header::CONTENT_ENCODING, name.parse().unwrap())]
                .into_iter()
                .collect();
            json(&headers, &Bytes::from_static(b"1"))
                .map_err(|problem| problem.status)
                .is_ok()
        };
        assert_eq!(
            ["identity", "gzip", "identity, gzip"].map(encoded),
            [true, false, false]
        );
        assert_eq!(json(&HeaderMap::new(), &Bytes::from_static(b"1")).ok(), Some("1"));
    }
}
