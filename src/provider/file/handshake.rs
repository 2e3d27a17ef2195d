//! `[handshake]`: what a provider asks an endpoint before it delivers events there.

use indexmap::IndexMap;
use serde::Deserialize;

/// `[handshake]`, or `[handshakes.NAME]` where a provider asks in several ways.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HandshakeFile {
    /// When it is asked, a clause for people.
    pub summary: Option<String>,
    /// Form of a token, a template of `${new.*}`. Default `${new.hex32}`.
    pub token: Option<String>,
    /// Whether the token is a secret: it is shown once, and not recorded.
    pub secret: bool,
    /// Whether the question is signed like an event: one whose signature does not match is refused.
    pub signed: bool,
    /// Whether the provider asks with a wrong signature too, which must be refused with 401.
    pub probes_signature: bool,
    /// How soon the answer must come.
    pub within: Option<String>,
    /// What the operator is told: a text with `${token}`.
    pub tell: Option<String>,
    /// The token is a URL on such a host (`*` is one label), whose opening confirms the endpoint.
    pub confirm_host: Option<String>,
    /// What is sent.
    pub request: QuestionFile,
    /// What `hook listen` answers. Absent: the token alone, as `{"token": ...}`.
    pub answer: Option<AnswerFile>,
    /// Other answers that the provider takes.
    pub also_accept: Vec<AnswerFile>,
    /// Status codes that the provider takes. Absent: the one of the answer.
    pub success: Option<Vec<String>>,
}

/// `[handshake.request]`. Texts are fixed, or one of `${token}`, `${verify}` (what `--handshake-token` says) and `${any}`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct QuestionFile {
    /// Default `POST`.
    pub method: Option<String>,
    /// Parameters of the query that must be there.
    pub query: IndexMap<String, String>,
    /// Headers that must be there.
    pub headers: IndexMap<String, String>,
    /// JSON text, of which a question may have more; empty: there must be no body; absent: it is not looked at.
    pub body: Option<String>,
    /// Places (`header:NAME`, `body:PATH`) that a question does not have.
    pub without: Vec<String>,
    /// JSON text that the provider sends as well, and that says nothing to a receiver.
    pub more: Option<String>,
    /// Headers that the provider sends as well.
    pub more_headers: IndexMap<String, String>,
}

/// `[handshake.answer]`. Texts may hold `${token}`, `${hmac.hex}` and `${hmac.base64}` (HMAC-SHA256 of the token, keyed with
/// the secret) and `${header.NAME}` (of the question; a header that needs an absent one is left out).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AnswerFile {
    /// Default 200.
    pub status: Option<u16>,
    /// Default `application/json` for a body that is JSON, else `text/plain`.
    pub content_type: Option<String>,
    /// Other headers.
    pub headers: IndexMap<String, String>,
    /// Headers that are answered as well, and without which the provider takes the answer too.
    pub more_headers: IndexMap<String, String>,
    /// JSON text when it begins with `{` or `[`, else plain text; empty: there must be none; absent: none, and the
    /// provider takes any.
    pub body: Option<String>,
}
