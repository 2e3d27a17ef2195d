//! A header that equals the secret: it proves that the sender knows the secret, but covers no part of the request.

use std::ops::Range;

use super::keys::is_public_key;
use super::{KeyError, Proof, Received, RejectReason, Signed, same};
use crate::secret::Secret;
use crate::template::{Placeholder, Template};

/// A token scheme.
#[derive(Debug, Clone)]
pub struct TokenScheme {
    /// The header, as it is written.
    pub header: String,
    /// Its value around `${secret}`.
    pub value: Template,
}

impl TokenScheme {
    /// Everybody knows a public key, so that it is no token.
    pub(super) fn keys(secrets: &[Secret]) -> Result<Vec<Secret>, KeyError> {
        match secrets.iter().find(|secret| is_public_key(secret.expose())) {
            Some(pair) => Err(KeyError::wrong_form(pair, "a token: it is a key of a pair")),
            None => Ok(secrets.to_vec()),
        }
    }

    pub(super) fn sign(&self, secrets: &[Secret]) -> Signed {
        let line = |secret: &Secret| (self.header.clone(), self.text(secret));
        Signed::Headers(secrets.iter().map(line).collect())
    }

    pub(super) fn verify(&self, secrets: &[Secret], received: &Received<'_>) -> Result<Proof, RejectReason> {
        let header = || self.header.clone();
        let sent = received.headers.get(&self.header);
        let sent = sent.ok_or_else(|| RejectReason::HeaderMissing { header: header() })?;
        let matching = secrets.iter().find(|secret| same(sent, self.text(secret).as_bytes()));
        let secret = matching.ok_or_else(|| RejectReason::WrongToken { header: header() })?;
        Ok(Proof {
            secret: secret.name().map(str::to_owned),
            weakness: Some("a token covers no body".into()),
            ..Proof::default()
        })
    }

    /// Where the secret is in a value of the header; all of it, when it does not have the form.
    pub fn secret_in(&self, value: &[u8]) -> Range<usize> {
        let around = self.value.around();
        let (before, after) = around.map_or(("", ""), |(before, _, after)| (before, after));
        let inner = value
            .strip_prefix(before.as_bytes())
            .and_then(|rest| rest.strip_suffix(after.as_bytes()));
        // A value of another form is concealed whole: it may be the secret with a wrong prefix.
        match inner {
            Some([_, ..]) => before.len()..value.len() - after.len(),
            _ => 0..value.len(),
        }
    }

    fn text(&self, secret: &Secret) -> String {
        let text = |placeholder: &Placeholder| match placeholder {
            Placeholder::Secret => Some(String::from_utf8_lossy(secret.expose()).into_owned()),
            _ => None,
        };
        self.value.render(text).unwrap_or_default()
    }
}
