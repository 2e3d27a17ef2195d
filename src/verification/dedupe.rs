//! The dedupe key of a request: made from what is signed, as far as anything is. Anybody who has one signed request can
//! send it again with other values of the unsigned parts.

use super::VerificationResult;
use crate::digest::sha256_of;
use crate::signature::Received;

impl VerificationResult {
    /// The key that a second delivery of the same event has too, scoped by the provider: the signed id, else a hash of what is
    /// signed, else, where nothing is, a hash of method, target and body. `None` where no provider was recognised.
    pub fn dedupe_key(&self, received: &Received<'_>, target: &str) -> Option<String> {
        let profile = self.profile.as_ref()?;
        let proved = self.verdict.is_accepted();
        // A forged copy that comes first must not make the verified event a duplicate.
        let name = format!("{}{}", profile.name, if proved { "" } else { " unverified" });
        if let Some(key) = &self.facts.dedupe_key {
            return Some(format!("{name}:{key}"));
        }
        let form = self.verdict.proof().map(|proof| proof.url_form).unwrap_or_default();
        let content = profile.scheme.signed_hash(received, form);
        Some(match content {
            Some(hash) => format!("{name}:content {hash}"),
            None => {
                let line = format!("{} {target}\n", received.method);
                format!("{name}:request {}", sha256_of(&[line.as_bytes(), received.body]))
            }
        })
    }
}
