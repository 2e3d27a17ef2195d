//! Diagnosis of refused requests: beside the server, one at a time, recorded with the capture and reported. Nothing waits
//! for it: a request that comes too fast, or whose diagnosis cannot be recorded, goes without.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::{Observer, ReceiveEvent};
use crate::app::context::Context;
use crate::listener::WholeRequest;
use crate::signature::{Diagnosis, HintCaller, Received};
use crate::store::{DiagnosisNote, Ledger, Op};
use crate::verification::{Verification, VerificationResult};

/// Refused requests that may wait for an explanation; further ones go without.
pub(super) const WAITING: usize = 16;

/// A request that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// The capture's number.
    pub(super) number: u64,
    /// The verdict.
    pub(super) judged: VerificationResult,
    /// The request.
    pub(super) whole: WholeRequest,
}

/// Finds out why requests were refused.
pub(super) struct Diagnoser {
    /// The secrets of this machine, and the notices.
    pub(super) context: Arc<Context>,
    /// Verifies requests.
    pub(super) verification: Arc<Verification>,
    /// Records diagnoses.
    pub(super) ledger: Ledger,
    /// Gets the events.
    pub(super) observer: Arc<dyn Observer>,
}

impl Diagnoser {
    /// Works until the queue ends.
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
                let (capture, note) = (number, Box::new(note));
                let written = self.ledger.write(Op::Explained { capture, note }).await;
                // Only a change is reported: a full disk fails for each request.
                match &written {
                    Err(error) if !failing => notices.warn(format!("could not record the diagnosis: {error}")),
                    Ok(_) if failing => notices.note("diagnoses are recorded again"),
                    _ => {}
                }
                failing = written.is_err();
            }
            let told = Some((diagnosis.found.map(|found| found.said()), hint));
            if told != last {
                if let Some((text, hint)) = &told {
                    let (text, hint) = (text.as_deref(), hint.as_deref());
                    // A diagnosis is help: an observer that fails is noticed by the dispatcher.
                    let _ = self.observer.on(ReceiveEvent::Explained { text, hint });
                }
                last = told;
            }
        }
    }

    async fn explain(&self, refused: Refused) -> (Diagnosis, Option<String>) {
        let (verification, context) = (Arc::clone(&self.verification), Arc::clone(&self.context));
        // Secrets may be in files, and many checks take their time.
        let explained = tokio::task::spawn_blocking(move || {
            let (judged, capture) = (&refused.judged, &refused.whole.capture);
            let profile = judged.profile.as_deref();
            let others = profile.map_or_else(Vec::new, |profile| context.secrets_for_diagnosis(profile));
            let url = verification.url(&capture.headers, &capture.target);
            let received = Received {
                method: &capture.method,
                url: url.as_deref(),
                headers: &capture.headers,
                body: &capture.body,
                now: capture.at,
            };
            let diagnosis = verification.explain(judged, &received, &others);
            let hint = verification.advice(&diagnosis, judged, &received, HintCaller::Listen);
            (diagnosis, hint)
        });
        explained.await.unwrap_or_default()
    }
}
