//! Why requests were refused: found out beside the server, one at a time, kept with the capture and told. It is help and
//! no duty, so that nothing waits for it: what comes too fast, or cannot be kept, goes without.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::listener::Whole;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::signature::{Diagnosis, Place, Received};
use crate::store::{DiagnosisNote, Ledger, NewCapture, Op, StoreError};
use crate::verification::{Verification, VerificationResult};

/// Refused requests that may wait for an explanation; further ones go without.
pub const WAITING: usize = 16;

/// A request that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The capture's number.
    pub number: u64,
    /// The decision.
    pub judged: VerificationResult,
    /// The request.
    pub whole: Whole,
}

/// What there is to tell.
#[derive(Debug)]
pub enum Explained {
    /// What was found, and what to do about it. The same is not told twice in a row.
    Found {
        /// The fact.
        text: Option<String>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Explanations are not kept for the time being. Reported once until they are again.
    NotKept(StoreError),
    /// They are again.
    KeptAgain,
}

/// Tells which secrets there are for a provider.
pub type KnownSecrets = Arc<dyn Fn(&Profile) -> Vec<Secret> + Send + Sync>;

/// Explains refusals.
pub struct Diagnoser {
    /// How requests are checked.
    pub verification: Arc<Verification>,
    /// Keeps what is found.
    pub ledger: Ledger,
    /// Further secrets that this machine knows for a provider. It may read files: it is asked beside the runtime's thread.
    pub known_secrets: KnownSecrets,
}

impl Diagnoser {
    /// Explains what comes until the queue ends.
    pub async fn run(self, mut queue: mpsc::Receiver<Refused>, tell: &mut dyn FnMut(Explained)) {
        let (mut last, mut failing) = (None, false);
        while let Some(refused) = queue.recv().await {
            let number = refused.number;
            let (autopsy, hint) = self.explain(refused).await;
            if let Some(found) = &autopsy.found {
                let note = DiagnosisNote {
                    cause: found.cause.to_owned(),
                    text: found.said(),
                    hint: hint.clone(),
                };
                match (self.keep(number, note).await, failing) {
                    (Err(error), false) => {
                        failing = true;
                        tell(Explained::NotKept(error));
                    }
                    (Ok(()), true) => {
                        failing = false;
                        tell(Explained::KeptAgain);
                    }
                    _ => {}
                }
            }
            let text = autopsy.found.map(|found| found.said());
            let told = Some((text.clone(), hint.clone()));
            if told != last {
                last = told;
                tell(Explained::Found { text, hint });
            }
        }
    }

    async fn keep(&self, capture: u64, note: DiagnosisNote) -> Result<(), StoreError> {
        let note = Box::new(note);
        self.ledger.write(Op::Explained { capture, note }).await.map(drop)
    }

    async fn explain(&self, refused: Refused) -> (Diagnosis, Option<String>) {
        let (verification, known_secrets) = (Arc::clone(&self.verification), Arc::clone(&self.known_secrets));
        let looked = tokio::task::spawn_blocking(move || {
            let profile = refused.judged.profile.as_deref();
            let others = profile.map_or_else(Vec::new, |profile| known_secrets(profile));
            autopsy(&verification, &refused.judged, &refused.whole.capture, &others)
        });
        looked.await.unwrap_or_default()
    }
}

/// What explains a refusal, and what to do about it.
fn autopsy(
    verification: &Verification,
    judged: &VerificationResult,
    capture: &NewCapture,
    others: &[Secret],
) -> (Diagnosis, Option<String>) {
    let url = verification.url(&capture.headers, &capture.target);
    let received = Received {
        method: &capture.method,
        url: url.as_deref(),
        headers: &capture.headers,
        body: &capture.body,
        now: capture.at,
    };
    let autopsy = verification.explain(judged, &received, others);
    let hint = verification.advice(&autopsy, judged, &capture.headers, Place::Listen);
    (autopsy, hint)
}
