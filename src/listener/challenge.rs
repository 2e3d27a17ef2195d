//! What `listen` answers to a provider that asks whether it is wanted here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

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

/// In how many places of a body a short secret is looked for.
const SHORT_PLACES: usize = 16;

/// The answer of who was told another token than it says.
const WRONG_TOKEN: u16 = 403;

/// Knows the questions of providers.
#[derive(Debug)]
pub struct Challenges {
    registry: Registry,
    /// Those that are expected; none: any of the built-in ones.
    named: Vec<Arc<Profile>>,
    /// Those that have asked so far.
    met: Mutex<HashMap<&'static str, Option<Arc<Profile>>>>,
    /// Whether a request that says nothing is taken for a question of anybody's.
    bare: bool,
    /// What a provider says that was told to say something.
    verify: Option<Secret>,
}

/// A question to be answered.
#[derive(Debug, Clone, Copy)]
struct PendingChallenge<'a> {
    handshake: &'a Handshake,
    asked: &'a ChallengeFields,
    /// The provider's name.
    name: &'a str,
    /// Whether its token may be signed with the secret of events.
    may_sign: bool,
}

/// What is made of a request.
#[derive(Debug)]
pub(super) enum Challenge {
    /// It is no question.
    None,
    /// It is a question whose signature does not match.
    Refused,
    /// It is a question, and this is the answer.
    Answered(Box<(Reply, ChallengeReply)>),
}

/// A question that was answered.
#[derive(Debug)]
pub struct ChallengeReply {
    /// Why it was answered with a refusal.
    pub refused: Option<String>,
    /// What the operator has to know.
    pub tell: Option<String>,
    /// What is shown of a question that is not as safe as it could be.
    pub caution: Option<&'static str>,
    /// A URL whose opening confirms the endpoint, and whether it is the provider's.
    pub confirm: Option<(String, bool)>,
    /// What must not be kept.
    secret: Option<String>,
}

impl Challenges {
    /// For the providers named, or without a name for the built-in ones.
    pub fn new(
        registry: &Registry,
        labels: &[String],
        bare: bool,
        verify: Option<Secret>,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            bare,
            registry: registry.clone(),
            named: labels
                .iter()
                .map(|label| registry.get(label))
                .collect::<Result<_, _>>()?,
            met: Mutex::default(),
            verify,
        })
    }

    /// Answers a question. What is judged is then a handshake: no event, and refused only as a handshake is.
    pub(super) fn answer_challenge(
        &self,
        verification: &Verification,
        judged: &mut VerificationResult,
        incoming: &Incoming,
        reject_status: u16,
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
        let question = PendingChallenge {
            handshake,
            asked: &asked,
            name: &profile.name,
            may_sign: verification.may_sign(asked.token.as_bytes()),
        };
        let answered = self.answer(&question, incoming, secret.flatten().as_ref(), reject_status);
        // Before an endpoint is confirmed it may know no secret: most questions are not signed, or need not be.
        if judged.verdict.is_refused() {
            judged.verdict = Verdict::Unsigned;
        }
        // Of those who ask with nothing but a method nobody can say who it is.
        let known = !self.named.is_empty() || !is_bare(&asking) || handshake.request.weight() > 0;
        judged.label = known.then(|| profile.label().into());
        judged.ties.clear();
        judged.facts = Facts::default();
        judged.profile = Some(profile);
        Challenge::Answered(Box::new(answered))
    }

    /// The question that says the most of those that the request may be.
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
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = met.entry(name).or_insert_with(|| self.registry.get(name).ok());
        profile.clone()
    }

    fn answer(
        &self,
        question: &PendingChallenge<'_>,
        incoming: &Incoming,
        secret: Option<&Secret>,
        reject_status: u16,
    ) -> (Reply, ChallengeReply) {
        let PendingChallenge { handshake, asked, .. } = *question;
        let mut reply = ChallengeReply {
            refused: None,
            tell: handshake.told(asked, &incoming.headers),
            caution: None,
            confirm: handshake.confirmation(asked),
            secret: handshake.secret.then(|| asked.token.clone()),
        };
        match (&self.verify, &asked.verify) {
            (Some(wanted), Some(given)) if !same(given.as_bytes(), wanted.expose()) => {
                return reply.refuses(WRONG_TOKEN, "it says another token than `--handshake-token`".to_owned());
            }
            (None, Some(_)) => reply.caution = Some("any token is taken; `--handshake-token REF` takes only yours"),
            _ => {}
        }
        // An answer is a signature: only of a provider that the user named, and never of what may be an event.
        let signed = match (handshake.needs_secret(), secret) {
            (true, Some(_)) if self.named.is_empty() => Err(Unanswerable::Unnamed),
            (true, Some(_)) if !question.may_sign => Err(Unanswerable::Token),
            _ => handshake.answer(asked, &incoming.headers, secret),
        };
        match signed {
            Ok(answer) => {
                let answer = Reply {
                    status: answer.status,
                    headers: answer.headers,
                    body: answer.body,
                };
                (answer, reply)
            }
            Err(why @ Unanswerable::Unnamed) => {
                reply.refuses(reject_status, format!("{why}: add `--provider {}`", question.name))
            }
            Err(why @ Unanswerable::Secret) => reply.refuses(reject_status, format!("{why}: add `--secret`")),
            Err(why) => reply.refuses(reject_status, why.to_string()),
        }
    }
}

impl ChallengeReply {
    /// The URL whose opening confirms the endpoint.
    pub fn confirm_url(&self) -> Option<&str> {
        self.confirm.as_ref().map(|(url, _)| url.as_str())
    }

    fn refuses(self, status: u16, why: String) -> (Reply, Self) {
        let reply = Self {
            refused: Some(why),
            tell: None,
            caution: None,
            confirm: None,
            secret: self.secret,
        };
        (Reply::empty(status), reply)
    }
}

impl Challenge {
    /// The answer to a question, and what there is to say of it.
    pub(super) fn answered(self) -> Option<(Reply, ChallengeReply)> {
        match self {
            Self::Answered(answered) => Some(*answered),
            Self::None | Self::Refused => None,
        }
    }

    /// Headers and body as they are recorded: without what a provider says once and only to its receiver.
    pub(super) fn to_be_kept(&self, headers: Headers, body: Bytes) -> (Headers, Bytes) {
        let Self::Answered(answered) = self else {
            return (headers, body);
        };
        let secret = answered.1.secret.as_deref();
        // A question may repeat the token that the provider was told, and is never sent on.
        let body = match mask::bytes(&body) {
            Cow::Owned(masked) => masked.into(),
            Cow::Borrowed(_) => body,
        };
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            return (headers, body);
        };
        let lines = headers
            .iter()
            .map(|(name, text)| (name, without(secret, text)))
            .collect();
        (lines, Bytes::from(without(secret, &body)))
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
            refused: None,
            tell: None,
            caution: None,
            confirm: None,
            secret: Some("abc".into()),
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
