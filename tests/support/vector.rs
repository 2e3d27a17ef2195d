//! Requests whose verdict is known from a source that is not this program: `tests/vectors/`, one file a provider.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// One request. Keys that are only for people are not read.
#[derive(Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    /// Where the request itself does not say it, or to sign.
    pub(crate) variant: Option<String>,
    /// The variant by which it must be asked for, because it proves less than the plain provider.
    must_name: Option<String>,
    secret: Secrets,
    /// The private half of a throw-away pair.
    pub(crate) signing_key: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Where it went, when that is signed.
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    body: Option<String>,
    body_base64: Option<String>,
    body_gen: Option<Repeated>,
    body_len: usize,
    /// The receiver's clock; absent where the scheme has none.
    pub(crate) timestamp_unix: Option<i64>,
    /// `valid` or `invalid`.
    pub(crate) expect: String,
    /// Whether signing must give exactly these headers.
    #[serde(default)]
    pub(crate) canonical: bool,
    pub(crate) why: String,
}

/// A large body, told in few words.
#[derive(Debug, Deserialize)]
struct Repeated {
    prefix: String,
    repeat: String,
    count: usize,
    suffix: String,
}

/// One secret, or several that a receiver holds.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Secrets {
    One(String),
    Several(Vec<String>),
}

impl Vector {
    /// All vectors with the provider of each.
    pub(crate) fn all() -> Vec<(String, Self)> {
        let folder = Path::new(super::ROOT).join("tests/vectors");
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the folder of vectors") {
            let path = entry.expect("its entries").path();
            let text = std::fs::read_to_string(&path).expect("a file of vectors");
            let vectors: Vec<Self> =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let provider = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            all.extend(vectors.into_iter().map(|vector| (provider.to_owned(), vector)));
        }
        all
    }

    /// `NAME`, or `NAME@VARIANT` where only that accepts it.
    pub(crate) fn label(&self, provider: &str) -> String {
        match &self.must_name {
            Some(variant) => format!("{provider}@{variant}"),
            None => provider.to_owned(),
        }
    }

    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.secret {
            Secrets::One(secret) => vec![secret],
            Secrets::Several(secrets) => secrets.iter().map(String::as_str).collect(),
        }
    }

    /// Whether its body is small enough for thousands of trials.
    pub(crate) fn is_small(&self) -> bool {
        self.body_len < 4096
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let body = match (&self.body, &self.body_base64, &self.body_gen) {
            (Some(text), None, None) => text.clone().into_bytes(),
            (None, Some(text), None) => STANDARD.decode(text).expect("base64"),
            (None, None, Some(large)) => [&*large.prefix, &large.repeat.repeat(large.count), &large.suffix]
                .concat()
                .into_bytes(),
            _ => panic!("{}: one body is expected", self.id),
        };
        assert_eq!(body.len(), self.body_len, "{}", self.id);
        body
    }
}
