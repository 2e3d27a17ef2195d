//! Why a request was refused: the mistakes that its own scheme knows, then other schemes.

use super::{Candidate, Verification, VerificationResult, compile_all};
use crate::provider::Profile;
use crate::secret::Secret;
use crate::signature::{
    self, Case, Diagnosis, Explanation, HintCaller, HintContext, Received, RejectReason, Scheme, Signed, TimeBudget,
    ToSign, Verdict,
};
use crate::verification::dev_secret::Secrets;

impl Verification {
    /// The mistake that explains a refusal, when one of the known ones does. `others` are secrets that were not tried.
    /// Costs many checks: not for every request under load.
    pub fn explain(&self, judged: &VerificationResult, received: &Received<'_>, others: &[Secret]) -> Diagnosis {
        let (Verdict::Refused(refusal), Some(profile)) = (&judged.verdict, &judged.profile) else {
            return self.unrecognised(judged, received);
        };
        let secrets = self.secrets_of(profile).unwrap_or_default();
        let case = Case {
            scheme: &profile.scheme,
            received: *received,
            secrets: &secrets,
            others,
            prefix: profile.secret_prefix(),
        };
        let budget = TimeBudget::new(&case);
        match refusal {
            // The header that is there instead is most often that of another provider.
            RejectReason::HeaderMissing { .. } => match self.detected_provider(profile, received, &budget) {
                Some(found) => Diagnosis::of(found),
                None => self.missing(&case, profile, &budget),
            },
            // A header of another form is most often that of another variant.
            RejectReason::Malformed { .. } => match self.other_variant(profile, received, &budget) {
                Some(found) => Diagnosis::of(found),
                None => self.mismatch(&case, profile, &budget),
            },
            RejectReason::NoMatch { .. }
            | RejectReason::WrongToken { .. }
            | RejectReason::Unusable { .. }
            | RejectReason::PartMissing { .. } => self.mismatch(&case, profile, &budget),
            RejectReason::Foreign { label, .. } => Diagnosis::of(Explanation::new(
                refusal.code(),
                format!("it was signed as `{label}` or in the same form, and is sent here as something else"),
                format!("check a request of that kind with `--provider {label}`"),
            )),
            RejectReason::TooOld { .. } | RejectReason::TooNew { .. } => Diagnosis {
                found: signature::explain_age(&case, refusal),
                ..Diagnosis::default()
            },
            _ => Diagnosis::default(),
        }
    }

    /// A request of no known provider: it may still carry a signature by the given secret.
    fn unrecognised(&self, judged: &VerificationResult, received: &Received<'_>) -> Diagnosis {
        match (&judged.verdict, &self.secrets) {
            (Verdict::Refused(RejectReason::Unrecognised), Some(Secrets::Given(secrets))) => {
                signature::unknown_header(received, secrets).map_or_else(Diagnosis::default, Diagnosis::of)
            }
            _ => Diagnosis::default(),
        }
    }

    /// What to do about a refusal: the explanation's own advice, or the refusal's.
    pub fn advice(
        &self,
        diagnosis: &Diagnosis,
        judged: &VerificationResult,
        received: &Received<'_>,
        place: HintCaller,
    ) -> Option<String> {
        let own = diagnosis.found.as_ref().map(|found| found.hint.clone());
        own.filter(|hint| !hint.is_empty())
            .or_else(|| self.hint(judged, received, place))
    }

    /// The header line that a keyed hash of this body gives with the first secret. It is valid, so treat it as a secret.
    pub fn expected(&self, judged: &VerificationResult, received: &Received<'_>) -> Option<String> {
        let profile = judged.profile.as_ref()?;
        let Scheme::Hmac(scheme) = &profile.scheme else {
            return None;
        };
        let document = serde_json::from_slice(received.body).ok();
        let carried = scheme.signed.carrier.read(received.headers, document.as_ref()).ok();
        let carried = carried.as_ref();
        let signer = profile.scheme.signer(&self.secrets_of(profile).ok()?).ok()?;
        let signed = signer.sign(&ToSign {
            id: std::str::from_utf8(carried.and_then(|carried| carried.id).unwrap_or_default()).ok()?,
            event: "",
            timestamp: carried.and_then(|carried| carried.signed_at).unwrap_or(received.now),
            body: received.body,
            method: received.method,
            url: received.url.unwrap_or_default(),
            headers: received.headers,
        });
        let signed = signed.ok()?;
        let Signed::Headers(lines) = signed else { return None };
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    fn hint(&self, judged: &VerificationResult, received: &Received<'_>, place: HintCaller) -> Option<String> {
        let Verdict::Refused(refusal) = &judged.verdict else {
            return None;
        };
        let context = HintContext {
            place,
            label: judged.label.as_deref(),
            dev_secret: self.secrets.as_ref().is_some_and(Secrets::is_dev),
            now: received.now,
        };
        signature::hint(refusal, &context)
    }

    /// The signature's header is not there.
    fn missing(&self, case: &Case<'_>, profile: &Profile, budget: &TimeBudget) -> Diagnosis {
        let mut diagnosis = signature::explain(case, budget, |diagnosis| {
            let found = self.other_variant(profile, &case.received, budget);
            diagnosis.note(&["other-variant"], budget);
            found
        });
        let detected = || self.other_provider(profile, &case.received);
        diagnosis.found = diagnosis.found.filter(|found| !found.guessed).or_else(detected);
        diagnosis
    }

    fn mismatch(&self, case: &Case<'_>, profile: &Profile, budget: &TimeBudget) -> Diagnosis {
        signature::explain(case, budget, |diagnosis| {
            let found = self.other_variant(profile, &case.received, budget);
            diagnosis.note(&["other-variant"], budget);
            found.or_else(|| {
                let found = self.other_scheme(profile, &case.received, budget);
                diagnosis.note(&["other-provider"], budget);
                found
            })
        })
    }

    /// The provider that the headers show, when the signature is right for it.
    fn detected_provider(
        &self,
        profile: &Profile,
        received: &Received<'_>,
        budget: &TimeBudget,
    ) -> Option<Explanation> {
        let detector = self.everybody.get_or_init(|| self.registry.detector());
        let found = detector.detect(received.headers, received.body);
        let others = found.iter().filter(|_| !found.contains(&profile.name.as_str()));
        let names: Vec<String> = others.map(ToString::to_string).collect();
        self.signed_as("other-provider", &names, profile, received, budget)
    }

    fn other_provider(&self, profile: &Profile, received: &Received<'_>) -> Option<Explanation> {
        let detector = self.everybody.get_or_init(|| self.registry.detector());
        let found = detector.detect(received.headers, received.body);
        let other = found.first().filter(|_| !found.contains(&profile.name.as_str()))?;
        let text = format!("the request looks like one of `{other}`");
        let hint = format!("check it as such: `--provider {other}`");
        Some(Explanation::new("other-provider", text, hint).guess())
    }

    fn other_variant(&self, profile: &Profile, received: &Received<'_>, budget: &TimeBudget) -> Option<Explanation> {
        let names = [profile.name.clone()];
        self.signed_as("other-variant", &names, profile, received, budget)
            .or_else(|| self.moved(profile, received, budget))
    }

    /// The signature of another variant of the provider in the header of this one.
    fn moved(&self, profile: &Profile, received: &Received<'_>, budget: &TimeBudget) -> Option<Explanation> {
        let own = profile.scheme.header()?;
        let value = received.headers.get(own)?;
        let all = compile_all(&self.registry, &profile.name).ok()?;
        all.into_iter().find_map(|candidate| {
            let wanted = candidate.profile.scheme.header()?;
            if received.headers.contains(wanted) {
                return None;
            }
            let mut headers = received.headers.clone();
            headers.append(wanted, value);
            let moved = Received {
                headers: &headers,
                ..*received
            };
            let fits = self.fits(&candidate, &moved, budget);
            fits.then(|| {
                let text = format!("the signature is in `{own}` instead of `{wanted}`");
                let hint = format!("the sender must put the signature into `{wanted}`");
                Explanation::new("other-header", text, hint)
            })
        })
    }

    /// The same header, as another provider has it.
    fn other_scheme(&self, profile: &Profile, received: &Received<'_>, budget: &TimeBudget) -> Option<Explanation> {
        let mut names = self.registry.names();
        names.retain(|name| **name != profile.name);
        self.signed_as("other-provider", &names, profile, received, budget)
    }

    /// The variant of those providers, other than `profile`, whose signature the request has.
    fn signed_as(
        &self,
        cause: &'static str,
        names: &[String],
        profile: &Profile,
        received: &Received<'_>,
        budget: &TimeBudget,
    ) -> Option<Explanation> {
        let own = profile.label();
        let all = names.iter().filter_map(|name| compile_all(&self.registry, name).ok());
        let mut others = all.flatten().filter(|candidate| *candidate.label != *own);
        let label = others.find(|candidate| self.fits(candidate, received, budget))?.label;
        Some(Explanation::new(
            cause,
            format!("it was signed as `{label}`"),
            format!("check it as such: `--provider {label}`"),
        ))
    }

    /// Whether the signature is that variant's, whatever its age. False when the time budget is used up.
    fn fits(&self, candidate: &Candidate, received: &Received<'_>, budget: &TimeBudget) -> bool {
        // Most have another header: that is seen at once.
        let Received { headers, body, .. } = *received;
        let scheme = &candidate.profile.scheme;
        if scheme.header().is_some() && !scheme.is_carried(headers, b"") {
            return false;
        }
        let fits = budget.check(scheme, body.len(), || self.verdict(candidate, received).is_match());
        fits == Some(true)
    }
}
