//! JSON and forms in each other's place: a form that was parsed and written as JSON, or data that is signed as a form.

use std::borrow::Cow;

use url::form_urlencoded;

use super::context::SearchContext;
use super::form_bodies::{HINT, STYLES as FORM_STYLES};
use super::json::{self, JsonNode};
use super::json_write::{Marks, write};
use super::mistake::{Change, Rank, Sink, mistake};
use super::styles::STYLES;

/// Fields of a form that are written as JSON, at most, and how deep data is.
const MOST_FIELDS: usize = 512;
const DEEPEST: usize = 16;

/// JSON styles in which a parsed form is written.
const USUAL: usize = 8;

type Field = (Cow<'static, str>, Cow<'static, str>);

/// The body is JSON of the fields of a form, and the form was signed.
pub(super) fn parsed(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(JsonNode::Object(members)) = context.document() else {
        return false;
    };
    let field = |(name, value): &(&str, JsonNode<'_>)| {
        let value = match value {
            JsonNode::Text(raw) => json::text(raw).into_owned(),
            JsonNode::Array(items) => match items.as_slice() {
                [JsonNode::Text(raw)] => json::text(raw).into_owned(),
                _ => return None,
            },
            _ => return None,
        };
        Some((Cow::Owned(json::text(name).into_owned()), Cow::Owned(value)))
    };
    let fields: Option<Vec<Field>> = members.iter().take(MOST_FIELDS).map(field).collect();
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
        return false;
    };
    FORM_STYLES.iter().any(|style| {
        let said = "the body is JSON of the fields of a form, and the form itself was signed";
        let form = context.make(|| style.form(&fields).into_bytes());
        form.is_some_and(|form| sink(Change::new(Rank::Sometimes, form, mistake("body-form", said, HINT))))
    })
}

/// The sender signs its data as a form, or the fields of its form as JSON.
pub(super) fn signed(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    match context.document() {
        Some(node @ JsonNode::Object(_)) => data_as_form(context, node, sink),
        Some(_) => false,
        None => form_as_json(context, sink),
    }
}

fn data_as_form(context: &SearchContext<'_>, node: &JsonNode<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(fields) = context.make(|| {
        let mut fields = Vec::new();
        flatten(node, "", 0, &mut fields);
        fields
    }) else {
        return false;
    };
    FORM_STYLES.iter().any(|style| {
        let said = "the sender signs its data as a form, as PHP's `http_build_query` writes it, and sends JSON";
        let form = context.make(|| style.form(&fields).into_bytes());
        form.is_some_and(|form| sink(Change::new(Rank::Rare, form, mistake("body-form", said, HINT))))
    })
}

/// As PHP names the fields of nested data; what is null is left out.
fn flatten(node: &JsonNode<'_>, name: &str, depth: usize, fields: &mut Vec<Field>) {
    let value = match node {
        _ if depth > DEEPEST => return,
        JsonNode::Object(members) => {
            for (key, value) in members {
                let key = json::text(key);
                let inner = if name.is_empty() {
                    key.into_owned()
                } else {
                    format!("{name}[{key}]")
                };
                flatten(value, &inner, depth + 1, fields);
            }
            return;
        }
        JsonNode::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(item, &format!("{name}[{at}]"), depth + 1, fields);
            }
            return;
        }
        JsonNode::Word("null") => return,
        JsonNode::Word("true") => "1".to_owned(),
        JsonNode::Word(_) => "0".to_owned(),
        JsonNode::Number(text) => (*text).to_owned(),
        JsonNode::Text(raw) => json::text(raw).into_owned(),
    };
    fields.push((Cow::Owned(name.to_owned()), Cow::Owned(value)));
}

fn form_as_json(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    if !body.contains(&b'=') || body.contains(&b'{') || std::str::from_utf8(body).is_err() {
        return false;
    }
    let object = context.make(|| {
        let fields = form_urlencoded::parse(body).take(MOST_FIELDS);
        let pairs = fields.map(|(name, value)| (name.into_owned(), serde_json::Value::String(value.into_owned())));
        serde_json::Value::Object(pairs.collect()).to_string()
    });
    let Some(Ok(node)) = object.as_ref().map(|object| json::parse(object.as_bytes())) else {
        return false;
    };
    STYLES[..USUAL].iter().any(|style| {
        let said = "the sender signs the fields of the form as JSON, and sends the form";
        let text = context
            .make(|| write(&node, style, Marks::default(), body.len()))
            .flatten();
        text.is_some_and(|text| sink(Change::new(Rank::Rare, text, mistake("body-form", said, HINT))))
    })
}
