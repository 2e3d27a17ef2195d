//! The signature table of a file, checked and compiled.

mod location;

use indexmap::IndexMap;

use super::{Result, check};
use crate::headers::check_line;
use crate::provider::fault::fault;
use crate::provider::file::{ClockSide, SignatureTable, SignedTable, TokenTable};
use crate::signature::{Asymmetric, AsymmetricKind, Freshness, Hash, Hmac, Scheme, TokenScheme};
use crate::template::{Placeholder, Scope, Template};

type HeaderTemplates = IndexMap<String, Template>;

pub(super) fn scheme(table: SignatureTable, headers: &HeaderTemplates) -> Result<Scheme> {
    match table {
        SignatureTable::Hmac(table) => hmac(*table, headers).map(Scheme::Hmac),
        SignatureTable::Hash(table) => hash(*table, headers).map(Scheme::Hash),
        SignatureTable::Token(table) => token(table).map(Scheme::Token),
        SignatureTable::Ed25519(table) => asymmetric(AsymmetricKind::Ed25519, *table, headers),
        SignatureTable::Ecdsa(table) => asymmetric(AsymmetricKind::Ecdsa, *table, headers),
        SignatureTable::Rsa(table) => asymmetric(AsymmetricKind::Rsa, *table, headers),
        SignatureTable::Unsigned(_) => Ok(Scheme::Unsigned),
    }
}

fn hmac(mut table: SignedTable, headers: &HeaderTemplates) -> Result<Hmac> {
    let name = "signature.hmac";
    refuse(name, &pair_keys(&table))?;
    let content = content(name, &mut table, Scope::Content)?;
    Ok(Hmac {
        algorithm: table.algorithm.unwrap_or_default(),
        key: table.key.unwrap_or_default(),
        key_prefix: table.key_prefix.take(),
        also_accept: table.also_accept.take().unwrap_or_default(),
        freshness: freshness(&table),
        carrier: location::compile(name, table, headers, &content)?,
        content,
    })
}

fn hash(mut table: SignedTable, headers: &HeaderTemplates) -> Result<Hash> {
    let name = "signature.hash";
    refuse(
        name,
        &[&pair_keys(&table)[..], &secret_keys(&table), &time_keys(&table)].concat(),
    )?;
    let content = content(name, &mut table, Scope::Hashed)?;
    if !content.placeholders().any(|p| *p == Placeholder::Secret) {
        return fault("signature.hash.content", "`${secret}` is missing");
    }
    Ok(Hash {
        algorithm: table.algorithm.unwrap_or_default(),
        carrier: location::compile(name, table, headers, &content)?,
        content,
        freshness: Freshness::default(),
    })
}

fn token(table: TokenTable) -> Result<TokenScheme> {
    let key = "signature.token.value";
    let value = table.value.unwrap_or_else(|| Template::builtin("${secret}"));
    check(key, &value, Scope::TokenValue)?;
    if value.is_constant() {
        return fault(key, "`${secret}` is missing");
    }
    Ok(TokenScheme {
        header: header("signature.token.header", table.header)?,
        value,
    })
}

fn asymmetric(kind: AsymmetricKind, mut table: SignedTable, headers: &HeaderTemplates) -> Result<Scheme> {
    let name = format!("signature.{kind}");
    let algorithm = [("algorithm", table.algorithm.is_some())];
    refuse(&name, &[&algorithm[..], &secret_keys(&table)].concat())?;
    let content = content(&name, &mut table, Scope::Content)?;
    Ok(Scheme::Asymmetric(Asymmetric {
        kind,
        freshness: freshness(&table),
        public_form: table.public_form.unwrap_or_default(),
        private_prefix: table.private_prefix.take(),
        public_prefix: table.public_prefix.take(),
        carrier: location::compile(&name, table, headers, &content)?,
        content,
    }))
}

/// Keys of one table, and whether each is stated.
type Stated = (&'static str, bool);

/// What only kinds with a pair of keys have.
fn pair_keys(table: &SignedTable) -> [Stated; 3] {
    [
        ("public-form", table.public_form.is_some()),
        ("private-prefix", table.private_prefix.is_some()),
        ("public-prefix", table.public_prefix.is_some()),
    ]
}

/// What only a keyed hash has.
fn secret_keys(table: &SignedTable) -> [Stated; 3] {
    [
        ("key", table.key.is_some()),
        ("key-prefix", table.key_prefix.is_some()),
        ("also-accept", table.also_accept.is_some()),
    ]
}

/// What a plain hash does not have: a grammar of its header and a signing time.
fn time_keys(table: &SignedTable) -> [Stated; 7] {
    [
        ("pairs", table.pairs.is_some()),
        ("list", table.list.is_some()),
        ("tolerance", table.tolerance.is_some()),
        ("advised-tolerance", table.advised_tolerance.is_some()),
        ("clock", table.clock.is_some()),
        ("time-at", table.time_at.is_some()),
        ("time-form", table.time_form.is_some()),
    ]
}

fn refuse(table: &str, keys: &[Stated]) -> Result<()> {
    match keys.iter().find(|(_, stated)| *stated) {
        Some((key, _)) => fault(&format!("{table}.{key}"), "this kind of signature has no such key"),
        None => Ok(()),
    }
}

fn content(table: &str, signed: &mut SignedTable, scope: Scope) -> Result<Template> {
    let key = format!("{table}.content");
    let content = signed.content.take().unwrap_or_else(|| Template::builtin("${body}"));
    check(&key, &content, scope)?;
    if content.is_constant() {
        return fault(&key, "nothing of the message is signed");
    }
    Ok(content)
}

fn freshness(table: &SignedTable) -> Freshness {
    Freshness {
        tolerance: table.tolerance.map(Into::into),
        advised: table.advised_tolerance.map(Into::into),
        past_only: table.clock == Some(ClockSide::Past),
    }
}

fn header(key: &str, name: Option<String>) -> Result<String> {
    let Some(name) = name else {
        return fault(key, "is missing");
    };
    check_line(&name, "").or_else(|what| fault(key, what))?;
    Ok(name)
}
