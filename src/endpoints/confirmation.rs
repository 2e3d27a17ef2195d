//! Endpoints that are sent a challenge: until the token comes back, nothing is delivered. The book keeps a digest of the
//! token, never the token. Another URL is pending again.

use super::endpoint::Endpoint;
use crate::clock::Timestamp;
use crate::digest::body_sha256;
use crate::health::DisabledBy;
use crate::signature::same;

/// The result of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// It gets deliveries from now on.
    Now,
    /// It was not pending.
    Before,
    /// The token is another one.
    WrongToken,
}

impl Endpoint {
    /// Whether it has yet to be confirmed.
    pub fn is_pending(&self) -> bool {
        matches!(&self.disabled, Some(disabled) if disabled.reason == DisabledBy::Unconfirmed)
    }

    /// Switches it off until that token comes back.
    pub fn await_confirmation(&mut self, token: &str, now: Timestamp) {
        self.confirmation = Some(digest(token));
        self.make_pending(now);
    }

    /// Whatever disabled it before gives way: enabling it by hand must not skip the challenge.
    pub(super) fn make_pending(&mut self, now: Timestamp) {
        self.disabled = None;
        self.disable(DisabledBy::Unconfirmed, None, now);
    }

    /// The hint that leads from disabled to active.
    pub fn activation_hint(&self) -> String {
        let name = &self.name;
        if self.is_pending() {
            format!("`hook endpoints confirm {name}` sends the challenge again")
        } else {
            format!("`hook endpoints enable {name}` turns it on again")
        }
    }

    /// Switches it on when the token is the one that it was sent last.
    pub fn confirm(&mut self, token: &str, now: Timestamp) -> Confirmed {
        if !self.is_pending() {
            return Confirmed::Before;
        }
        let wanted = self.confirmation.as_deref().unwrap_or_default();
        if !same(wanted.as_bytes(), digest(token).as_bytes()) {
            return Confirmed::WrongToken;
        }
        // The digest stays: it tells that another URL must be asked, too.
        self.disabled = None;
        self.enable(now);
        self.updated = super::form::whole_seconds(now);
        Confirmed::Now
    }
}

fn digest(token: &str) -> String {
    format!("sha256:{}", body_sha256(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::Change;
    use crate::endpoints::testing::{at, endpoint};

    #[test]
    fn only_the_last_token_switches_a_pending_endpoint_on() {
        let mut endpoint = endpoint("a");
        assert_eq!(endpoint.confirm("one", at(0)), Confirmed::Before);
        endpoint.await_confirmation("one", at(1));
        endpoint.await_confirmation("two", at(2));
        assert!(endpoint.is_pending() && !endpoint.is_active());
        assert!(!endpoint.enable(at(3)), "not by switching it on");
        let change = Change {
            active: Some(true),
            ..Change::default()
        };
        endpoint.apply(change, at(3));
        assert!(endpoint.is_pending());
        assert_eq!(endpoint.confirm("one", at(4)), Confirmed::WrongToken);
        assert_eq!(endpoint.confirm("", at(4)), Confirmed::WrongToken);
        let kept = serde_json::to_string(&endpoint).unwrap();
        assert!(kept.contains("sha256:") && !kept.contains("two"), "{kept}");
        assert_eq!(endpoint.confirm("two", at(5)), Confirmed::Now);
        assert!(endpoint.is_active());
        let moved = |url: &str| Change {
            url: Some(url.to_owned()),
            ..Change::default()
        };
        let same = moved(&endpoint.url.clone());
        endpoint.apply(same, at(6));
        assert!(endpoint.is_active());
        endpoint.apply(moved("https://other.example.com"), at(6));
        assert!(endpoint.is_pending(), "another URL");
        assert_eq!(endpoint.confirm("two", at(7)), Confirmed::WrongToken);
    }

    #[test]
    fn what_waits_for_a_token_that_nobody_knows_is_confirmed_by_none() {
        let mut endpoint = endpoint("a");
        endpoint.disable(DisabledBy::Unconfirmed, None, at(0));
        assert_eq!(endpoint.confirm("", at(1)), Confirmed::WrongToken);
    }
}
