//! Rotation of secrets: the old secret stays valid for an overlap after the new one is in use.

use std::time::Duration;

use super::endpoint::{Endpoint, EndpointSecret};
use super::form::whole_seconds;
use crate::clock::Timestamp;

impl Endpoint {
    /// Puts a new secret in front. Those before it stay valid until `overlap` has passed, or their own earlier end;
    /// expired ones are dropped, and with an overlap of zero that is all of them.
    pub(super) fn rotate(&mut self, new: EndpointSecret, overlap: Duration, now: Timestamp) {
        let end = whole_seconds(now.plus(overlap));
        let old = std::mem::take(&mut self.secrets);
        // The current secret comes first, and has no end.
        self.secrets = vec![EndpointSecret { until: None, ..new }];
        for secret in old {
            let until = secret.until.map_or(end, |until| until.min(end));
            let secret = EndpointSecret {
                until: Some(until),
                ..secret
            };
            // The same reference already resolves to the new secret.
            if secret.reference != self.secrets[0].reference && secret.is_valid(now) {
                self.secrets.push(secret);
            }
        }
        self.updated = whole_seconds(now);
    }

    /// The secrets that a receiver accepts, the current one first.
    pub fn active_secrets(&self, now: Timestamp) -> Vec<&EndpointSecret> {
        self.secrets.iter().filter(|secret| secret.is_valid(now)).collect()
    }

    /// The secrets to sign with: the current one, and those of a rotation behind it when the header may carry `several`
    /// signatures.
    pub fn signing_secrets(&self, now: Timestamp, several: bool) -> Vec<&EndpointSecret> {
        let mut secrets = self.active_secrets(now);
        secrets.truncate(if several { secrets.len() } else { 1 });
        secrets
    }
}

impl EndpointSecret {
    /// Whether it is not expired.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::Reference;
    use crate::endpoints::testing::{at, endpoint};

    const HOUR: Duration = Duration::from_secs(3600);

    fn secret(variable: &str) -> EndpointSecret {
        EndpointSecret {
            reference: Reference::Env(variable.into()),
            name: None,
            until: None,
        }
    }

    fn names(secrets: &[&EndpointSecret]) -> Vec<String> {
        secrets.iter().map(|secret| secret.reference.to_string()).collect()
    }

    #[test]
    fn both_secrets_verify_until_the_overlap_ends_and_the_new_one_comes_first() {
        let mut endpoint = endpoint("a");
        endpoint.rotate(secret("OLD"), HOUR, at(0));
        endpoint.rotate(secret("NEW"), HOUR, at(100));
        for (now, expected) in [
            (100, vec!["env:NEW", "env:OLD"]),
            (3699, vec!["env:NEW", "env:OLD"]),
            (3700, vec!["env:NEW"]),
        ] {
            assert_eq!(names(&endpoint.active_secrets(at(now))), expected, "{now}");
            assert_eq!(names(&endpoint.signing_secrets(at(now), true)), expected, "{now}");
            assert_eq!(names(&endpoint.signing_secrets(at(now), false)), ["env:NEW"], "{now}");
        }
        assert_eq!(endpoint.updated, at(100));
    }

    #[test]
    fn a_rotation_during_an_overlap_keeps_each_old_end_unless_the_new_one_is_earlier() {
        let mut endpoint = endpoint("a");
        for (name, overlap, now) in [("A", HOUR, 0), ("B", HOUR, 0), ("C", HOUR * 5, 10), ("D", HOUR / 2, 20)] {
            endpoint.rotate(secret(name), overlap, at(now));
        }
        let ends: Vec<_> = endpoint.secrets.iter().map(|s| s.until.map(Timestamp::unix)).collect();
        assert_eq!(ends, [None, Some(1820), Some(1820), Some(1820)]);
        endpoint.rotate(secret("E"), HOUR, at(1820));
        assert_eq!(names(&endpoint.active_secrets(at(1820))), ["env:E", "env:D"]);
    }

    #[test]
    fn no_overlap_ends_every_old_secret_at_once() {
        let mut endpoint = endpoint("a");
        for name in ["A", "B"] {
            endpoint.rotate(secret(name), HOUR, at(0));
        }
        endpoint.rotate(secret("C"), Duration::ZERO, at(1));
        assert_eq!(endpoint.secrets, [secret("C")]);
    }

    #[test]
    fn the_same_reference_again_is_one_secret() {
        let mut endpoint = endpoint("a");
        for _ in 0..2 {
            endpoint.rotate(secret("A"), HOUR, at(0));
        }
        assert_eq!(endpoint.secrets, [secret("A")]);
    }

    #[test]
    fn an_overlap_without_end_can_still_be_written() {
        let mut endpoint = endpoint("a");
        endpoint.rotate(secret("A"), HOUR, at(0));
        endpoint.rotate(secret("B"), Duration::MAX, at(0));
        let end = endpoint.secrets[1].until.unwrap();
        assert_eq!(end.to_string(), "9999-12-31T23:59:59.000Z");
    }
}
