//! `[handshake]`: what a provider asks an endpoint before it delivers events there.

use serde::Deserialize;

/// `[handshake]`: a request with a token, and the answer that says that the endpoint is wanted there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HandshakeFile {
    /// Form of a token, a template of `${new.*}`. Default `${new.hex32}`.
    pub token: Option<String>,
    /// What is sent.
    pub request: HandshakePartFile,
    /// What `hook listen` answers. Absent: the token alone, as `{"token": ...}`.
    pub answer: Option<HandshakePartFile>,
}

/// `[handshake.request]` and `[handshake.answer]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HandshakePartFile {
    /// JSON text with `${token}`.
    pub body: String,
}
