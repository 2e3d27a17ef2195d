//! A profile as slots, lists and facts of the text files.

use super::expression::ExpressionWriter;
use super::fill::SlotValues;
use super::{Lang, refused};
use crate::clock::human_duration;
use crate::error::Result;
use crate::provider::Profile;
use crate::signature::{Hmac, KeyForm, Scheme, SignatureLocation};
use crate::template::{Part, Placeholder, Template, TimeForm};
use crate::text::wrapped;

/// Characters of a line of comment.
const WIDTH: usize = 110;

/// Everything that the text file of a language may ask for.
pub(super) fn values(profile: &Profile, lang: Lang) -> Result<SlotValues> {
    let mut writer = ExpressionWriter::new(profile, lang);
    let mut values = SlotValues::default();
    values.text("title", one_line(&profile.title));
    values.text("label", profile.label());
    values.text("method", writer.quote(&profile.delivery.method));
    values.text("method_lower", profile.delivery.method.to_ascii_lowercase());
    let code = profile.policy.success.success_like(200).to_string();
    let status = if code == "200" { "status_ok" } else { "status" };
    values.text("status", writer.write(status, &[("text", &code)])?);
    values.lists.insert("notes", notes(profile));
    if let Some(header) = profile.scheme.header() {
        values.text("header", writer.quote(header));
    }
    match &profile.scheme {
        Scheme::Hmac(scheme) => hmac(&mut values, &writer, profile, scheme)?,
        Scheme::Token(scheme) => {
            values.fact("token", true);
            let secret = writer.write("secret", &[])?;
            values.text("token", writer.around(&scheme.value, secret)?);
        }
        Scheme::Asymmetric(_) | Scheme::Hash(_) | Scheme::Unsigned => values.fact("unsigned", true),
    }
    let keys = writer.keys()?;
    values.fact("dedupe", !keys.is_empty());
    values.fact("one_key", keys.len() == 1);
    values.lists.insert("keys", keys);
    values.facts.extend(writer.uses.iter().map(ToString::to_string));
    // An argument that is not used is a warning in Rust.
    let argument = |name: &str, facts: &[&str]| {
        let is_used = facts.iter().any(|fact| values.facts.contains(*fact));
        format!("{}{name}", if is_used { "" } else { "_" })
    };
    let (headers, body) = (
        argument("headers", &["uses_header"]),
        argument("body", &["uses_path", "hashes_body"]),
    );
    values.text("headers_name", headers);
    values.text("body_name", body);
    Ok(values)
}

/// Refuses what the text files have no code for.
fn check_plain(profile: &Profile, scheme: &Hmac) -> Result<()> {
    let carrier = &scheme.signed.carrier;
    // A receiver that checks half of a signature would be worse than none.
    let unsupported = [
        (carrier.body.is_some(), "the signature is in the body"),
        (
            !carrier.more_headers.is_empty(),
            "several headers may carry the signature",
        ),
        (!carrier.also_read.is_empty(), "the value has several forms"),
        (carrier.time_at.is_some(), "the signing time is in the body"),
        (scheme.key == KeyForm::PrefixedBase64, "the secret has two forms"),
    ];
    match unsupported.into_iter().find(|(is_so, _)| *is_so) {
        None => Ok(()),
        Some((_, what)) => Err(refused(profile, what)),
    }
}

fn hmac(values: &mut SlotValues, writer: &ExpressionWriter<'_>, profile: &Profile, scheme: &Hmac) -> Result<()> {
    check_plain(profile, scheme)?;
    values.fact("hmac", true);
    values.fact(scheme.algorithm.name(), true);
    values.text("hash", writer.write(&format!("hash_{}", scheme.algorithm), &[])?);
    key(values, writer, scheme)?;
    carrier(values, writer, &scheme.signed.carrier);
    forms(values, writer, scheme)?;
    let content = content(writer, profile, &scheme.signed.content)?;
    values.lists.insert("content", content);

    let signs = |wanted: fn(&Placeholder) -> bool| scheme.signed.content.placeholders().any(wanted);
    let time = scheme.signed.carrier.time_form();
    let tolerance = scheme.signed.freshness.tolerance.filter(|_| time.is_some());
    let signs_time = signs(|placeholder| matches!(placeholder, Placeholder::Timestamp(_)));
    values.fact("timestamp", signs_time || tolerance.is_some());
    values.fact("id", signs(|placeholder| *placeholder == Placeholder::Id));
    if !(signs_time || tolerance.is_some()) {
        values.facts.remove("pair_time");
    }
    if !values.facts.contains("id") {
        values.facts.remove("pair_id");
    }
    if let (Some(tolerance), Some(form)) = (tolerance, time) {
        let expression = match form {
            TimeForm::Unix => "time_unix",
            TimeForm::UnixMs => "time_unix_ms",
            TimeForm::Rfc3339(_) => "time_rfc3339",
        };
        values.fact("tolerance", true);
        values.fact("past_only", scheme.signed.freshness.past_only);
        values.fact(expression, true);
        values.text("tolerance", tolerance.as_secs().to_string());
        values.text("seconds", writer.write(expression, &[])?);
    }
    Ok(())
}

/// How the secret's text becomes the key.
fn key(values: &mut SlotValues, writer: &ExpressionWriter<'_>, scheme: &Hmac) -> Result<()> {
    let name = format!("key_{}", scheme.key);
    values.fact(&name, true);
    let mut secret = "SECRET";
    if let Some(prefix) = &scheme.key_prefix {
        values.fact("key_prefix", true);
        values.text("stripped", writer.with_text("stripped", prefix)?);
        secret = "SECRET_TEXT";
    }
    values.text("key", writer.write(&name, &[("it", secret)])?);
    Ok(())
}

/// The places of signature, time and id.
fn carrier(values: &mut SlotValues, writer: &ExpressionWriter<'_>, carrier: &SignatureLocation) {
    let separator = carrier.pairs.as_ref().or(carrier.list.as_ref());
    if let Some(separator) = separator {
        values.text("separator", writer.quote(separator));
    }
    values.fact("pairs", carrier.pairs.is_some());
    values.fact("list", carrier.pairs.is_none() && carrier.list.is_some());
    values.fact("single", separator.is_none());
    let (time, id) = (
        carrier.time_header.as_ref().map(|(name, _)| name),
        carrier.id_header.as_ref(),
    );
    for (name, header) in [("time_header", time), ("id_header", id)] {
        if let Some(header) = header {
            values.fact(name, true);
            values.text(name, writer.quote(header));
        }
    }
    for (name, placeholder) in carrier.pair_names() {
        let slot = match placeholder {
            Placeholder::Signature => "pair_signature",
            Placeholder::Timestamp(_) if time.is_none() => "pair_time",
            Placeholder::Id if id.is_none() => "pair_id",
            _ => continue,
        };
        values.fact(slot, true);
        values.text(slot, writer.quote(name));
    }
}

/// The texts of which one must be what was sent.
fn forms(values: &mut SlotValues, writer: &ExpressionWriter<'_>, scheme: &Hmac) -> Result<()> {
    let carrier = &scheme.signed.carrier;
    let main = writer.write(carrier.encoding.name(), &[])?;
    let mut forms = vec![match carrier.pairs {
        Some(_) => main,
        None => writer.around(&carrier.value, main)?,
    }];
    values.fact(&format!("encodes_{}", carrier.encoding), true);
    for form in &scheme.also_accept {
        forms.push(writer.affixed("before", &form.prefix, writer.write(form.encoding.name(), &[])?)?);
        values.fact(&format!("encodes_{}", form.encoding), true);
    }
    values.text("forms", forms.join(", "));
    Ok(())
}

/// What is signed, piece by piece.
fn content(writer: &ExpressionWriter<'_>, profile: &Profile, content: &Template) -> Result<Vec<String>> {
    let piece = |part: &Part| match part {
        Part::Text(text) => writer.with_text("content_text", text),
        Part::Placeholder(Placeholder::Body) => Ok("body".to_owned()),
        Part::Placeholder(Placeholder::Timestamp(_)) => writer.write("content_field", &[("text", "timestamp")]),
        Part::Placeholder(Placeholder::Id) => writer.write("content_field", &[("text", "id")]),
        Part::Placeholder(_) => Err(refused(
            profile,
            &format!("`{content}` signs more than body, timestamp and id"),
        )),
    };
    content.parts().iter().map(piece).collect()
}

/// What a reader of the code has to know about this provider, as lines of comment; the first is empty.
fn notes(profile: &Profile) -> Vec<String> {
    let mut said = Vec::new();
    let assumed: Vec<&str> = profile
        .assumed
        .iter()
        .map(String::as_str)
        .filter(|key| key.starts_with("signature") || key.starts_with("dedupe"))
        .collect();
    if !assumed.is_empty() {
        said.push(format!(
            "Assumed, since no source says it: {}. Check it with a real request.",
            assumed.join(", ")
        ));
    }
    if let Some(advised) = profile.scheme.freshness().advised {
        said.push(format!(
            "The provider advises, but does not demand, to refuse what was signed more than {} ago.",
            human_duration(advised)
        ));
    }
    let documented = profile.dedupe.documented.iter();
    said.extend(documented.map(|key| format!("The provider's documents name another key of duplicates: {key}.")));
    said.extend(profile.dedupe.caution.iter().map(|text| format!("Caution: {text}.")));
    said.iter()
        .flat_map(|text| std::iter::once(String::new()).chain(wrapped(&one_line(text), WIDTH)))
        .collect()
}

/// A text without line breaks: one would end the comment around it.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
