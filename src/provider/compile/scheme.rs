//! The signature table of a file, checked and compiled.

mod location;

use location::Carriage;

use super::{Result, fault, optional_duration, template, word};
use crate::headers::check_line;
use crate::provider::file::{AsymmetricFile, HashFile, HmacFile, SignatureFile};
use crate::signature::{
    Algorithm, Asymmetric, AsymmetricKind, Form, Freshness, Hash, Hmac, KeyForm, PublicForm, Scheme, Token,
};
use crate::template::{Placeholder, Scope, Template};

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
        SignatureFile::Hash(file) => hash(file, headers).map(Scheme::Hash),
        SignatureFile::Ecdsa(file) => asymmetric(AsymmetricKind::Ecdsa, "signature.ecdsa", file, headers),
        SignatureFile::Rsa(file) => asymmetric(AsymmetricKind::Rsa, "signature.rsa", file, headers),
        SignatureFile::Unsigned(_) => Ok(Scheme::Unsigned),
    }
}

const ALGORITHMS: [(&str, Algorithm); 3] = [
    ("sha256", Algorithm::Sha256),
    ("sha1", Algorithm::Sha1),
    ("sha512", Algorithm::Sha512),
];

fn hmac(file: &HmacFile, headers: &[(String, Template)]) -> Result<Hmac> {
    let at = |name: &str| format!("signature.hmac.{name}");
    let keys = [
        ("utf8", KeyForm::Utf8),
        ("hex", KeyForm::Hex),
        ("base64", KeyForm::Base64),
        ("prefixed-base64", KeyForm::PrefixedBase64),
    ];
    let also_accept = file
        .also_accept
        .iter()
        .flatten()
        .map(|form| Form::parse(form).map_or_else(|| fault(&at("also-accept"), format!("`{form}` is not a form")), Ok))
        .collect::<Result<_>>()?;
    let content = content(&at("content"), file.content.as_ref(), Scope::Content)?;
    let carrier = Carriage {
        table: "signature.hmac",
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
        time_at: file.time_at.as_ref(),
        time_form: file.time_form.as_ref(),
        more: file.carrier.as_ref(),
    }
    .compile(headers, &content)?;
    Ok(Hmac {
        algorithm: word(&at("algorithm"), file.algorithm.as_deref(), &ALGORITHMS)?,
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

fn hash(file: &HashFile, headers: &[(String, Template)]) -> Result<Hash> {
    let at = |name: &str| format!("signature.hash.{name}");
    let content = content(&at("content"), file.content.as_ref(), Scope::Hashed)?;
    if !content.placeholders().any(|p| *p == Placeholder::Secret) {
        return fault(&at("content"), "`${secret}` is missing");
    }
    let carrier = Carriage {
        table: "signature.hash",
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: None,
        list: None,
        encoding: file.encoding.as_ref(),
        time_at: None,
        time_form: None,
        more: file.carrier.as_ref(),
    }
    .compile(headers, &content)?;
    Ok(Hash {
        algorithm: word(&at("algorithm"), file.algorithm.as_deref(), &ALGORITHMS)?,
        content,
        carrier,
        freshness: Freshness::default(),
    })
}

fn asymmetric(
    kind: AsymmetricKind,
    table: &'static str,
    file: &AsymmetricFile,
    headers: &[(String, Template)],
) -> Result<Scheme> {
    let content = content(&format!("{table}.content"), file.content.as_ref(), Scope::Content)?;
    let public_forms = [
        ("pem", PublicForm::Pem),
        ("der", PublicForm::Der),
        ("hex", PublicForm::Hex),
    ];
    let carrier = Carriage {
        table,
        header: file.header.as_ref(),
        value: file.value.as_ref(),
        pairs: file.pairs.as_ref(),
        list: file.list.as_ref(),
        encoding: file.encoding.as_ref(),
        time_at: file.time_at.as_ref(),
        time_form: file.time_form.as_ref(),
        more: file.carrier.as_ref(),
    }
    .compile(headers, &content)?;
    let freshness = freshness(table, [&file.tolerance, &file.advised_tolerance, &file.clock])?;
    Ok(Scheme::Asymmetric(Asymmetric {
        kind,
        content,
        carrier,
        freshness,
        public_form: word(
            &format!("{table}.public-form"),
            file.public_form.as_deref(),
            &public_forms,
        )?,
        private_prefix: file.private_prefix.clone(),
        public_prefix: file.public_prefix.clone(),
    }))
}

fn content(key: &str, text: Option<&String>, scope: Scope) -> Result<Template> {
    let content = template(key, text.map_or("${body}", String::as_str), scope)?;
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
