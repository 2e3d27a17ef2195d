//! Answers that came just before the process died: they are recorded at the next start, and not asked for again.

use std::sync::Arc;

use super::queue::ServiceQueue;
use super::{SPREAD, remake};
use crate::clock::Clock as _;
use crate::engine::{Delivery, Event, Situation, Witness, decide};
use crate::error::{Error, Result};
use crate::exchange::{Answer, Attempt, ErrorKind, Outcome};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::pipeline::queue_change;
use crate::store::queue::SERVICE;
use crate::store::{self, AnswerJournal, DeliveryState, JournaledAnswer, NewDelivery, QueueClass, TakenDelivery};

impl Witness for AnswerJournal {
    fn attempted(&self, delivery: &Delivery, attempt: &Attempt) {
        let Outcome::Answer(answer) = &attempt.outcome else {
            return;
        };
        self.note(&JournaledAnswer {
            delivery: delivery.id,
            seq: attempt.seq,
            status: answer.status,
            at: attempt.at,
            took: attempt.took,
        });
    }
}

impl ServiceQueue {
    /// Records what an earlier process has left in the journal, and opens it.
    pub(super) async fn open_journal(&self, time_scale: f64) -> Result<Option<Arc<dyn Witness>>> {
        let place = &self.context.store_place;
        let broken = |error: std::io::Error| {
            let what = format!("the journal beside ledger `{place}` cannot be used");
            Error::new(Exit::Store, what).cause(error)
        };
        let Some((journal, left)) = store::answer_journal(place).map_err(broken)? else {
            return Ok(None);
        };
        for answer in left {
            self.record_answer(answer, time_scale).await?;
        }
        journal.clear().map_err(broken)?;
        Ok(Some(Arc::new(journal)))
    }

    async fn record_answer(&self, answer: JournaledAnswer, time_scale: f64) -> Result<()> {
        let found = self.reader.ask(move |store| store.delivery(answer.delivery)).await?;
        let Some(found) = found.filter(|found| is_open(&found.delivery, &answer)) else {
            return Ok(());
        };
        let taken = TakenDelivery {
            number: found.number,
            lane: String::new(),
            class: QueueClass::Retry,
            attempts: answer.seq.saturating_sub(1),
            first_at: found.delivery.attempts.first().map(|attempt| attempt.at),
            is_again: found.is_again,
            due: answer.at,
            delivery: found.delivery,
        };
        let Ok(delivery) = remake::of_record(&self.context, &taken) else {
            return Ok(());
        };
        let attempt = Attempt {
            seq: answer.seq,
            at: answer.at,
            request_headers: Headers::new(),
            request_body: None,
            outcome: Outcome::Answer(Answer {
                status: answer.status,
                ..Answer::default()
            }),
            took: answer.took,
        };
        let situation = Situation {
            attempts: answer.seq,
            since_due: self.clock.now().since(answer.at),
            now: self.clock.now(),
            time_scale,
            chance: self.context.random.unit(),
            spread: SPREAD,
            postpones: true,
        };
        let event = Event {
            next: decide(&delivery.policy, &attempt.outcome, situation),
            delivery: Arc::new(delivery),
            attempt: Some(attempt),
            until_recorded: None,
        };
        self.ledger
            .write(queue_change(&event, &self.clock, self.rules()))
            .await?;
        Ok(())
    }
}

/// Whether the answer belongs to the attempt that was in flight.
fn is_open(delivery: &NewDelivery, answer: &JournaledAnswer) -> bool {
    let was_stopped =
        |attempt: &&Attempt| matches!(&attempt.outcome, Outcome::Error { kind, .. } if *kind == ErrorKind::Cancelled);
    let made = delivery.attempts.iter().filter(|attempt| !was_stopped(attempt)).count();
    let is_pending = delivery.state == DeliveryState::Pending && delivery.owner.as_deref() == Some(SERVICE);
    is_pending && u32::try_from(made + 1) == Ok(answer.seq)
}
