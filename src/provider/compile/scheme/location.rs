//! The places of the signatures of a scheme, checked and compiled.

use super::{HeaderTemplates, Result, header};
use crate::provider::fault::{check_scope, fault};
use crate::provider::file::SignedTable;
use crate::signature::SignatureLocation;
use crate::template::{Part, Placeholder, Scope, Template};

pub(super) fn compile(
    name: &str,
    table: SignedTable,
    headers: &HeaderTemplates,
    content: &Template,
) -> Result<SignatureLocation> {
    let at = |key: &str| format!("{name}.{key}");
    let value = table.value.unwrap_or_else(|| Template::builtin("${signature}"));
    check_value(&at("value"), &value)?;
    let touching = |two: &[Part]| matches!(two, [Part::Placeholder(_), Part::Placeholder(_)]);
    if value.parts().windows(2).any(touching) {
        return fault(&at("value"), "two placeholders need a text between them");
    }
    for (key, separator) in [("pairs", &table.pairs), ("list", &table.list)] {
        if separator.as_ref().is_some_and(|text| text.len() != 1) {
            return fault(&at(key), "a separator is one character");
        }
    }
    // What a variant adds comes last, and is what its own scheme signs.
    let time_header = headers.iter().rev().find_map(|(name, value)| match value.single() {
        Some(Placeholder::Timestamp(form)) => Some((name.clone(), *form)),
        _ => None,
    });
    let mut others = headers.iter().rev();
    let id_header = others.find(|(_, value)| value.single() == Some(&Placeholder::Id));
    let id_header = id_header.map(|(name, _)| name.clone());
    let signs = |wanted: fn(&Placeholder) -> bool| content.placeholders().any(wanted);
    let in_value = |wanted: fn(&Placeholder) -> bool| value.placeholders().any(wanted);
    let is_time = |p: &Placeholder| matches!(p, Placeholder::Timestamp(_));
    let is_id = |p: &Placeholder| *p == Placeholder::Id;
    if signs(is_time) && !in_value(is_time) && time_header.is_none() {
        return fault(
            &at("content"),
            "the timestamp is signed, but no header carries `${timestamp}`",
        );
    }
    if signs(is_id) && !in_value(is_id) && id_header.is_none() {
        return fault(&at("content"), "the id is signed, but no header carries `${id}`");
    }
    for form in &table.carrier.also_read {
        check_value(&at("carrier.also-read"), form)?;
    }
    // A timestamp that is not signed proves nothing, so its header is no clock to judge by.
    let time_header = time_header.filter(|_| signs(is_time) && !in_value(is_time));
    let id_header = id_header.filter(|_| signs(is_id));
    let (header, more_headers) = places(name, table.header, &table.carrier)?;
    Ok(SignatureLocation {
        header,
        more_headers,
        time_at: table.time_at.map(|path| (path, table.time_form)),
        value,
        pairs: table.pairs,
        list: table.list,
        encoding: table.encoding,
        time_header,
        id_header,
        ..table.carrier
    })
}

/// The first header and the others; `body:PATH` and none when the signature is in the body.
fn places(name: &str, first: Option<String>, carrier: &SignatureLocation) -> Result<(String, Vec<String>)> {
    let at = |key: &str| format!("{name}.{key}");
    if let Some(path) = &carrier.body {
        if first.is_some() || !carrier.more_headers.is_empty() || carrier.numbered.is_some() {
            return fault(&at("carrier.body"), "the signature is already in a header");
        }
        return Ok((format!("body:{path}"), Vec::new()));
    }
    if carrier.each.is_some() {
        return fault(
            &at("carrier.each"),
            "it requires `carrier.body`, the path of the signature in an item",
        );
    }
    let first = header(&at("header"), first)?;
    let others = carrier.more_headers.iter().cloned();
    let others = others.map(|name| header(&at("carrier.more-headers"), Some(name)));
    let mut others = others.collect::<Result<Vec<String>>>()?;
    if let Some(count) = carrier.numbered {
        let Some(stem) = first.strip_suffix("-1") else {
            return fault(&at("carrier.numbered"), "the header's name does not end in `-1`");
        };
        others.extend((2..=count).map(|number| format!("{stem}-{number}")));
    }
    Ok((first, others))
}

fn check_value(key: &str, value: &Template) -> Result<()> {
    check_scope(key, value, Scope::SignatureValue)?;
    if value.placeholders().filter(|p| **p == Placeholder::Signature).count() != 1 {
        return fault(key, "`${signature}` must be there once");
    }
    Ok(())
}
