//! Keys that need no secret, and the forms in which a secret gets into a message.

use base64::Engine as _;
use indexmap::IndexSet;

use super::encoding::LENIENT_KEY;
use super::hmac::Hmac;
use super::{Encoding, KeyForm, Scheme, Signer};
use crate::secret::Secret;

/// The shortest key whose other forms are no accident in a message.
const SHORTEST: usize = 8;

impl Scheme {
    /// What signs with the keys that receivers make of these texts: of a secret that is not set, for example. An HMAC takes
    /// any key, the empty one too.
    pub fn guessed_signers(&self, texts: &[&str]) -> Vec<Signer> {
        if let Self::Hmac(scheme) = self {
            let keys: IndexSet<Vec<u8>> = texts.iter().flat_map(|text| keys(scheme, text)).collect();
            let signer = |key: &Vec<u8>| Signer::Hmac(scheme.clone(), vec![scheme.key_of(None, key)]);
            return keys.iter().map(signer).collect();
        }
        let set: IndexSet<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
        set.into_iter()
            .filter_map(|text| self.signer(&[Secret::new(text.as_bytes().to_vec())]).ok())
            .collect()
    }

    /// The texts that a secret has in a message that gives it away: as it is, without its prefix, and its key in hex and base64.
    pub fn secret_texts(&self, secret: &Secret) -> Vec<String> {
        let whole = String::from_utf8_lossy(secret.expose()).into_owned();
        let mut texts = IndexSet::from([whole.clone()]);
        if let Self::Hmac(scheme) = self {
            texts.extend(
                scheme
                    .key_prefix
                    .as_ref()
                    .and_then(|prefix| whole.strip_prefix(prefix.as_str()))
                    .map(str::to_owned),
            );
            let key = scheme.key_bytes(secret).unwrap_or_default();
            texts.extend(encoded(&key));
        }
        texts.into_iter().filter(|text| text.len() >= SHORTEST).collect()
    }
}

/// The keys that a receiver may make of a text: its bytes, and what a decoder that ignores errors makes of it.
fn keys(scheme: &Hmac, text: &str) -> Vec<Vec<u8>> {
    let mut keys = vec![text.as_bytes().to_vec()];
    if matches!(scheme.key, KeyForm::Base64 | KeyForm::PrefixedBase64) {
        let behind = scheme
            .key_prefix
            .as_ref()
            .and_then(|prefix| text.strip_prefix(prefix.as_str()));
        keys.extend(lenient(behind.unwrap_or(text)));
    }
    keys
}

/// Base64 as Node decodes it: both alphabets, until the first `=`, without what is no base64.
fn lenient(text: &str) -> Option<Vec<u8>> {
    let known = text.chars().take_while(|c| *c != '=').filter_map(|c| match c {
        '-' => Some('+'),
        '_' => Some('/'),
        c => Some(c).filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/')),
    });
    let mut known: String = known.collect();
    // A single character at the end is less than a byte.
    if known.len() % 4 == 1 {
        known.pop();
    }
    LENIENT_KEY.decode(known).ok()
}

fn encoded(key: &[u8]) -> Vec<String> {
    if key.len() < SHORTEST {
        return Vec::new();
    }
    let encode = |form: &Encoding| form.encode(key).trim_end_matches('=').to_owned();
    Encoding::ALL.iter().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Registry;

    #[test]
    fn base64_that_is_none_is_decoded_as_node_does() {
        for (text, key) in [
            ("undefined", "ba775e7e29de"),
            ("null", "9ee965"),
            ("None", "3689de"),
            ("webhook_secret", "c1e6e1a2893fb1e72b7a"),
            ("secret", "b1e72b7a"),
            ("a", ""),
            ("", ""),
        ] {
            assert_eq!(lenient(text).map(hex::encode).as_deref(), Some(key), "{text}");
        }
    }

    #[test]
    fn an_hmac_can_be_keyed_with_nothing_and_each_key_once() {
        let registry = Registry::default();
        for (name, count) in [("github", 2), ("standard-webhooks", 3), ("gitlab", 1)] {
            let profile = registry.get(name).unwrap();
            assert_eq!(
                profile.scheme.guessed_signers(&["", "null", "null"]).len(),
                count,
                "{name}"
            );
        }
    }

    #[test]
    fn a_key_is_known_in_each_of_its_forms() {
        let registry = Registry::default();
        let texts =
            |name: &str, secret: &'static str| registry.get(name).unwrap().scheme.secret_texts(&Secret::new(secret));
        assert_eq!(
            texts("standard-webhooks", "whsec_MDEyMzQ1Njc4OQ=="),
            [
                "whsec_MDEyMzQ1Njc4OQ==",
                "MDEyMzQ1Njc4OQ==",
                "30313233343536373839",
                "MDEyMzQ1Njc4OQ"
            ]
        );
        assert_eq!(
            texts("github", "0123456789"),
            ["0123456789", "30313233343536373839", "MDEyMzQ1Njc4OQ"]
        );
        assert_eq!(texts("github", "short"), Vec::<String>::new());
    }
}
