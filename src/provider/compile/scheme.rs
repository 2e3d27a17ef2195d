//! The signature table of a file, checked and compiled.

use super::{Result, fault, optional_duration, template, word};
use crate::headers::check_line;
use crate::provider::file::{AsymmetricFile, HmacFile, SignatureFile};
use crate::signature::{
    Algorithm, Asymmetric, AsymmetricKind, Carrier, Encoding, Form, Freshness, Hmac, KeyForm, Scheme, Token,
};
use crate::template::{Placeholder, Scope, Template, TimeForm};

pub(super) fn scheme(file: &SignatureFile, headers: &[(String, Template)]) -> Result<Scheme> {
    match file {
        SignatureFile::Hmac(file) => hmac(file, headers).map(Scheme::Hmac),
        SignatureFile::Token(file) => {
            let key = "signature.token.value";
            let value = template(key, file.value.as_deref().unwrap_or("${secret}"), Scope::TokenValue)?;
            if value.is_constant() {
                return fault(key, "`${secret}` is missing");
            }
            Ok(Scheme::Token(Token {
                header: header("signature.token.header", file.header.as_ref())?,
                value,
            }))
        }
        SignatureFile::Ed25519(file) => asymmetric(AsymmetricKind::Ed25519, "signature.ed25519", file, headers),
        SignatureFile::Rsa(file) => asymmetric(AsymmetricKind::Rsa, "signature.rsa", file, headers),
        SignatureFile::Unsigned(_) => Ok(Scheme::Unsigned),
    }
}

fn hmac(file: &HmacFile, headers: &[(String, Template)]) -> Result<Hmac> {
    let at = |name: &str| format!("signature.hmac.{name}");
    let algorithms = [
        ("sha256", Algorithm::Sha256),
        ("sha1", Algorithm::Sha1),
        ("sha512", Algorithm::Sha512),
    ];
    let keys = [
        ("utf8", KeyForm::Utf8),
        ("hex", KeyForm::Hex),
        ("base64", KeyForm::Base64),
    ];
    let also_accept = file
        .also_accept
        .iter()
        .flatten()
        .map(|form| Form::parse(form).map_or_else(|| fault(&at("also-accept"), format!("`{form}` is not a form")), Ok))
        .collect::<Result<_>>()?;
    let content = content(&at("content"), file.content.as_ref())?;
    let carrier = Carriage {
        table: "signature.hmac",
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
    }
    .compile(headers, &content)?;
    Ok(Hmac {
        algorithm: word(&at("algorithm"), file.algorithm.as_deref(), &algorithms)?,
        key: word(&at("key"), file.key.as_deref(), &keys)?,
        key_prefix: file.key_prefix.clone(),
        content,
        carrier,
        also_accept,
        freshness: freshness(
            "signature.hmac",
            [&file.tolerance, &file.advised_tolerance, &file.clock],
        )?,
    })
}

fn asymmetric(
    kind: AsymmetricKind,
    table: &'static str,
    file: &AsymmetricFile,
    headers: &[(String, Template)],
) -> Result<Scheme> {
    let content = content(&format!("{table}.content"), file.content.as_ref())?;
    let carrier = Carriage {
        table,
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
    }
    .compile(headers, &content)?;
    let freshness = freshness(table, [&file.tolerance, &file.advised_tolerance, &file.clock])?;
    Ok(Scheme::Asymmetric(Asymmetric {
        kind,
        content,
        carrier,
        freshness,
        time_at: file.time_at.clone(),
        private_prefix: file.private_prefix.clone(),
        public_prefix: file.public_prefix.clone(),
    }))
}

fn content(key: &str, text: Option<&String>) -> Result<Template> {
    let content = template(key, text.map_or("${body}", String::as_str), Scope::Content)?;
    if content.is_constant() {
        return fault(key, "nothing of the message is signed");
    }
    Ok(content)
}

fn freshness(table: &str, [tolerance, advised, clock]: [&Option<String>; 3]) -> Result<Freshness> {
    Ok(Freshness {
        tolerance: optional_duration(&format!("{table}.tolerance"), tolerance.as_ref())?,
        advised: optional_duration(&format!("{table}.advised-tolerance"), advised.as_ref())?,
        past_only: word(
            &format!("{table}.clock"),
            clock.as_deref(),
            &[("both", false), ("past", true)],
        )?,
    })
}

fn header(key: &str, name: Option<&String>) -> Result<String> {
    let Some(name) = name else {
        return fault(key, "is missing");
    };
    check_line(name, "").or_else(|what| fault(key, what))?;
    Ok(name.clone())
}

/// What HMAC and asymmetric tables say alike about the signature's header.
struct Carriage<'a> {
    table: &'static str,
    header: Option<&'a String>,
    value: Option<&'a String>,
    pairs: Option<&'a String>,
    list: Option<&'a String>,
    encoding: Option<&'a String>,
}

impl Carriage<'_> {
    fn compile(&self, headers: &[(String, Template)], content: &Template) -> Result<Carrier> {
        let at = |name: &str| format!("{}.{name}", self.table);
        let encodings = [
            ("hex", Encoding::Hex),
            ("base64", Encoding::Base64),
            ("base64url", Encoding::Base64Url),
        ];
        let value = template(
            &at("value"),
            self.value.map_or("${signature}", String::as_str),
            Scope::SignatureValue,
        )?;
        if value.placeholders().filter(|p| **p == Placeholder::Signature).count() != 1 {
            return fault(&at("value"), "`${signature}` must be there once");
        }
        for (name, separator) in [("pairs", self.pairs), ("list", self.list)] {
            if separator.is_some_and(|text| text.len() != 1) {
                return fault(&at(name), "a separator is one character");
            }
        }
        let time_header = headers.iter().find_map(|(name, value)| match value.single() {
            Some(Placeholder::Timestamp(form)) => Some((name.clone(), *form)),
            _ => None,
        });
        let id_header = headers
            .iter()
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
        Ok(Carrier {
            header: header(&at("header"), self.header)?,
            value,
            pairs: self.pairs.cloned(),
            list: self.list.cloned(),
            encoding: word(&at("encoding"), self.encoding.map(String::as_str), &encodings)?,
            time_header,
            id_header: id_header.filter(|_| signs(is_id)),
        })
    }
}
