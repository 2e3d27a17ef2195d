//! `[signature.KIND]` of a provider file.

use serde::Deserialize;

use crate::provider::value::DurationText;
use crate::signature::{Algorithm, Encoding, Form, KeyForm, PublicForm, SignatureLocation};
use crate::template::{Template, TimeForm};
use crate::words::words;

/// `[signature.KIND]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SignatureTable {
    /// A keyed hash over a template.
    Hmac(Box<SignedTable>),
    /// A plain hash over a template with the secret in it: weak.
    Hash(Box<SignedTable>),
    /// The header equals the secret: covers no body, so a verdict names it as weak.
    Token(TokenTable),
    /// Ed25519 over a template; sign with the private, verify with the public key.
    Ed25519(Box<SignedTable>),
    /// ECDSA on P-256 with SHA-256 over a template, the signature in DER.
    Ecdsa(Box<SignedTable>),
    /// RSA PKCS#1 v1.5 with SHA-256 over a template.
    Rsa(Box<SignedTable>),
    /// Nothing is signed; such a capture is never called verified.
    Unsigned(UnsignedTable),
}

/// `[signature.hmac]`, `[signature.hash]`, `[signature.ed25519]`, `[signature.ecdsa]` and `[signature.rsa]`. Which kind has
/// which keys is checked with the rest of the profile.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SignedTable {
    /// `sha256` (default), `sha1` or `sha512`: `hmac` and `hash` only.
    pub algorithm: Algorithm,
    /// How the secret's text becomes key bytes: `hmac` only.
    pub key: KeyForm,
    /// Dropped from the front of the secret's text before it is decoded: `hmac` only.
    pub key_prefix: Option<String>,
    /// What is signed, e.g. `${timestamp}.${body}`. Default `${body}`.
    pub content: Option<Template>,
    /// The header that carries the signature.
    pub header: Option<String>,
    /// The header's value, e.g. `sha256=${signature}` or `t=${timestamp},v1=${signature}`. Default `${signature}`.
    pub value: Option<Template>,
    /// Separator when the value is made of `key=value` pairs: read in any order, each key repeatable.
    pub pairs: Option<String>,
    /// Separator when the header may carry several whole values, any of which may match.
    pub list: Option<String>,
    /// `hex` (default, read in either case), `base64` or `base64url`.
    pub encoding: Encoding,
    /// Other forms that verification takes and names, each `ENCODING` or `PREFIX${signature}` with the encoding after a
    /// colon: `["base64", "sha256=${signature}:hex"]`. For providers whose documents leave the form open; `hmac` only.
    pub also_accept: Vec<Form>,
    /// How old a timestamp may be, enforced.
    pub tolerance: Option<DurationText>,
    /// How old a timestamp may be, a warning only.
    pub advised_tolerance: Option<DurationText>,
    /// Whether a timestamp too far in the future is refused too.
    pub clock: ClockSide,
    /// A body path that carries the signing time, when no header does: `webhookTimestamp`.
    pub time_at: Option<String>,
    /// How it is written there. Absent: seconds or RFC 3339.
    pub time_form: Option<TimeForm>,
    /// What is unusual about the places of signatures and of what is signed.
    pub carrier: SignatureLocation,
    /// How public keys are written; all forms are read. Kinds with a pair of keys only.
    pub public_form: PublicForm,
    /// Before the base64 of a private key, where keys are not written as PEM: `whsk_`.
    pub private_prefix: Option<String>,
    /// Before the base64 of a public key, where keys are not written as PEM: `whpk_`.
    pub public_prefix: Option<String>,
}

words! {
    /// On which side of the receiver's clock a timestamp may be too far away.
    #[derive(Default)]
    pub enum ClockSide {
        /// Both.
        #[default]
        Both = "both",
        /// In the past only.
        Past = "past",
    }
}

/// `[signature.token]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TokenTable {
    /// The header that carries the secret.
    pub header: Option<String>,
    /// The header's value, e.g. `Bearer ${secret}`. Default `${secret}`.
    pub value: Option<Template>,
}

/// `[signature.unsigned]`: no keys.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsignedTable {}
