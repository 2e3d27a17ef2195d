//! What makes two requests the same: what is signed, as far as anything is. Whoever has one signed request may send it
//! again with another value of what is not.

use super::VerificationResult;
use crate::digest::sha256_of;
use crate::signature::Received;

impl VerificationResult {
    /// The key that a second delivery of the same event has too, scoped by the provider: the signed id, else a hash of what is
    /// signed, else, where nothing is, a hash of method, target and body. `None` for a request of nobody's. What nobody
    /// verified is a matter of its own: it must not keep a verified event from running a command.
    pub fn dedupe_key(&self, received: &Received<'_>, target: &str) -> Option<String> {
        let profile = self.profile.as_ref()?;
        let proved = self.verdict.is_accepted();
        let name = format!("{}{}", profile.name, if proved { "" } else { " unverified" });
        if let Some(key) = &self.facts.dedupe_key {
            return Some(format!("{name}:{key}"));
        }
        let form = self.verdict.proof().map(|proof| proof.url_form).unwrap_or_default();
        let content = profile.scheme.signed_hash(received, form);
        Some(match content {
            Some(hash) => format!("{name}:content {hash}"),
            None => format!("{name}:request {}", request_hash(received, target)),
        })
    }
}

fn request_hash(received: &Received<'_>, target: &str) -> String {
    sha256_of(&[
        received.method.as_bytes(),
        b" ",
        target.as_bytes(),
        b"\n",
        received.body,
    ])
}
