//! Forms: decoded, encoded again in another way, or signed by their fields.

use std::borrow::Cow;

use url::form_urlencoded;

use super::context::SearchContext;
use super::mistake::{Change, Rank, Sink, mistake};
use crate::template::{Placeholder, Template};

/// Fields of a form whose values are tried, at most.
const MOST_FIELDS: usize = 64;

/// Names of the field that holds the JSON of an event.
const FIELDS: [&str; 6] = ["payload=", "data=", "body=", "json=", "event=", ""];

pub(super) const HINT: &str = "sign and check the raw body, before anything decodes the form";

/// How programs write a field: the ASCII characters beside letters and digits that stay, what a space becomes, and whether
/// the digits of escapes are in upper case.
pub(super) struct FormStyle {
    kept: &'static str,
    space: &'static str,
    upper: bool,
}

const fn form_style(kept: &'static str, space: &'static str, upper: bool) -> FormStyle {
    FormStyle { kept, space, upper }
}

/// Browsers, Java and Ruby; PHP; Go and Python; Python's `quote`; JavaScript's `encodeURIComponent`; qs; .NET.
pub(super) const STYLES: [FormStyle; 15] = [
    form_style("*-._", "+", true),
    form_style("*-._", "%20", true),
    form_style("-._", "+", true),
    form_style("-._", "%20", true),
    form_style("-._~", "+", true),
    form_style("-._~", "%20", true),
    form_style("-._~/", "%20", true),
    form_style("-._~/", "+", true),
    form_style("-._!~*'()", "%20", true),
    form_style("-._!~*'()", "+", true),
    form_style("-._~()", "+", true),
    form_style("-._~()", "%20", true),
    form_style("-._!*()", "+", false),
    form_style("-._~", "%20", false),
    // `encodeURI`, which is for whole URLs.
    form_style("-._~!*'();/?:@&=+$,#", "%20", true),
];

const UPPER_DIGITS: &[u8; 16] = b"0123456789ABCDEF";
const LOWER_DIGITS: &[u8; 16] = b"0123456789abcdef";

impl FormStyle {
    fn write(&self, text: &str, out: &mut String) {
        for byte in text.bytes() {
            match byte {
                b' ' => out.push_str(self.space),
                byte if byte.is_ascii_alphanumeric() || self.kept.as_bytes().contains(&byte) => {
                    out.push(char::from(byte));
                }
                byte => {
                    let digits = if self.upper { UPPER_DIGITS } else { LOWER_DIGITS };
                    let digit = |value: u8| char::from(digits[usize::from(value)]);
                    out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
                }
            }
        }
    }

    pub(super) fn form(&self, fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
        let mut out = String::new();
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                out.push('&');
            }
            self.write(name, &mut out);
            out.push('=');
            self.write(value, &mut out);
        }
        out
    }
}

/// What is signed in place of a form's sorted fields.
pub(super) fn contents(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let is_json = matches!(
        context.case.received.body.trim_ascii_start().first(),
        None | Some(b'{' | b'[')
    );
    if is_json || !content.placeholders().any(|p| *p == Placeholder::Form) {
        return false;
    }
    let body = String::from_utf8_lossy(context.case.received.body);
    let fields: Vec<_> = form_urlencoded::parse(body.as_bytes()).take(4096).collect();
    let mut sorted = fields.clone();
    sorted.sort();
    let joined = |fields: &[(Cow<'_, str>, Cow<'_, str>)], equals: &str, and: &str| {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}{equals}{value}"))
            .collect();
        pairs.join(and)
    };
    let as_it_stands = "the sender signs the form as it stands, not its names and values";
    let with_signs = "the sender signs names and values of the form with `=` and `&` between them";
    let mut caseless = fields.clone();
    caseless.sort_by_cached_key(|(name, _)| name.to_lowercase());
    let full: Vec<_> = sorted.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    let pluses = body.replace('+', "%2B");
    let mut with_pluses: Vec<_> = form_urlencoded::parse(pluses.as_bytes()).take(4096).collect();
    with_pluses.sort();
    let texts = [
        (body.clone().into_owned(), as_it_stands),
        (format!("?{body}"), as_it_stands),
        (
            joined(&fields, "", ""),
            "the sender signs names and values of the form in the order in which they come",
        ),
        (joined(&sorted, "=", "&"), with_signs),
        (joined(&fields, "=", "&"), with_signs),
        (joined(&sorted, "=", ""), with_signs),
        (
            STYLES[0].form(&sorted),
            "the sender signs the form with sorted fields, encoded, not its names and values",
        ),
        (
            sorted.iter().map(|(_, value)| value.as_ref()).collect(),
            "the sender signs the values of the form without their names",
        ),
        (
            joined(&caseless, "", ""),
            "the sender sorts the names of the form without regard to upper and lower case",
        ),
        (
            joined(&full, "", ""),
            "the sender leaves out the fields of the form that are empty",
        ),
        (
            joined(&with_pluses, "", ""),
            "the form has `+` where the sender signs a plus: its escapes were undone",
        ),
    ];
    let hint = "what is signed of a form are its names and values, decoded and sorted by the names";
    texts.into_iter().any(|(text, said)| {
        let filled = content.filled(|placeholder| (*placeholder == Placeholder::Form).then(|| text.clone()));
        sink(Change::new(Rank::Common, filled, mistake("body-form", said, hint)))
    })
}

/// Other bodies that a form may have been, or that it may have been made of.
pub(super) fn changes(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let Ok(text) = std::str::from_utf8(body) else {
        return false;
    };
    match text.trim_start().bytes().next() {
        Some(b'{' | b'[') => inside_a_form(context, text, sink),
        _ if text.contains(['=', '%']) => of_a_form(context, text, sink),
        _ => false,
    }
}

/// The body is JSON, and a form with it was signed.
fn inside_a_form(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    let said = mistake(
        "body-form",
        "the sender signs the form, and the body is what was in its field",
        HINT,
    );
    STYLES.iter().any(|style| {
        let Some(encoded) = context.make(|| {
            let mut encoded = String::with_capacity(text.len() * 2);
            style.write(text, &mut encoded);
            encoded
        }) else {
            return false;
        };
        FIELDS.iter().enumerate().any(|(index, field)| {
            let rank = if index == 0 { Rank::Sometimes } else { Rank::Rare };
            let form = context.make(|| format!("{field}{encoded}").into_bytes());
            form.is_some_and(|form| sink(Change::new(rank, form, said.clone())))
        })
    })
}

/// The body is a form, and something was decoded.
fn of_a_form(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    let said = |words: &'static str| mistake("body-form", words, HINT);
    let Some(fields) = context.make(|| form_urlencoded::parse(text.as_bytes()).take(4096).collect::<Vec<_>>()) else {
        return false;
    };
    let in_field = said("the sender signs what is in a field of the form, not the form itself");
    let values = fields
        .iter()
        .take(MOST_FIELDS)
        .map(|(_, value)| value.as_bytes().to_vec());
    if values
        .into_iter()
        .any(|value| sink(Change::new(Rank::Common, value, in_field.clone())))
    {
        return true;
    }
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let plain = pairs.join("&");
    let decoded = said("the sender signs the form after its escapes were decoded");
    if sink(Change::new(Rank::Sometimes, plain.into_bytes(), decoded)) {
        return true;
    }
    // In a body that was decoded already, a plus is a plus.
    let as_is: Vec<(Cow<'_, str>, Cow<'_, str>)> = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let mut sorted = fields.clone();
    sorted.sort();
    // One field, whose value has signs of a form in it.
    let one: Vec<(Cow<'_, str>, Cow<'_, str>)> = text
        .split_once('=')
        .map(|(name, value)| (name.into(), value.into()))
        .into_iter()
        .collect();
    let sources = [
        (&one, "the form was decoded after it was signed: its escapes are gone"),
        (&fields, "the form was decoded and encoded again with other escapes"),
        (&as_is, "the form was decoded after it was signed: its escapes are gone"),
        (&sorted, "the sender signs the form with its fields sorted"),
    ];
    sources.into_iter().any(|(fields, words)| {
        STYLES.iter().any(|style| {
            let form = context.make(|| style.form(fields).into_bytes());
            form.is_some_and(|form| form != text.as_bytes() && sink(Change::new(Rank::Sometimes, form, said(words))))
        })
    })
}
