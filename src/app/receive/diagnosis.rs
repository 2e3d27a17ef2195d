//! Why requests were refused: found out beside the server, one at a time, kept with the capture and told. It is help and
//! no duty, so that nothing waits for it: what comes too fast, or cannot be kept, goes without.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::{Observer, ReceiveEvent};
use crate::app::context::Context;
use crate::listener::WholeRequest;
use crate::secret::Secret;
use crate::signature::{Diagnosis, HintCaller, Received};
use crate::store::{DiagnosisNote, Ledger, NewCapture, Op, StoreError};
use crate::verification::{Verification, VerificationResult};

/// Refused requests that may wait for an explanation; further ones go without.
pub(super) const WAITING: usize = 16;

/// A request that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// The capture's number.
    pub(super) number: u64,
    /// The decision.
    pub(super) judged: VerificationResult,
    /// The request.
    pub(super) whole: WholeRequest,
}

/// Explains refusals.
pub(super) struct Diagnoser {
    /// Which secrets this machine knows, and where remarks go.
    pub(super) context: Arc<Context>,
    /// How requests are checked.
    pub(super) verification: Arc<Verification>,
    /// Keeps what is found.
    pub(super) ledger: Ledger,
    /// Learns what is found.
    pub(super) observer: Arc<dyn Observer>,
}

impl Diagnoser {
    /// Explains what comes until the queue ends.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Refused>) {
        let notices = self.context.notices.clone();
        let (mut last, mut failing) = (None, false);
        while let Some(refused) = queue.recv().await {
            let number = refused.number;
            let (diagnosis, hint) = self.explain(refused).await;
            if let Some(found) = &diagnosis.found {
                let note = DiagnosisNote {
                    cause: found.cause.to_owned(),
                    text: found.said(),
                    hint: hint.clone(),
                };
                match (self.keep(number, note).await, failing) {
                    (Err(error), false) => {
                        failing = true;
                        notices.warn(format!("why requests are refused is not recorded: {error}"));
                    }
                    (Ok(()), true) => {
                        failing = false;
                        notices.note("why requests are refused is recorded again");
                    }
                    _ => {}
                }
            }
            let told = Some((diagnosis.found.map(|found| found.said()), hint));
            if told != last {
                last = told;
                let (text, hint) = last
                    .as_ref()
                    .map_or((None, None), |(text, hint)| (text.as_deref(), hint.as_deref()));
                // Nobody waits for an explanation.
                let _ = self.observer.on(ReceiveEvent::Explained { text, hint });
            }
        }
    }

    async fn keep(&self, capture: u64, note: DiagnosisNote) -> Result<(), StoreError> {
        let note = Box::new(note);
        self.ledger.write(Op::Explained { capture, note }).await.map(drop)
    }

    async fn explain(&self, refused: Refused) -> (Diagnosis, Option<String>) {
        let (verification, context) = (Arc::clone(&self.verification), Arc::clone(&self.context));
        // Secrets may be in files, and many checks take their time.
        let looked = tokio::task::spawn_blocking(move || {
            let profile = refused.judged.profile.as_deref();
            let others = profile.map_or_else(Vec::new, |profile| context.known_secrets(profile));
            diagnose(&verification, &refused.judged, &refused.whole.capture, &others)
        });
        looked.await.unwrap_or_default()
    }
}

/// What explains a refusal, and what to do about it.
fn diagnose(
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
    let diagnosis = verification.explain(judged, &received, others);
    let hint = verification.advice(&diagnosis, judged, &received, HintCaller::Listen);
    (diagnosis, hint)
}
