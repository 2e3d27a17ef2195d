//! The signature table of a file, checked and compiled.

mod location;

use indexmap::IndexMap;
use serde_json::Value;

use super::Result;
use crate::headers::check_line;
use crate::provider::fault::{check_scope, fault};
use crate::provider::file::{ClockSide, SignatureTable, SignedTable, TokenTable};
use crate::signature::{Asymmetric, AsymmetricKind, Freshness, Hash, Hmac, Scheme, SignedParts, TokenScheme};
use crate::template::{Placeholder, Scope, Template};

type HeaderTemplates = IndexMap<String, Template>;

/// Keys of the kinds with a pair of keys.
const PAIR_KEYS: [&str; 3] = ["public-form", "private-prefix", "public-prefix"];

/// Keys of a keyed hash.
const HMAC_KEYS: [&str; 3] = ["key", "key-prefix", "also-accept"];

/// Keys that a plain hash does not have: the grammar of its header, and a signing time.
const TIME_KEYS: [&str; 7] = [
    "pairs",
    "list",
    "tolerance",
    "advised-tolerance",
    "clock",
    "time-at",
    "time-form",
];

/// Compiles a scheme. `stated` is the same table as plain data: it tells which keys the file states.
pub(super) fn scheme(table: SignatureTable, stated: &Value, headers: &HeaderTemplates) -> Result<Scheme> {
    let refuse = |kind: &str, keys: &[&[&str]]| {
        let mut keys = keys.iter().copied().flatten();
        match keys.find(|key| stated[kind].get(key).is_some()) {
            Some(key) => fault(
                &format!("signature.{kind}.{key}"),
                "this kind of signature has no such key",
            ),
            None => Ok(()),
        }
    };
    let asymmetric = |kind: AsymmetricKind, table: SignedTable| {
        refuse(kind.name(), &[&["algorithm"], &HMAC_KEYS])?;
        Ok(Scheme::Asymmetric(Asymmetric {
            kind,
            public_form: table.public_form,
            private_prefix: table.private_prefix.clone(),
            public_prefix: table.public_prefix.clone(),
            signed: signed(kind.name(), table, headers, Scope::Content)?,
        }))
    };
    match table {
        SignatureTable::Hmac(table) => {
            refuse("hmac", &[&PAIR_KEYS])?;
            Ok(Scheme::Hmac(Hmac {
                algorithm: table.algorithm,
                key: table.key,
                key_prefix: table.key_prefix.clone(),
                also_accept: table.also_accept.clone(),
                signed: signed("hmac", *table, headers, Scope::Content)?,
            }))
        }
        SignatureTable::Hash(table) => {
            refuse("hash", &[&PAIR_KEYS, &HMAC_KEYS, &TIME_KEYS])?;
            let algorithm = table.algorithm;
            let signed = signed("hash", *table, headers, Scope::Hashed)?;
            if !signed.content.placeholders().any(|p| *p == Placeholder::Secret) {
                return fault("signature.hash.content", "`${secret}` is missing");
            }
            Ok(Scheme::Hash(Hash { algorithm, signed }))
        }
        SignatureTable::Token(table) => token(table).map(Scheme::Token),
        SignatureTable::Ed25519(table) => asymmetric(AsymmetricKind::Ed25519, *table),
        SignatureTable::Ecdsa(table) => asymmetric(AsymmetricKind::Ecdsa, *table),
        SignatureTable::Rsa(table) => asymmetric(AsymmetricKind::Rsa, *table),
        SignatureTable::Unsigned(_) => Ok(Scheme::Unsigned),
    }
}

/// What all kinds that sign have in common.
fn signed(kind: &str, mut table: SignedTable, headers: &HeaderTemplates, scope: Scope) -> Result<SignedParts> {
    let name = format!("signature.{kind}");
    let key = format!("{name}.content");
    let content = table.content.take().unwrap_or_else(|| Template::builtin("${body}"));
    check_scope(&key, &content, scope)?;
    if content.is_constant() {
        return fault(&key, "nothing of the message is signed");
    }
    Ok(SignedParts {
        freshness: Freshness {
            tolerance: table.tolerance.map(|text| text.0),
            advised: table.advised_tolerance.map(|text| text.0),
            past_only: table.clock == ClockSide::Past,
        },
        carrier: location::compile(&name, table, headers, &content)?,
        content,
    })
}

fn token(table: TokenTable) -> Result<TokenScheme> {
    let key = "signature.token.value";
    let value = table.value.unwrap_or_else(|| Template::builtin("${secret}"));
    check_scope(key, &value, Scope::TokenValue)?;
    if value.is_constant() {
        return fault(key, "`${secret}` is missing");
    }
    Ok(TokenScheme {
        header: header("signature.token.header", table.header)?,
        value,
    })
}

fn header(key: &str, name: Option<String>) -> Result<String> {
    let Some(name) = name else {
        return fault(key, "is missing");
    };
    check_line(&name, "").or_else(|what| fault(key, what))?;
    Ok(name)
}
