//! Verification of a request: the peer, the bearer token, the trigger's path, the signature, a challenge.

use std::net::SocketAddr;

use super::Listener;
use super::challenge::Challenge;
use super::permission::may_pass_on;
use crate::headers::Headers;
use crate::provider::Facts;
use crate::server::Incoming;
use crate::signature::{Received, RejectReason, Verdict, same};
use crate::verification::VerificationResult;

impl Listener {
    /// Why a request is refused whatever its signature is.
    fn gate(&self, remote: SocketAddr, headers: &Headers) -> Option<RejectReason> {
        if !self.rules.allow.is_empty() && !self.rules.allow.iter().any(|network| network.contains(remote.ip())) {
            return Some(RejectReason::Address {
                address: remote.ip().to_string(),
            });
        }
        let bearer = self.bearer.as_ref()?;
        let given = headers.get("authorization").and_then(bearer_token);
        let is_right = given.is_some_and(|given| same(given, bearer.expose()));
        (!is_right).then_some(RejectReason::Bearer)
    }

    /// The verdict, the challenge that the request is, and the key that tells a duplicate.
    pub(super) fn verify(&self, incoming: &Incoming) -> (VerificationResult, Challenge, Option<String>) {
        let url = self.verification.url(&incoming.headers, &incoming.target);
        let received = Received {
            method: &incoming.method,
            url: url.as_deref(),
            headers: &incoming.headers,
            body: &incoming.body,
            now: self.clock.now(),
        };
        let mut judged = self.verification.check(&received);
        let trigger = self.inbound.as_ref();
        if trigger.is_some() {
            // A request to a trigger is not an event of the provider, and two equal ones are two requests.
            judged.facts = Facts::default();
        }
        let refusal = self
            .gate(incoming.remote, &incoming.headers)
            .or_else(|| trigger?.gate(&incoming.method, &incoming.target));
        let mut challenge = Challenge::None;
        if let Some(refusal) = refusal {
            judged.verdict = Verdict::Refused(refusal);
            return (judged, challenge, None);
        }
        if self.bearer.is_some() {
            judged.verdict = judged.verdict.with_token();
        }
        if trigger.is_none() {
            challenge = self
                .challenges
                .answer_challenge(&self.verification, &mut judged, incoming);
        }
        let is_event = trigger.is_none() && matches!(challenge, Challenge::None);
        // A request of a web page must not make a later one of the provider a duplicate.
        let is_event = is_event && may_pass_on(&judged.verdict, &incoming.headers);
        let key = is_event.then(|| judged.dedupe_key(&received, &incoming.target));
        (judged, challenge, key.flatten())
    }

    /// The parts of an accepted request that are not signed, where they are reported.
    pub(super) fn unsigned_parts(&self, incoming: &Incoming, judged: &VerificationResult) -> Vec<String> {
        let profile = judged.profile.as_ref();
        let profile = profile.filter(|_| self.rules.unsigned_parts && judged.verdict.is_accepted());
        profile.map_or_else(Vec::new, |profile| {
            profile.unsigned_parts(&incoming.headers, &incoming.body, incoming.target.contains('?'))
        })
    }
}

/// The token of a bearer scheme, whose name may be in any case.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(at);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}
