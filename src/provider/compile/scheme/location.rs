//! Where the signatures of a scheme stand, checked and compiled.

use super::{Result, fault, header, template, word};
use crate::clock::Precision;
use crate::provider::file::CarrierFile;
use crate::signature::{Encoding, SignatureLocation, UrlForm};
use crate::template::{Placeholder, Scope, Template, TimeForm};

/// What the tables of all kinds say alike about the places of signatures.
pub(super) struct Carriage<'a> {
    pub(super) table: &'static str,
    pub(super) header: Option<&'a String>,
    pub(super) value: Option<&'a String>,
    pub(super) pairs: Option<&'a String>,
    pub(super) list: Option<&'a String>,
    pub(super) encoding: Option<&'a String>,
    pub(super) time_at: Option<&'a String>,
    pub(super) time_form: Option<&'a String>,
    pub(super) more: Option<&'a CarrierFile>,
}

impl Carriage<'_> {
    pub(super) fn compile(&self, headers: &[(String, Template)], content: &Template) -> Result<SignatureLocation> {
        let at = |name: &str| format!("{}.{name}", self.table);
        let encodings = [
            ("hex", Encoding::Hex),
            ("base64", Encoding::Base64),
            ("base64url", Encoding::Base64Url),
        ];
        let value = value(&at("value"), self.value.map_or("${signature}", String::as_str))?;
        for (name, separator) in [("pairs", self.pairs), ("list", self.list)] {
            if separator.is_some_and(|text| text.len() != 1) {
                return fault(&at(name), "a separator is one character");
            }
        }
        // What a variant adds comes last, and is what its own scheme signs.
        let time_header = headers.iter().rev().find_map(|(name, value)| match value.single() {
            Some(Placeholder::Timestamp(form)) => Some((name.clone(), *form)),
            _ => None,
        });
        let id_header = headers
            .iter()
            .rev()
            .find(|(_, value)| value.single() == Some(&Placeholder::Id))
            .map(|(name, _)| name.clone());
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
        // A timestamp that is not signed proves nothing, so its header is no clock to judge by.
        let time_header: Option<(String, TimeForm)> = time_header.filter(|_| signs(is_time) && !in_value(is_time));
        let nothing = CarrierFile::default();
        let more = self.more.unwrap_or(&nothing);
        let (header, more_headers) = self.headers(more)?;
        let also_read = more
            .also_read
            .iter()
            .map(|text| self::value(&at("carrier.also-read"), text));
        Ok(SignatureLocation {
            header,
            more_headers,
            body: more.body.clone(),
            each: more.each.clone(),
            also_read: also_read.collect::<Result<_>>()?,
            strict: more.strict,
            exact: more.exact,
            time_at: self.clock()?,
            signed_headers: more.signed_headers.clone(),
            url_forms: self.url_forms(more)?,
            body_hash: more.body_hash.clone(),
            value,
            pairs: self.pairs.cloned(),
            list: self.list.cloned(),
            encoding: word(&at("encoding"), self.encoding.map(String::as_str), &encodings)?,
            time_header,
            id_header: id_header.filter(|_| signs(is_id)),
        })
    }
    /// The first header and the others; `body:PATH` and none when the signature stands in the body.
    fn headers(&self, more: &CarrierFile) -> Result<(String, Vec<String>)> {
        let at = |name: &str| format!("{}.{name}", self.table);
        if let Some(path) = &more.body {
            if self.header.is_some() || !more.more_headers.is_empty() || more.numbered.is_some() {
                return fault(&at("carrier.body"), "the signature stands in a header already");
            }
            return Ok((format!("body:{path}"), Vec::new()));
        }
        if more.each.is_some() {
            return fault(&at("carrier.each"), "`body` says where the signature of an item stands");
        }
        let first = header(&at("header"), self.header)?;
        let others = more.more_headers.iter();
        let mut others: Vec<String> = others
            .map(|name| header(&at("carrier.more-headers"), Some(name)))
            .collect::<Result<_>>()?;
        if let Some(count) = more.numbered {
            let Some(stem) = first.strip_suffix("-1") else {
                return fault(&at("carrier.numbered"), "the header's name does not end in `-1`");
            };
            others.extend((2..=count).map(|number| format!("{stem}-{number}")));
        }
        Ok((first, others))
    }

    fn clock(&self) -> Result<Option<(String, Option<TimeForm>)>> {
        let forms = [
            ("s", TimeForm::Unix),
            ("ms", TimeForm::UnixMs),
            ("rfc3339", TimeForm::Rfc3339(Precision::Seconds)),
        ];
        let form = self.time_form.map(|text| {
            let key = format!("{}.time-form", self.table);
            word(&key, Some(text.as_str()), &forms)
        });
        let form = form.transpose()?;
        Ok(self.time_at.map(|path| (path.clone(), form)))
    }

    fn url_forms(&self, more: &CarrierFile) -> Result<Vec<UrlForm>> {
        let forms = [
            ("given", UrlForm::Given),
            ("with-port", UrlForm::WithPort),
            ("without-port", UrlForm::WithoutPort),
            ("unescaped", UrlForm::Unescaped),
        ];
        let key = format!("{}.carrier.url-forms", self.table);
        let texts = more.url_forms.iter();
        texts.map(|text| word(&key, Some(text.as_str()), &forms)).collect()
    }
}

fn value(key: &str, text: &str) -> Result<Template> {
    let value = template(key, text, Scope::SignatureValue)?;
    if value.placeholders().filter(|p| **p == Placeholder::Signature).count() != 1 {
        return fault(key, "`${signature}` must be there once");
    }
    Ok(value)
}
