//! How signature bytes are written in a header.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use crate::words::words;

/// Verification takes base64 with or without its padding; what is signed is always padded.
pub(crate) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Secrets are copied by hand: one that lost its last character or padding still is a key, as the common libraries have
/// it.
pub(crate) const LENIENT_KEY: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

words! {
    /// The text form of signature bytes.
    #[derive(Default)]
    pub enum Encoding {
        /// Lower-case hex; read in either case.
        #[default]
        Hex = "hex",
        /// Standard alphabet, padded.
        Base64 = "base64",
        /// URL-safe alphabet, not padded.
        Base64Url = "base64url",
    }
}

impl Encoding {
    /// Bytes to text.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// Text to bytes; `None` when the text is of another form.
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => LENIENT.decode(text).ok(),
            Self::Base64Url => URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }
}

/// Another way of writing the same signature that verification takes: a prefix and an encoding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Form {
    /// Before the signature.
    pub prefix: String,
    /// Of the signature.
    pub encoding: Encoding,
}

impl TryFrom<String> for Form {
    type Error = String;

    /// Reads `ENCODING` or `PREFIX${signature}:ENCODING`.
    fn try_from(text: String) -> Result<Self, String> {
        let (prefix, encoding) = text.split_once("${signature}:").unwrap_or(("", &text));
        match Encoding::ALL.iter().find(|known| known.name() == encoding) {
            Some(encoding) => Ok(Self {
                prefix: prefix.to_owned(),
                encoding: *encoding,
            }),
            None => Err(format!("`{text}` is not a form")),
        }
    }
}

impl Form {
    /// The signature's bytes, when the text is of this form.
    pub fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.encoding.decode(text.strip_prefix(self.prefix.as_bytes())?)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix.is_empty() {
            return write!(f, "{}", self.encoding);
        }
        write!(f, "`{}` and {}", self.prefix, self.encoding)
    }
}
