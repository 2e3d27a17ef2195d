//! Secrets in turn: a new one takes over while the old one still counts for a while.

use std::time::Duration;

use super::endpoint::{Endpoint, EndpointSecret};
use super::form::whole_seconds;
use crate::clock::Timestamp;

/// Puts a new secret in front. Those before it count until `overlap` has passed, or their own earlier end; what has
/// ended is dropped, and with an overlap of zero that is all of them.
pub fn rotate(endpoint: &mut Endpoint, new: EndpointSecret, overlap: Duration, now: Timestamp) {
    let end = whole_seconds(now.plus(overlap));
    let old = std::mem::take(&mut endpoint.secrets);
    endpoint.secrets = vec![EndpointSecret { until: None, ..new }];
    for secret in old {
        let until = secret.until.map_or(end, |until| until.min(end));
        let secret = EndpointSecret {
            until: Some(until),
            ..secret
        };
        // The same variable or file, whose text was changed: the reference gives the new one already.
        if secret.reference != endpoint.secrets[0].reference && secret.counts(now) {
            endpoint.secrets.push(secret);
        }
    }
    endpoint.updated = whole_seconds(now);
}

impl Endpoint {
    /// The secrets that a receiver accepts, the current one first.
    pub fn active_secrets(&self, now: Timestamp) -> Vec<&EndpointSecret> {
        self.secrets.iter().filter(|secret| secret.counts(now)).collect()
    }

    /// The secrets to sign with: the current one, and those of a rotation behind it when the header may carry `several`
    /// signatures.
    pub fn signing_secrets(&self, now: Timestamp, several: bool) -> Vec<&EndpointSecret> {
        let mut secrets = self.active_secrets(now);
        secrets.truncate(if several { secrets.len() } else { 1 });
        secrets
    }

    /// Drops secrets whose time is over. Says whether there were any.
    pub fn drop_expired(&mut self, now: Timestamp) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|secret| secret.counts(now));
        self.secrets.len() < before
    }
}

impl EndpointSecret {
    /// Whether it is not expired.
    pub fn counts(&self, now: Timestamp) -> bool {
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
        rotate(&mut endpoint, secret("OLD"), HOUR, at(0));
        rotate(&mut endpoint, secret("NEW"), HOUR, at(100));
        for (now, expected) in [
            (100, vec!["env:NEW", "env:OLD"]),
            (3699, vec!["env:NEW", "env:OLD"]),
            (3700, vec!["env:NEW"]),
        ] {
            assert_eq!(names(&endpoint.active_secrets(at(now))), expected, "{now}");
            assert_eq!(names(&endpoint.signing_secrets(at(now), true)), expected, "{now}");
            assert_eq!(names(&endpoint.signing_secrets(at(now), false)), ["env:NEW"], "{now}");
        }
        assert!(endpoint.drop_expired(at(3700)));
        assert!(!endpoint.drop_expired(at(3700)));
        assert_eq!(endpoint.updated, at(100));
    }

    #[test]
    fn a_rotation_during_an_overlap_keeps_each_old_end_unless_the_new_one_is_earlier() {
        let mut endpoint = endpoint("a");
        for (name, overlap, now) in [("A", HOUR, 0), ("B", HOUR, 0), ("C", HOUR * 5, 10), ("D", HOUR / 2, 20)] {
            rotate(&mut endpoint, secret(name), overlap, at(now));
        }
        let ends: Vec<_> = endpoint.secrets.iter().map(|s| s.until.map(Timestamp::unix)).collect();
        assert_eq!(ends, [None, Some(1820), Some(1820), Some(1820)]);
        rotate(&mut endpoint, secret("E"), HOUR, at(1820));
        assert_eq!(names(&endpoint.active_secrets(at(1820))), ["env:E", "env:D"]);
    }

    #[test]
    fn no_overlap_ends_every_old_secret_at_once() {
        let mut endpoint = endpoint("a");
        for name in ["A", "B"] {
            rotate(&mut endpoint, secret(name), HOUR, at(0));
        }
        rotate(&mut endpoint, secret("C"), Duration::ZERO, at(1));
        assert_eq!(endpoint.secrets, [secret("C")]);
    }

    #[test]
    fn the_same_reference_again_is_one_secret() {
        let mut endpoint = endpoint("a");
        for _ in 0..2 {
            rotate(&mut endpoint, secret("A"), HOUR, at(0));
        }
        assert_eq!(endpoint.secrets, [secret("A")]);
    }

    #[test]
    fn an_overlap_without_end_can_still_be_written() {
        let mut endpoint = endpoint("a");
        rotate(&mut endpoint, secret("A"), HOUR, at(0));
        rotate(&mut endpoint, secret("B"), Duration::MAX, at(0));
        let end = endpoint.secrets[1].until.unwrap();
        assert_eq!(end.to_string(), "9999-12-31T23:59:59.000Z");
    }
}
