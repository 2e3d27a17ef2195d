//! Challenges: requests by which a provider asks whether its endpoint wants its events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::exchange::Answer;
use crate::headers::Headers;
use crate::mask;
use crate::provider::handshake::{ChallengeCandidate, ChallengeFields, Handshake, Unanswerable, is_bare};
use crate::provider::{Facts, Profile, Registry, RegistryError};
use crate::secret::Secret;
use crate::server::{Incoming, Reply};
use crate::signature::{Verdict, same};
use crate::verification::{Verification, VerificationResult};

/// What stands in the ledger where a secret was.
const NOT_KEPT: &str = "(not kept)";

/// Places of a body in which a short secret is replaced, at most.
const SHORT_PLACES: usize = 16;

/// Status of the answer to a wrong verify token.
const WRONG_TOKEN: u16 = 403;

/// Recognises and answers the challenges of providers.
#[derive(Debug)]
pub struct Challenges {
    registry: Registry,
    /// The expected providers; none: any of the built-in ones.
    named: Vec<Arc<Profile>>,
    /// Built-in providers that have sent a challenge.
    met: Mutex<HashMap<&'static str, Option<Arc<Profile>>>>,
    /// Whether a request with nothing but a method is taken for a challenge of any provider.
    bare: bool,
    /// The verify token that a provider must send.
    verify: Option<Secret>,
    /// Status of the answer to refused ones.
    reject_status: u16,
}

/// What a request is.
#[derive(Debug)]
pub(super) enum Challenge {
    /// No challenge.
    None,
    /// A challenge whose signature does not match.
    Refused,
    /// A challenge with its answer.
    Answered(Box<(Reply, ChallengeReply)>),
}

/// An answered challenge, beside the answer itself.
#[derive(Debug, Default)]
pub struct ChallengeReply {
    /// Why it was refused.
    pub refused: Option<String>,
    /// Text for the operator, such as a token to type into the provider's page.
    pub tell: Option<String>,
    /// What would make the handshake safer.
    pub caution: Option<&'static str>,
    /// A URL whose opening confirms the endpoint, and whether it is the provider's.
    pub confirm: Option<(String, bool)>,
    /// A token that must not be recorded.
    secret: Option<String>,
}

impl Challenges {
    /// For the providers named, or without a name for the built-in ones.
    pub fn new(
        registry: &Registry,
        labels: &[String],
        bare: bool,
        verify: Option<Secret>,
        reject_status: u16,
    ) -> Result<Self, RegistryError> {
        let named = labels.iter().map(|label| registry.get(label));
        Ok(Self {
            reject_status,
            bare,
            registry: registry.clone(),
            named: named.collect::<Result<_, _>>()?,
            met: Mutex::default(),
            verify,
        })
    }

    /// Answers a challenge. The verdict is then that of a handshake, not of an event.
    pub(super) fn answer_challenge(
        &self,
        verification: &Verification,
        judged: &mut VerificationResult,
        incoming: &Incoming,
    ) -> Challenge {
        let asking = ChallengeCandidate {
            method: &incoming.method,
            target: &incoming.target,
            headers: &incoming.headers,
            body: &incoming.body,
        };
        let Some((profile, index, asked)) = self.find(judged, &asking) else {
            return Challenge::None;
        };
        let handshake = &profile.handshakes[index];
        if handshake.signed && verification.checks() {
            let own = judged.profile.as_ref().is_some_and(|other| other.name == profile.name);
            match &judged.verdict {
                Verdict::Refused(_) => return Challenge::Refused,
                verdict if own && verdict.is_accepted() => {}
                _ => return Challenge::None,
            }
        }
        let secret = verification
            .checks()
            .then(|| verification.secret_of(&profile, judged.verdict.secret()));
        let answered = self.answer(
            (&profile, handshake, &asked),
            &incoming.headers,
            secret.flatten().as_ref(),
            verification.may_sign(asked.token.as_bytes()),
        );
        // Before an endpoint is confirmed it may know no secret: most challenges are not signed, or need not be.
        if judged.verdict.is_refused() {
            judged.verdict = Verdict::Unsigned;
        }
        // A bare request does not tell which provider sent it.
        let known = !self.named.is_empty() || !is_bare(&asking) || handshake.request.weight() > 0;
        judged.label = known.then(|| profile.label().into());
        judged.ties.clear();
        judged.facts = Facts::default();
        judged.profile = Some(profile);
        Challenge::Answered(Box::new(answered))
    }

    /// The most specific challenge that the request can be.
    fn find(
        &self,
        judged: &VerificationResult,
        asking: &ChallengeCandidate<'_>,
    ) -> Option<(Arc<Profile>, usize, ChallengeFields)> {
        let mut best: Option<(Arc<Profile>, usize, ChallengeFields)> = None;
        let mut look = |profile: &Arc<Profile>| {
            for (index, handshake) in profile.handshakes.iter().enumerate() {
                let old = best
                    .as_ref()
                    .map(|(profile, index, _)| profile.handshakes[*index].request.weight());
                if old.is_none_or(|old| handshake.request.weight() > old)
                    && let Some(asked) = handshake.request.read(asking)
                {
                    best = Some((Arc::clone(profile), index, asked));
                }
            }
        };
        if self.named.is_empty() {
            judged.profile.iter().for_each(&mut look);
            let unknown = judged.label.is_none() && (self.bare || !is_bare(asking));
            Registry::asking(asking, unknown)
                .filter_map(|name| self.met(name))
                .for_each(|profile| look(&profile));
        } else {
            self.named.iter().for_each(&mut look);
        }
        best
    }

    fn met(&self, name: &'static str) -> Option<Arc<Profile>> {
        // The registry compiles a profile from its file each time, too slow for every request.
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = met.entry(name).or_insert_with(|| self.registry.get(name).ok());
        profile.clone()
    }

    /// The answer to a challenge of that provider. `may_sign`: its token cannot be taken for an event.
    fn answer(
        &self,
        (profile, handshake, asked): (&Profile, &Handshake, &ChallengeFields),
        headers: &Headers,
        secret: Option<&Secret>,
        may_sign: bool,
    ) -> (Reply, ChallengeReply) {
        let masked = handshake.secret.then(|| asked.token.clone());
        let refuse = |status, why| (Reply::empty(status), ChallengeReply::refused(why, masked.clone()));
        let caution = match (&self.verify, &asked.verify) {
            (Some(wanted), Some(given)) if !same(given.as_bytes(), wanted.expose()) => {
                return refuse(
                    WRONG_TOKEN,
                    "its verify token is not that of `--handshake-token`".to_owned(),
                );
            }
            (None, Some(_)) => Some("any verify token is accepted; `--handshake-token REF` accepts only yours"),
            _ => None,
        };
        // An answer is a signature: only of a provider that the user named, and never of what may be an event.
        let signed = match (handshake.needs_secret(), secret) {
            (true, Some(_)) if self.named.is_empty() => Err(Unanswerable::Unnamed),
            (true, Some(_)) if !may_sign => Err(Unanswerable::Token),
            _ => handshake.answer(asked, headers, secret),
        };
        match signed {
            Ok(Answer {
                status,
                headers: lines,
                body,
                ..
            }) => {
                let reply = ChallengeReply {
                    refused: None,
                    tell: handshake.told(asked, headers),
                    caution,
                    confirm: handshake.confirmation(asked),
                    secret: masked,
                };
                (
                    Reply {
                        status,
                        headers: lines,
                        body,
                        ..Reply::default()
                    },
                    reply,
                )
            }
            Err(why @ Unanswerable::Unnamed) => {
                refuse(self.reject_status, format!("{why}: add `--provider {}`", profile.name))
            }
            Err(why @ Unanswerable::Secret) => refuse(self.reject_status, format!("{why}: add `--secret`")),
            Err(why) => refuse(self.reject_status, why.to_string()),
        }
    }
}

impl ChallengeReply {
    fn refused(why: String, secret: Option<String>) -> Self {
        Self {
            refused: Some(why),
            secret,
            ..Self::default()
        }
    }

    /// The URL whose opening confirms the endpoint.
    pub fn confirm_url(&self) -> Option<&str> {
        self.confirm.as_ref().map(|(url, _)| url.as_str())
    }
}

impl Challenge {
    /// The answer, and what is reported with it.
    pub(super) fn answered(self) -> Option<(Reply, ChallengeReply)> {
        match self {
            Self::Answered(answered) => Some(*answered),
            Self::None | Self::Refused => None,
        }
    }

    /// Headers and body as they are recorded: without the token that only the receiver may know.
    pub(super) fn to_be_kept(&self, headers: Headers, body: Bytes) -> (Headers, Bytes) {
        let Self::Answered(answered) = self else {
            return (headers, body);
        };
        let secret = answered.1.secret.as_deref();
        // A challenge may repeat the verify token; it is never forwarded, so masking its body changes nothing else.
        let body = match mask::bytes(&body) {
            Cow::Owned(masked) => masked.into(),
            Cow::Borrowed(_) => body,
        };
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            return (headers, body);
        };
        let lines = headers.iter().map(|(name, text)| (name, without(secret, text)));
        (lines.collect(), Bytes::from(without(secret, &body)))
    }
}

/// A text without a secret. A short one may occur anywhere by accident, and a sender that chooses it could make the text many
/// times as long: it is taken out only where it is the whole of a value.
fn without(secret: &str, text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    if secret.len() >= NOT_KEPT.len() {
        return text.replace(secret, NOT_KEPT);
    }
    if text == secret {
        return NOT_KEPT.to_owned();
    }
    text.replacen(&format!("\"{secret}\""), &format!("\"{NOT_KEPT}\""), SHORT_PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_arrives_is_left_out_of_what_is_kept() {
        let headers: Headers = [("x-hook-secret", "abc"), ("x-other", "d")].into_iter().collect();
        let body = Bytes::from_static(br#"{"token":"abc"}"#);
        let reply = ChallengeReply {
            secret: Some("abc".into()),
            ..ChallengeReply::default()
        };
        let kept = Challenge::None.to_be_kept(headers.clone(), body.clone());
        assert_eq!(kept, (headers.clone(), body.clone()));
        let (headers, body) = Challenge::Answered(Box::new((Reply::empty(200), reply))).to_be_kept(headers, body);
        assert_eq!(headers.get_text("x-hook-secret"), Some(NOT_KEPT));
        assert_eq!(headers.get_text("x-other"), Some("d"));
        assert_eq!(body.as_ref(), br#"{"token":"(not kept)"}"#);
    }

    #[test]
    fn a_token_that_its_sender_chose_does_not_make_what_is_kept_longer() {
        let long = "a".repeat(60_000);
        assert_eq!(without("a", long.as_bytes()), long);
        assert_eq!(without("a", b"a"), NOT_KEPT);
        let short = vec![r#""a""#; 20_000].join(",");
        assert!(without("a", short.as_bytes()).len() < short.len() + 1000);
        let secret = "0123456789";
        assert!(without(secret, secret.repeat(1000).as_bytes()).len() <= 10_000);
    }
}
