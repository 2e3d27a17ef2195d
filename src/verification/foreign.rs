//! Rejects valid signatures over another scheme's content, or over a handshake's token, which anybody can have signed.

use std::sync::Arc;

use super::{Candidate, Verification, compile_all};
use crate::provider::handshake::is_token;
use crate::signature::{Proof, Received, RejectReason, Shape, Verdict};

/// What a provider of the catalogue signs.
#[derive(Debug)]
pub(super) struct CatalogueShape {
    label: Arc<str>,
    provider: Box<str>,
    shape: Shape,
}

impl Verification {
    /// The verdict on a request whose signature is right: what was signed must be this scheme's content and no other's.
    pub(super) fn confirmed(&self, candidate: &Candidate, received: &Received<'_>, proof: Proof) -> Verdict {
        if let Some(known) = self.foreign(candidate, received, &proof) {
            return Verdict::Refused(RejectReason::Foreign {
                label: known.label.to_string(),
                variant: *known.provider == *candidate.profile.name,
            });
        }
        if self.oracle && self.is_signable(candidate, received, &proof) {
            return Verdict::Refused(RejectReason::HandshakeAnswer);
        }
        Verdict::Verified(proof)
    }

    /// Whose content was signed, when it is not the candidate's.
    fn foreign(&self, candidate: &Candidate, received: &Received<'_>, proof: &Proof) -> Option<&CatalogueShape> {
        let own = candidate.shape.as_ref()?;
        let scheme = &candidate.profile.scheme;
        if scheme.is_plain(own, received.body) {
            return None;
        }
        // Without a body the parts around it may be all that another scheme signs, such as a URL with a form behind it.
        let is_bare = received.body.is_empty() && own.is_open() && scheme.signs_body();
        // Without a separator between a URL and a body, only a document shows where the one ends and the other begins.
        let is_glued = own.glues_url_and_body() && !received.body.is_empty();
        let rank = if is_bare { own.rank() } else { own.rank() + 1 };
        scheme.look_at_signed(received, proof.url_form, |content, reading| {
            if reading.framed && reading.json {
                return None;
            }
            let is_it = |known: &&CatalogueShape| {
                let shape = &known.shape;
                // Split otherwise, the bytes are this very content with a document in it, or with another body.
                let is_split = |shape: &Shape| shape.reads_json(content) || is_glued;
                if !shape.differs(own) && own.is_open() && !reading.json && is_split(shape) {
                    return true;
                }
                if !reading.framed {
                    // Its parts are not what they claim to be, so that any other way to split the bytes is a better one.
                    return shape.reads(content, own);
                }
                shape.differs(own) && shape.rank() >= rank && shape.reads_any(content, own)
            };
            let mut of_provider = self
                .known()
                .iter()
                .filter(|known| *known.provider == *candidate.profile.name);
            of_provider.find(is_it).or_else(|| self.known().iter().find(is_it))
        })
    }

    /// Whether the answer to a handshake is the same signature.
    fn is_signable(&self, candidate: &Candidate, received: &Received<'_>, proof: &Proof) -> bool {
        let scheme = &candidate.profile.scheme;
        let found = scheme.look_at_signed(received, proof.url_form, |content, _| {
            self.may_sign(content).then_some(())
        });
        found.is_some()
    }

    /// Whether a handshake's token may be signed with the secret of events: not when a provider that is named here
    /// signs events that look like it. What may be signed is in turn never taken for an event.
    pub fn may_sign(&self, token: &[u8]) -> bool {
        is_token(token)
            && !self.named_candidates().any(|candidate| {
                let shape = candidate.shape.as_ref();
                shape.is_some_and(|shape| shape.rank() > 0 && shape.reads_any(token, shape))
            })
    }

    fn named_candidates(&self) -> impl Iterator<Item = &Candidate> {
        let compiled = self.labels.iter().filter(|_| !self.any);
        compiled
            .filter_map(|label| label.candidates.get()?.as_ref().ok())
            .flatten()
    }

    /// What the providers of the catalogue sign, each form once a provider.
    fn known(&self) -> &[CatalogueShape] {
        self.known.get_or_init(|| {
            let mut all: Vec<CatalogueShape> = Vec::new();
            for name in self.registry.names() {
                for candidate in compile_all(&self.registry, &name).unwrap_or_default() {
                    let Some(shape) = candidate.shape else { continue };
                    let seen = |known: &CatalogueShape| *known.provider == *name && known.shape == shape;
                    if !all.iter().any(seen) {
                        all.push(CatalogueShape {
                            label: candidate.label,
                            provider: name.as_str().into(),
                            shape,
                        });
                    }
                }
            }
            all
        })
    }
}
