//! `[signature.KIND]` of a provider file.

use serde::Deserialize;

/// `[signature.KIND]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SignatureFile {
    /// A keyed hash over a template.
    Hmac(HmacFile),
    /// A plain hash over a template with the secret in it: weak.
    Hash(HashFile),
    /// The header equals the secret: covers no body, so a verdict names it as weak.
    Token(TokenFile),
    /// Ed25519 over a template; sign with the private, verify with the public key.
    Ed25519(AsymmetricFile),
    /// ECDSA on P-256 with SHA-256 over a template, the signature in DER.
    Ecdsa(AsymmetricFile),
    /// RSA PKCS#1 v1.5 with SHA-256 over a template.
    Rsa(AsymmetricFile),
    /// Nothing is signed; such a capture is never called verified.
    Unsigned(UnsignedFile),
}

/// `[signature.hmac]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HmacFile {
    /// `sha256` (default), `sha1` or `sha512`.
    pub algorithm: Option<String>,
    /// How the secret's text becomes key bytes: `utf8` (default), `hex`, `base64`, or `prefixed-base64`: base64 behind the
    /// prefix, without the prefix the text itself.
    pub key: Option<String>,
    /// Dropped from the front of the secret's text before it is decoded.
    pub key_prefix: Option<String>,
    /// What is signed, e.g. `${timestamp}.${body}`. Default `${body}`.
    pub content: Option<String>,
    /// The header that carries the signature.
    pub header: Option<String>,
    /// The header's value, e.g. `sha256=${signature}` or `t=${timestamp},v1=${signature}`. Default `${signature}`.
    pub value: Option<String>,
    /// Separator when the value is made of `key=value` pairs: read in any order, each key repeatable.
    pub pairs: Option<String>,
    /// Separator when the header may carry several whole values, any of which may match.
    pub list: Option<String>,
    /// `hex` (default, read in either case), `base64` or `base64url`.
    pub encoding: Option<String>,
    /// Other forms that verification takes and names, each `ENCODING` or `PREFIX${signature}` with the encoding after a
    /// colon: `["base64", "sha256=${signature}:hex"]`. For providers whose documents leave the form open.
    pub also_accept: Option<Vec<String>>,
    /// How old a timestamp may be, enforced.
    pub tolerance: Option<String>,
    /// How old a timestamp may be, a warning only.
    pub advised_tolerance: Option<String>,
    /// `both` (default) or `past`: whether a timestamp too far in the future is refused too.
    pub clock: Option<String>,
    /// A body path that carries the signing time, when no header does: `webhookTimestamp`.
    pub time_at: Option<String>,
    /// How it is written there: `s`, `ms` or `rfc3339`. Absent: seconds or RFC 3339.
    pub time_form: Option<String>,
    /// What is unusual about the places of signatures and of what is signed.
    pub carrier: Option<CarrierFile>,
}

/// `[signature.hash]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HashFile {
    /// `sha256` (default), `sha1` or `sha512`.
    pub algorithm: Option<String>,
    /// What is hashed, e.g. `${secret}${body}`.
    pub content: Option<String>,
    /// As for `hmac`.
    pub header: Option<String>,
    /// As for `hmac`.
    pub value: Option<String>,
    /// As for `hmac`.
    pub encoding: Option<String>,
    /// As for `hmac`.
    pub carrier: Option<CarrierFile>,
}

/// `[signature.KIND.carrier]`: places beyond a single header.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CarrierFile {
    /// The body path of the signature, instead of a header.
    pub body: Option<String>,
    /// The body path of a list whose items are each signed by themselves; other body paths count from an item.
    pub each: Option<String>,
    /// Further headers that carry a signature each, with another secret.
    pub more_headers: Vec<String>,
    /// How many numbered headers there may be, when the header's name ends in `-1`.
    pub numbered: Option<u16>,
    /// Other forms of one value that are read, never written: `${signature}`.
    pub also_read: Vec<String>,
    /// Whether blanks around `key=value` pairs make them unknown. Default: they are passed over.
    pub strict: bool,
    /// Whether the signature must be written as signing writes it: hex in lower case, base64 with its padding. Default:
    /// hex is read in either case, base64 with or without padding.
    pub exact: bool,
    /// The headers that `${signed-headers}` names.
    pub signed_headers: Vec<String>,
    /// Forms of `${url}`, any of which may be signed: `given` (default), `with-port`, `without-port`, `unescaped`.
    pub url_forms: Vec<String>,
    /// The query parameter of `${url}` with the hex SHA-256 of a body that is no form.
    pub body_hash: Option<String>,
}

/// `[signature.token]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TokenFile {
    /// The header that carries the secret.
    pub header: Option<String>,
    /// The header's value, e.g. `Bearer ${secret}`. Default `${secret}`.
    pub value: Option<String>,
}

/// `[signature.ed25519]`, `[signature.ecdsa]` and `[signature.rsa]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AsymmetricFile {
    /// As for `hmac`.
    pub content: Option<String>,
    /// As for `hmac`.
    pub header: Option<String>,
    /// As for `hmac`.
    pub value: Option<String>,
    /// As for `hmac`.
    pub pairs: Option<String>,
    /// As for `hmac`.
    pub list: Option<String>,
    /// As for `hmac`.
    pub encoding: Option<String>,
    /// As for `hmac`.
    pub tolerance: Option<String>,
    /// As for `hmac`.
    pub advised_tolerance: Option<String>,
    /// As for `hmac`.
    pub clock: Option<String>,
    /// As for `hmac`.
    pub time_at: Option<String>,
    /// As for `hmac`.
    pub time_form: Option<String>,
    /// As for `hmac`.
    pub carrier: Option<CarrierFile>,
    /// How public keys are written: `pem` (default), `der` (base64 of it) or `hex` (raw bytes). All are read.
    pub public_form: Option<String>,
    /// Before the base64 of a private key, where keys are not written as PEM: `whsk_`.
    pub private_prefix: Option<String>,
    /// Before the base64 of a public key, where keys are not written as PEM: `whpk_`.
    pub public_prefix: Option<String>,
}

/// `[signature.unsigned]`: no keys.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UnsignedFile {}
