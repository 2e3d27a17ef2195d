//! Verifies requests: which provider sent one, which of its variants decides, with which secrets. Shared by `verify` and
//! `listen`: a verifier is compiled once per variant, at first use, and `check` may be called from many threads.

mod dedupe;
pub mod dev_secret;
mod diagnosis;
mod foreign;
mod secrets;

use std::sync::{Arc, OnceLock};

use foreign::CatalogueShape;

use crate::headers::Headers;
use crate::provider::detect::{self, Detector};
use crate::provider::handshake::Handshake;
use crate::provider::{Facts, Profile, Registry, RegistryError};
use crate::signature::{KeyError, Received, RejectReason, Shape, Verdict, Verifier};
use crate::verification::dev_secret::Secrets;

/// Checks requests of one provider, of some, or of whichever is recognised.
#[derive(Debug)]
pub struct Verification {
    registry: Registry,
    secrets: Option<Secrets>,
    labels: Vec<ExpectedProvider>,
    /// Whether any provider is taken.
    any: bool,
    /// Recognises one of the labels; absent when there is nothing to choose.
    detector: Option<Detector>,
    /// Recognises any provider: for explanations.
    everybody: OnceLock<Detector>,
    /// What all providers sign.
    known: OnceLock<Vec<CatalogueShape>>,
    /// Whether a provider that is named has tokens signed with the secret of its events.
    oracle: bool,
    /// What stands before the target of a request in its URL, where the request itself does not say it.
    base: Option<String>,
    /// Whether the receiver speaks TLS itself.
    tls: bool,
}

/// The result of a check.
#[derive(Debug, Clone)]
pub struct VerificationResult {
    /// `NAME` or `NAME@VARIANT` of what decided; absent when no provider was recognised.
    pub label: Option<Arc<str>>,
    /// The profile of that label.
    pub profile: Option<Arc<Profile>>,
    /// The decision.
    pub verdict: Verdict,
    /// What the request claims, verified or not.
    pub facts: Facts,
    /// Other providers whose marks are as specific.
    pub ties: Vec<Arc<str>>,
}

/// A provider whose requests are accepted.
#[derive(Debug)]
struct ExpectedProvider {
    name: Arc<str>,
    candidates: OnceLock<Result<Vec<Candidate>, String>>,
}

/// One variant that may decide by itself.
#[derive(Debug)]
struct Candidate {
    label: Arc<str>,
    profile: Arc<Profile>,
    shape: Option<Shape>,
    verifier: OnceLock<Result<Verifier, String>>,
}

impl Verification {
    /// For the providers named, or without a name for whichever is recognised. Without secrets nothing is checked.
    ///
    /// A name without variant leaves the choice to the request, among the plain profile and the variants that prove as much:
    /// the one of the highest rank whose header is there decides alone. A variant that proves less must be named.
    pub fn new(registry: &Registry, labels: &[String], secrets: Option<Secrets>) -> Result<Self, RegistryError> {
        let expected = |name: &String| ExpectedProvider {
            name: name.as_str().into(),
            candidates: OnceLock::new(),
        };
        let all = if labels.is_empty() {
            &registry.names()[..]
        } else {
            labels
        };
        let mut verification = Self {
            registry: registry.clone(),
            secrets,
            everybody: OnceLock::new(),
            known: OnceLock::new(),
            oracle: false,
            any: labels.is_empty(),
            base: None,
            tls: false,
            detector: match labels {
                [] => Some(registry.detector()),
                [_] => None,
                several => Some(registry.detector().among(several)),
            },
            labels: all.iter().map(expected).collect(),
        };
        // Named providers are compiled now, so that a wrong name fails at once.
        for label in verification.labels.iter().filter(|_| !labels.is_empty()) {
            let candidates = compile(registry, &label.name)?;
            let mut handshakes = candidates.iter().flat_map(|candidate| &candidate.profile.handshakes);
            verification.oracle |= handshakes.any(Handshake::needs_secret);
            let _ = label.candidates.set(Ok(candidates));
        }
        Ok(verification)
    }

    /// Sets the public base URL of the receiver, which senders sign.
    #[must_use]
    pub fn reachable_as(self, base: Option<String>, tls: bool) -> Self {
        Self { base, tls, ..self }
    }

    /// The URL that the sender of a request uses: the base and the target, else built from the request's own headers.
    pub fn url(&self, headers: &Headers, target: &str) -> Option<String> {
        if let Some(base) = &self.base {
            return Some(format!("{}{target}", base.trim_end_matches('/')));
        }
        let host = headers
            .get_text("x-forwarded-host")
            .or_else(|| headers.get_text("host"))?;
        let scheme = match headers.get_text("x-forwarded-proto") {
            Some("https") => "https",
            None if self.tls => "https",
            _ => "http",
        };
        Some(format!("{scheme}://{host}{target}"))
    }

    /// Fails when a provider that was named can use none of the secrets, so that a listener does not start with them.
    pub fn check_secrets(&self) -> Result<(), KeyError> {
        let Some(Secrets::Given(secrets)) = &self.secrets else {
            return Ok(());
        };
        for label in &self.labels {
            let Some(Ok(candidates)) = label.candidates.get() else {
                continue;
            };
            let mut results = candidates
                .iter()
                .map(|candidate| candidate.profile.scheme.verifier_of_usable(secrets).map(|_| ()));
            if let Some(first @ Err(_)) = results.next()
                && results.all(|result| result.is_err())
            {
                return first;
            }
        }
        Ok(())
    }

    /// Checks a request.
    pub fn check(&self, received: &Received<'_>) -> VerificationResult {
        let Received { headers, body, .. } = *received;
        let found = self.recognised(received);
        let mut best: Option<(&ExpectedProvider, Option<&Candidate>, Verdict)> = None;
        for label in &found {
            let (candidate, verdict) = self.decide(label, received);
            let is_accepted = verdict.is_accepted();
            if best.as_ref().is_none_or(|(_, _, old)| weight(&verdict) > weight(old)) {
                best = Some((*label, candidate, verdict));
            }
            if is_accepted {
                break;
            }
        }
        let Some((label, candidate, verdict)) = best else {
            return VerificationResult {
                label: None,
                profile: None,
                verdict: self.unless_unchecked(RejectReason::Unrecognised),
                facts: Facts::default(),
                ties: Vec::new(),
            };
        };
        let others = found.iter().filter(|other| other.name != label.name);
        VerificationResult {
            label: Some(candidate.map_or_else(|| label.name.clone(), |candidate| candidate.label.clone())),
            profile: candidate.map(|candidate| candidate.profile.clone()),
            verdict,
            facts: candidate.map_or_else(Facts::default, |candidate| candidate.profile.facts(headers, body)),
            ties: others.map(|other| other.name.clone()).collect(),
        }
    }

    fn recognised(&self, received: &Received<'_>) -> Vec<&ExpectedProvider> {
        let Some(detector) = &self.detector else {
            return self.labels.iter().collect();
        };
        // Only labels whose marks are there: verifying with every provider would be slow, and open to lookalikes.
        let marks = detector.detect(received.headers, received.body);
        let marked = |label: &&ExpectedProvider| marks.iter().any(|mark| detect::covers(&label.name, mark));
        self.labels.iter().filter(marked).collect()
    }

    fn decide<'a>(&self, label: &'a ExpectedProvider, received: &Received<'_>) -> (Option<&'a Candidate>, Verdict) {
        let compiled = label
            .candidates
            .get_or_init(|| compile(&self.registry, &label.name).map_err(|error| error.to_string()));
        let candidates = match compiled {
            Ok(candidates) => candidates,
            Err(why) => {
                let refusal = RejectReason::Unusable {
                    header: label.name.to_string(),
                    why: why.clone(),
                };
                return (None, self.unless_unchecked(refusal));
            }
        };
        // Without any signature, the plain profile reports what is missing.
        let plain = || candidates.iter().find(|candidate| candidate.profile.variant.is_none());
        let deciding = self.deciding(candidates, received).or_else(plain);
        let Some(deciding) = deciding.or(candidates.first()) else {
            return (None, self.unless_unchecked(RejectReason::Unrecognised));
        };
        if self.secrets.is_none() {
            return (Some(deciding), Verdict::Unchecked);
        }
        let verdict = match self.verdict(deciding, received) {
            // Otherwise a header of a provider that signs nothing would be enough to pass: such a provider must be named.
            Verdict::Unsigned if self.any => Verdict::Refused(RejectReason::Unrecognised),
            verdict => verdict,
        };
        (Some(deciding), verdict)
    }

    /// The variant of the highest rank whose signature is there. Where several have theirs in the same place, it is the one
    /// whose grammar the value has and for whose kind of key there is a secret.
    fn deciding<'a>(&self, candidates: &'a [Candidate], received: &Received<'_>) -> Option<&'a Candidate> {
        let Received { headers, body, .. } = *received;
        let scheme = |candidate: &'a Candidate| &candidate.profile.scheme;
        let mut carried = candidates
            .iter()
            .filter(|candidate| candidate.profile.decides(headers) && scheme(candidate).is_carried(headers, body));
        let first = carried.next()?;
        let mut rivals: Vec<&Candidate> = vec![first];
        rivals.extend(carried.filter(|candidate| scheme(candidate).place() == scheme(first).place()));
        // A dev key pair is only made where there is a choice that depends on it.
        if rivals.len() == 1 {
            return Some(first);
        }
        // Grammar and configured keys decide: the sender must not be able to pick a weaker variant.
        rivals.retain(|candidate| scheme(candidate).fits(headers));
        let usable = |candidate: &&&Candidate| self.secrets.is_none() || self.verifier(candidate).is_ok();
        rivals.iter().find(usable).or(rivals.first()).copied().or(Some(first))
    }

    fn verdict(&self, candidate: &Candidate, received: &Received<'_>) -> Verdict {
        let scheme = &candidate.profile.scheme;
        // What is not there cannot be checked, whatever the secret; and a dev key pair need not be made for it.
        if let Some(place) = scheme.place()
            && !scheme.is_carried(received.headers, received.body)
        {
            let header = place.to_owned();
            return Verdict::Refused(RejectReason::HeaderMissing { header });
        }
        match self.verifier(candidate) {
            Ok(verifier) => match verifier.verify(received) {
                Verdict::Verified(proof) => self.confirmed(candidate, received, proof),
                Verdict::Refused(RejectReason::NoMatch { header, .. } | RejectReason::WrongToken { header })
                    if self.leaves_out_keys(&candidate.profile) =>
                {
                    Verdict::Refused(RejectReason::Unnamed { header })
                }
                verdict => verdict,
            },
            Err(why) => {
                let header = scheme.place().unwrap_or(&candidate.label).to_owned();
                Verdict::Refused(if self.leaves_out_keys(&candidate.profile) {
                    RejectReason::Unnamed { header }
                } else {
                    let why = why.clone();
                    RejectReason::Unusable { header, why }
                })
            }
        }
    }

    fn verifier<'a>(&self, candidate: &'a Candidate) -> &'a Result<Verifier, String> {
        candidate.verifier.get_or_init(|| {
            let secrets = self.secrets_of(&candidate.profile).map_err(|error| error.to_string())?;
            let verifier = candidate.profile.scheme.verifier_of_usable(&secrets);
            verifier.map_err(|error| error.to_string())
        })
    }

    fn unless_unchecked(&self, refusal: RejectReason) -> Verdict {
        if self.secrets.is_some() {
            Verdict::Refused(refusal)
        } else {
            Verdict::Unchecked
        }
    }
}

/// What may decide for a label: that variant alone, or by rank all that prove as much as the plain profile.
fn compile(registry: &Registry, label: &str) -> Result<Vec<Candidate>, RegistryError> {
    if label.contains('@') {
        return Ok(vec![Candidate::of(registry.get(label)?)]);
    }
    let mut all = compile_all(registry, label)?;
    let plain = all.iter().find(|candidate| candidate.profile.variant.is_none());
    if let Some(plain) = plain.map(|plain| plain.profile.scheme.clone()) {
        all.retain(|candidate| candidate.profile.scheme.proves_as_much_as(&plain));
    }
    Ok(all)
}

/// Every variant of a provider that signs in its own way, and the plain profile, by rank.
fn compile_all(registry: &Registry, name: &str) -> Result<Vec<Candidate>, RegistryError> {
    Ok(registry.ranked(name)?.into_iter().map(Candidate::of).collect())
}

impl Candidate {
    fn of(profile: Arc<Profile>) -> Self {
        Self {
            label: profile.label().into(),
            shape: Shape::of(&profile.scheme),
            profile,
            verifier: OnceLock::new(),
        }
    }
}

/// Of several providers that tie, a match counts most, and one whose header is there more than one without.
fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Verified(_) | Verdict::TokenOnly(_) => 3,
        Verdict::Refused(RejectReason::HeaderMissing { .. } | RejectReason::Unrecognised) => 0,
        Verdict::Unsigned => 1,
        Verdict::Refused(_) | Verdict::Unchecked => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::secret::Secret;
    use crate::signature::{self, Signed, ToSign};

    const BODY: &[u8] = br#"{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{"id":1}}"#;

    fn now() -> Timestamp {
        Timestamp::from_unix(1_893_553_445)
    }

    fn verification(labels: &[&str], secrets: &[&str]) -> Verification {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let secrets = secrets.iter().map(|text| Secret::new(*text).named(*text)).collect();
        Verification::new(&Registry::default(), &labels, Some(Secrets::Given(secrets))).unwrap()
    }

    fn signed(label: &str, secret: &str) -> Headers {
        let profile = Registry::default().get(label).unwrap();
        let signer = profile.scheme.signer(&[Secret::new(secret)]).unwrap();
        let message = ToSign {
            id: "msg_1",
            event: "job.paid",
            timestamp: now(),
            body: BODY,
            method: "POST",
            url: "https://a.example/",
            headers: &Headers::new(),
        };
        let Signed::Headers(lines) = signer.sign(&message).unwrap() else {
            panic!("no header")
        };
        lines.into_iter().collect()
    }

    fn check(verification: &Verification, headers: &Headers) -> VerificationResult {
        verification.check(&Received {
            method: "POST",
            url: None,
            headers,
            body: BODY,
            now: now(),
        })
    }

    #[test]
    fn several_named_providers_are_told_apart_and_no_other_is_taken() {
        let verification = verification(&["poolflow", "slotflow"], &["a"]);
        for label in ["poolflow", "slotflow"] {
            let judged = check(&verification, &signed(label, "a"));
            assert!(judged.verdict.is_verified(), "{judged:?}");
            assert_eq!(judged.label.as_deref(), Some(label));
            assert_eq!(judged.verdict.secret(), Some("a"));
            assert_eq!(judged.facts.event.as_deref(), Some("job.paid"));
        }
        let judged = check(&verification, &signed("pocketsflow", "a"));
        assert_eq!(judged.verdict, Verdict::Refused(RejectReason::Unrecognised));
    }

    #[test]
    fn without_secrets_nothing_is_checked_and_the_facts_are_still_read() {
        let verification = Verification::new(&Registry::default(), &[], None).unwrap();
        let judged = check(&verification, &signed("poolflow", "a"));
        assert_eq!(judged.verdict, Verdict::Unchecked);
        assert_eq!(judged.facts.event.as_deref(), Some("job.paid"));
        let judged = check(&verification, &Headers::new());
        assert_eq!((judged.verdict, judged.label), (Verdict::Unchecked, None));
    }

    #[test]
    fn a_secret_that_no_named_provider_can_use_is_known_before_the_first_request() {
        assert!(verification(&["hoopai@rsa"], &["text"]).check_secrets().is_err());
        assert!(
            verification(&["poolflow", "hoopai@rsa"], &["text"])
                .check_secrets()
                .is_err()
        );
        assert!(verification(&["hoopai"], &["text"]).check_secrets().is_ok());
        assert!(verification(&[], &["text"]).check_secrets().is_ok());
        let unknown = Verification::new(&Registry::default(), &["poolflwo".to_owned()], None);
        assert!(matches!(unknown, Err(RegistryError::Unknown { .. })));
    }

    #[test]
    fn a_secret_of_another_kind_stands_beside_the_usable_one() {
        let pair = signature::AsymmetricKind::Ed25519.generate().unwrap();
        let verification = verification(&["hoopai"], &[pair.public.as_str(), "a"]);
        let judged = check(&verification, &signed("hoopai", "a"));
        assert_eq!(judged.verdict.secret(), Some("a"));
        let forged: Headers = [("x-wh-signature", "AAAA")].into_iter().collect();
        let judged = check(&verification, &forged);
        assert_eq!(judged.verdict.reason(), Some("unusable-secret"));
        assert_eq!(judged.label.as_deref(), Some("hoopai@rsa"));
    }

    #[test]
    fn many_threads_share_one() {
        let verification = verification(&[], &["a"]);
        let headers = ["poolflow", "slotflow", "pocketsflow"].map(|label| signed(label, "a"));
        std::thread::scope(|scope| {
            for number in 0..6 {
                let (verification, headers) = (&verification, &headers[number % 3]);
                scope.spawn(move || {
                    for _ in 0..50 {
                        assert!(check(verification, headers).verdict.is_verified());
                    }
                });
            }
        });
    }
}
